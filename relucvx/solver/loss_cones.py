"""How each loss enters a conic program: quadratic and linear terms on the fit, and cone rows on extra variables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from relucvx.program.problem import Problem
from relucvx.types import Array


@dataclass
class LossCones:
    """How a loss enters: quadratic and linear terms on the fit and on extra variables, and cone rows tying them."""

    width: int
    quadratic_fit: Array
    linear_fit: Array
    quadratic: Array
    linear: Array
    fit_part: list[sp.csc_matrix]
    extra_part: list[sp.csc_matrix]
    offsets: list[Array]
    cones: list[object]

    def rows(self, width: int, at_f: int) -> list[sp.csc_matrix]:
        """The cone rows padded to the full width."""
        out = []
        for left, right in zip(self.fit_part, self.extra_part, strict=True):
            pad = sp.csc_matrix((left.shape[0], at_f))
            out.append(sp.hstack([pad, left, right], format="csc"))
        return out


def loss_cones(problem: Problem, sy: float) -> LossCones:
    """Dispatch on the loss; f and y are in units ``sy`` of the targets, the objective in units of its square."""
    loss = problem.loss
    N = problem.Y.size
    w = np.repeat(problem.sample_weight, problem.n_outputs)
    y = problem.Y.ravel() / sy
    none = np.zeros(0)
    if loss.name == "squared":
        return LossCones(0, w, -w * y, none, none, [], [], [], [])
    if loss.name == "cross_entropy":
        return _cross_entropy(problem)
    if loss.name in ("hinge", "squared_hinge"):
        return _hinge(N, w, y, loss.name == "squared_hinge")
    return {"absolute": _absolute, "huber": _huber, "logistic": _logistic}[loss.name](N, w, y, sy)


def _huber(N: int, w: Array, y: Array, sy: float) -> LossCones:
    """h(r) = min over s of (r - s)²/2 + delta |s|: variables (a, s, t) with f - y = a + s, |s| <= t."""
    import clarabel

    delta = 1.0 / sy
    eye, zero = sp.identity(N, format="csc"), sp.csc_matrix((N, N))
    return LossCones(
        3 * N, np.zeros(N), np.zeros(N), np.concatenate([w, np.zeros(2 * N)]),
        np.concatenate([np.zeros(2 * N), delta * w]),
        [eye, sp.csc_matrix((2 * N, N))],
        [sp.hstack([-eye, -eye, zero]), sp.vstack([sp.hstack([zero, eye, -eye]), sp.hstack([zero, -eye, -eye])])],
        [y, np.zeros(2 * N)],
        [clarabel.ZeroConeT(N), clarabel.NonnegativeConeT(2 * N)],
    )  # fmt: skip


def _absolute(N: int, w: Array, y: Array, sy: float) -> LossCones:
    """|f - y| <= t, entering linearly."""
    import clarabel

    eye = sp.identity(N, format="csc")
    return LossCones(
        N, np.zeros(N), np.zeros(N), np.zeros(N), w / sy,
        [sp.vstack([eye, -eye], format="csc")], [sp.vstack([-eye, -eye], format="csc")], [np.concatenate([y, -y])],
        [clarabel.NonnegativeConeT(2 * N)],
    )  # fmt: skip


def _hinge(N: int, w: Array, y: Array, squared: bool) -> LossCones:
    """Slack s >= 1 - y f, s >= 0, entering linearly (hinge) or squared (squared hinge)."""
    import clarabel

    eye = sp.identity(N, format="csc")
    return LossCones(
        N, np.zeros(N), np.zeros(N), 2.0 * w if squared else np.zeros(N), np.zeros(N) if squared else w,
        [sp.vstack([-sp.diags(y), sp.csc_matrix((N, N))], format="csc")],
        [sp.vstack([-eye, -eye], format="csc")],
        [np.concatenate([-np.ones(N), np.zeros(N)])],
        [clarabel.NonnegativeConeT(2 * N)],
    )  # fmt: skip


def _logistic(N: int, w: Array, y: Array, sy: float) -> LossCones:
    """log(1 + exp(-y f)) <= t as exp(-t) + exp(-y f - t) <= 1: variables (t, a, b), a + b <= 1."""
    import clarabel

    rows_f, rows_e, offset = sp.lil_matrix((6 * N, N)), sp.lil_matrix((6 * N, 3 * N)), np.zeros(6 * N)
    for i in range(N):
        # clarabel's exponential cone holds (x, y, z) with y exp(x / y) <= z; its rows read b - A x
        rows_e[6 * i, i] = 1.0  # x = -t
        offset[6 * i + 1] = 1.0
        rows_e[6 * i + 2, N + i] = -1.0  # z = a
        rows_f[6 * i + 3, i] = y[i]  # x = -y f - t
        rows_e[6 * i + 3, i] = 1.0
        offset[6 * i + 4] = 1.0
        rows_e[6 * i + 5, 2 * N + i] = -1.0  # z = b
    eye = sp.identity(N, format="csc")
    return LossCones(
        3 * N, np.zeros(N), np.zeros(N), np.zeros(3 * N), np.concatenate([w, np.zeros(2 * N)]),
        [sp.csc_matrix((N, N)), rows_f.tocsc()],
        [sp.hstack([sp.csc_matrix((N, N)), eye, eye], format="csc"), rows_e.tocsc()],
        [np.ones(N), offset],
        [clarabel.NonnegativeConeT(N), *([clarabel.ExponentialConeT()] * (2 * N))],
    )  # fmt: skip


def _cross_entropy(problem: Problem) -> LossCones:
    """w_i (t_i - y_i·f_i) with Σ_k exp(f_ik - t_i) <= 1: variables (t (n), a (n c)), exp(f_ik - t_i) <= a_ik."""
    import clarabel

    n, c = problem.Y.shape
    N = n * c
    w = problem.sample_weight
    pick = sp.csc_matrix((np.ones(N), (np.arange(N), np.repeat(np.arange(n), c))), shape=(N, n))
    first = sp.csc_matrix((np.ones(N), (3 * np.arange(N), np.arange(N))), shape=(3 * N, N))
    third = sp.csc_matrix((np.ones(N), (3 * np.arange(N) + 2, np.arange(N))), shape=(3 * N, N))
    offset = np.zeros(3 * N)
    offset[1::3] = 1.0
    # clarabel's exponential cone holds (x, y, z) with y exp(x / y) <= z; its rows read b - A x
    return LossCones(
        n + N, np.zeros(N), -np.repeat(w, c) * problem.Y.ravel(), np.zeros(n + N), np.concatenate([w, np.zeros(N)]),
        [sp.csc_matrix((n, N)), -first],
        [sp.hstack([sp.csc_matrix((n, n)), pick.T], format="csc"), sp.hstack([first @ pick, -third], format="csc")],
        [np.ones(n), offset],
        [clarabel.NonnegativeConeT(n), *([clarabel.ExponentialConeT()] * N)],
    )  # fmt: skip
