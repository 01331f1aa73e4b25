"""Cross-entropy of two classes is the logistic loss, exactly.

The cross-entropy of logits (f₁, f₂) depends on z = f₁ - f₂ alone: it is log(1 + exp(-s z)), s = +1 for the first class and
-1 for the second. Among all output vectors v of a neuron with v₁ - v₂ = u, (u/2, -u/2) is the shortest, of length |u|/√2.
So the penalty beta Σ ||w||·||v|| becomes (beta/√2) Σ ||w||·|u|, and the problem that of one output at beta/√2. An output
bias without weight decay is free to be (b/2, -b/2) as well. With weight decay ("all") it costs beta/4 b² where one output
would pay beta/(2√2) b²: that is another problem, and nothing is reduced.

A dual point a of the logistic problem is the dual point (a, -a): the same dual value, and √2 times the dual norm.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from relucvx.losses import as_loss
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.program.problem import Problem
from relucvx.types import Array

ROOT = math.sqrt(2.0)
QUARTER = 2.0**0.25
"""A neuron balanced with output u stays so with (u/2, -u/2), shorter by √2, when its input is divided by this."""


def reduced(problem: Problem) -> Problem | None:
    """The logistic problem that a cross-entropy of two classes is; None where that is not exact.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    Problem or None
        None for other losses and numbers of classes, for rows that are no class but a mixture of both, and for the bias mode
        "all".

    Notes
    -----
    Status: theorem. Source: [relucvx]
    """
    if problem.n_outputs != 2 or not problem.loss.multinomial or problem.bias.decays_output:
        return None
    if not np.isin(problem.Y, (0.0, 1.0)).all():
        return None
    labels = np.ascontiguousarray(problem.Y[:, :1] - problem.Y[:, 1:])
    beta = problem.beta / ROOT
    return dataclasses.replace(problem, Y=labels, beta=beta, loss=as_loss("logistic"), scalar_output=False)


def expand_network(net: TwoLayerReLU, readouts: int = 1) -> TwoLayerReLU:
    """A network of one output z as the cheapest one with f₁ - f₂ = z; balanced stays balanced.

    With several read-outs a neuron has an output for each, and the output bias stands in the first entries.

    Notes
    -----
    Status: theorem. Source: [relucvx]
    """
    # (u/2, -u/2) is shorter than u by √2: the neuron's norms are brought together again
    U = net.weights_out * (0.5 * QUARTER)
    bias = np.zeros(2 * readouts)
    if net.bias_out is not None:
        bias[:2] = 0.5 * net.bias_out[0], -0.5 * net.bias_out[0]
    return dataclasses.replace(
        net,
        weights_in=net.weights_in / QUARTER,
        bias_in=None if net.bias_in is None else net.bias_in / QUARTER,
        weights_out=np.stack([U, -U], axis=2).reshape(net.width, 2 * readouts),
        bias_out=None if net.bias_out is None else bias,
    )


def reduce_network(net: TwoLayerReLU, readouts: int = 1) -> TwoLayerReLU:
    """The network of one output z = f₁ - f₂; its penalty at beta/√2 is at most that of the given one at beta.

    Notes
    -----
    Status: theorem. Source: [relucvx]
    """
    U = net.weights_out[:, 0::2] - net.weights_out[:, 1::2]
    bias = np.zeros(readouts)
    if net.bias_out is not None:
        bias[0] = net.bias_out[0] - net.bias_out[1]
    return dataclasses.replace(
        net,
        weights_in=net.weights_in * QUARTER,
        bias_in=None if net.bias_in is None else net.bias_in * QUARTER,
        weights_out=U / QUARTER,
        bias_out=None if net.bias_out is None else bias,
    )


def expand_dual(N: Array) -> Array:
    """The dual point (a, -a) of a dual point a (n, 1): the same dual value, √2 times the dual norm.

    Notes
    -----
    Status: theorem. Source: [relucvx]
    """
    return np.hstack([N, -N])
