"""Exact proofs of drawn problems: what they say agrees with the certificates in float64, and is invariant where it must be."""

from fractions import Fraction

import numpy as np
import pytest
from own_losses import Insensitive
from proof_files import degenerate, drawn, records

import relucvx as rx
from relucvx.certificate import check_proof
from relucvx.certificate.exact_proof import _axes, _rounded, _zero_sum, proof_text
from relucvx.errors import UnsupportedError


def proof(problem, **options):
    """The statement that is proven for a problem, and its solution."""
    sol = rx.solve(problem, tol=1e-8)
    return check_proof.check(proof_text(sol.problem, sol.inner, sol.dual, **options)), sol


@pytest.mark.parametrize("kind", ["plain", "degenerate", "two outputs"])
@pytest.mark.parametrize("seed", range(4))
def test_drawn_problems_are_proven_within_a_millionth(kind, seed):
    problem = drawn(np.random.default_rng(seed), kind, most_samples=12, most_features=3 if kind != "two outputs" else 2)
    found, sol = proof(problem)
    assert 0 < found.lower <= found.upper
    assert found.upper - found.lower <= (1e-6 + sol.certificate.rel_gap) * found.upper
    assert float(found.upper) == pytest.approx(sol.objective, rel=1e-12)
    # the strongest line: no network is below the bound
    rng = np.random.default_rng(seed)
    for _ in range(20):
        W = rng.normal(size=(4, problem.n_inputs))
        V, b = rng.normal(size=(4, problem.n_outputs)), rng.normal(size=problem.n_outputs)
        cert = rx.certify(problem.network(W, V, b), problem, dual=sol.dual, time_limit=5.0)
        assert found.lower <= cert.upper * (1 + 1e-12)


@pytest.mark.parametrize("bias", ["none", "hidden", "all", "free"])
def test_permuted_rotated_by_quarter_turns_and_doubled_data_give_the_same_bounds(bias):
    rng = np.random.default_rng(8)
    X, y = degenerate(rng, 9, 2) + 0.5, rng.normal(size=9)
    base, sol = proof(rx.make_problem(X, y, 0.4, bias=bias))
    turn, order = np.array([[0.0, -1.0], [1.0, 0.0]]), rng.permutation(9)
    for problem in (
        rx.make_problem(X[order] @ turn, y[order], 0.4, bias=bias),
        rx.make_problem(np.vstack([X, X]), np.concatenate([y, y]), 0.4, bias=bias, sample_weight=np.full(18, 0.5)),
    ):
        other, _ = proof(problem)
        assert float(other.lower) == pytest.approx(float(base.lower), rel=1e-6)
        assert other.lower <= base.upper
    assert float(base.lower) == pytest.approx(sol.certificate.lower, rel=1e-6)


@pytest.mark.parametrize(
    ("X", "y", "beta", "bias"),
    [
        ([[0.0, 0.0], [0.0, 0.0]], [1.0, 2.0], 1.0, "none"),
        ([[1.0, 2.0], [1.0, 2.0]], [1.0, 2.0], 1.0, "free"),
        ([[1.0], [2.0]], [1.0, 2.0], 1e6, "none"),
        ([[1.0, 1.0], [2.0, 2.0]], [1.0, 2.0], 0.5, "none"),
        ([[1e-150, 1.0], [2.0, 2.0], [3e8, 1.0]], [1.0, 2.0, 5.0], 0.5, "none"),
        ([[0.1, 0.2, 0.3]], [1.0], 0.2, "hidden"),
    ],
)
def test_corners(X, y, beta, bias):
    found, sol = proof(rx.make_problem(X, y, beta, bias=bias))
    assert found.lower <= found.upper
    assert float(found.upper - found.lower) <= (1e-6 + sol.certificate.rel_gap) * float(found.upper)
    assert float(found.lower) <= sol.certificate.upper


def test_points_that_prove_nothing_become_zero():
    sol = rx.solve([[1.0], [2.0]], [1.0, 2.0], 0.5)
    found = check_proof.check(proof_text(sol.problem, sol.inner, -sol.dual))
    assert found.lower == 0
    found = check_proof.check(proof_text(sol.problem, sol.inner, sol.dual, room=0.5))
    assert 0 < found.lower < found.upper / 1.2


def test_rounded_points_are_in_the_domain_and_add_up():
    rng = np.random.default_rng(2)
    for bias in ("none", "free"):
        problem = rx.make_problem(rng.normal(size=(6, 2)), np.sign(rng.normal(size=6)), 0.1, "hinge", bias)
        N = problem.Y * rng.random((6, 1))
        if bias == "free":
            N = problem.loss.exact_zero_sums(
                problem.loss.shift_to_zero(N, problem.Y, problem.sample_weight), problem.Y, 1
            )
        R = _rounded(problem, N * 0.7)
        assert np.abs(np.array(R, dtype=float) - 0.7 * N).max() < 1e-16
        for (t,), y in zip(R, problem.Y[:, 0], strict=True):
            assert 0 <= t * Fraction(float(y)) <= 1
        assert bias == "none" or sum(t for (t,) in R) == 0
    for _ in range(50):
        column = [int(t) for t in rng.integers(-5, 6, size=6)]
        out = _zero_sum(column)
        assert sum(out) == 0
        assert all(min(a, 0) <= b <= max(a, 0) for a, b in zip(column, out, strict=True))


@pytest.mark.parametrize("r", [1, 2, 3])
def test_axes_span_the_rows_exactly(r):
    rng = np.random.default_rng(r)
    X = (rng.integers(-9, 10, size=(7, r)) @ rng.integers(-9, 10, size=(r, 3))).astype(float)
    X[0] = X[1:].sum(axis=0)
    whole = X.astype(int).tolist()
    axes = _axes(X, whole)
    assert len(axes) == check_proof.rank(axes) == check_proof.rank([*axes, *whole]) == np.linalg.matrix_rank(X)
    lead = np.array([np.array(axis) / np.linalg.norm(np.array(axis, dtype=float)) for axis in axes], dtype=float)
    assert np.linalg.cond(lead) < 1.1


def test_the_file_holds_the_data_bit_for_bit():
    X, y = [[0.1, 1e-300], [3.0, -1e300 / 3e299]], [0.2, 1 / 3]
    sol = rx.solve(X, y, 0.3)
    parts = records(proof_text(sol.problem, sol.inner, sol.dual))
    for part, x, target in zip(parts[1:3], X, y, strict=True):
        assert [check_proof.number(t) for t in part["x"]] == [Fraction(t) for t in x]
        assert check_proof.number(part["y"][0]) == Fraction(target)


@pytest.mark.parametrize("loss", ["logistic", Insensitive("squared", False)])
def test_other_losses_are_refused(loss):
    sol = rx.solve([[1.0], [-2.0]], [1.0, -1.0], 0.1, loss=loss)
    with pytest.raises(UnsupportedError, match="a loss among squared, huber, absolute, hinge, squared_hinge"):
        proof_text(sol.problem, sol.inner, sol.dual)


def test_bags_are_refused():
    sol = rx.solve(np.ones((3, 2, 1)), [1.0, 2.0, 1.0], 0.1, pooling="mean")
    with pytest.raises(UnsupportedError, match=r"samples that are rows.*relucvx.certify\(solution"):
        proof_text(sol.problem, sol.inner, sol.dual)


def test_many_dimensions_are_refused_at_once():
    sol = rx.solve(np.eye(20), np.ones(20), 0.5, time_limit=10)
    with pytest.raises(rx.RelucvxError, match=r"20 dimensions, whose orthants are 2\^20"):
        proof_text(sol.problem, sol.inner, sol.dual)
