"""Codes along segments of modules that are run, against an independent look at every kink on dense points."""

import numpy as np
import pytest
import torch
from metrics.regions.architectures import CASES, QUICK, made
from torch.utils._python_dispatch import TorchDispatchMode

from relucvx.metrics import line_regions


def above(x, bound):
    """Whether a bound is passed; where it is one for each sample, whether it is the larger of two values."""
    several = isinstance(bound, torch.Tensor) and bound.dim() and len(bound) == len(x) > 8
    return (bound > x).int() if several else (x > bound).int()


BENDS = {
    "relu": lambda x: x > 0,
    "leaky_relu": lambda x, *_: x > 0,
    "_prelu_kernel": lambda x, _: x > 0,
    "rrelu_with_noise": lambda x, *_: x > 0,
    "abs": lambda x: x > 0,
    "relu6": lambda x: (x > 0).int() + (x > 6),
    "hardtanh": lambda x, low=-1.0, high=1.0: (x > low).int() + (x > high),
    "hardsigmoid": lambda x: (x > -3).int() + (x > 3),
    "softshrink": lambda x, level=0.5: (x > -level).int() + (x > level),
    "threshold": lambda x, level, _: x > level,
    "clamp_min": lambda x, low: x > low,
    "clamp_max": lambda x, high: x > high,
    "clamp": lambda x, *bounds, **named: sum(above(x, b) for b in (*bounds, *named.values()) if b is not None),
    "maximum": lambda x, y: y > x if x.dim() and y.dim() else x > y if x.dim() else y > x,
    "minimum": lambda x, y: y < x,
}
"""The piece of every entry, written out again."""

POOLS = ("max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool3d")


class Seen(TorchDispatchMode):
    """What every kink makes of a plain batch: the piece of each entry, or where torch has the largest of each window."""

    def __init__(self):
        super().__init__()
        self.codes, self.exact = [], []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        full = func._schema.name.split("::")[-1]
        name, kwargs = full.rstrip("_"), kwargs or {}
        # asked before, because what works in place overwrites its argument
        bend = BENDS.get(name)
        code = None if bend is None else bend(*args, **kwargs)
        out = func(*args, **kwargs)
        if name in POOLS or (name in ("max", "min") and isinstance(out, tuple)):
            code = out[1]
        if name in ("amax", "amin"):
            x, dims = args[0], [d % args[0].dim() for d in args[1]]
            kept = [d for d in range(x.dim()) if d not in dims]
            flat = x.permute(*kept, *dims).reshape(*[x.shape[d] for d in kept], -1)
            code = flat.argmax(-1) if name == "amax" else flat.argmin(-1)
        if code is not None:
            self.codes.append(code.reshape(len(code), -1).numpy().astype(int))
            self.exact.append(np.full(self.codes[-1].shape[1], bend is not None))
        return out


def kinks_seen(module, points):
    with torch.no_grad(), Seen() as seen:
        module(torch.from_numpy(points))
    none = np.zeros((len(points), 0), int)
    return np.hstack([none, *seen.codes]), np.concatenate([np.zeros(0, bool), *seen.exact])


def assert_pieces(line, module, points_at, grid):
    """Every point of a grid that is not at a breakpoint has the code of its region; returns how many were looked at."""
    clear = np.abs(grid[:, None] - line.breakpoints).min(axis=1, initial=1.0) > 1e-9
    ours = line.codes[np.searchsorted(line.breakpoints, grid[clear])].astype(int)
    theirs, exact = kinks_seen(module, points_at(grid[clear]))
    np.testing.assert_array_equal(ours[:, exact], theirs[:, exact])
    # a place in a window and a position in an image name the same entry: one to one, column by column
    for a, b in zip(ours[:, ~exact].T, theirs[:, ~exact].T, strict=True):
        pairs = set(zip(a.tolist(), b.tolist(), strict=True))
        assert len(pairs) == len({p for p, _ in pairs}) == len({q for _, q in pairs})
    return clear.sum()


def assert_linear(line, module, points_at):
    """Between breakpoints outputs are linear: the middle is the mean of what is on both sides of it."""
    ends = np.concatenate([[0.0], line.breakpoints, [1.0]])
    with torch.no_grad():
        inner = [(0.75 * ends[:-1] + 0.25 * ends[1:]), line.midpoints, (0.25 * ends[:-1] + 0.75 * ends[1:])]
        low, middle, high = (module(torch.from_numpy(points_at(t))).flatten(1).numpy() for t in inner)
    np.testing.assert_allclose(middle, 0.5 * (low + high), atol=1e-12 * max(1.0, np.abs(middle).max()))


def segment(shape, seed=0, size=4.0):
    rng = np.random.default_rng(seed)
    start, end = size * rng.standard_normal((2, *shape))

    def at(t):
        return (1 - t.reshape(-1, *[1] * len(shape))) * start + t.reshape(-1, *[1] * len(shape)) * end

    return start, end, at


@pytest.mark.parametrize("name", [c if c in QUICK else pytest.param(c, marks=pytest.mark.slow) for c in CASES])
def test_codes_are_those_of_every_kink_on_dense_points(name):
    module, shape = made(name)
    quick = name in QUICK
    for seed in range(1 if quick else 4):
        start, end, at = segment(shape, seed)
        line = line_regions(module, start, end, route="running", input_shape=shape)
        n = 301 if quick else 2001
        assert assert_pieces(line, module, at, (np.arange(n) + 0.5) / n) > n // 2
        assert_linear(line, module, at)
    assert (line.n_regions > 3) == (name != "no bend")
