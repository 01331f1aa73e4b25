"""The convex program over given cells."""

import numpy as np
import pytest
from solver.test_column_generation import all_blocks, network_of, problem_for
from strategies import ENTRYWISE

from relucvx.arrangement import enumerate_patterns
from relucvx.errors import BackendError
from relucvx.oracle import dual_norm
from relucvx.program.duality import balance_dual, dual_objective
from relucvx.program.objective import balanced_objective
from relucvx.program.posing import make_problem
from relucvx.solver.column_generation import active_set
from relucvx.solver.restricted import Blocks, solve_restricted
from relucvx.types import Bias, Status


@pytest.mark.parametrize("loss", list(ENTRYWISE))
@pytest.mark.parametrize("bias", Bias)
def test_restricted_over_all_cells_is_the_global_optimum(bias, loss):
    weight = np.array([1.0, 2.0, 0.5, 0.0, 1.0, 1.0, 3.0])
    problem = problem_for(loss, bias, weight=weight)
    blocks = all_blocks(problem)
    out = solve_restricted(problem, blocks)
    network = network_of(problem, blocks, out.u, out.bias_out)
    value = balanced_objective(problem, network)
    N = balance_dual(problem, out.dual)
    assert np.abs(N - out.dual).max() <= 1e-7
    upper = dual_norm(problem, N).upper
    assert upper <= problem.beta * (1 + 1e-6)
    assert dual_objective(problem, N / max(1.0, upper / problem.beta)) == pytest.approx(value, rel=1e-6)
    assert out.solves >= 1
    assert out.seconds > 0


@pytest.mark.parametrize("bias", Bias)
def test_restricted_respects_its_cells(bias):
    problem = problem_for(bias=bias, n=10)
    patterns = enumerate_patterns(problem.inputs).patterns[::3]
    blocks = Blocks(patterns, np.where(np.arange(len(patterns)) % 2, 1.0, -1.0)[:, None])
    out = solve_restricted(problem, blocks)
    products = out.u @ problem.inputs.T
    wrong = np.where(patterns, -products, products)
    lengths = np.linalg.norm(problem.inputs, axis=1)
    assert (wrong <= 1e-7 * lengths * np.linalg.norm(out.u, axis=1).max()).all()
    everything = solve_restricted(problem, all_blocks(problem))
    part = balanced_objective(problem, network_of(problem, blocks, out.u, out.bias_out))
    whole = balanced_objective(problem, network_of(problem, all_blocks(problem), everything.u, everything.bias_out))
    assert part >= whole * (1 - 1e-8)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("bias", ["none", "free"])
def test_restricted_scales(scale, bias):
    """Inputs and beta times s leave the value; targets and beta times s multiply it by s²."""
    base = problem_for(bias=bias)
    reference = solve_restricted(base, all_blocks(base))
    value = balanced_objective(base, network_of(base, all_blocks(base), reference.u, reference.bias_out))
    inputs = make_problem(scale * base.X, base.Y[:, 0], scale * 0.3, bias=bias)
    blocks = Blocks(all_blocks(base).patterns, all_blocks(base).outputs)
    out = solve_restricted(inputs, blocks)
    assert balanced_objective(inputs, network_of(inputs, blocks, out.u, out.bias_out)) == pytest.approx(value, rel=1e-6)
    targets = make_problem(base.X, scale * base.Y[:, 0], scale * 0.3, bias=bias)
    out = solve_restricted(targets, all_blocks(base))
    got = balanced_objective(targets, network_of(targets, all_blocks(base), out.u, out.bias_out))
    assert got == pytest.approx(scale**2 * value, rel=1e-6)


def test_backend_failure_is_an_error(monkeypatch):
    import clarabel

    class Broken:
        def __init__(self, *args):
            pass

        def solve(self):
            problem = problem_for()
            size = 10_000
            out = type("Out", (), {})()
            out.x, out.z, out.status, out.solve_time = np.full(size, np.nan), np.zeros(size), "NumericalError", 0.0
            assert problem.n_samples
            return out

    monkeypatch.setattr(clarabel, "DefaultSolver", Broken)
    problem = problem_for()
    with pytest.raises(BackendError, match="CLARABEL stopped with status NumericalError"):
        solve_restricted(problem, all_blocks(problem))
    result = active_set(problem)
    assert result.status is Status.BACKEND_FAILED
    assert balanced_objective(problem, result.network) <= problem.null_value()


def test_blocks_extend_without_repeats_and_keep_their_rows():
    patterns = np.array([[True, False], [False, True]])
    blocks = Blocks(patterns, np.array([[1.0], [-1.0]]))
    blocks.rows[1].add(0)
    more = blocks.extend(
        np.array([[True, False], [True, False], [True, True], [True, True]]), np.array([[1.0], [-1.0], [1.0], [1.0]])
    )
    assert len(more) == 4
    assert more.rows == [set(), {0}, set(), set()]
    kept = more.keep(np.array([False, True, True, False]))
    assert kept.rows == [{0}, set()]
    np.testing.assert_array_equal(kept.patterns, [[False, True], [True, False]])
    assert len(blocks.keep(np.array([False, False]))) == 0
