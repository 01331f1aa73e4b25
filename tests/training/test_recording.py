"""What is recorded along the way."""

import numpy as np
import pytest
from training.test_front_door import X, Y

import relucvx as rx
from relucvx.errors import InvalidInputError

torch = pytest.importorskip("torch")


def test_recording():
    calls = []

    def width(net):
        calls.append(net)
        return net.width

    runs = rx.train(
        X,
        Y,
        0.3,
        width=4,
        seeds=range(2),
        max_steps=20,
        optimizer="adam",
        record=["kernel", "participation_ratio", width],
    )
    for run in runs:
        history = run.history
        assert history["step"].tolist() == [0, 10, 20]
        assert history["kernel"].shape == (3, 12, 12)
        H = run.network.hidden(X)
        np.testing.assert_allclose(history["kernel"][-1], H @ H.T, rtol=1e-10)
        assert history["width"].tolist() == [4, 4, 4]
        assert any(name.startswith("participation_ratio") for name in history)
    assert len(calls) == 6
    deep = rx.train(X, Y, 0.3, width=4, depth=3, seeds=[0], max_steps=3, record={"K": "kernel"})
    assert deep[0].history["K"].shape[1:] == (12, 12)
    anonymous = rx.train(X, Y, 0.3, width=4, seeds=[0], max_steps=3, record=lambda net: torch.ones(2))
    assert anonymous[0].history["record_0"].shape[1:] == (2,)
    with pytest.raises(InvalidInputError, match=r"a function of relucvx.metrics.*received 'no_such_metric'"):
        rx.train(X, Y, 0.3, record="no_such_metric")
