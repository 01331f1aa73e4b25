"""The gated relaxation."""

import numpy as np
import pytest
from program.test_model import X, some_patterns, y

from relucvx.arrangement import enumerate_patterns
from relucvx.errors import UnsupportedError
from relucvx.program.gated import GatedRelaxation
from relucvx.program.posing import make_problem


def test_gated_relaxation_is_a_bound_only_over_all_patterns():
    problem = make_problem(X, y, 0.2)
    arrangement = enumerate_patterns(X)
    gated = GatedRelaxation(problem, arrangement)
    form = gated.to_cvxpy()
    assert form.negative is None
    assert form.constraints == [form.link]
    assert form.problem.is_dcp(dpp=True)
    assert gated.complete
    assert gated.lower_bound(1.5) == 1.5
    with pytest.raises(UnsupportedError, match="gated value a lower bound; received 3 of them"):
        GatedRelaxation(problem, some_patterns(arrangement, 3)).lower_bound(1.5)


def test_several_outputs_have_another_relaxation():
    with pytest.raises(
        UnsupportedError, match=r"one output for the gated relaxation; received 2 outputs.*nuclear_norm"
    ):
        GatedRelaxation(make_problem(X, np.stack([y, y], axis=1), 1.0), enumerate_patterns(X))
