"""Where a torch module is not linear: found by watching passes over a few samples, not from a list of names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from relucvx.metrics.layers.inputs import Inputs
from relucvx.metrics.layers.roles import Roles, per_sample
from relucvx.metrics.layers.watching import Key, Watcher, label_of, main_place, tensors_in, watched
from relucvx.threads import TORCH

ROOM = 10.0
"""Sizes at which a function is tested for bends, relative to the values that pass and absolutely."""

SAME = 1e-2
"""Largest difference, relative to the largest value, of a sample's values in another batch: half precision passes."""

STRUCTURES = (list, tuple, dict)


@dataclass
class _Bend:
    """One call that is not linear in what depends on the input.

    ``single`` says that one tensor came in, ``alone`` that one of the same shape went out too, ``pointwise`` that every
    entry goes its own way; ``read`` that weights, and ``output`` that the caller of the module, see the value without
    another bend in between. ``behind`` are bends that see it.
    """

    key: Key
    single: bool
    alone: bool
    pointwise: bool
    read: bool = False
    output: bool = False
    absorbed: bool = False
    shown: bool = True
    behind: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Value:
    """One tensor that a call returns: the axis that counts the samples (None when none does), the shape of one sample's
    value, and what its axes are (:mod:`relucvx.metrics.layers.roles`)."""

    axis: int | None
    shape: tuple[int, ...]
    roles: str


@dataclass(frozen=True)
class Bends:
    """What was found.

    Attributes
    ----------
    keys : tuple of (str, int)
        The calls behind which the values have bent, in the order in which they run.
    leaves : tuple of (str, int)
        Calls of submodules that call no others.
    values : dict
        For every call seen, in the order in which they end, the tensors that it returns.
    mains : dict
        Which of these stands for the call.
    calls : dict of str to int
        How often everything is called.
    unseen : tuple of str
        Submodules in which torch does not show an operation.
    """

    keys: tuple[Key, ...]
    leaves: tuple[Key, ...]
    values: dict[Key, tuple[Value, ...]]
    mains: dict[Key, int]
    calls: dict[str, int]
    unseen: tuple[str, ...]

    def main(self, key: Key) -> Value | None:
        """The tensor that stands for a call; None where there is none with a row for each sample."""
        found = self.values[key][self.mains[key]] if key in self.mains else None
        return None if found is None or found.axis is None else found

    @property
    def largest(self) -> int:
        """Entries of the largest value of one sample."""
        return max(
            [math.prod(v.shape) for parts in self.values.values() for v in parts if v.axis is not None], default=1
        )


def find_bends(module: Any, parts: Mapping[str, Any], forward: Callable[[Inputs], Any], X: Inputs) -> Bends:
    """Watch ``forward`` at two samples, then at three.

    A call bends when f(p) + f(q) differs from 2 f((p + q)/2) at random p and q in the place of what it is given and
    depends on the input, or when comparisons of such values steer it. Of bends that only feed others the following are
    steps of one formula and are left out: products and whatever changes the shape, and what goes into a product (but
    for modules that act on every entry by itself).
    The axis of the samples is the one whose length is the number of samples in both passes, where the values of a
    sample do not depend on the others and their order.
    """
    weights = {id(t): t for t in module.parameters()}
    buffers = {id(t): t for t in module.buffers()}
    passes: list[_Finder] = []
    # once in another order and once in another number: the axis that follows both is the samples'
    for rows in ((1, 0), (0, 1, 2)):
        batch = X.rows([row % len(X) for row in rows])
        finder = _Finder(weights, passes[0].strangers | buffers if passes else None)
        with TORCH.held(), watched(module, parts, finder):  # a few samples: threads would only wait for each other
            finder.end(forward(batch))
        passes.append(finder)
    first, second = passes
    values = {
        key: _values(first.values.get(key, ()), found, second.letters[key]) for key, found in second.values.items()
    }
    kept = [bend for k, bend in enumerate(second.bends) if second.counts(k)]
    leaves = tuple(key for key in second.leaves if key in first.values)
    return Bends(
        tuple(bend.key for bend in kept if bend.shown), leaves, values, second.mains, dict(second.calls),
        tuple(dict.fromkeys(bend.key[0] or "the module itself" for bend in kept if not bend.shown)),
    )  # fmt: skip


class _Finder(Watcher):
    """Follows what depends on the input through one pass.

    Tensors are known by identity and kept, so that no identity is used twice. ``strangers`` are tensors that no call
    seen has made; those of a first pass that come again are constants.
    """

    def __init__(self, weights: dict[int, Any], constants: dict[int, Any] | None) -> None:
        super().__init__()
        self.weights, self.constants = dict(weights), constants
        self.known: dict[int, Any] = {}
        self.origin: dict[int, frozenset[int]] = {}  # bends that a value depends on without weights in between
        self.switches: set[int] = set()
        self.strangers: dict[int, Any] = {}
        self.bends: list[_Bend] = []
        self.values: dict[Key, list[Any]] = {}
        self.mains: dict[Key, int] = {}
        self.letters: dict[Key, list[str | None]] = {}
        self.roles = Roles()
        self.leaves: list[Key] = []
        self.inside: list[list[Any]] = []  # for each running submodule: number of bends before, whether it is a leaf

    # -------------------------------------------------------------- what is seen
    def entered(self, key: Key, args: Any) -> None:
        """Remember where a submodule begins; what gets no data does not count."""
        if not self.inside:
            for t in tensors_in(args):
                self._learn(t, frozenset())
                self.roles.begin(t)
        elif self._data(tensors_in(args), self.frames[-2]):
            self.inside[-1][1] = False
        self.inside.append([len(self.bends), True])

    def left(self, key: Key, args: Any, out: Any) -> None:
        """A submodule without others in it is one step."""
        began, leaf = self.inside.pop()
        given, place = self._data(tensors_in(args)), main_place(out)
        if place is None or not given:
            return
        value = tensors_in(out)[place]
        if id(value) not in self.known:  # made out of sight, in a shape that may still tell
            self.roles.follow("", given, False, tensors_in(out))
        self._keep(key, tensors_in(out), place)
        if not leaf or not key[0]:
            return
        self.leaves.append(key)
        # where its inside was seen, a submodule bends only if its output depends on a bend in there
        if id(value) in self.known:
            inner = set(range(began, len(self.bends)))
            if not (self.origin.get(id(value), frozenset()) & inner):
                return
        else:  # a function that torch does not show
            inner = set()
        # the submodule stands for its steps, but for those that weights inside of it have read
        for k in inner:
            self.bends[k].absorbed |= not self.bends[k].read
        pointwise = bool(inner) and all(self.bends[k].pointwise for k in inner)
        bend = self._bend(key, [t for t in given if t.is_floating_point()], value, pointwise)
        for t in tensors_in(out):
            outer = self.origin.get(id(t), frozenset()) - inner
            self._learn(t, outer | {bend})

    def function(self, key: Key, func: Any, args: Any, kwargs: Any) -> Any:
        """Call, and follow what depends on the input."""
        given = tensors_in((args, kwargs))
        data = self._data(given)
        steered = any(id(t) in self.switches for t in given)
        # no data and nothing that depends on them: constants, or weights in another shape, which remain weights
        if not data and not steered:
            out = func(*args, **kwargs)
            made = any(id(t) in self.weights for t in given)
            for t in tensors_in(out):
                self.known.setdefault(id(t), t)
                if made:
                    self.weights.setdefault(id(t), t)
            return out
        # the shape is noted and the function tested before the call, which may write into what it is given;
        # in the first pass nothing is tested, as constants are not known yet
        real = [t for t in data if t.is_floating_point()]
        tested = bool(real) and self.constants is not None
        bent, pointwise = _is_bent(func, args, kwargs, real) if tested else (False, False)
        bent |= steered
        shape = tuple(real[0].shape) if real else ()
        out = func(*args, **kwargs)
        results = tensors_in(out) or (tensors_in(args)[:1] if _writes(func) else [])
        # weights of more than one axis mix entries: they read the bends before them, and a new layer begins
        weighted = any(t.is_floating_point() and t.ndim > 1 and id(t) in self.weights for t in given)
        sources = frozenset().union(*(self.origin[id(t)] for t in data)) if data else frozenset()
        if weighted:
            for k in sources:
                self.bends[k].read = True
            sources = frozenset()
        real_out = [t for t in results if t.is_floating_point()]
        # as it is called, whatever frame calls it
        self.roles.follow(label_of("", func)[:-2], data, weighted, results)
        place = main_place(results)
        if real_out and place is not None:
            self._keep(key, results, place)
        # a new bend stands between the earlier ones and all that follows
        if bent and real_out:
            single = len({id(t) for t in real}) == 1 and not steered
            alone = single and tuple(real_out[0].shape) == shape
            self.bends.append(_Bend(key, single, alone, pointwise))
            for k in sources:
                self.bends[k].behind.append(len(self.bends) - 1)
            sources = frozenset({len(self.bends) - 1})
        for t in results:
            self._learn(t, sources)
            # comparisons and positions made of data: no values, but they steer what is done with values
            if not t.is_floating_point() and (real or steered):
                self.switches.add(id(t))
        return out

    def end(self, out: Any) -> None:
        """The pass is over and has returned this."""
        for t in self._data(tensors_in(out), ""):
            for k in self.origin[id(t)]:
                self.bends[k].output = True

    def counts(self, k: int) -> bool:
        """Whether a bend is a layer of its own, and no step of a formula."""
        bend = self.bends[k]
        if bend.absorbed:
            return False
        if bend.read or bend.output:
            return True
        if bend.pointwise and not bend.key[0].endswith("()"):
            return bool(bend.behind)
        return bend.alone and any(self.bends[j].single for j in bend.behind)

    # -------------------------------------------------------------- what is known
    def _keep(self, key: Key, tensors: Sequence[Any], main: int) -> None:
        self.values[key], self.mains[key] = [t.detach().clone() for t in tensors], main
        self.letters[key] = [self.roles.of(t) for t in tensors]

    def _learn(self, t: Any, origin: frozenset[int]) -> None:
        self.known[id(t)] = t
        self.origin[id(t)] = origin

    def _data(self, tensors: Sequence[Any], frame: str | None = None) -> list[Any]:
        """Those that depend on the input; what comes from nowhere does, as the result of something not seen."""
        for t in tensors:
            if id(t) in self.known or id(t) in self.weights or not hasattr(t, "detach"):
                continue
            # in the first pass it may be a constant as well: it is one if it comes again in the second
            if self.constants is None:
                self.strangers[id(t)] = t
                self._learn(t, frozenset())
                continue
            if id(t) in self.constants:
                continue
            # no call seen has made it: something bent the data out of torch's sight
            self.bends.append(_Bend((self.frames[-1] if frame is None else frame, 0), False, False, False, shown=False))
            self._learn(t, frozenset({len(self.bends) - 1}))
        return [t for t in tensors if id(t) in self.origin]

    def _bend(self, key: Key, given: list[Any], value: Any, pointwise: bool) -> int:
        single = len({id(t) for t in given}) == 1
        alone = bool(given) and given[0].shape == value.shape  # masks and states come along
        position = len(self.bends)
        for t in given:
            for k in self.origin[id(t)]:
                self.bends[k].behind.append(position)
        self.bends.append(_Bend(key, single, alone, pointwise))
        return position


def _writes(func: Any) -> bool:
    """Whether a function that returns nothing has written into its first argument."""
    return str(getattr(func, "__name__", "")) == "__setitem__"


def _values(first: Sequence[Any], second: Sequence[Any], letters: Sequence[str | None]) -> tuple[Value, ...]:
    """The tensors that a call returned in two passes."""
    found = []
    for k, (t, known) in enumerate(zip(second, letters, strict=True)):
        axis = _axis(first[k], t) if len(first) == len(second) else None
        shape = tuple(t.shape if axis is None else t.movedim(axis, 0).shape[1:])
        found.append(Value(axis, shape, "f" * len(shape) if axis is None else per_sample(known, axis, shape)))
    return tuple(found)


def _axis(first: Any, second: Any) -> int | None:
    """The axis that counts the samples, given values at samples (1, 0) and (0, 1, 2); None when none does."""
    if first.is_complex() or first.ndim != second.ndim:
        return None
    changed = [k for k, (a, b) in enumerate(zip(first.shape, second.shape, strict=True)) if a != b]
    (axis,) = changed if len(changed) == 1 else (None,)
    if axis is None or (first.shape[axis], second.shape[axis]) != (2, 3):
        return None
    # the same samples in other company: a call that mixes them gives itself away
    a, b = first.flip(axis).double(), second.narrow(axis, 0, 2).double()
    same = ((a - b).abs() <= SAME * max(1e-300, float(b.abs().max()) if b.numel() else 0.0)) | (a == b)
    return axis if bool((same | (a != a) & (b != b)).all()) else None


def _is_bent(func: Any, args: Any, kwargs: Any, data: list[Any]) -> tuple[bool, bool]:
    """Whether a function is not affine in the data that it is given, and whether it acts on every entry by itself."""
    distinct = {id(t): t for t in data}
    if _writes(func):
        return False, False

    def call(new: Mapping[int, Any]) -> list[Any]:
        return tensors_in(func(*_with(args, new), **_with(kwargs, new)))

    # at the size of the values that pass and at a fixed one: a kink may be far from either
    for relative in (True, False):
        draws = []
        for seed in (0, 1):
            generator = torch.Generator().manual_seed(seed)
            draws.append({key: _drawn(t, relative, generator) for key, t in distinct.items()})
        between = {key: (draws[0][key] + draws[1][key]) / 2 for key in distinct}
        try:
            f = [call(new) for new in (*draws, between)]
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError, NotImplementedError):
            return True, False  # it looks at the values
        if not len(f[0]) == len(f[1]) == len(f[2]) or not all(_affine(*part) for part in zip(*f, strict=True)):
            shapes = {tuple(t.shape) for t in (*distinct.values(), *f[0])}
            return True, len(shapes) == 1 and len(f[0]) == 1 and _commutes(call, draws[0], f[0][0])
    return False, False


def _commutes(call: Callable[[Mapping[int, Any]], list[Any]], given: Mapping[int, Any], out: Any) -> bool:
    """Whether entries in another order come out in that order."""
    order = torch.randperm(out.numel(), generator=torch.Generator().manual_seed(2)).to(out.device)
    (moved,) = call({key: t.reshape(-1)[order].reshape(t.shape) for key, t in given.items()})
    return bool(torch.allclose(moved, out.reshape(-1)[order].reshape(out.shape), rtol=1e-3, atol=1e-5, equal_nan=True))


def _drawn(t: Any, relative: bool, generator: Any) -> Any:
    size = float(t.detach().double().square().mean().sqrt()) if relative and t.numel() else 1.0
    # zeros, and sizes whose multiples might leave float32
    size = size if 0.0 < size < 1e30 else 1.0
    return (ROOM * size * torch.randn(t.shape, generator=generator)).to(t.device, t.dtype)


def _with(value: Any, new: Mapping[int, Any]) -> Any:
    """Arguments with tensors replaced, by copies: a function may work in place."""
    if hasattr(value, "detach"):
        return new[id(value)].clone() if id(value) in new else value
    if isinstance(value, dict):
        return {name: _with(part, new) for name, part in value.items()}
    if isinstance(value, (list, tuple)) and type(value) in STRUCTURES:
        return type(value)(_with(part, new) for part in value)
    return value


def _affine(a: Any, b: Any, middle: Any) -> bool:
    """Whether values at two points and between them lie on a line, where they are finite."""
    if not a.shape == b.shape == middle.shape:
        return False
    if not a.is_floating_point():
        return True  # what is compared becomes a switch
    # far above rounding, and far below what a kink leaves at the sizes drawn
    allowed = float(torch.finfo(a.dtype).eps) ** 0.5
    a, b, middle = a.double(), b.double(), middle.double()
    finite = torch.isfinite(a) & torch.isfinite(b) & torch.isfinite(middle)
    same = (a == b) & (b == middle)
    # infinite at one point and not at another is no line
    if not bool((finite | same).all()):
        return False
    a, b, middle = a[finite], b[finite], middle[finite]
    if a.numel() == 0:
        return True
    scale = torch.stack([a.abs(), b.abs(), middle.abs()]).max()
    return bool(((a + b - 2 * middle).abs() <= allowed * scale).all())
