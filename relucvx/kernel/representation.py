"""Gram matrices of hidden layers, their spectra, and how far two of them are apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.network import PooledReLU, TwoLayerReLU, is_torch_module
from relucvx.types import Array, ArrayLike
from relucvx.validation import as_matrix, as_numpy, as_positive, check_size

WHITENED = 1e-9
"""Largest deviation of an entry of X X^T from the identity: far above rounding, far below any effect on p*."""


def representation_kernel(network: Any, X: ArrayLike, layer: int = -1) -> Array:
    """Hidden kernel K = H H^T of a network on data, H the activations of one hidden layer.

    Parameters
    ----------
    network : TwoLayerReLU, Solution or run, DeepNetwork, or torch.nn.Module
        Anything with ``hidden(X)`` or a ``network`` that has it, or a torch module that
        :func:`relucvx.network.read_layers` reads, or that has smooth activations in their place. Its hidden layers are
        the values behind its activations (behind each Linear layer but the last where it has no activation), in float64
        and in evaluation mode.
    X : array_like of shape (n, d)
        Inputs, one row per sample; bags (n, p, d) for a pooled network, whose read-outs of every neuron are the activations.
    layer : int, default -1
        Which hidden layer, as a Python index: 0 is the first, -1 the last.

    Returns
    -------
    ndarray of shape (n, n)
        Not centred. Independent of the order, rotation or splitting of neurons; not of their rescaling against the
        output layer, so compare balanced networks.

    Raises
    ------
    InvalidInputError
        For an object of another kind, a layer that does not exist, or X of another width than the network's.

    Notes
    -----
    Source: [wang-2025].
    Status: theorem (a definition).

    Examples
    --------
    >>> from relucvx.network import TwoLayerReLU
    >>> network = TwoLayerReLU([[1.0], [-1.0]], [1.0, 1.0])  # relu(x) + relu(-x)
    >>> representation_kernel(network, [[-2.0], [1.0], [2.0]])
    array([[4., 0., 0.],
           [0., 1., 2.],
           [0., 2., 4.]])
    """
    H = _hidden_layers(network, X)
    if isinstance(layer, bool) or not isinstance(layer, (int, np.integer)) or not -len(H) <= layer < len(H):
        raise InvalidInputError(
            explain(f"layer to be an index into {len(H)} hidden layers", repr(layer), "layers count from 0", "layer=-1")
        )
    kernel = H[int(layer)] @ H[int(layer)].T
    return np.asarray((kernel + kernel.T) / 2, dtype=np.float64)


@timed("spectrum(K[::4, ::4])")
def spectrum(K: ArrayLike, *, time_limit: float | None = None) -> Array:
    """Eigenvalues of a symmetric kernel, largest first, shape (n,); rounding may leave tiny negative ones.

    Parameters
    ----------
    K : array_like of shape (n, n)
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Raises
    ------
    InvalidInputError
        When K is not a finite symmetric matrix.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> rx.kernel.spectrum([[2.0, 1.0], [1.0, 2.0]]).round(9).tolist()
    [3.0, 1.0]
    """
    return np.asarray(np.linalg.eigvalsh(as_kernel(K, "K"))[::-1], dtype=np.float64)


def kernel_distance(K: Any, reference: Any) -> float:
    """Relative Frobenius distance ||K - K_ref||_F / ||K_ref||_F; 0 for two zero kernels, inf for only the reference zero.

    Raises
    ------
    InvalidInputError
        When the kernels are not finite symmetric matrices of one size.

    Notes
    -----
    Sensitive to scale (unlike CKA), because the closed forms predict the scale too.

    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> rx.kernel.kernel_distance([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    0.0
    >>> print(f"{rx.kernel.kernel_distance([[1.1, 0.0], [0.0, 1.1]], [[1.0, 0.0], [0.0, 1.0]]):.3f}")
    0.100
    """
    K, reference = as_kernel(K, "K"), as_kernel(reference, "reference")
    if K.shape != reference.shape:
        raise InvalidInputError(explain("two kernels of the same size", f"shapes {K.shape} and {reference.shape}"))
    apart, size = float(np.linalg.norm(K - reference)), float(np.linalg.norm(reference))
    if size == 0.0:
        return 0.0 if apart == 0.0 else float("inf")
    return apart / size


def whitened(X: Any, tol: float = WHITENED) -> bool:
    """Whether the rows of X are orthonormal, |X X^T - I| <= tol entrywise.

    This is what every closed form of whitened data needs. ``X^T X = I_d`` with more samples than features is not
    enough: the closed forms fail there.

    Raises
    ------
    InvalidInputError
        When X is not a finite matrix or tol is negative.

    Notes
    -----
    Source: [wang-2025].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> rx.kernel.whitened([[0.6, 0.8], [-0.8, 0.6]]), rx.kernel.whitened([[1.0], [0.0]])
    (True, False)
    """
    X, tol = as_matrix(X, "X"), as_positive(tol, "tol", allow_zero=True)
    return bool(np.abs(X @ X.T - np.eye(len(X))).max() <= tol)


def as_kernel(value: Any, name: str, size: int | None = None) -> Array:
    """A finite symmetric (n, n) matrix, made exactly symmetric."""
    K = as_matrix(value, name)
    if K.shape[0] != K.shape[1] or (size is not None and len(K) != size):
        raise InvalidInputError(
            explain(
                f"{name} of shape {'(n, n)' if size is None else (size, size)}",
                f"shape {K.shape}",
                "an array of features instead of its kernel",
                f"{name} = X @ X.T",
            )
        )
    check_size(K, name)
    asymmetry = float(np.abs(K - K.T).max())
    if asymmetry > 1e-9 * max(float(np.abs(K).max()), np.finfo(float).tiny):
        raise InvalidInputError(explain(f"{name} to be symmetric", f"|{name} - {name}^T| up to {asymmetry:.3g}"))
    return (K + K.T) / 2


def _hidden_layers(network: Any, X: Any) -> tuple[Array, ...]:
    """Activations of every hidden layer."""
    if is_torch_module(network):
        return _torch_hidden(network, X)
    carrier: Any = network if hasattr(network, "hidden") else getattr(network, "network", None)
    if not hasattr(carrier, "hidden"):
        raise InvalidInputError(
            explain(
                "a TwoLayerReLU, Solution, DeepNetwork or torch module",
                f"{type(network).__module__}.{type(network).__qualname__}",
                "",
                "representation_kernel(solution, X)",
            )
        )
    if isinstance(carrier, PooledReLU):
        h = carrier.hidden(X)
        return (h.reshape(len(h), -1),)
    H = carrier.hidden(as_matrix(X, "X"))
    return (H,) if isinstance(carrier, TwoLayerReLU) else tuple(H)


def _torch_hidden(module: Any, X: Any) -> tuple[Array, ...]:
    """Values behind the activations, in float64."""
    from relucvx.network.torch.reading import read_hidden

    given = as_numpy(X, "X")
    network = read_hidden(module, given)
    if not network.hidden:
        raise InvalidInputError(
            explain(
                "a torch module with a hidden layer: at least two Linear layers",
                f"{type(module).__name__}, which is one affine map",
                "",
                "Sequential(Linear, ReLU, Linear)",
            )
        )
    images = given.ndim > 2 and given.shape[1:] == network.input_shape
    values, hidden = as_matrix(given.reshape(len(given), -1) if images else given, "X"), []
    if values.shape[1] != network.n_features:
        raise InvalidInputError(explain(f"X with {network.n_features} columns", f"shape {values.shape}"))
    for layer in network.hidden:
        values = layer.activate(layer.map(values))
        hidden.append(values[:, : layer.n_kinked])
    return tuple(hidden)
