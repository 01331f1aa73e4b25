"""Climbs along walls: what they reach, against every face of small arrangements."""

import itertools

import numpy as np
import pytest

import relucvx as rx
from relucvx.deadline import Deadline
from relucvx.oracle import form_of, ridges
from relucvx.oracle.ridges import climbed, tops
from relucvx.oracle.search import local_maxima, random_directions


def drawn(seed, n, d, c, bias="none"):
    rng = np.random.default_rng(seed)
    problem = rx.make_problem(rng.standard_normal((n, d)), rng.standard_normal((n, c)), 1.0, bias=bias)
    N = rng.standard_normal((n, c))
    return form_of(problem, N - N.mean(axis=0) if bias == "free" else N)


def largest(form):
    """The maximum by brute force: on every face the top singular vector, where it lies in the closure of the face."""
    n, q = form.X.shape
    best = 0.0
    for held in itertools.chain.from_iterable(itertools.combinations(range(n), k) for k in range(q)):
        _, s, Vt = np.linalg.svd(form.X[list(held)]) if held else (None, np.zeros(0), np.eye(q))
        Z = Vt[int((s > 1e-9).sum()) :].T
        rest = [i for i in range(n) if i not in held]
        for cell in rx.enumerate_patterns(form.X[rest] @ Z).patterns:
            A = (form.M[rest] * cell[:, None]).T @ form.X[rest] @ Z + form.L.T @ Z
            w = Z @ np.linalg.svd(A)[2][0]
            # F at any point is a value that is reached, whatever the cell
            best = max(best, *form.values(np.column_stack([w, -w])))
    return best


@pytest.mark.parametrize("seed", range(4))
def test_climbs_from_random_directions_reach_the_maximum_over_all_faces(seed):
    form = drawn(seed, 6, 3, 2)
    ends, values = climbed(form, random_directions(form, 200, np.random.default_rng(0)))
    assert values.max() == pytest.approx(largest(form), rel=1e-9)
    np.testing.assert_allclose(form.values(ends.T), values)
    np.testing.assert_allclose(np.linalg.norm(ends, axis=1), 1.0)


@pytest.mark.parametrize("bias", ["hidden", "free"])
def test_ends_are_maxima_where_ends_of_gradient_steps_are_not(bias):
    """No point near an end is higher; of the ends of gradient steps some are below points near them."""
    rng = np.random.default_rng(1)
    form = drawn(3, 12, 3, 2, bias)
    p = form.penalized

    def beaten(points, values):
        near = points[:, None] + 1e-3 * rng.standard_normal((len(points), 300, points.shape[1]))
        near /= np.linalg.norm(near[..., :p], axis=2, keepdims=True)
        top = form.values(near.reshape(-1, near.shape[2]).T).reshape(len(points), -1).max(axis=1)
        return int((top > values * (1 + 1e-9)).sum())

    found, values = local_maxima(form, random_directions(form, 60, rng), limit=40)
    ends, higher = climbed(form, found)
    assert (higher >= values).all()
    assert beaten(ends, higher) == 0
    assert beaten(found, values) > 0


def test_no_time_leaves_points_where_they_are():
    form = drawn(0, 6, 3, 2)
    points = random_directions(form, 5, np.random.default_rng(0))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    gone = Deadline(1e-9)
    np.testing.assert_allclose(climbed(form, points, gone)[0], points, rtol=1e-14)
    assert climbed(form, np.zeros((0, 3)))[0].shape == (0, 3)


def test_ends_of_an_ascent_are_led_to_the_top_best_first_and_of_many_rows_only_some(monkeypatch):
    form = drawn(3, 12, 3, 2)
    found, values = local_maxima(form, random_directions(form, 60, np.random.default_rng(1)), iterations=3, limit=10)
    ends, higher = tops(form, found, values)
    assert len(ends) == len(found) > 2
    assert (np.diff(higher) <= 0).all()
    np.testing.assert_allclose(form.values(ends.T), higher, rtol=1e-12)
    assert higher.sum() > values.sum() * (1 + 1e-6)
    monkeypatch.setattr(ridges, "CLIMBED", 0.0)
    ends, higher = tops(form, found, values)
    assert (np.isin(values[1:], higher)).all()
    assert higher[0] >= values[0]
    assert len(tops(form, found[:0], values[:0])[0]) == 0
