"""The objective of networks of parallel branches, with weight decay replaced by the norm of their paths."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, UnsupportedError, explain
from relucvx.network.parallel import ParallelReLU
from relucvx.program.problem import Problem
from relucvx.tolerances import EPS
from relucvx.types import ACTIVATIONS, Array


def check_branches(problem: Problem) -> None:
    """Raise unless branches of three layers are for this problem: one output, ReLU, no bags, no free bias.

    Raises
    ------
    UnsupportedError
        Naming what is not covered.
    """
    for wrong, received in (
        (problem.n_outputs != 1, f"{problem.n_outputs} outputs"),
        (problem.activation != ACTIVATIONS["relu"], f"activation {problem.activation.name}"),
        (problem.pooling is not None, "samples that are bags of rows"),
        (problem.bias.is_free, 'bias="free"'),
    ):
        if wrong:
            raise UnsupportedError(
                explain(
                    "one output, ReLU, one row for each sample, and biases none or decayed",
                    received,
                    "parallel branches of three layers are certified for these only",
                    'bias="all", one output at a time, or relucvx.solve for two layers',
                )
            )


def check_parallel(problem: Problem, network: ParallelReLU) -> None:
    """Raise unless the network is a candidate for the problem.

    Raises
    ------
    InvalidInputError
        For another number of features, and for biases that the problem lacks.
    """
    check_branches(problem)
    if network.n_features != problem.n_features:
        raise InvalidInputError(
            explain(f"a network with {problem.n_features} features", f"{network.n_features} features", "other data")
        )
    extra = [
        name
        for name, bias, there in (
            ("inner biases (bias_in)", network.bias_in, problem.bias.has_hidden),
            ("output bias (bias_out)", network.bias_out, problem.bias.has_output),
        )
        if bias is not None and bias.any() and not there
    ]
    if extra:
        raise InvalidInputError(
            explain(f'a network without {" and ".join(extra)} for bias="{problem.bias}"', "a network that has it", "",
                    'bias="all" in the problem, or bias=False in the layers')
        )  # fmt: skip


def branches(problem: Problem, U: Array, seconds: Array, V: Array, bias: Array) -> ParallelReLU:
    """The network of branches U (K, 2, D) in augmented coordinates, with signs (1, s_2) inside and weights V (K,)."""
    d = problem.n_features
    return ParallelReLU(
        U[:, :, :d],
        np.stack([np.ones(len(U)), seconds], axis=1),
        V,
        U[:, :, -1] if problem.bias.has_hidden else None,
        bias if problem.bias.has_output else None,
    )


def path_fit(problem: Problem, network: ParallelReLU) -> Array:
    """The network's outputs (n, 1) on the samples."""
    return network.predict(problem.X)[:, None]


def path_penalty(problem: Problem, network: ParallelReLU) -> float:
    """``Σ_k |v_k| ||(s_k1 u_k1, s_k2 u_k2)||``, and half the square of a decayed output bias."""
    penalty = float(network.path_norms().sum())
    if problem.bias.decays_output and network.bias_out is not None:
        penalty += 0.5 * float(network.bias_out @ network.bias_out)
    return penalty


def path_objective(problem: Problem, network: ParallelReLU) -> float:
    """``loss(F) + beta·penalty``, as it is evaluated.

    Raises
    ------
    InvalidInputError
        When the network is none of the problem's (:func:`check_parallel`).

    Notes
    -----
    Status: theorem (definition). Source: [ergen-pilanci-2023], [relucvx]
    """
    check_parallel(problem, network)
    return problem.loss_at(path_fit(problem, network)) + problem.beta * path_penalty(problem, network)


def path_objective_from_above(problem: Problem, network: ParallelReLU) -> float:
    """An upper bound of :func:`path_objective` in exact arithmetic, a few roundings above it.

    Notes
    -----
    Status: theorem (standard model of float64 arithmetic, first-order constants rounded up). Source: [relucvx]
    """
    check_parallel(problem, network)
    X, d = np.abs(problem.X), problem.n_features
    with np.errstate(over="ignore", invalid="ignore"):
        F = path_fit(problem, network)
        # sizes of all terms: each preactivation is a sum of d + 1, each branch one of two, the output one of K + 1
        Z = np.einsum("nd,kjd->nkj", X, np.abs(network.weights_in))
        if network.bias_in is not None:
            Z = Z + np.abs(network.bias_in)
        size = (Z * np.abs(network.weights_mid)).sum(axis=2) @ np.abs(network.weights_out)
        if network.bias_out is not None:
            size = size + abs(float(network.bias_out[0]))
        terms = d + network.n_branches + 24
        tiny = float(np.finfo(np.float64).tiny) * terms * (1.0 + _largest(network)) ** 2
        error = (terms * EPS * size + tiny)[:, None]
        loss = problem.loss_at(F) + problem.loss.value_error(F, problem.Y, problem.sample_weight, error)
        penalty = path_penalty(problem, network) * (1.0 + (network.weights_in.size + 32) * EPS)
        value = (loss + problem.beta * penalty) * (1.0 + 4.0 * EPS)
    return float(value) if np.isfinite(value) else np.inf


def _largest(network: ParallelReLU) -> float:
    """The largest of the weights that a rounded product goes through."""
    parts: list[Any] = [network.weights_mid, network.weights_out]
    return max((float(np.abs(part).max(initial=0.0)) for part in parts), default=0.0)
