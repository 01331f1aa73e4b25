"""Hidden kernels of every kind of network, against the Gram matrix entry by entry."""

import numpy as np
import pytest
import torch

import relucvx as rx
from relucvx.kernel import kernel_distance, representation_kernel, spectrum, whitened
from relucvx.network import DeepNetwork

RNG = np.random.default_rng(0)
X = RNG.standard_normal((5, 3))
NET = rx.TwoLayerReLU(RNG.standard_normal((4, 3)), RNG.standard_normal((4, 2)), bias_in=RNG.standard_normal(4))
DEEP = DeepNetwork((RNG.standard_normal((3, 4)), RNG.standard_normal((4, 6)), RNG.standard_normal((6, 2))))


def gram(H):
    """Inner products, entry by entry."""
    return np.array([[sum(a * b for a, b in zip(u, v, strict=True)) for v in H] for u in H])


def test_two_layer_network_in_every_form():
    H = np.maximum(X @ NET.weights_in.T + NET.bias_in, 0)
    for network in (NET, rx.to_torch(NET), rx.to_torch(NET).train()):
        assert np.allclose(representation_kernel(network, X), gram(H), atol=1e-13)


def test_solution_is_read_through_its_network():
    solution = rx.solve(X, X[:, 0], 0.5, rng=0)
    assert np.array_equal(representation_kernel(solution, X), representation_kernel(solution.network, X))


def test_layers_of_a_deep_network():
    H1 = np.maximum(X @ DEEP.weights[0], 0)
    H2 = np.maximum(H1 @ DEEP.weights[1], 0)
    for network in (DEEP, DEEP.to_torch(), torch.nn.Sequential(*[torch.nn.Sequential(*DEEP.to_torch())])):
        for layer, H in ((0, H1), (1, H2), (-1, H2), (-2, H1)):
            assert np.allclose(representation_kernel(network, X, layer), gram(H), atol=1e-12)


def test_torch_module_is_left_as_it_was():
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Dropout(0.9), torch.nn.Linear(4, 1))
    before = {k: v.clone() for k, v in module.state_dict().items()}
    K = representation_kernel(module, X)
    with torch.no_grad():
        H = torch.tanh(module[0](torch.tensor(X, dtype=torch.float32)))
    assert np.allclose(K, (H @ H.T).numpy(), atol=1e-5)  # dropout is off: evaluation mode
    assert module.training
    assert module[0].weight.dtype == torch.float32
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())


def test_images_are_inputs_of_a_convolutional_module():
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 2), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(8, 1)
    ).double()
    images = np.random.default_rng(0).standard_normal((4, 1, 3, 3))
    with torch.no_grad():
        H = torch.relu(module[0](torch.tensor(images))).flatten(1).numpy()
    np.testing.assert_allclose(representation_kernel(module, images), H @ H.T, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match="or inputs of that shape"):
        representation_kernel(module, images.reshape(4, -1))


def test_splitting_and_permuting_neurons_changes_nothing():
    split = rx.TwoLayerReLU(np.vstack([0.6 * NET.weights_in, 0.8 * NET.weights_in])[::-1], np.zeros((8, 1)))
    whole = rx.TwoLayerReLU(NET.weights_in, np.zeros((4, 1)))
    assert np.allclose(representation_kernel(split, X), representation_kernel(whole, X), atol=1e-13)


def test_spectrum_and_distance():
    K = gram(RNG.standard_normal((4, 2)))
    values = spectrum(K)
    assert (np.diff(values) <= 0).all()
    assert values.sum() == pytest.approx(np.trace(K))
    assert np.abs(values[2:]).max() < 1e-13
    assert kernel_distance(K, K) == 0.0
    assert kernel_distance(2 * K, K) == pytest.approx(1.0)
    assert kernel_distance(0 * K, 0 * K) == 0.0
    assert kernel_distance(K, 0 * K) == np.inf


def test_whitened_means_rows():
    Q = np.linalg.qr(RNG.standard_normal((5, 3)))[0]
    assert whitened(Q.T)
    assert not whitened(Q)  # orthonormal columns
    assert not whitened(Q.T * (1 + 1e-6))
    assert whitened(Q.T * (1 + 1e-6), tol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: representation_kernel(NET, X, 1), "layer to be an index into 1 hidden layers"),
        (lambda: representation_kernel(DEEP, X, -3), "layer to be an index into 2 hidden layers"),
        (lambda: representation_kernel(NET, X, True), "layer to be an index"),
        (lambda: representation_kernel("net", X), "TwoLayerReLU, Solution, DeepNetwork"),
        (lambda: representation_kernel(torch.nn.Sequential(torch.nn.Linear(3, 1)), X), "at least two Linear layers"),
        (lambda: representation_kernel(rx.to_torch(NET), X[:, :2]), "X with 3 columns"),
        (lambda: kernel_distance(np.eye(2), np.eye(3)), "two kernels of the same size"),
        (lambda: spectrum(np.ones((2, 3))), "K of shape"),
        (lambda: spectrum(np.triu(np.ones((2, 2)))), "K to be symmetric"),
        (lambda: whitened(X, tol=-1.0), "tol to be a finite number"),
    ],
)
def test_errors(call, message):
    with pytest.raises(rx.RelucvxError, match=message):
        call()
