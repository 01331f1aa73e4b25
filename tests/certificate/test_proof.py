"""Proofs that are made once: by the certificate, for whoever asks, about the problem as it was stated."""

import dataclasses

import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate import Prover, certify_network, prove_dual
from relucvx.certificate import proof as module
from relucvx.errors import InvalidInputError
from relucvx.solver import solve_problem

RNG = np.random.default_rng(0)
X = np.repeat(RNG.standard_normal((10, 3)), 2, axis=0)  # rows that presolve merges
Y = RNG.standard_normal(20)


def problems():
    labels = np.where(Y > 0, 1.0, -1.0)
    yield rx.make_problem(X, Y + 1e6, 0.3, bias="free")
    yield rx.make_problem(1e6 * X, 1e-6 * Y, 0.3, sample_weight=np.arange(1.0, 21.0))
    yield rx.make_problem(X, np.eye(2)[(labels > 0).astype(int)], 0.3, loss="cross_entropy", bias="hidden")
    yield rx.make_problem(X, labels, 0.3, loss="hinge", bias="all")
    yield rx.make_problem(np.hstack([X, X @ RNG.standard_normal((3, 40))]), np.column_stack([Y, Y[::-1]]), 0.3)
    yield rx.make_problem(
        RNG.standard_normal((10, 2, 3)), np.where(Y[:10] > 0, 1.0, -1.0), 0.1, loss="logistic", pooling="flatten"
    )


@pytest.mark.parametrize("problem", list(problems()), ids=lambda p: f"{p.loss.name}-{p.bias}")
def test_what_the_solver_was_told_is_what_is_handed_out(problem, monkeypatch):
    asked = []
    real = module.dual_norm

    def counted(*args, **options):
        asked.append(options["target"])
        return real(*args, **options)

    monkeypatch.setattr(module, "dual_norm", counted)
    sol = rx.solve(problem)
    assert sol.certificate.rel_gap <= 1e-6
    proofs = len(asked)
    found = solve_problem(problem, prove=Prover(problem))
    assert found.proof.problem is problem
    assert len(asked) == 2 * proofs  # the certificate of the first call asked for none of its own
    # what was proven for the solver is what the certificate proves alone
    alone = certify_network(problem, found.network, found.dual)
    assert alone.rel_gap <= 1e-6
    assert found.proof.lower == pytest.approx(alone.lower, rel=1e-6)
    assert found.proof.lower <= alone.upper


@pytest.mark.parametrize("problem", list(problems()), ids=lambda p: f"{p.loss.name}-{p.bias}")
def test_with_and_without_a_prover_the_solver_ends_alike(problem):
    own, told = solve_problem(problem), solve_problem(problem, prove=Prover(problem))
    assert own.proof is None
    assert told.lower == pytest.approx(own.lower, rel=2e-6)
    assert told.status is own.status


def test_a_contradiction_comes_back_as_a_column(monkeypatch):
    """A search that finds nothing leaves every column to the prover."""
    import importlib

    generation = importlib.import_module("relucvx.solver.column_generation")
    real, calls = generation.local_maxima, []

    def blind(form, starts, **options):
        if "above" not in options:
            return real(form, starts, **options)
        calls.append(len(starts))
        return np.zeros((0, form.X.shape[1])), np.zeros(0)

    monkeypatch.setattr(generation, "local_maxima", blind)
    for problem in list(problems())[::2]:
        sol = rx.solve(problem)
        assert sol.certificate.rel_gap <= 1e-6
    assert calls


def test_the_proof_of_another_problem_is_refused():
    problem = rx.make_problem(X, Y, 0.3)
    proof = prove_dual(problem, Y[:, None])
    assert proof.lower <= rx.solve(problem).objective
    other = dataclasses.replace(problem, beta=0.1)
    with pytest.raises(InvalidInputError, match="another one"):
        certify_network(other, other.null_network(), proof=proof)


def test_a_forged_proof_does_not_pass_for_one_of_ours():
    """The bound of a proof is only ever taken from what was computed here: nothing of the solver's enters it."""
    problem = rx.make_problem(X, Y, 0.3)
    sol = rx.solve(problem)
    assert sol.certificate.lower == pytest.approx(prove_dual(problem, sol.dual).lower, rel=1e-6)
