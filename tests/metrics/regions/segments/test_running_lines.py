"""Codes along segments of modules that are run, against an independent look at every kink on dense points."""

import numpy as np
import pytest
import torch
from metrics.regions.architectures import CASES, QUICK, made
from torch.utils._python_dispatch import TorchDispatchMode

from relucvx.datasets import sawtooth
from relucvx.errors import InvalidInputError
from relucvx.metrics import RegionTracker, class_folding, folding, largest_folding, line_regions
from relucvx.metrics.regions.folds.folding import walk_folding


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
    **dict.fromkeys(("gt", "ge", "lt", "le"), lambda x, y: y > x if np.ndim(y) > x.dim() else x > y),
    "maximum": lambda x, y: y > x if x.dim() and y.dim() else x > y if x.dim() else y > x,
    "minimum": lambda x, y: y < x,
}
"""The piece of every entry, written out again."""

POOLS = ("max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool3d")


class Seen(TorchDispatchMode):
    """What every kink makes of a plain batch: the piece of each entry, or where torch has the largest of each window."""

    def __init__(self, count):
        super().__init__()
        self.count, self.codes, self.exact = count, [], []

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
        if code is not None and len(code) == self.count:  # constants compare too
            self.codes.append(code.reshape(len(code), -1).numpy().astype(int))
            self.exact.append(np.full(self.codes[-1].shape[1], bend is not None))
        return out


def kinks_seen(module, points):
    with torch.no_grad(), Seen(len(points)) as seen:
        module(torch.from_numpy(points))
    none = np.zeros((len(points), 0), int)
    return np.hstack([none, *seen.codes]), np.concatenate([np.zeros(0, bool), *seen.exact])


def assert_pieces(line, module, points_at, grid):
    """Every point of a grid that is not at a breakpoint has the code of its region; returns how many were looked at."""
    clear = np.abs(grid[:, None] - line.breakpoints).min(axis=1, initial=1.0) > 1e-9
    ours = line.codes[np.searchsorted(line.breakpoints, grid[clear])].astype(int)
    theirs, exact = kinks_seen(module, points_at(grid[clear]))
    np.testing.assert_array_equal(ours[:, exact], theirs[:, exact])
    # of entries that are the largest together torch names the first
    together = np.maximum(-ours, 1)
    ours = np.where(ours < 0, np.log2(together & -together).astype(int), ours)
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


def both(module, shape, seed, exact=False, **options):
    """The segment by running, and as matrices; None where these cannot be made."""
    start, end = options.pop("ends", None) or segment(shape, seed)[:2]
    ran = line_regions(module, start, end, route="running", input_shape=shape, **options)
    try:
        read = line_regions(
            module,
            start,
            end,
            route="compiled",
            input_shape=shape,
            arithmetic="rational" if exact else "float",
            **options,
        )
    except InvalidInputError:
        return ran, None
    return ran, read


def assert_same_regions(ran, read):
    assert ran.n_regions == read.n_regions
    np.testing.assert_allclose(ran.breakpoints, read.breakpoints, rtol=0, atol=1e-10)
    # equal codes stand for equal codes, whatever they are called
    _, names = np.unique(ran.codes, axis=0, return_inverse=True)
    _, others = np.unique(read.codes, axis=0, return_inverse=True)
    assert (
        len(set(zip(names.ravel().tolist(), others.ravel().tolist(), strict=True)))
        == names.max() + 1
        == others.max() + 1
    )
    if ran.codes.shape == read.codes.shape and ran.codes.dtype == read.codes.dtype:
        np.testing.assert_array_equal(ran.layer, read.layer)


@pytest.mark.slow
def test_both_routes_find_the_same_regions():
    compared = 0
    for name in CASES:
        module, shape = made(name)
        for seed in range(3):
            ran, read = both(module, shape, seed)
            if read is not None:
                assert_same_regions(ran, read)
                compared += 1
    assert compared > 100


def test_both_routes_agree_where_windows_tie():
    """Behind a ReLU most entries of a window are zero together."""
    module, shape = made("MaxPool2d behind ReLU")
    ran, read = both(module, shape, 0)
    assert_same_regions(ran, read)
    np.testing.assert_array_equal(ran.codes, read.codes)
    assert (ran.codes < 0).any()


WHOLE = ("ReLU", "abs", "Conv2d", "MaxPool2d", "MaxPool2d behind ReLU", "residual")


def whole(name, seed):
    """A case with small whole numbers as weights, so that ties and walls through corners are common, and two points."""
    module, shape = made(name)
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.from_numpy(rng.integers(-1, 2, parameter.shape)))
    return module, shape, tuple(rng.integers(-2, 3, (2, *shape)).astype(float))


@pytest.mark.parametrize("name", WHOLE[3:4] + tuple(pytest.param(n, marks=pytest.mark.slow) for n in WHOLE))
def test_whole_numbers_give_what_rationals_give(name):
    for seed in range(3):
        module, shape, ends = whole(name, seed)
        if (ends[0] == ends[1]).all():
            continue
        ran, exact = both(module, shape, seed, exact=True, ends=ends)
        assert exact.exact_breakpoints is not None
        np.testing.assert_array_equal(ran.codes, exact.codes)
        np.testing.assert_allclose(ran.breakpoints, exact.breakpoints, rtol=0, atol=1e-12)


def test_pieces_of_a_segment_make_the_whole_of_it(monkeypatch):
    module, shape = made("inception")
    start, end, _ = segment(shape)
    line = line_regions(module, start, end)
    monkeypatch.setattr("relucvx.metrics.regions.segments.running_lines.MEMORY", 0)
    monkeypatch.setattr("relucvx.metrics.regions.segments.running_lines.FEWEST", 20)
    cut = line_regions(module, start, end)
    np.testing.assert_array_equal(line.codes, cut.codes)
    np.testing.assert_allclose(line.breakpoints, cut.breakpoints, rtol=0, atol=1e-12)
    assert line.n_regions > 100


def test_layers_and_neurons_are_chosen_as_ever():
    module, shape = made("inception")
    start, end, _ = segment(shape)
    line = line_regions(module, start, end)
    for layers in ([0], [1, 2], -1):
        part = line_regions(module, start, end, layers)
        columns = line.codes[:, np.isin(line.layer, np.arange(4)[layers])]
        changes = np.flatnonzero((columns[1:] != columns[:-1]).any(axis=1))
        np.testing.assert_array_equal(part.codes, columns[np.concatenate([[0], changes + 1])])
        np.testing.assert_allclose(part.breakpoints, line.breakpoints[changes], rtol=0, atol=1e-12)
    few = line_regions(module, start, end, [1], neurons={1: [3, 5]})
    assert few.neuron.tolist() == [3, 5]
    with pytest.raises(InvalidInputError, match="layers among the"):
        line_regions(module, start, end, [9])


def test_batches_folding_and_the_ways_to_ask():
    module, shape = made("residual blocks")
    starts = np.random.default_rng(0).standard_normal((5, *shape))
    lines = line_regions(module, starts, starts[0] + 1.0, route="running")
    for line, start in zip(lines, starts, strict=True):
        alone = line_regions(module, start, starts[0] + 1.0, route="running")
        np.testing.assert_array_equal(line.codes, alone.codes)
        chi = folding(module, start, starts[0] + 1.0, route="running").chi
        assert chi == walk_folding(line.codes).chi
        assert line.to_frame().shape == (line.n_regions, 4)
        assert line.plot() is not None
    same = line_regions(module, starts[1], starts[1], route="running")
    assert same.n_regions == 1
    for change in ({"route": "walking"}, {"route": "running", "arithmetic": "rational"}):
        with pytest.raises(InvalidInputError, match="route"):
            line_regions(module, starts[0], starts[1], **change)
    with pytest.raises(InvalidInputError, match="a torch module to run"):
        line_regions(sawtooth(2), [0.0], [1.0], route="running")


def test_data_sets_go_through_modules_that_only_run():
    module, shape = made("maximum across ages")
    X = np.random.default_rng(0).standard_normal((6, *shape))
    table = class_folding(module, X, [0, 0, 0, 1, 1, 1], rng=0)
    assert table.overall.n_paths == 18
    best = largest_folding(module, X)
    assert best.chi == max(folding(module, a, b).chi for a in X for b in X if not (a == b).all())
    tracker = RegionTracker(module, segments=X.reshape(3, 2, *shape), mode="lines")
    assert tracker.record()["line_regions"] == np.mean(
        [line_regions(module, a, b).n_regions for a, b in tracker.segments]
    )


def test_what_is_in_front_of_an_operation_that_is_refused_can_be_walked():
    torch.manual_seed(0)
    front = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 8), torch.nn.ReLU())
    whole = torch.nn.Sequential(*front, torch.nn.Linear(8, 8), torch.nn.GELU(), torch.nn.ReLU())
    start, end, _ = segment((3,))
    with pytest.raises(InvalidInputError, match=r"'gelu' .* in layer '5' of type GELU.*layers=range\(2\)"):
        line_regions(whole, start, end)
    line, part = line_regions(whole, start, end, range(2)), line_regions(front, start, end)
    np.testing.assert_array_equal(line.codes, part.codes)
    np.testing.assert_allclose(line.breakpoints, part.breakpoints, rtol=0, atol=1e-12)
    assert folding(whole, start, end, [0, 1]) == folding(front, start, end)
