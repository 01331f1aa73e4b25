"""Networks of other libraries with the data as these have them: what problem a certificate for them is about."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, UnsupportedError, explain
from relucvx.labels import read_labels
from relucvx.later import later
from relucvx.network import from_sklearn, is_sklearn_mlp, is_torch_module
from relucvx.program.conventions import from_sklearn_alpha
from relucvx.program.posing import ProblemOptions
from relucvx.program.problem import Problem
from relucvx.types import Array
from relucvx.validation import as_numpy

convolutions = later("relucvx.network.torch.convolution")


def as_posed(network: Any, X: Any, Y: Any, beta: Any, options: ProblemOptions) -> tuple[Any, Any, Any, Any]:
    """A network, data and strength as :func:`relucvx.certify` needs them; options that follow from the network are filled in.

    Convolutional torch modules become pooled networks on patches; MLPs of scikit-learn bring their loss, their labels, free
    biases and their alpha. Everything else stays what it is.

    Notes
    -----
    Status: a convention (no statement). Source: [relucvx]
    """
    if is_torch_module(network) and getattr(X, "ndim", 0) in (3, 4):
        X, network = _on_patches(network, X, options)
    if is_sklearn_mlp(network):
        net = from_sklearn(network)
        if not isinstance(X, Problem):
            Y, beta = _as_trained(network, X, Y, beta, options)
        network = net
    return network, X, Y, beta


def _on_patches(module: Any, images: Any, options: ProblemOptions) -> tuple[Any, Any]:
    """A convolutional module and its images as a pooled network and its bags; anything else as it is."""
    if (
        not convolutions.has_convolution(module)
        or options.get("pooling") is not None
        or options.get("groups") is not None
    ):
        return images, module
    found = convolutions.read_convolution(module, images)
    options["pooling"] = found.network.pooling
    return found.rows(images), found.network


def _as_trained(mlp: Any, X: Any, Y: Any, beta: Any, options: ProblemOptions) -> tuple[Any, Any]:
    """Targets and strength of the objective that an MLP was fitted to, with its loss and biases among the options."""
    classes = getattr(mlp, "classes_", None)
    options.setdefault("bias", "free")
    if classes is None:
        options.setdefault("loss", "squared")
    else:
        options.setdefault("loss", "cross_entropy" if mlp.out_activation_ == "softmax" else "logistic")
        Y = None if Y is None else _targets(mlp, classes, Y)
    if beta is None and Y is not None:
        beta = _strength(mlp, len(as_numpy(X, "X")), options)
    return Y, beta


def _targets(mlp: Any, classes: Any, Y: Any) -> Array:
    """Labels as the outputs see them: ±1 for one output or several labels at a time, one-hot rows for several classes."""
    rows = as_numpy(Y, "Y")
    if rows.ndim == 2 and rows.shape[1] > 1:  # several labels at a time, as 0 and 1
        return np.where(rows > 0, 1.0, -1.0)
    labels = read_labels(rows.ravel(), "Y")
    position = {label: k for k, label in enumerate(np.asarray(classes).tolist())}
    strange = [label for label in labels if label not in position]
    if strange:
        raise InvalidInputError(
            explain(
                f"labels among {', '.join(map(repr, position))}, the classes of the MLP",
                repr(strange[0]),
                "labels of other data, or coded in another way",
                "the y that the MLP was fitted to",
            )
        )
    index = np.array([position[label] for label in labels])
    if mlp.n_outputs_ == 1:
        return np.where(index == 1, 1.0, -1.0)
    return np.eye(len(position))[index]


def _strength(mlp: Any, n: int, options: ProblemOptions) -> float:
    """What the MLP's alpha is here."""
    batch = None if mlp.solver == "lbfgs" else mlp.batch_size
    if mlp.alpha == 0.0:
        raise InvalidInputError(
            explain(
                "an MLP with alpha > 0, or a beta to certify it at",
                "alpha=0.0",
                "without weight decay no network is best",
                "beta=0.1, at which the network is then judged",
            )
        )
    # each of these makes the fitted objective another one than that of all rows at one strength
    for unlike, what in (
        (mlp.early_stopping and mlp.solver != "lbfgs", "early_stopping=True, which fits a part of the rows"),
        (batch is not None and options.get("sample_weight") is not None, "batches and sample weights"),
    ):
        if unlike:
            fix = f"beta={mlp.alpha:g} (on all rows at once), or another beta of your own"
            raise UnsupportedError(explain("a fit whose alpha is a strength on all rows", what, "", fix))
    return from_sklearn_alpha(mlp.alpha, n, batch if batch is None or isinstance(batch, str) else int(min(batch, n)))
