"""Clocks of columns, and what is left of a profile after Ctrl-C."""

import numpy as np
import pytest
from metrics.layers.cases import EXACT, LABELS, NET, X

from relucvx import metrics as m
from relucvx.deadline import Deadline, OutOfTime, ruled
from relucvx.errors import Interrupted, InvalidInputError

COLUMNS = ["graph_convexity", "nc1", "cdnv"]


def test_what_takes_longer_than_its_time_is_cut_and_says_so():
    found = m.profile(NET, X, LABELS, metrics=COLUMNS, time_limit=1e-9, **EXACT)
    assert found["graph_convexity"].isna().all()
    assert found["nc1"].notna().all()  # it looks at no clock, and is done at once
    assert set(found.attrs["cut"]) == {"graph_convexity"}
    assert found.attrs["cut"]["graph_convexity"]["input"] == "cut after 1e-09 s, its time limit"
    assert found.attrs["complete"]
    whole = m.profile(NET, X, LABELS, metrics=COLUMNS, time_limit=1000, **EXACT)
    assert whole.attrs["cut"] == {}
    assert whole["graph_convexity"].notna().all()


def test_a_limit_from_outside_is_none_of_a_column():
    with ruled(Deadline(0.0)), pytest.raises(OutOfTime):
        m.profile({"one": X.reshape(len(X), -1)}, None, LABELS, metrics=["graph_convexity"], n_pairs=5, rng=0)


def test_every_long_column_looks_at_its_clock():
    factors = np.stack([np.arange(42) % 2, np.arange(42) // 2 % 2], axis=1)
    found = m.profile(NET, X, LABELS, factors=factors, time_limit=1e-9, **EXACT)
    assert {"graph_convexity", "euclidean_convexity", "two_nn", "ccgp", "linear_probe"} <= set(found.attrs["cut"])


def test_a_wrong_limit_is_refused():
    with pytest.raises(InvalidInputError, match="time_limit"):
        m.profile(NET, X, LABELS, time_limit=-1.0)


@pytest.mark.parametrize(("step", "rows", "values"), [(0, 0, 0), (1, 1, 1), (2, 1, 3), (3, 2, 4)])
def test_ctrl_c_keeps_what_is_finished(step, rows, values):
    def press(progress):
        if progress.step == step:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        m.profile(NET, X, LABELS, metrics=COLUMNS, callback=press, **EXACT)
    frame, whole = caught.value.result, m.profile(NET, X, LABELS, metrics=COLUMNS, **EXACT)
    assert len(frame) == rows
    assert not frame.attrs["complete"]
    assert frame.attrs["n_whole"] == values // 3
    found, expected = frame[COLUMNS].to_numpy().ravel(), whole[COLUMNS].to_numpy().ravel()
    assert np.array_equal(found[:values], expected[:values])
    assert np.isnan(found[values:]).all()
    assert sum(map(len, frame.attrs["cut"].values())) == len(found) - values
