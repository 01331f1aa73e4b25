"""Numbers whose products leave float64 are refused at the door; whatever gets through is bounded rightly."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.oracle import dual_norm

X, Y = np.array([[1.0, 2.0], [-1.0, 0.5], [0.3, -1.0]]), np.array([1.0, -1.0, 0.5])

NULL = rx.make_problem([[1.0, 1.0]], [1.0], 1.0).null_network()

DOORS = {
    "solve": lambda X, Y, beta, **options: rx.solve(X, Y, beta, **options),
    "beta_max": lambda X, Y, beta, **options: rx.beta_max(X, Y, **options),
    "beta_path": lambda X, Y, beta, **options: list(rx.beta_path(X, Y, [beta], **options)),
    "certify": lambda X, Y, beta, **options: rx.certify(
        rx.make_problem([[1.0, 1.0]], [1.0], 1.0).null_network(), X, Y, beta, **options
    ),
    "make_problem": rx.make_problem,
    "interpolate": lambda X, Y, beta, **options: rx.interpolate(X, Y, **options),
    "train": lambda X, Y, beta, **options: rx.train(X, Y, beta=beta, width=2, seeds=[0], **options),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            {"X": np.array([[1.0, 2.0], [1e-200, 0.0], [0.3, -1.0]])},
            r"every non-zero row of X.*numpy.where\(abs\(X\) < 1e-50",
        ),
        ({"X": X * 1e-60}, "every non-zero row of X.*X = X / 2e-60"),
        ({"X": X * 1e60}, r"every non-zero row of X.*X = X / 2e\+60"),
        ({"Y": Y * 1e-60}, "Y with a largest entry.*Y = Y /"),
        ({"sample_weight": [1.0, 1e-165, 1.0]}, "every sample_weight zero or.*between 1e-50"),
        ({"sample_weight": [1e165, 1.0, 1.0]}, "every sample_weight zero or"),
        ({"activation": (1e-200, 1.0)}, "every slope of the activation"),
        ({"activation": (0.1, 1e160)}, "every slope of the activation"),
        ({"beta": 1e-201}, "beta between 1e-100.*interpolate"),
        ({"beta": 1e201}, "beta between 1e-100.*beta=1.0"),
    ],
)
def test_every_door_refuses_what_would_under_or_overflow(door, change, match):
    given = {"X": X, "Y": Y, "beta": 0.1, **change}
    if ("beta" in change and door in ("beta_max", "interpolate")) or (
        "sample_weight" in change and door == "interpolate"
    ):
        pytest.skip("has no such argument")
    with pytest.raises(InvalidInputError, match=match):
        DOORS[door](**given)


def test_the_advice_works():
    tiny = np.array([[1.0, 2.0], [1e-200, 0.0], [0.3, -1.0]])
    rx.make_problem(np.where(abs(tiny) < 1e-50, 0.0, tiny), Y, 0.1)
    rx.make_problem(X * 1e-60 / 2e-60, Y, 0.1)
    rx.make_problem(X, Y * 1e-60 / abs(Y * 1e-60).max(), 0.1)
    weight = np.array([1e165, 1e10, 0.0])
    rx.make_problem(X, Y, 0.1, sample_weight=np.where(weight / weight.max() < 1e-50, 0.0, weight / weight.max()))


BRANCH = "branch_and_bound"
SIZES = [
    # with a free bias and two outputs the maximum is bounded to the last digit in a minute and a half
    pytest.param(bias, outputs, method, marks=[pytest.mark.slow] * ((bias, outputs, method) == ("free", 2, BRANCH)))
    for bias in ("none", "hidden", "free")
    for outputs in (1, 2)
    for method in ("enumeration", BRANCH, "spectral")
    if method != "enumeration" or outputs == 1
]


@pytest.mark.parametrize(("bias", "outputs", "method"), SIZES)
def test_the_dual_norm_is_proportional_to_its_point_at_every_size(bias, outputs, method):
    rng = np.random.default_rng(3)
    Z, T = rng.standard_normal((7, 2)), rng.integers(-8, 9, (7, outputs)) / 8.0
    T = T - np.round(T.mean(axis=0) * 8) / 8 if bias != "free" else T
    T[-1] -= T.sum(axis=0) if bias == "free" else 0.0
    problem = rx.make_problem(Z, T, 1.0, bias=bias)
    base = dual_norm(problem, T, method=method)
    for exponent in (-1020, -700, -400, 400, 900):
        found = dual_norm(problem, np.ldexp(T, exponent), method=method)
        assert found.lower <= found.upper
        # the same interval, up to where a lifted form starts its search
        assert np.ldexp(found.upper, -exponent) == pytest.approx(base.upper, rel=1e-9)
        assert np.ldexp(found.upper, -exponent) >= base.lower * (1 - 1e-14)
        assert np.ldexp(found.lower, -exponent) <= base.upper


def test_a_weight_that_only_a_zero_row_carries_does_not_hide_the_others():
    Z = np.array([[1.0], [0.0], [-2.0]])
    problem = rx.make_problem(Z, np.array([1.0, 1.0, 1.0]), 1.0)
    N = np.array([[1e-200], [1.0], [3e-200]])
    found = dual_norm(problem, N)
    assert found.upper == pytest.approx(6e-200, rel=1e-9)
    assert found.lower <= 6e-200 <= found.upper


@pytest.mark.slow
def test_certificates_of_tiny_dual_points_hold():
    for bias in ("none", "free"):
        best = rx.solve(X, Y, 0.1, bias=bias)
        for size in (1e-300, 1e-200, 1e-160):
            proof = rx.certify(best.network, X, Y, 0.1, bias=bias, dual=Y * size)
            assert proof.lower <= best.objective * (1 + 1e-12)
