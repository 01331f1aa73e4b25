"""Acceptance: graph-pooled classifiers on 60 generated graphs of unequal size, up to five dimensions, certified to 1e-5."""

import time

import numpy as np
import pytest

import relucvx as rx

LOSSES = ("logistic", "squared", "hinge")


def certified(d, bias, loss, share=0.05, limit=600.0):
    """The optimum at a share of beta_max, its proof made again from the dual point alone, and nothing trained is below it."""
    data = rx.datasets.graphs(60, d)
    assert len(set(np.bincount(data.groups))) > 5, "graphs of unequal size"
    options = {"loss": loss, "bias": bias, "groups": data.groups}
    beta = share * rx.beta_max(data.X, data.Y, **options)[0]
    began = time.perf_counter()
    sol = rx.solve(data.X, data.Y, beta, tol=1e-5, time_limit=limit, **options)
    print(f"graphs of {len(data.X)} nodes, d = {d}, bias {bias}, {loss}: {sol!r} {time.perf_counter() - began:.1f} s")
    assert sol.certificate.rel_gap <= 1e-5
    assert sol.certificate.scope is rx.Scope.ALL_PATTERNS
    again = rx.certify(sol.network, sol.problem, dual=sol.dual, tol=1e-5, time_limit=limit)
    assert again.rel_gap <= 1e-5
    runs = rx.train(sol.problem, width=20, seeds=range(2), max_steps=200)
    assert runs.best.objective >= sol.certificate.lower
    return sol


@pytest.mark.parametrize("loss", LOSSES)
def test_graphs_in_two_dimensions(loss):
    certified(2, "none", loss)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("d", "bias"), [(5, "none"), (4, "all")])
def test_graphs_in_five_dimensions(d, bias, loss):
    """D = 5: five features of a node, or four and a bias."""
    certified(d, bias, loss)
