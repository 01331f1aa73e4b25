"""Faces of a loss that do not belong together are refused."""

import numpy as np
import pytest
from losses.test_base import X, targets
from own_losses import Copied

import relucvx as rx
from relucvx.errors import InvalidInputError

WRONG = {
    "slopes": ("_slopes", lambda self, F, Y: 1.2 * (F - Y), "slopes"),
    "sign": ("_slopes", lambda self, F, Y: Y - F, "slopes"),
    "conjugate": ("_dual_terms", lambda self, T, Y: (T * Y, -0.4 * T * T), "dual function"),
    "loose conjugate": ("_dual_terms", lambda self, T, Y: (T * Y, -0.6 * T * T), "dual function"),
    "domain": ("_dual_bounds", lambda self, Y: (0.0 * Y, np.full_like(Y, np.inf)), "dual function"),
    "offset": ("_entries", lambda self, F, Y: 0.5 * (F - Y) ** 2 - 1.0, "least value of 0"),
    "raised": ("_entries", lambda self, F, Y: 0.5 * (F - Y) ** 2 + 1.0, "dual function"),
    "concave": ("_curvatures", lambda self, F, Y: -np.ones_like(F), "curvatures"),
    "shape": ("_slopes", lambda self, F, Y: np.sum(F - Y), "shape"),
    "mixed": ("_entries", lambda self, F, Y: 0.5 * (F - Y) ** 2 + 0.1 * F.mean(axis=1, keepdims=True) ** 2, "mix"),
    "infinite": ("_entries", lambda self, F, Y: np.full_like(F, np.inf), "finite"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_formulas_that_do_not_belong_together_are_refused(fault):
    face, formula, message = WRONG[fault]
    bad = type("Bad", (Copied,), {face: formula})("bad", True)
    with pytest.raises(InvalidInputError, match=message):
        rx.make_problem(X, targets(bad, 2), 0.1, bad)


def test_an_expression_of_another_function_is_refused():
    bad = type("Bad", (Copied,), {"expression": lambda self, fit, Y, W: 2 * Copied.expression(self, fit, Y, W)})(
        "bad", True
    )
    program = rx.ConvexProgram(X, np.ones(9), beta=0.1, loss=bad, arrangement=rx.enumerate_patterns(X))
    with pytest.raises(InvalidInputError, match="the CVXPY expression of the loss 'bad' to be its value"):
        program.to_cvxpy()
