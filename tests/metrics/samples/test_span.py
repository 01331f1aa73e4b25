"""Two ways to decide a split, which prove what they say and agree."""

import numpy as np

from relucvx.metrics.samples.span import NO_MARGIN, Span


def test_both_ways_decide_alike_and_prove_it():
    rng, seen = np.random.default_rng(0), set()
    for k in range(60):
        Z = rng.standard_normal((rng.integers(2, 16), rng.integers(1, 6)))
        Z = np.round(Z) if k % 3 == 0 else Z  # points that coincide
        span, signs = Span.of(Z, bool(k % 2)), np.where(rng.random(len(Z)) < 0.5, 1.0, -1.0)
        w, q = span.nearest(signs)
        answer = span.decide(signs)
        assert (w is None, q is None) == (answer[0] is None, answer[1] is None)
        if w is not None:
            assert np.all(signs * (span.rows @ w) > 0)
        else:
            assert q.min() >= 0
            assert np.abs((q * signs) @ span.rows).max() <= NO_MARGIN
            assert np.count_nonzero(q) <= span.rows.shape[1] + 1  # few, so that one answers for many splits
        seen.add(w is None)
    assert seen == {True, False}


def test_a_solver_that_cycles_leaves_it_open(monkeypatch):
    def cycles(A, b):
        raise RuntimeError("Maximum number of iterations reached")

    monkeypatch.setattr("relucvx.metrics.samples.span.nnls", cycles)
    span = Span.of(np.array([[0.0], [1.0], [2.0]]), True)
    assert span.nearest(np.array([1.0, -1.0, 1.0])) == (None, None)
    assert span.answers(np.array([[1.0, -1.0, 1.0], [1.0, 1.0, -1.0]])).tolist() == [0, 1]
