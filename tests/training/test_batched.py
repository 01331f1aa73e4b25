"""Many seeds as one program, as each would go by itself in torch."""

import numpy as np
import pytest
from one_by_one import train_alone
from training.test_front_door import RNG, X, Y

import relucvx as rx
from relucvx.losses import LOSSES
from relucvx.training import RunStatus

LABELS = np.sign(RNG.standard_normal((12, 2)))


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adam", "learning_rate": 0.05, "schedule": "cosine"},
        {"optimizer": "adam", "batch_size": 5},
        {"optimizer": "gd", "momentum": 0.9},
        {"optimizer": "gd", "bias": "free", "activation": (-0.3, 2.0)},
        {"optimizer": "sgd", "batch_size": 5, "sample_weight": np.arange(12.0)},
        {"optimizer": "lbfgs", "activation": "linear"},
        {"optimizer": "lbfgs", "activation": "tanh", "bias": "free", "depth": 3},
        {"optimizer": "adam", "activation": "threshold", "bias": "all"},
        {"optimizer": "gd", "activation": (1.5, 1.5), "bias": "hidden"},
    ],
    ids=lambda options: "-".join(str(v) for v in options.values() if np.ndim(v) == 0),
)
def test_batched_is_one_by_one(options):
    common = {"width": 6, "seeds": (3, 0, 7), "max_steps": 40, "record_every": 8, "tol": 1e-9, **options}
    together = rx.train(X, Y, 0.3, **common)
    alone = train_alone(X, Y, 0.3, **common)
    np.testing.assert_allclose(together.objectives, alone.objectives, rtol=1e-7)
    assert together.seeds == alone.seeds == (3, 0, 7)
    for a, b in zip(together, alone, strict=True):
        assert (a.steps, a.status) == (b.steps, b.status)
        np.testing.assert_array_equal(a.history["step"], b.history["step"])
        np.testing.assert_allclose(a.history["objective"], b.history["objective"], rtol=1e-7)
        np.testing.assert_allclose(a.network.predict(X), b.network.predict(X), atol=1e-4)


@pytest.mark.parametrize("loss", list(LOSSES))
def test_losses_train_alike_both_ways(loss):
    targets = np.eye(3)[np.arange(12) % 3] if loss == "cross_entropy" else LABELS
    common = {"width": 4, "seeds": (0, 1), "loss": loss, "optimizer": "adam", "max_steps": 20, "learning_rate": 0.05}
    together, alone = rx.train(X, targets, 0.2, **common), train_alone(X, targets, 0.2, **common)
    np.testing.assert_allclose(together.objectives, alone.objectives, rtol=1e-10)
    first, last = together[0].history["objective"][[0, -1]]
    assert last < first


def test_a_seed_does_not_depend_on_its_batch():
    many = rx.train(X, Y, 0.3, width=5, seeds=range(6), optimizer="adam", max_steps=30)
    one = rx.train(X, Y, 0.3, width=5, seeds=[4], optimizer="adam", max_steps=30)
    assert many[4].objective == pytest.approx(one[0].objective, rel=1e-12)


def test_divergence_returns_the_best_point_before():
    runs = rx.train(X, Y, 0.1, width=5, seeds=range(2), optimizer="gd", learning_rate=1e3)
    for run in runs:
        assert run.status is RunStatus.DIVERGED
        assert run.objective == pytest.approx(run.history["objective"][0])
