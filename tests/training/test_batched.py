"""Many seeds as one program."""

import pytest
from training.test_front_door import X, Y

import relucvx as rx
from relucvx.training import RunStatus


def test_a_seed_does_not_depend_on_its_batch():
    many = rx.train(X, Y, 0.3, width=5, seeds=range(6), optimizer="adam", max_steps=30)
    one = rx.train(X, Y, 0.3, width=5, seeds=[4], optimizer="adam", max_steps=30)
    assert many[4].objective == pytest.approx(one[0].objective, rel=1e-12)


@pytest.mark.parametrize("batched", [True, False])
def test_divergence_returns_the_best_point_before(batched):
    runs = rx.train(X, Y, 0.1, width=5, seeds=range(2), optimizer="gd", learning_rate=1e3, batched=batched)
    for run in runs:
        assert run.status is RunStatus.DIVERGED
        assert run.objective == pytest.approx(run.history["objective"][0])
