"""The objective of a network, written once."""

from __future__ import annotations

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.program.presolve import centred
from relucvx.program.problem import Problem
from relucvx.tolerances import EPS
from relucvx.types import Array


def check_network(problem: Problem, net: TwoLayerReLU) -> None:
    """Raise unless the network is a candidate for the problem.

    A bias the problem has and the network lacks counts as zero.

    Raises
    ------
    InvalidInputError
        When the number of features or outputs or the activation differ, or when the network has a bias that the
        problem lacks.
    """
    # a network that does not fit gets an answer that looks like one: each way in which that happens is named
    for what, theirs, ours in (
        ("features", net.n_features, problem.n_features),
        ("outputs", net.n_outputs, problem.n_weights_out),
    ):
        if theirs != ours:
            raise InvalidInputError(
                explain(f"a network with {ours} {what}", f"{theirs} {what}", "the network was trained on other data")
            )
    slopes = (net.activation.slope_neg, net.activation.slope_pos)
    if slopes != (problem.activation.slope_neg, problem.activation.slope_pos):
        raise InvalidInputError(
            explain(
                f"a network with activation {problem.activation.name}",
                f"{net.activation.name}",
                "",
                f"activation={net.activation.name!r} in the problem",
            )
        )
    # a bias that the problem lacks would be free of charge: the objective could fall below every bound
    extra = []
    if net.bias_in is not None and not problem.bias.has_hidden:
        extra.append("hidden bias (bias_in)")
    if net.bias_out is not None and not problem.bias.has_output:
        extra.append("output bias (bias_out)")
    if extra:
        raise InvalidInputError(
            explain(
                f'a network without {" and ".join(extra)} for bias="{problem.bias}"',
                "a network that has it",
                "torch.nn.Linear has a bias by default",
                'bias="all" in the problem, or bias=False in the layers',
            )
        )


def _hidden(problem: Problem, net: TwoLayerReLU) -> Array:
    return np.asarray(net.hidden(problem.X))


def fit(problem: Problem, net: TwoLayerReLU) -> Array:
    """The network's outputs (n, c) on the problem's samples, output bias included."""
    check_network(problem, net)
    F = problem.combine(_hidden(problem, net), net.weights_out)
    return F if net.bias_out is None else F + net.bias_out[: problem.n_outputs]


def representation(problem: Problem, net: TwoLayerReLU) -> Array:
    """What the samples show of the hidden layer (n, m); with bags what they read of it, (n, K m).

    Notes
    -----
    Status: theorem (definition). Source: [relucvx]
    """
    return problem.pool(_hidden(problem, net)).reshape(problem.n_samples, -1)


def objective(problem: Problem, net: TwoLayerReLU) -> float:
    """Objective of the network as it is: ``loss(F) + beta/2 (||W_in||² + ||W_out||² + decayed biases)``.

    The decayed biases are ``b_in`` for the bias mode "hidden", ``b_in`` and ``b_out`` for "all", none for "free".

    Raises
    ------
    InvalidInputError
        When the network does not fit the problem (:func:`check_network`).

    Notes
    -----
    Status: theorem (definition). Source: [relucvx]
    """
    return problem.loss_at(fit(problem, net)) + problem.beta * _decay(problem, net)


def balanced_objective(problem: Problem, net: TwoLayerReLU) -> float:
    """Objective after the best rescaling of every neuron: ``loss(F) + beta Σ_j ||w_j|| ||v_j|| [+ beta/2 ||b_out||²]``.

    ``w_j`` includes the hidden bias when it is decayed. Never above :func:`objective`, with the same fit.

    Raises
    ------
    InvalidInputError
        When the network does not fit the problem (:func:`check_network`).

    Notes
    -----
    Status: theorem (min over t > 0 of (t² a² + b²/t²)/2 is a b). Source: [pilanci-ergen-2020]
    """
    return problem.loss_at(fit(problem, net)) + problem.beta * _balanced_decay(problem, net)


def _decay(problem: Problem, net: TwoLayerReLU) -> float:
    decay = float(np.sum(net.weights_in**2) + np.sum(net.weights_out**2))
    if problem.bias.decays_hidden and net.bias_in is not None:
        decay += float(np.sum(net.bias_in**2))
    if problem.bias.decays_output and net.bias_out is not None:
        decay += float(np.sum(net.bias_out**2))
    return 0.5 * decay


def _balanced_decay(problem: Problem, net: TwoLayerReLU) -> float:
    squares = np.sum(net.weights_in**2, axis=1)
    if problem.bias.decays_hidden and net.bias_in is not None:
        squares = squares + net.bias_in**2
    penalty = float(np.sqrt(squares) @ np.linalg.norm(net.weights_out, axis=1))
    if problem.bias.decays_output and net.bias_out is not None:
        penalty += 0.5 * float(net.bias_out @ net.bias_out)
    return penalty


def objectives_from_above(problem: Problem, net: TwoLayerReLU) -> tuple[float, float]:
    """Upper bounds of :func:`objective` and :func:`balanced_objective` in exact arithmetic, a few roundings above them.

    Every rounding of the forward pass, of the loss and of the penalty is bounded: where terms cancel (targets far from zero,
    huge neurons) the float64 value of an objective can lie below the optimum, and would then prove something false. With a
    free output bias targets are first moved near zero, which is exact.

    Raises
    ------
    InvalidInputError
        When the network does not fit the problem (:func:`check_network`).

    Notes
    -----
    Status: theorem (standard model of float64 arithmetic, first-order constants rounded up). Source: [relucvx]
    """
    loss, own, balanced = _parts_from_above(problem, net)
    own, balanced = ((loss + problem.beta * decay) * (1.0 + 4.0 * EPS) for decay in (own, balanced))
    own, balanced = (value if np.isfinite(value) else np.inf for value in (own, balanced))
    return own, min(own, balanced)


def line_from_above(problem: Problem, net: TwoLayerReLU) -> tuple[float, float]:
    """Loss and balanced penalty of a network, both rounded up: of every strength ``loss + beta · penalty`` bounds the optimum.

    The strength of the problem plays no part. Whoever evaluates the line rounds its value up.

    Returns
    -------
    loss, penalty : float
        inf where they overflow.

    Raises
    ------
    InvalidInputError
        When the network does not fit the problem (:func:`check_network`).

    Notes
    -----
    Status: theorem (standard model of float64 arithmetic, first-order constants rounded up). Source: [relucvx]
    """
    loss, _, balanced = _parts_from_above(problem, net)
    return (loss, balanced) if np.isfinite(loss + balanced) else (np.inf, np.inf)


def _parts_from_above(problem: Problem, net: TwoLayerReLU) -> tuple[float, float, float]:
    """Loss, decay and balanced decay, each with a bound on its rounding added; not finite where they overflow."""
    check_network(problem, net)
    problem, net = centred(problem, net)
    with np.errstate(over="ignore", invalid="ignore"):
        # overflow is no error here: an infinite objective is an upper bound, too
        F, error = _fit_and_error(problem, net)
        loss = problem.loss_at(F)
        loss += problem.loss.value_error(F, problem.Y, problem.sample_weight, error)
        terms = net.weights_in.size + net.weights_out.size + net.width + net.n_outputs + 16
        own, balanced = (decay * (1.0 + terms * EPS) for decay in (_decay(problem, net), _balanced_decay(problem, net)))
    return float(loss), float(own), float(balanced)


def _fit_and_error(problem: Problem, net: TwoLayerReLU) -> tuple[Array, Array]:
    """The fit (n, c), and a bound on the rounding of each entry (sums of k terms: k roundings each)."""
    act = problem.activation
    steep = act.steepest
    X, W, V = problem.X, net.weights_in, net.weights_out
    H = np.asarray(net.hidden(X))
    size = problem.sizes()
    F, summed = problem.combine(H, V), size.combine(np.abs(H), np.abs(V))
    # each preactivation is off by its own roundings, which the slopes and the output weights carry on
    within = np.abs(X) @ np.abs(W.T)
    if net.bias_in is not None:
        within = within + np.abs(net.bias_in)
    carried = size.combine((W.shape[1] + 6) * EPS * steep * within, np.abs(V))
    if net.bias_out is not None:
        bias = net.bias_out[: problem.n_outputs]
        F, summed = F + bias, summed + np.abs(bias)
    # sums of so many terms: neurons, and with bags the rows and read-outs, whose shares are rounded as well
    terms = len(V) + 6 + (0 if problem.pooling is None else problem.n_readouts * len(V) + problem.pooling.n_terms + 4)
    # products may underflow: each then loses at most the smallest normal number
    tiny = np.finfo(np.float64).tiny
    lost = tiny * (terms * (len(V) > 0) + size.combine(np.full_like(H, W.shape[1] * (1.0 + steep)), np.abs(V)))
    return F, carried + terms * EPS * summed + lost


def stationarity(problem: Problem, net: TwoLayerReLU) -> float:
    """Relative size of the gradient of :func:`objective` at the network's own weights.

    The largest entry of the gradient over all weights and biases the network has, divided by the largest sum of
    the absolute values of the terms such an entry adds up (0/0 is 0). Gates at exactly 0 take the slope
    ``slope_neg``; losses with a kink take their flat side. So 0 means stationary, 1 nothing cancels.

    Raises
    ------
    InvalidInputError
        When the network does not fit the problem (:func:`check_network`).

    Notes
    -----
    Status: heuristic (small values do not prove optimality, and a kink may hide a stationary point).
    Source: [relucvx]
    """
    largest, scale = _gradient_size(problem, net)
    return largest / scale if scale > 0 else 0.0


def _gradient_size(problem: Problem, net: TwoLayerReLU) -> tuple[float, float]:
    """Largest entry of the gradient, and the largest sum of absolute terms behind an entry."""
    F = fit(problem, net)
    G = problem.loss.gradient(F, problem.Y, problem.sample_weight)
    H = _hidden(problem, net)
    slope = problem.activation.gate(np.asarray(net.preactivations(problem.X)) > 0)
    spread, spread_size = problem.spread(G), problem.sizes().spread(np.abs(G))
    # what each entry adds up, and the sum of its absolute terms: cancellation is the only scale there is
    back = slope * (spread @ net.weights_out.T)
    back_size = np.abs(slope) * (spread_size @ np.abs(net.weights_out).T)
    ones = np.ones((1, problem.n_rows))
    decay_in = problem.beta if problem.bias.decays_hidden else 0.0
    decay_out = problem.output_decay
    parts = [
        (H.T, spread, spread_size, problem.beta, net.weights_out),
        (problem.X.T, back, back_size, problem.beta, net.weights_in.T),
    ]
    if net.bias_in is not None:
        parts.append((ones, back, back_size, decay_in, net.bias_in[None, :]))
    if net.bias_out is not None:
        bias = net.bias_out[None, : problem.n_outputs]
        parts.append((np.ones((1, problem.n_samples)), G, np.abs(G), decay_out, bias))
    largest, scale = 0.0, 0.0
    for left, right, size, decay, weights in parts:
        largest = max(largest, float(np.max(np.abs(left @ right + decay * weights), initial=0.0)))
        scale = max(scale, float(np.max(np.abs(left) @ size + decay * np.abs(weights), initial=0.0)))
    return largest, scale
