"""What progress shows."""

import numpy as np
import pytest
from training.test_front_door import X, Y

import relucvx as rx


def test_progress_never_shows_what_is_no_number():
    """When the last seed has left the batch, the best objective is that of the seeds that are done."""
    seen = []
    runs = rx.train(X, Y, 0.5, width=4, seeds=range(3), callback=seen.append)
    assert all(np.isfinite(state.best) for state in seen)
    assert seen[-1].active == 0
    assert seen[-1].best == pytest.approx(runs.best.objective, rel=1e-9)
