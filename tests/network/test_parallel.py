"""Parallel branches of three layers as values, and what is read as such."""

import numpy as np
import pytest
import torch

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.network.parallel import as_parallel, branches_of

RNG = np.random.default_rng(0)


def drawn(branches=4, d=3):
    return rx.ParallelReLU(
        RNG.standard_normal((branches, 2, d)), RNG.standard_normal((branches, 2)), RNG.standard_normal(branches),
        RNG.standard_normal((branches, 2)), 0.3,
    )  # fmt: skip


def test_outputs_and_norms_are_the_definitions():
    net, X = drawn(), RNG.standard_normal((5, 3))
    for x, value in zip(X, net.predict(X), strict=True):
        total = 0.3
        for k in range(4):
            inner = sum(
                net.weights_mid[k, j] * max(net.weights_in[k, j] @ x + net.bias_in[k, j], 0.0) for j in range(2)
            )
            total += net.weights_out[k] * max(inner, 0.0)
        assert value == pytest.approx(total, rel=1e-12)
    for k, norm in enumerate(net.path_norms()):
        paths = [
            net.weights_out[k] * net.weights_mid[k, j] * w
            for j in range(2)
            for w in (*net.weights_in[k, j], net.bias_in[k, j])
        ]
        assert norm == pytest.approx(np.linalg.norm(paths), rel=1e-12)


def test_to_torch_and_back_is_the_same_function_at_the_same_price():
    net, X = drawn(), RNG.standard_normal((6, 3))
    module = net.to_deep().to_torch()
    np.testing.assert_allclose(module(torch.as_tensor(X)).detach().numpy()[:, 0], net.predict(X), rtol=1e-12)
    again = as_parallel(module)
    np.testing.assert_allclose(again.predict(X), net.predict(X), rtol=1e-12)
    np.testing.assert_allclose(again.path_norms(), net.path_norms(), rtol=1e-12)
    assert as_parallel(net) is net
    assert repr(net) == "ParallelReLU(3 -> 4 branches of 2 -> 1, bias_in, bias_out)"


def test_an_inner_neuron_of_two_branches_is_counted_in_both():
    deep = rx.DeepNetwork([[[1.0, 2.0]], [[1.0, 3.0], [-1.0, 0.0]], [[1.0], [1.0]]])
    found = branches_of(deep)
    np.testing.assert_allclose(found.path_norms(), [np.sqrt(5.0), 3.0])
    x = np.linspace(-2, 2, 9)[:, None]
    np.testing.assert_allclose(found.predict(x), deep.predict(x)[:, 0])


def test_no_branch_is_a_constant():
    none = rx.ParallelReLU(np.zeros((0, 2, 3)), np.zeros((0, 2)), np.zeros(0), bias_out=2.0)
    assert none.predict(np.ones((2, 3))).tolist() == [2.0, 2.0]
    assert none.path_norms().shape == (0,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rx.ParallelReLU(np.ones((2, 3, 1)), np.ones((2, 3)), np.ones(2)), "two inner neurons"),
        (lambda: rx.ParallelReLU(np.ones((2, 2, 1)), np.ones((2, 2)), np.ones(3)), "weights_out of shape"),
        (
            lambda: rx.ParallelReLU(np.ones((2, 2, 1)), np.ones((2, 2)), np.ones(2), bias_in=np.ones(2)),
            "one per inner neuron",
        ),
        (lambda: as_parallel(rx.TwoLayerReLU([[1.0]], [1.0])), "a ParallelReLU, DeepNetwork or torch module"),
        (lambda: branches_of(rx.DeepNetwork([[[1.0]], [[1.0]]])), "plain three-layer networks have no certificate"),
        (
            lambda: branches_of(rx.DeepNetwork([np.ones((1, 3)), np.ones((3, 1)), np.ones((1, 1))])),
            "3 inner neurons behind outer neuron 0",
        ),
        (
            lambda: branches_of(
                rx.DeepNetwork([np.ones((1, 2)), np.ones((2, 1)), np.ones((1, 1))], [None, [1.0], None])
            ),
            "biases of the outer neurons",
        ),
    ],
)
def test_what_is_no_set_of_branches_is_refused(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()
