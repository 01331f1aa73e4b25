"""Doors times spellings: whatever way a two-layer network is written in torch, every door gives the same numbers."""

import numpy as np
import pytest
import torch
from spellings import SPELLINGS, C, D, Net, compiled, normed, plain
from torch import nn
from torch.nn import functional as F

import relucvx as rx
from relucvx import metrics
from relucvx.errors import InvalidInputError

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((20, D)), RNG.standard_normal((20, C))
LABELS = np.arange(20) % C
START, END = X[0], 3.0 * X[1]
SQUARE = np.array([[0, 0], [2, 0], [2, 2], [0, 2]]) @ X[2:4]


def certified(module):
    """The module's objective; the lower bound is found by a search, and differs with the last digit of a weight."""
    found = rx.certify(module, X[:6], Y[:6], 2.0, bias="all", method="spectral", dual=SOLVED.dual)
    assert 0.0 < found.lower <= found.upper
    return found.upper


SOLVED = rx.solve(X[:6], Y[:6], 2.0, bias="all", tol=1e-2)


def compared(module):
    found = rx.compare(X[:6], Y[:6], 2.0, runs=[module], bias="all", solution=SOLVED)
    (row,) = found.rows
    return [row.objective, row.gap]


def profiled(module):
    columns = ["nc1", "nc2_etf", "nc3", "nc4", "euclidean_convexity", "two_nn", "line_regions", "folding"]
    frame = metrics.profile(module, X, LABELS, metrics=columns, n_pairs=10, n_lines=3, rng=0)
    assert frame["line_regions"].notna().tolist() == [False, True, False]
    assert frame["nc3"].notna().tolist() == [False, True, False]
    return frame.drop(columns="type").to_numpy(dtype=float)


def regions(module):
    found = metrics.line_regions(module, START, END)
    return [*found.breakpoints, *found.codes.sum(axis=1)]


def sliced(module):
    found = metrics.slice_regions(module, polygon=SQUARE)
    return np.sort(found.areas)


DOORS = {
    "from_torch": lambda module: rx.from_torch(module).predict(X),
    "certify": certified,
    "compare": compared,
    "representation_kernel": lambda module: rx.representation_kernel(module, X),
    "layer_activations": lambda module: np.abs(next(iter(metrics.layer_activations(module, X).values()))),
    "profile": profiled,
    "folding": lambda module: [*metrics.folding(module, START, END).to_dict().values()],
    "line_regions": regions,
    "slice_regions": sliced,
    "euclidean_convexity": lambda module: metrics.euclidean_convexity(X, LABELS, module, method="exact").overall,
}


@pytest.fixture(scope="module")
def expected():
    return {door: np.asarray(use(plain()), dtype=float) for door, use in DOORS.items()}


@pytest.mark.parametrize("name", list(SPELLINGS))
def test_every_door_reads_every_spelling(name, expected):
    for door, use in DOORS.items():
        np.testing.assert_allclose(use(SPELLINGS[name]()), expected[door], rtol=1e-7, atol=1e-9, err_msg=door)


def used_before(module):
    with torch.no_grad():
        module(torch.from_numpy(X))
        module(torch.from_numpy(X[:3]))
    return module


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")  # the compiler's own
@pytest.mark.parametrize(
    "make",
    [
        lambda: compiled("eager"),
        pytest.param(lambda: compiled("inductor"), marks=pytest.mark.slow),
        pytest.param(SPELLINGS["a compiled part"], marks=pytest.mark.slow),
        SPELLINGS["module.compile()"],
    ],
)
def test_modules_that_have_been_compiled_are_measured_every_time(make, expected):
    """Compiled code passes hooks by: a second profile would have no hidden layer."""
    module = used_before(make())
    for _ in range(2):
        for door in ("layer_activations", "profile", "certify"):
            np.testing.assert_allclose(DOORS[door](module), expected[door], rtol=1e-7, atol=1e-9)
        used_before(module)
    frame = metrics.profile(module, X, LABELS, metrics=["euclidean_convexity_decisions"], n_pairs=50, rng=0)
    assert frame["euclidean_convexity_decisions"].iloc[1:].tolist() == [1.0, 1.0]  # classes of a linear head are convex


OTHERS = {
    "gelu": (lambda: Net(F.gelu), "gelu"),
    "square": (lambda: Net(lambda x: x * x), "mul"),
    "step": (lambda: Net(lambda x: (x > 0).to(x.dtype)), "gt|jump|step"),
    "sigmoid": (lambda: nn.Sequential(*plain()[:1], nn.Sigmoid(), plain()[2]), "Sigmoid"),
    "LayerNorm": (lambda: nn.Sequential(*plain()[:1], nn.LayerNorm(7, dtype=torch.float64), *plain()[1:]), "LayerNorm"),
    "softmax head": (lambda: nn.Sequential(plain(), nn.Softmax(1)), "Softmax"),
}
READING = {
    "from_torch": lambda module: rx.from_torch(module),
    "certify": certified,
    "compare": compared,
    "folding": DOORS["folding"],
    "line_regions": regions,
    "slice_regions": sliced,
    "read_layers": lambda module: rx.network.read_layers(module),
}


@pytest.mark.parametrize("name", OTHERS)
def test_every_door_names_what_it_cannot_read(name):
    make, operation = OTHERS[name]
    for use in READING.values():
        with pytest.raises(InvalidInputError, match=operation):
            use(make())


@pytest.mark.parametrize("make", [lambda: normed().train(), lambda: SPELLINGS["nested"]().train()])
def test_every_door_says_eval_for_a_module_in_training(make):
    for use in READING.values():
        with pytest.raises(InvalidInputError, match=r"training mode; try: module\.eval\(\)"):
            use(make())


def test_a_profile_says_why_there_are_no_regions():
    frame = metrics.profile(Net(F.gelu), X, LABELS, metrics=["line_regions"], n_lines=3)
    assert "operation 'gelu'" in frame.attrs["left_out"]["line_regions"]
