"""Schedules, first-order rules against torch.optim, minibatches."""

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.training import make_schedule
from relucvx.training.stepping import AdamSteps, Batches, DescentSteps

torch = pytest.importorskip("torch")


def test_schedules():
    for name in (None, "constant"):
        assert {make_schedule(name, 10)(k) for k in range(20)} == {1.0}
    cosine = make_schedule("cosine", 10)
    np.testing.assert_allclose([cosine(0), cosine(5), cosine(10), cosine(12)], [1.0, 0.5, 0.0, 0.0], atol=1e-15)
    step = make_schedule("step", 8)
    np.testing.assert_allclose([step(k) for k in (0, 3, 4, 5, 6, 7)], [1, 1, 0.1, 0.1, 0.01, 0.01])
    assert make_schedule(lambda step: 1 / (1 + step), 8)(3) == 0.25
    with pytest.raises(InvalidInputError, match=r"a schedule among constant, cosine, step.*received 'linear'"):
        make_schedule("linear", 8)


@pytest.mark.parametrize("name", ["adam", "sgd", "momentum"])
def test_rules_are_those_of_torch(name):
    rng = np.random.default_rng(0)
    start = torch.tensor(rng.standard_normal((3, 4)))
    theta, reference = start.clone(), start.clone().requires_grad_()
    momentum = 0.9 if name == "momentum" else 0.0
    ours = AdamSteps(theta) if name == "adam" else DescentSteps(theta, momentum)
    theirs = torch.optim.Adam([reference], lr=0.1) if name == "adam" else torch.optim.SGD([reference], 0.1, momentum)
    for _ in range(20):
        grads = torch.tensor(rng.standard_normal((3, 4)))
        ours.step(theta, grads.clone(), 0.1)
        reference.grad = grads
        theirs.step()
    torch.testing.assert_close(theta, reference.detach(), rtol=1e-12, atol=1e-12)
    ours.keep(torch.tensor([2]))
    ours.step(theta[2:], grads[2:], 0.1)


def test_minibatches_cover_an_epoch_and_depend_on_the_seed_alone():
    batches = Batches(3, 10, 5)
    epoch = np.concatenate([batches.draw(), batches.draw()])
    assert sorted(epoch) == list(range(10))
    again = Batches(3, 10, 5)
    np.testing.assert_array_equal(epoch, np.concatenate([again.draw(), again.draw()]))
    assert not np.array_equal(epoch, np.concatenate([Batches(4, 10, 5).draw() for _ in range(2)]))
    odd = Batches(0, 5, 2)
    assert all(len(set(odd.draw())) == 2 for _ in range(20))
