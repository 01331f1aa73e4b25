"""Objective and gradient of many networks of one shape at once, written by hand.

The parameters of S networks are one tensor (S, P). Inside, units come before samples: hidden layers are (S, m, n), so
that each network owns a contiguous block, the products with the shared inputs are one matrix product for all networks,
and everything entrywise happens in place. No graph is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from relucvx.network import SmoothActivation
from relucvx.network.deep import DeepNetwork
from relucvx.network.pooled import PooledReLU
from relucvx.network.pooling import Pooling
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.program.problem import Problem
from relucvx.threads import TORCH, jobs
from relucvx.training.bags import Bags
from relucvx.training.losses import as_torch_loss
from relucvx.types import Activation, Array, Bias, freeze

BLOCK_BYTES = 1_500_000
"""Networks are evaluated in blocks whose widest hidden layer is about this large, so that it stays in a core's cache."""


@dataclass(frozen=True)
class Shape:
    """Where the weights and biases of a network of given layer sizes lie in one flat vector.

    Attributes
    ----------
    sizes : tuple of int
        (d, m_1, ..., m_{L-1}, c).
    bias : Bias
        The first hidden bias is the last column of the first matrix: it multiplies a column of ones.
    readouts : int
        Ways in which a sample reads a hidden unit, each with output weights of its own (bags of rows, depth 2).

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.training import Shape
    >>> problem = rx.make_problem([[1.0, 2.0, 3.0]], [1.0], beta=0.5, bias="all")
    >>> shape = Shape((3, 8, 1), problem.bias)  # inputs, hidden units, outputs
    >>> shape.depth, shape.total
    (2, 41)
    """

    sizes: tuple[int, ...]
    bias: Bias
    readouts: int = 1
    weights: tuple[tuple[int, int, int], ...] = field(init=False)  # (start, rows = units, columns = inputs) per layer
    biases: tuple[int | None, ...] = field(init=False)  # start of the separate biases per layer
    total: int = field(init=False)

    def __post_init__(self) -> None:
        start, weights, biases = 0, [], []
        last = len(self.sizes) - 2
        for layer, (fan_in, units) in enumerate(zip(self.sizes[:-1], self.sizes[1:], strict=True)):
            # biases of the first layer are a column of its weights, for inputs that end in ones; later ones stand alone
            columns = fan_in * (self.readouts if layer == last else 1) + (layer == 0 and self.bias.has_hidden)
            weights.append((start, units, columns))
            start += units * columns
            hidden_bias = 0 < layer < last and self.bias.has_hidden
            has_bias = hidden_bias or (layer == last and self.bias.has_output)
            biases.append(start if has_bias else None)
            start += units if has_bias else 0
        object.__setattr__(self, "weights", tuple(weights))
        object.__setattr__(self, "biases", tuple(biases))
        object.__setattr__(self, "total", start)

    @property
    def depth(self) -> int:
        """Number L of weight matrices."""
        return len(self.sizes) - 1

    def decay(self) -> Array:
        """1 for parameters under weight decay, 0 for free biases; (P,)."""
        out = np.ones(self.total)
        if not self.bias.is_free:
            return out
        for (start, units, _), bias in zip(self.weights, self.biases, strict=True):
            if bias is not None:
                out[bias : bias + units] = 0.0
            if start == 0:
                columns = self.sizes[0] + 1
                # the first layer's biases: every last column of its weights
                out[columns - 1 : units * columns : columns] = 0.0
        return out

    def matrices(self, theta: Any) -> list[tuple[Any, Any]]:
        """(weights (..., units, inputs), bias (..., units) or None) per layer, as views of (..., P)."""
        out = []
        for (start, units, columns), bias in zip(self.weights, self.biases, strict=True):
            weight = theta[..., start : start + units * columns].reshape(*theta.shape[:-1], units, columns)
            out.append((weight, None if bias is None else theta[..., bias : bias + units]))
        return out

    def initial(self, seed: int, scale: float) -> Array:
        """Random parameters (P,): weights and hidden biases N(0, scale²/fan_in), output biases zero."""
        rng = np.random.default_rng(seed)
        out = np.zeros(self.total)
        for layer, ((start, units, columns), bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            std = scale / np.sqrt(columns)
            out[start : start + units * columns] = std * rng.standard_normal(units * columns)
            if bias is not None and layer < self.depth - 1:
                out[bias : bias + units] = std * rng.standard_normal(units)
        return out

    def network(
        self,
        theta: Array,
        activation: Activation | SmoothActivation,
        scalar_output: bool,
        pooling: Pooling | None = None,
    ) -> TwoLayerReLU | PooledReLU | DeepNetwork:
        """The network as a value: TwoLayerReLU or PooledReLU where these cover it, DeepNetwork otherwise."""
        layers = self.matrices(np.asarray(theta, dtype=np.float64))
        first, first_bias = layers[0]
        if self.bias.has_hidden:
            first, first_bias = first[:, :-1], first[:, -1]
        layers[0] = (first, first_bias)
        if self.depth == 2 and isinstance(activation, Activation):
            (w, b), (v, b_out) = layers
            if pooling is not None:
                assert pooling.kind is not None
                outputs = v.T.reshape(len(w), self.readouts, -1)
                return PooledReLU(w, outputs, b, b_out, activation, scalar_output, pooling.kind)
            return TwoLayerReLU(w, v.T, b, b_out, activation, scalar_output)
        weights, biases = tuple(w.T for w, _ in layers), tuple(b for _, b in layers)
        return DeepNetwork(weights, biases, activation, scalar_output)


class BatchedObjective:
    """``loss(F) + beta/2 ||decayed parameters||²`` of S networks, and its gradient.

    Parameters
    ----------
    problem : Problem
        Data, loss, beta, bias mode. Its activation is overruled by ``activation``.
    shape : Shape
        Layer sizes.
    activation : Activation or SmoothActivation
        Gates of piecewise linear ones at exactly 0 take the slope ``slope_neg``.
    dtype, device
        torch dtype and device of everything inside.

    Notes
    -----
    Status: theorem (a definition, evaluated in float64). Source: [relucvx].

    Examples
    --------
    >>> import torch
    >>> import relucvx as rx
    >>> from relucvx.training import BatchedObjective, Shape
    >>> problem = rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> shape, cpu = Shape((1, 2, 1), problem.bias), torch.device("cpu")
    >>> objective = BatchedObjective(problem, shape, problem.activation, torch.float64, cpu)
    >>> values, gradients = objective.evaluate(torch.zeros(3, 4, dtype=torch.float64))  # three networks of four weights
    >>> values.tolist(), tuple(gradients.shape)
    ([2.5, 2.5, 2.5], (3, 4))
    """

    def __init__(
        self, problem: Problem, shape: Shape, activation: Activation | SmoothActivation, dtype: Any, device: Any
    ) -> None:
        def tensor(a: Array) -> Any:
            return torch.tensor(a, dtype=dtype, device=device)

        self.problem, self.shape, self.activation = problem, shape, activation
        self.loss = as_torch_loss(problem.loss)
        self.beta = problem.beta
        self.inputs = tensor(problem.inputs)  # (n, D)
        # transposed once, not in every step
        self.inputs_t = self.inputs.T.contiguous()
        self.bags = None if problem.pooling is None else Bags(problem.pooling, dtype, device)
        self.targets = tensor(problem.Y.T)  # (c, n)
        weight = problem.sample_weight
        # None where it would only multiply by one
        self.weight = None if (weight == 1.0).all() else tensor(weight)
        decay = shape.decay()
        self.decay = None if decay.all() else tensor(decay)
        self.dtype, self.device = dtype, device
        widest = max(shape.sizes[1:])
        per_network = widest * problem.n_rows * self.inputs.element_size()
        # small networks go through in blocks, on threads of ours; large ones leave the threads to torch
        self.small = self.inputs.device.type == "cpu" and per_network <= BLOCK_BYTES
        self.block = max(1, BLOCK_BYTES // per_network) if self.small else 10**9
        self.pool: ThreadPoolExecutor | None = None

    @contextmanager
    def own_threads(self) -> Iterator[None]:
        """Spread blocks over threads instead of every single operation, within the ``with`` block.

        Operations on small tensors gain little from a second thread and wait for it dozens of times per evaluation, which
        is slow beyond measure when the core is shared; blocks wait once. Large networks and GPUs are left to torch.
        """
        with TORCH.held(self.small or jobs() == 1) as threads:
            count = min(max(threads), jobs())
            if not self.small or count == 1:
                yield
                return
            try:
                with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as self.pool:
                    yield
            finally:
                self.pool = None

    def evaluate(self, theta: Any, rows: Any = None) -> tuple[Any, Any]:
        """Values (S,) and gradients (S, P).

        With ``rows`` (S, b), each network sees its own b samples; the loss is scaled by n/b, so the estimate is unbiased.
        """
        values, grads = theta.new_empty(len(theta)), torch.empty_like(theta)

        # blocks write into parts of their own, so that nothing needs a lock
        def work(start: int) -> None:
            part = slice(start, start + self.block)
            values[part] = self._block(theta[part], None if rows is None else rows[part], grads[part])

        starts = range(0, len(theta), self.block)
        if self.pool is None or len(starts) == 1:
            for start in starts:
                work(start)
        else:
            list(self.pool.map(work, starts))
        decayed = self.decayed(theta)
        values += 0.5 * self.beta * (decayed * decayed).sum(1)
        grads.add_(decayed, alpha=self.beta)
        return values, grads

    def decayed(self, theta: Any) -> Any:
        """The parameters under weight decay; free biases as zeros."""
        return theta if self.decay is None else theta * self.decay

    def stationarity(self, theta: Any, grads: Any) -> Any:
        """||∇P|| / (||∇loss|| + ||beta theta||) per network, in [0, 1]; 0 for a network that has shrunk to nothing.

        The zero network is approached at a linear rate without ever being reached, so a network counts as zero where
        its decay has sunk below the square of the rounding unit and the gradient points on towards zero.
        """
        pull = self.beta * self.decayed(theta)
        size, norm = torch.linalg.vector_norm(grads, dim=1), torch.linalg.vector_norm
        scale = norm(grads - pull, dim=1) + norm(pull, dim=1)
        return torch.where(scale > 0, size / scale.clamp_min(torch.finfo(self.dtype).tiny), torch.zeros_like(size))

    def vanished(self, theta: Any, values: Any, grads: Any) -> Any:
        """Networks (S,) that shrink towards zero and are already below rounding there."""
        if self.problem.bias.has_output:  # an output bias stays
            return torch.zeros(len(theta), dtype=torch.bool, device=self.device)
        tiny = self.beta * (theta * theta).sum(1) <= torch.finfo(self.dtype).eps ** 2 * values
        return tiny & ((theta * grads).sum(1) >= 0)

    def _block(self, theta: Any, rows: Any, grads: Any) -> Any:
        """Loss of one block of networks; the gradient of the loss is written into ``grads``."""
        layers, out = self.shape.matrices(theta), self.shape.matrices(grads)
        inputs, targets, weight = self._samples(rows)
        hidden, rows_of, gates = [], [], []
        H: Any = None
        for layer, (W, bias) in enumerate(layers):
            A = self._first(W, inputs) if layer == 0 else _affine(W, bias, H)
            if layer < len(layers) - 1:
                H, gate = self._activate(A)
                rows_of.append(H)
                H = H if self.bags is None else self.bags.read(H)
                hidden.append(H)
                gates.append(gate)
        value, G = self.loss.value_and_slopes(A, targets, weight)
        for layer in range(len(layers) - 1, 0, -1):
            H = hidden[layer - 1]
            # reshape() of a slice of contiguous rows is a view, so this writes into grads
            out[layer][0].copy_(G @ H.mT)
            if out[layer][1] is not None:
                out[layer][1].copy_(G.sum(-1))
            G = layers[layer][0].mT @ G
            G = G if self.bags is None else self.bags.spread(G)
            G = self._pull_back(G, rows_of[layer - 1], gates[layer - 1])
        if inputs is None:
            size = G.shape
            out[0][0].copy_((G.reshape(-1, size[-1]) @ self.inputs).view(size[0], size[1], -1))
        else:
            out[0][0].copy_(G @ inputs.mT)
        return value

    def _samples(self, rows: Any) -> tuple[Any, Any, Any]:
        """(inputs (S, D, b) or None for all, targets, weight)."""
        if rows is None:
            return None, self.targets, self.weight
        scale = len(self.inputs) / rows.shape[1]
        weight = self.inputs.new_full((1, 1, 1), scale) if self.weight is None else scale * self.weight[rows][:, None]
        return self.inputs[rows].mT, self.targets.T[rows].mT, weight

    def _first(self, W: Any, inputs: Any) -> Any:
        if inputs is not None:
            return W @ inputs
        count, units, columns = W.shape
        return (W.reshape(-1, columns) @ self.inputs_t).view(count, units, -1)

    def _activate(self, A: Any) -> tuple[Any, Any]:
        """Post-activations (A itself is reused where possible) and what the way back needs."""
        phi = self.activation
        if not isinstance(phi, Activation):
            # smooth activations have no slope of our own: autograd has it
            with torch.enable_grad():
                leaf = A.detach().requires_grad_()
                value = phi.torch(leaf)
            return value.detach(), (leaf, value)
        if phi.hinge == 0.0:
            return (A if phi.linear == 1.0 else A.mul_(phi.linear)), None
        if phi.linear == 0.0 and phi.hinge == 1.0:
            return A.relu_(), None
        gate = torch.where(A > 0, A.new_tensor(phi.slope_pos), A.new_tensor(phi.slope_neg))
        return A.mul_(gate), gate

    def _pull_back(self, back: Any, H: Any, gate: Any) -> Any:
        """Multiply by the slope of the activation, in place where possible."""
        phi = self.activation
        if not isinstance(phi, Activation):
            leaf, value = gate
            return torch.autograd.grad(value, leaf, back)[0]
        if gate is not None:
            return back.mul_(gate)
        if phi.hinge == 0.0:
            return back if phi.linear == 1.0 else back.mul_(phi.linear)
        # ReLU needs no gate: its activity is positive where it was on
        return torch.ops.aten.threshold_backward.grad_input(back, H, 0, grad_input=back)

    def network(self, theta: Any) -> TwoLayerReLU | PooledReLU | DeepNetwork:
        """One row of parameters as a network."""
        values = freeze(theta.detach().cpu().double().numpy())
        return self.shape.network(values, self.activation, self.problem.scalar_output, self.problem.pooling)


def _affine(W: Any, bias: Any, H: Any) -> Any:
    return W @ H if bias is None else torch.baddbmm(bias[..., None], W, H)
