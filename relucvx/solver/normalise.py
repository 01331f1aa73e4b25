"""Exact changes of units that put a problem into a range where solvers are at ease.

Without bias, or with free ones, dividing X by s and beta by s is the same problem with w' = s w; with free biases the rows
may also be shifted to their centre, b' = b + w·centre. Decayed hidden biases fix the unit of X, and nothing is changed.
Objective, fit and dual point stay what they are.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from relucvx.network import TwoLayerReLU
from relucvx.program.problem import Problem


class Normalisation:
    """The problem in convenient units, and the way there and back for networks."""

    def __init__(self, problem: Problem) -> None:
        self.centre = problem.X.mean(axis=0) if problem.bias == "free" else np.zeros(problem.n_features)
        X = problem.X - self.centre
        largest = float(np.abs(X).max()) if problem.bias in ("none", "free") else 0.0
        # A power of two changes no digit.
        self.scale = 2.0 ** round(math.log2(largest)) if largest > 0 else 1.0
        self.problem = problem
        if self.scale != 1.0 or self.centre.any():
            self.problem = dataclasses.replace(problem, X=X / self.scale, beta=problem.beta / self.scale)

    def forward(self, net: TwoLayerReLU) -> TwoLayerReLU:
        """A network of the original problem, in the new units."""
        bias = net.bias_in
        if self.centre.any():
            bias = (np.zeros(net.width) if bias is None else bias) + net.weights_in @ self.centre
        return dataclasses.replace(net, weights_in=net.weights_in * self.scale, bias_in=bias)

    def backward(self, net: TwoLayerReLU) -> TwoLayerReLU:
        """A network in the new units, for the original problem."""
        weights = net.weights_in / self.scale
        bias = net.bias_in
        if self.centre.any() and bias is not None:
            bias = bias - weights @ self.centre
        return dataclasses.replace(net, weights_in=weights, bias_in=bias)
