"""How a loss enters a conic program: quadratic and linear terms on the fit, and cone rows on extra variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from relucvx.errors import UnsupportedError, explain
from relucvx.later import later
from relucvx.types import Array

if TYPE_CHECKING:
    import scipy.sparse as sp
else:
    sp = later("scipy.sparse")

if TYPE_CHECKING:
    from relucvx.losses.base import Loss

clarabel = later("clarabel")
cp = later("cvxpy")


@dataclass
class LossCones:
    """How a loss enters: quadratic and linear terms on the fit and on extra variables, and cone rows tying them.

    The rows read ``offsets - fit_part @ vec(F) - extra_part @ extra`` in the cones of CLARABEL, samples major.

    Notes
    -----
    Status: theorem (a reformulation of the loss). Source: [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> from relucvx.losses import as_loss
    >>> cones = as_loss("huber").cones(np.array([[1.0], [2.0]]), np.ones(2), 1.0)
    >>> cones.width, len(cones.cones)  # variables beside the fit, and the cones they lie in
    (6, 2)
    """

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


def cones_of_expression(loss: Loss, Y: Array, w: Array, sy: float) -> LossCones:
    """The cones of any loss, as CVXPY writes its expression: in units ``sy`` of the fit, ``sy²`` of the objective.

    Raises
    ------
    UnsupportedError
        For a loss whose expression needs cones beyond linear, second-order, exponential and power cones.
    """

    fit = cp.Variable(Y.size)
    F = cp.reshape(sy * fit, Y.shape, order="C")
    cost = loss.checked_expression(F, Y, w) / sy**2
    for quadratic in (True, False):
        data = _canonical(cp.Problem(cp.Minimize(cost)), quadratic)
        P = sp.csc_matrix(data["P"]) if "P" in data else sp.csc_matrix((len(data["c"]), len(data["c"])))
        # group programs hold a diagonal only; without quadratic terms squares become second-order cones
        if (P - sp.diags(P.diagonal())).nnz == 0:
            break
    dims = data["dims"]
    if dims.psd:
        raise UnsupportedError(
            explain(
                "a loss made of linear, second-order, exponential and power cones",
                f"{loss.name!r}, which needs semidefinite ones",
                "",
                "Loss.cones of your own class",
            )
        )
    cones: list[Any] = [clarabel.ZeroConeT(dims.zero)] if dims.zero else []
    cones += [clarabel.NonnegativeConeT(dims.nonneg)] if dims.nonneg else []
    cones += [clarabel.SecondOrderConeT(size) for size in dims.soc]
    cones += [clarabel.ExponentialConeT()] * dims.exp + [clarabel.PowerConeT(a) for a in dims.p3d]
    # CVXPY adds variables of its own: the fit's are told apart by their place
    first = data["param_prob"].var_id_to_col[fit.id]
    ours = np.zeros(len(data["c"]), dtype=bool)
    ours[first : first + Y.size] = True
    A, q, diagonal = sp.csc_matrix(data["A"]), np.asarray(data["c"]), P.diagonal()
    return LossCones(
        int((~ours).sum()), diagonal[ours], q[ours], diagonal[~ours], q[~ours],
        [A[:, ours]], [A[:, ~ours]], [np.asarray(data["b"])], cones,
    )  # fmt: skip


def _canonical(problem: Any, quadratic: bool) -> dict[str, Any]:
    """CVXPY's standard form for CLARABEL, with quadratic terms in the objective or without."""
    data, _, _ = problem.get_problem_data("CLARABEL", solver_opts={"use_quad_obj": quadratic})
    return dict(data)
