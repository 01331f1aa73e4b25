"""Balanced trials and pseudo-populations: each trial once, conditions alike, common noise kept."""

import numpy as np
import pandas as pd
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import Recording

FACTORS = {"context": ["a", "a", "b", "b"] * 5, "choice": [1, 2] * 10}


def test_balanced_draws_without_replacement_in_each_session():
    rng = np.random.default_rng(2)
    condition, session = rng.choice(list("abc"), 90).tolist(), rng.choice(["s", "t"], 90).tolist()
    recording = Recording(np.arange(90.0)[:, None], condition=condition, session=session)
    found = recording.balanced(rng=0)
    rows = found.responses[:, 0].astype(int)
    assert (np.diff(rows) > 0).all()
    assert found.condition == tuple(condition[i] for i in rows)
    table = pd.crosstab(np.array(session)[rows], np.array(condition)[rows])
    least = pd.crosstab(np.array(session), np.array(condition)).min(axis=1)
    assert (table.nunique(axis=1) == 1).all()
    assert (table["a"] == least).all()
    assert found.responses.tolist() != recording.balanced(rng=1).responses.tolist()
    assert recording.balanced(2, rng=0).n_trials == 12
    with pytest.raises(InvalidInputError, match="n_trials to be an int from 1 to"):
        recording.balanced(1000)


def test_pseudo_populations_use_each_trial_once_and_keep_what_was_recorded_together():
    rng = np.random.default_rng(3)
    a = Recording(rng.standard_normal((12, 2)), condition=list("AB") * 6, neurons=["x1", "x2"])
    b = Recording(rng.standard_normal((9, 2)), condition=list("ABB") * 3, neurons=["y1", "y2"])
    both = Recording.of_sessions({"a": a, "b": b})
    assert both.recorded.tolist() == [[True, True, False, False], [False, False, True, True]]
    made_of = both.pseudo_population(rng=0)
    assert made_of.complete
    assert made_of.counts.tolist() == [3, 6]
    assert made_of.session is None
    for part, columns in ((a, [0, 1]), (b, [2, 3])):
        rows = [np.flatnonzero((part.responses == row).all(axis=1)) for row in made_of.responses[:, columns]]
        assert all(len(r) == 1 for r in rows)
        rows = [int(r[0]) for r in rows]
        assert len(set(rows)) == len(rows)
        assert [part.condition[r] for r in rows] == list(made_of.condition)
    assert both.pseudo_population(2, rng=0).counts.tolist() == [2, 2]
    with pytest.raises(InvalidInputError, match=r"every neuron was recorded.*pseudo_population"):
        _ = both.activity
    lacking = Recording.of_sessions({"a": a, "b": b.select(conditions="B")})
    for refused in (lacking.pseudo_population, lacking.averages, lacking.kernel):
        with pytest.raises(InvalidInputError, match="no trial of condition 'A' with neuron 'y1'"):
            refused()
