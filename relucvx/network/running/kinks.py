"""The operations that bend: where they do is asked of the geometry, and then they are run on the refined batch."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch

from relucvx.network.running.masks import TESTS, Mask, compare, follow_mask
from relucvx.network.running.operations import Call, Unfollowed, affine
from relucvx.network.running.rows import SPECIAL, Batch, Indices, Rows
from relucvx.tolerances import EPS

aten = torch.ops.aten

Rule: TypeAlias = Callable[["Call"], Any]


def follow(batch: Batch, func: Any, args: Any, kwargs: Any) -> Any:
    """What an operation makes of tensors of the batch.

    Raises
    ------
    Unfollowed
        For an operation that cannot be followed.
    """
    call = Call(func, args, kwargs)
    lost = next((x for x in call.rows if isinstance(x, Positions)), None)
    if lost is not None and call.name in VIEWS:
        moved = affine(call)
        return Positions(moved.block, moved.shape, moved.stride(), moved.offset)
    if lost is not None:
        raise Unfollowed(f"{call.name!r} of the positions of maxima", "positions jump")
    mask = next((x for x in call.rows if isinstance(x, Mask)), None)
    if mask is not None:
        return follow_mask(call, mask)
    rule = KINKS.get(call.name)
    return affine(call) if rule is None else rule(call)


class Positions(Rows):
    """Where maxima are: there to be returned, and not to be used."""


VIEWS = ("view", "select", "slice", "squeeze", "unsqueeze", "permute", "transpose", "t", "detach", "alias")
"""What pooling itself does to positions that nobody asked for."""


# ------------------------------------------------------------------ walls: bends where a column meets a threshold
def walls(call: Call, x: Rows, thresholds: Sequence[Any], slopes: Sequence[Any]) -> Any:
    """An elementwise operation with this many bends, in increasing order, and its slopes in between.

    Thresholds and slopes are numbers, or tensors that broadcast to the shape of x.
    """
    batch = x.block.batch
    values = x.matrix()
    levels = [None if _is_zero(c) else _spread(c, x) for c in thresholds]
    parts = [values[SPECIAL:] if level is None else values[SPECIAL:] - level for level in levels]
    at = parts[0].contiguous().clone() if len(parts) == 1 else torch.cat(parts, dim=1)
    errors, columns, several = batch.errors(values), values.shape[1], len(parts)
    # what is not needed any more makes room for the rows that come
    del values, parts
    found = batch.walls(at, np.tile(errors, several), several)
    del at
    steep = torch.stack([_spread(slope, x).expand(columns).abs() for slope in slopes])
    piece = torch.arange(len(slopes))[:, None]
    least, most = (torch.from_numpy(np.asarray(bound, np.int64)) for bound in (found.least, found.most))
    steep = torch.where((piece >= least) & (piece <= most), steep, 0.0).amax(dim=0)
    moved = torch.from_numpy(found.moved).view(several, -1).amax(dim=0) / EPS

    def noise(z: torch.Tensor) -> torch.Tensor:
        # what was taken for zero is an error like any other
        z = torch.where(z.abs() < moved.view(x.shape), moved.view(x.shape), z) if bool((moved > 0).any()) else z
        return z * steep.view(x.shape)

    return _set(call, noise, x)


def _set(call: Call, noise: Callable[[torch.Tensor], torch.Tensor], x: Rows) -> Any:
    """Run the operation on the refined rows; the perturbations behind it are those of x after ``noise``."""
    batch = x.block.batch
    passed = noise(x.physical()[1:SPECIAL])
    out = batch.run(_plain(call), call.args, call.kwargs)
    batch.takes(math.prod(x.shape))
    if not call.writes:
        data = out.contiguous()
        result = batch.fresh(data)
    else:
        result, data = call.written[0], call.written[0].physical()
        data.copy_(out)
    data[0], data[1:SPECIAL] = 0.0, passed
    return result


def _plain(call: Call) -> Any:
    """The operation that does not work in place."""
    if not call.writes:
        return call.func
    return getattr(aten, call.name)


def _is_zero(c: Any) -> bool:
    return not isinstance(c, torch.Tensor) and float(c) == 0.0


def _spread(c: Any, x: Rows) -> torch.Tensor:
    """A threshold for every entry of x."""
    c = torch.as_tensor(c, dtype=torch.float64)
    return c.reshape(1) if c.dim() == 0 else c.expand(x.shape).reshape(-1)


def _one(slope: Any = 0.0) -> Rule:
    def rule(call: Call) -> Any:
        return walls(call, call.args[0], [0.0], [slope, 1.0])

    return rule


def _leaky(call: Call) -> Any:
    given = call.arguments
    slope = given["negative_slope"]
    if slope == 1.0:
        return affine(Call(aten.clone.default, (given["self"],), {})) if not call.writes else given["self"]
    return walls(call, given["self"], [0.0], [slope, 1.0])


def _prelu(call: Call) -> Any:
    x, slope = call.args[:2]
    if isinstance(slope, Rows) or not isinstance(x, Rows):
        raise Unfollowed("'prelu' with a slope that passes through the network", "a product is not piecewise linear")
    return walls(call, x, [0.0], [slope, 1.0])


def _rrelu(call: Call) -> Any:
    given = call.arguments
    if given["training"]:
        raise Unfollowed("'rrelu' in training mode", "it draws random numbers", "module.eval()")
    slope = 0.5 * (float(given["lower"]) + float(given["upper"]))
    func = aten.leaky_relu_.default if call.writes else aten.leaky_relu.default
    return _leaky(Call(func, (given["self"], slope), {}))


def _clamp(call: Call) -> Any:
    given = call.arguments
    low, high = given.get("min", given.get("min_val")), given.get("max", given.get("max_val"))
    return _between(call, given["self"], low, high)


def _between(call: Call, x: Any, low: Any, high: Any) -> Any:
    bounds = [c for c in (low, high) if c is not None]
    if not isinstance(x, Rows) or any(isinstance(c, Rows) for c in bounds):
        return _between_values(call, x, low, high)
    if len(bounds) == 2 and bool((torch.as_tensor(low) > torch.as_tensor(high)).any()):
        raise Unfollowed(f"{call.name!r} with its least value above its greatest", "bounds in the wrong order")
    shape = torch.broadcast_shapes(x.shape, *[c.shape for c in bounds if isinstance(c, torch.Tensor)])
    if shape != x.shape:
        x = x.expand(shape)
        call = Call(call.func, (x, *call.args[1:]), call.kwargs)
    return walls(call, x, bounds, [*([0.0] if low is not None else []), 1.0, *([0.0] if high is not None else [])])


def _between_values(call: Call, x: Any, low: Any, high: Any) -> Any:
    """Bounds that pass through the network themselves."""
    out = x if low is None else torch.maximum(x, low)
    out = out if high is None else torch.minimum(out, high)
    return call.written[0].copy_(out) if call.writes else out


def _threshold(call: Call) -> Any:
    given = call.arguments
    if given["threshold"] != given["value"]:
        raise Unfollowed("'threshold' with a value other than the threshold", "it jumps")
    return walls(call, given["self"], [given["threshold"]], [0.0, 1.0])


def _softshrink(call: Call) -> Any:
    level = float(call.arguments["lambd"])
    return walls(call, call.args[0], [-level, level] if level else [0.0], [1.0, 0.0, 1.0] if level else [1.0, 1.0])


def _hardsigmoid(call: Call) -> Any:
    return walls(call, call.args[0], [-3.0, 3.0], [0.0, 1.0 / 6.0, 0.0])


# ------------------------------------------------------------------ maxima
def _pairwise(sign: float) -> Rule:
    """maximum (sign 1) or minimum (-1) of two tensors: a bend where their difference crosses zero."""

    def rule(call: Call) -> Any:
        a, b = call.args[:2]
        if not (isinstance(a, Rows) and isinstance(b, Rows)):
            return _with_constant(a, b, sign)
        batch = a.block.batch
        apart: Rows = affine(Call(aten.sub.Tensor, (b, a) if sign > 0 else (a, b), {}))
        values = apart.matrix()
        batch.walls(values[SPECIAL:].contiguous(), batch.errors(values), 1)
        out = batch.run(call.func, call.args, call.kwargs).contiguous()
        ours, theirs = _aligned(a, out), _aligned(b, out)
        out[0], out[1:SPECIAL] = 0.0, torch.where(ours.abs() > theirs.abs(), ours, theirs)
        return batch.fresh(out)

    return rule


def _aligned(x: Rows, out: torch.Tensor) -> torch.Tensor:
    """The perturbations of x in the shape of a result that it was broadcast to."""
    noise = x.physical()[1:SPECIAL]
    return noise.view(len(noise), *[1] * (out.dim() - noise.dim()), *noise.shape[1:])


def _with_constant(a: Any, b: Any, sign: float) -> Any:
    x, c = (a, b) if isinstance(a, Rows) else (b, a)
    name = aten.clamp.Tensor if isinstance(c, torch.Tensor) else aten.clamp.default
    args = (x, c, None) if sign > 0 else (x, None, c)
    return _clamp(Call(name, args, {}))


def windows(call: Call, x: Rows, table: Indices, sign: float = 1.0) -> Any:
    """The largest entry (the least, for sign -1) of each window of x; a table says which entries those are."""
    batch, values = x.block.batch, x.matrix()
    table = np.ascontiguousarray(table, dtype=np.intp)
    at, errors = values[SPECIAL:].contiguous(), batch.errors(values)
    del values
    batch.winners(at if sign > 0 else -at, errors, table)
    del at
    noise = x.matrix()[1:SPECIAL]
    out = batch.run(call.func, call.args, call.kwargs)
    several = not isinstance(out, torch.Tensor)
    data = (out[0] if several else out).contiguous()
    padded = torch.cat([noise.abs(), torch.zeros((len(noise), 1), dtype=torch.float64)], dim=1)
    largest = padded[:, torch.from_numpy(table)].amax(dim=2)
    signs = torch.randn(largest.shape, generator=batch.generator, dtype=torch.float64).sign()
    data[0], data[1:SPECIAL] = 0.0, (signs * largest).view(data[1:SPECIAL].shape)
    best = batch.fresh(data)
    if not several:
        return best
    return best, Positions(best.block, best.shape, best.stride(), 0)


def _max_pool(call: Call) -> Any:
    given = call.arguments
    x: Rows = given["self"]
    n = len(given["kernel_size"]) if isinstance(given["kernel_size"], Sequence) else 0
    n = max(n, 3 if "3d" in call.name else 2)
    kernel = _each(given["kernel_size"], n)
    stride, padding, dilation = (
        _each(given["stride"], n) or kernel, _each(given["padding"], n), _each(given["dilation"], n),
    )  # fmt: skip
    sizes = tuple(x.shape[-n:])
    starts = [
        range(-p, _outputs(size, k, s, p, d, given["ceil_mode"]) * s - p, s)
        for size, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    ]
    taken = [
        tuple(tuple(a + d * i for i in range(k)) for a in start)
        for start, k, d in zip(starts, kernel, dilation, strict=True)
    ]
    return windows(call, x, _pooled(tuple(x.shape[:-n]), sizes, tuple(taken)))


def _outputs(size: int, k: int, s: int, p: int, d: int, ceil: bool) -> int:
    room = size + 2 * p - d * (k - 1) - 1
    count = (-(-room // s) if ceil else room // s) + 1
    # a window must not begin in the padding behind the end
    return count - 1 if ceil and (count - 1) * s >= size + p else count


def _adaptive_pool(call: Call) -> Any:
    given = call.arguments
    x: Rows = given["self"]
    outputs = tuple(given["output_size"])
    sizes = tuple(x.shape[-len(outputs) :])
    taken = tuple(
        tuple(tuple(range(o * size // out, -(-(o + 1) * size // out))) for o in range(out))
        for size, out in zip(sizes, outputs, strict=True)
    )
    return windows(call, x, _pooled(tuple(x.shape[: -len(outputs)]), sizes, taken))


def _each(value: Any, n: int) -> tuple[int, ...]:
    values = tuple(value) if isinstance(value, Sequence) else (value,)
    return values * n if len(values) == 1 else values


@functools.lru_cache(maxsize=32)
def _pooled(front: tuple[int, ...], sizes: tuple[int, ...], taken: tuple[tuple[tuple[int, ...], ...], ...]) -> Indices:
    """Table of windows: ``taken`` says for every axis which positions each window takes, outside ones among them."""
    area, channels = math.prod(sizes), math.prod(front)
    most = [max(len(positions) for positions in axis) for axis in taken]
    padded = [[(*p, *[-1] * (k - len(p))) for p in axis] for axis, k in zip(taken, most, strict=True)]
    rows = []
    for window in itertools.product(*padded):
        row = []
        for place in itertools.product(*window):
            inside = all(0 <= i < size for i, size in zip(place, sizes, strict=True))
            row.append(int(np.ravel_multi_index(place, sizes)) if inside else -1)
        rows.append(row)
    table = np.array(rows, dtype=np.intp)
    every = table[None] + area * np.arange(channels)[:, None, None]
    every[np.broadcast_to(table < 0, every.shape)] = -1
    return every.reshape(-1, table.shape[1])


def _over(sign: float) -> Rule:
    """amax and max over axes, and amin and min."""

    def rule(call: Call) -> Any:
        if len(call.args) > 1 and isinstance(call.args[1], Rows):
            return _pairwise(sign)(call)
        given = call.arguments
        x: Rows = given["self"]
        dims = given.get("dim", [])
        dims = [dims] if isinstance(dims, int) else list(dims)
        dims = sorted(d % x.dim() for d in dims) or list(range(x.dim()))
        kept = [d for d in range(x.dim()) if d not in dims]
        positions = np.arange(x.numel()).reshape(tuple(x.shape)).transpose(kept + dims)
        return windows(call, x, positions.reshape(math.prod(x.shape[d] for d in kept), -1), sign)

    return rule


KINKS: dict[str, Rule] = {
    "relu": _one(),
    "leaky_relu": _leaky,
    "_prelu_kernel": _prelu,
    "prelu": _prelu,
    "rrelu": _rrelu,
    "rrelu_with_noise": _rrelu,
    "abs": _one(-1.0),
    "absolute": _one(-1.0),
    "relu6": lambda call: _between(call, call.args[0], 0.0, 6.0),
    "hardtanh": _clamp,
    "clamp": _clamp,
    "clip": _clamp,
    "clamp_min": _clamp,
    "clamp_max": _clamp,
    "threshold": _threshold,
    "softshrink": _softshrink,
    "hardsigmoid": _hardsigmoid,
    "maximum": _pairwise(1.0),
    "fmax": _pairwise(1.0),
    "minimum": _pairwise(-1.0),
    "fmin": _pairwise(-1.0),
    "max_pool2d_with_indices": _max_pool,
    "max_pool3d_with_indices": _max_pool,
    "adaptive_max_pool2d": _adaptive_pool,
    "adaptive_max_pool3d": _adaptive_pool,
    "max": _over(1.0),
    "amax": _over(1.0),
    "min": _over(-1.0),
    "amin": _over(-1.0),
    **dict.fromkeys(TESTS, compare),
}
"""The rule for each operation that bends."""
