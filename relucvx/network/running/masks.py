"""Comparisons of what passes through a network, and the choices that they make: bends, where both choices meet at the wall.

``torch.where(x > 0, a, b)`` is piecewise linear where a and b agree wherever x crosses zero, and jumps elsewhere. The
comparison is a kink (its wall is where x meets what it is compared with), so between neighbouring rows no comparison changes;
whether the choices meet is looked at on both ends of every step between neighbours that choose differently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from relucvx.network.running.operations import DECISIONS, Call, Unfollowed, affine, check
from relucvx.network.running.rows import SPECIAL, Rows
from relucvx.tolerances import EPS

aten = torch.ops.aten

TESTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "gt": lambda margin: margin > 0,
    "ge": lambda margin: margin >= 0,
    "lt": lambda margin: margin < 0,
    "le": lambda margin: margin <= 0,
}
TURNED = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
OPPOSITE = {"gt": "le", "ge": "lt", "lt": "ge", "le": "gt"}

TOGETHER: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "logical_and": torch.logical_and,
    "bitwise_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "bitwise_or": torch.logical_or,
    "logical_xor": torch.logical_xor,
    "bitwise_xor": torch.logical_xor,
}

MOVES = (
    "view", "_unsafe_view", "reshape", "select", "slice", "squeeze", "unsqueeze", "permute", "transpose", "t", "detach",
    "alias", "expand", "clone", "repeat", "flip",
)  # fmt: skip
"""Operations that put entries elsewhere."""

ARITHMETIC = ("add", "sub", "rsub", "mul", "div", "neg")
"""What a mask that has become numbers may meet numbers in."""

SLACK = 16.0
"""How many times their rounding errors choices may differ where they should meet."""


class Mask(Rows):
    """Whether something is the case at each entry; or, as numbers, ``on`` where it is and ``off`` where it is not.

    ``parts`` are differences that are compared with zero, of one shape, each with its test; ``joined`` makes one truth of
    theirs.
    """

    parts: tuple[tuple[Rows, str], ...]
    joined: Callable[..., torch.Tensor]
    numbers: tuple[float, float] | None

    @staticmethod
    def __new__(cls, parts: Any, joined: Any, numbers: Any = None) -> Mask:
        """A tensor of truth values, or of numbers."""
        dtype = torch.bool if numbers is None else torch.float64
        return torch.Tensor._make_wrapper_subclass(cls, tuple(parts[0][0].shape), dtype=dtype)

    def __init__(self, parts: Any, joined: Any, numbers: Any = None) -> None:
        self.parts, self.joined, self.numbers = parts, joined, numbers
        self.block, self.offset = parts[0][0].block, 0

    def truth(self, *margins: torch.Tensor) -> torch.Tensor:
        """The truth at differences of the parts."""
        return self.joined(*(TESTS[test](m) for m, (_, test) in zip(margins, self.parts, strict=True)))

    def moved(self, move: Callable[[Rows], Rows]) -> Mask:
        """The same with its entries elsewhere."""
        return Mask(tuple((move(part), test) for part, test in self.parts), self.joined, self.numbers)


def _itself(truth: torch.Tensor) -> torch.Tensor:
    return truth


def compare(call: Call) -> Any:
    """Values against each other, or against constants: a kink where they are equal."""
    if call.writes:
        raise _jumps(call, "numbers that are overwritten by a comparison jump")
    (one, other), test = call.args[:2], call.name
    if not isinstance(one, Rows):
        # the code says whether what passes through is above, whichever side it stands on
        one, other, test = other, one, TURNED[test]
    subtract = aten.sub.Tensor if isinstance(other, torch.Tensor) else aten.sub.Scalar
    apart: Rows = affine(Call(subtract, (one, other), {}))
    batch, values = apart.block.batch, apart.matrix()
    errors = batch.errors(values)
    at = values[SPECIAL:].contiguous().clone()
    found = batch.walls(at, errors, 1)
    # values that only rounding keeps from the wall are on it, so that both sides of a plateau say the same
    limit = torch.from_numpy(np.maximum(errors, found.moved))
    margin = apart.physical()
    rows = margin[SPECIAL:].reshape(len(margin) - SPECIAL, -1)
    rows[rows.abs() <= limit] = 0.0
    margin[SPECIAL:] = rows.view(margin[SPECIAL:].shape)
    return Mask(((apart, test),), _itself)


def follow_mask(call: Call, mask: Mask) -> Any:
    """What an operation makes of a mask.

    Raises
    ------
    Unfollowed
        For what jumps.
    """
    name = call.name
    if name in MOVES and call.args[0] is mask and not call.writes:
        return mask.moved(lambda part: affine(Call(call.func, (part, *call.args[1:]), call.kwargs)))
    if name in ("logical_not", "bitwise_not") and not call.writes and mask.numbers is None:
        return _opposite(mask)
    if name in TOGETHER and not call.writes:
        return _together(call, TOGETHER[name])
    if name == "_to_copy" and mask.numbers is None:
        dtype = call.arguments["dtype"]
        return mask if dtype in (None, torch.bool) else Mask(mask.parts, mask.joined, (1.0, 0.0))
    if name == "where" and call.args[0] is mask and len(call.args) == 3:
        return _chosen(call, mask, call.args[1], call.args[2])
    if name == "masked_fill" and call.args[1] is mask:
        return _chosen(call, mask, call.args[2], call.args[0])
    if name == "index_put" and _puts_one_number(call, mask):
        return _chosen(call, mask, call.args[2], call.args[0])
    if name in ARITHMETIC and not call.writes:
        return _arithmetic(call, mask)
    if name in DECISIONS:
        check(call)
    raise _jumps(call, "a comparison jumps, and only choosing with it (torch.where, x * mask) is followed")


def _puts_one_number(call: Call, mask: Mask) -> bool:
    """Whether it is ``x[mask] = number``."""
    target, places, value = call.args[:3]
    whole = len(places) == 1 and places[0] is mask and mask.shape == target.shape and not call.arguments["accumulate"]
    return whole and not isinstance(value, Rows) and value.numel() == 1


def _jumps(call: Call, cause: str) -> Unfollowed:
    return Unfollowed(f"{call.name!r} (torch's {call.func})", cause)


def _opposite(mask: Mask) -> Mask:
    if len(mask.parts) == 1 and mask.joined is _itself:
        ((part, test),) = mask.parts
        return Mask(((part, OPPOSITE[test]),), _itself)
    return Mask(mask.parts, lambda *truths: ~mask.joined(*truths))


def _together(call: Call, both: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Mask:
    one, other = call.args[:2]
    if not (isinstance(one, Mask) and isinstance(other, Mask)) or one.numbers or other.numbers:
        raise _jumps(call, "only comparisons with each other are joined here")
    shape = torch.broadcast_shapes(one.shape, other.shape)
    one, other = (m.moved(lambda part: part.expand(shape)) for m in (one, other))
    count = len(one.parts)
    return Mask(
        (*one.parts, *other.parts), lambda *truths: both(one.joined(*truths[:count]), other.joined(*truths[count:]))
    )


def _arithmetic(call: Call, mask: Mask) -> Any:
    """Numbers of a mask with a constant, or its product with a value, which is a choice between multiples of it."""
    on, off = mask.numbers or (1.0, 0.0)
    others = [x for x in call.args[:2] if x is not mask]
    if any(isinstance(x, Rows) for x in others):
        if call.name != "mul" or isinstance(others[0], Mask):
            raise _jumps(call, "a comparison that is added is a jump; one that is multiplied by values is a choice")
        value = others[0]
        return _chosen(call, mask, on * value, off * value)
    if any(isinstance(x, torch.Tensor) and x.numel() != 1 for x in others):
        raise _jumps(call, "numbers of a comparison meet a tensor of constants")
    made = [
        float(call.func(*[torch.tensor(v, dtype=torch.float64) if x is mask else x for x in call.args], **call.kwargs))
        for v in (on, off)
    ]
    return Mask(mask.parts, mask.joined, (made[0], made[1]))


def _chosen(call: Call, mask: Mask, yes: Any, no: Any) -> Any:
    """One of two values at every entry, which must meet where the choice changes."""
    batch, count = mask.block.batch, len(mask.parts)
    margins = [part for part, _ in mask.parts]

    def choose(one: Any, other: Any, *m: torch.Tensor) -> torch.Tensor:
        return torch.where(mask.truth(*m), _number(one), _number(other))

    def spread(one: Any, other: Any, *m: torch.Tensor) -> tuple[torch.Tensor, ...]:
        whole = torch.broadcast_tensors(*m, _number(one), _number(other))
        return (*whole[:count], whole[-2] - whole[-1], whole[-2].abs() + whole[-1].abs())

    *apart, gap, size = batch.run(spread, (yes, no, *margins), {})
    _check_meeting(call, mask, [m.flatten(1) for m in apart], gap.flatten(1), size.flatten(1))
    out = batch.run(choose, (yes, no, *margins), {}).contiguous()
    ours, theirs = (_noise(x, out) for x in (yes, no))
    out[0], out[1:SPECIAL] = 0.0, torch.where(ours.abs() > theirs.abs(), ours, theirs)
    if call.writes:
        data = call.written[0].physical()
        data.copy_(out)
        return call.written[0]
    return batch.fresh(out)


def _number(value: Any) -> torch.Tensor:
    return value if isinstance(value, torch.Tensor) else torch.tensor(float(value), dtype=torch.float64)


def _noise(x: Any, out: torch.Tensor) -> torch.Tensor:
    """The perturbations of a value in the shape of a result; a constant has none."""
    if not isinstance(x, Rows):
        return torch.zeros_like(out[1:SPECIAL])
    noise = x.physical()[1:SPECIAL]
    return noise.view(len(noise), *[1] * (out.dim() - noise.dim()), *noise.shape[1:]).expand(out[1:SPECIAL].shape)


def _check_meeting(
    call: Call, mask: Mask, margins: Sequence[torch.Tensor], gap: torch.Tensor, size: torch.Tensor
) -> None:
    """Raise unless both choices have one value wherever neighbours choose differently.

    Between two neighbours nothing crosses, so the one that is at the wall is the nearer of them; what is left of the gap there
    may be rounding, and what its distance from the wall makes of it.
    """
    first, second = map(torch.from_numpy, mask.block.batch.geometry.neighbours())
    first, second = first + SPECIAL, second + SPECIAL
    truth = mask.truth(*margins)
    pair, entry = torch.nonzero(truth[first] != truth[second], as_tuple=True)
    if not len(pair):
        return
    a, b = first[pair], second[pair]
    distance = torch.full((2, len(pair)), torch.inf, dtype=torch.float64)
    for m, (_, test) in zip(margins, mask.parts, strict=True):
        error = EPS * m[1:SPECIAL].abs().amax(dim=0)[entry]
        far, apart = torch.stack([m[a, entry], m[b, entry]]), (m[a, entry] - m[b, entry]).abs()
        changes = TESTS[test](far[0]) != TESTS[test](far[1])
        share = (far.abs() + error) / torch.clamp(apart, min=1e-300)
        distance = torch.where(changes & (share < distance), share, distance)
    rounding = EPS * (gap[1:SPECIAL].abs().amax(dim=0)[entry] + torch.maximum(size[a, entry], size[b, entry]))
    wide = (gap[a, entry] - gap[b, entry]).abs()
    gaps = torch.stack([gap[a, entry], gap[b, entry]]).abs()
    jump = torch.where(gaps <= SLACK * (rounding + torch.clamp(distance, max=1.0) * wide), 0.0, gaps)
    # at the nearer of both
    jump = torch.where(distance[0] <= distance[1], jump[0], jump[1])
    worst = float(jump.max())
    if worst > 0.0:
        raise _jumps(call, f"its choices differ by {worst:.3g} where the comparison changes: it jumps there")
