"""Changes of a network that keep its function (or its outputs on given data) and never raise its cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from relucvx.conversion import as_instance
from relucvx.network.caratheodory import vertex_coefficients
from relucvx.network.two_layer import TwoLayerReLU, row_norms
from relucvx.tolerances import EPS, MERGE, Tolerance
from relucvx.types import Array, ArrayLike
from relucvx.validation import as_matrix, as_positive, check_size


def path_norm(net: TwoLayerReLU, penalize_bias: bool = True) -> float:
    """Convex penalty sum_j ||w_j||·||v_j|| of a network.

    Parameters
    ----------
    net : TwoLayerReLU
        Network with weights_in (m, d) and weights_out (m, c).
    penalize_bias : bool, default True
        Whether ||w_j|| counts the hidden bias: ||(w_j, b_j)||. False for bias mode "free".

    Notes
    -----
    At most (||W_in||² + ||W_out||²)/2, with equality iff ||w_j|| = ||v_j|| for every neuron.

    Source: [pilanci-ergen-2020].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.network import path_norm
    >>> path_norm(rx.TwoLayerReLU([[3.0, 4.0]], [2.0]))  # ||w||·||v||
    10.0
    """
    return float(net.neuron_norms(penalize_bias).sum())


def balance(net: TwoLayerReLU, penalize_bias: bool = True) -> TwoLayerReLU:
    r"""Rescale each neuron to ||w_j|| = ||v_j||, the cheapest scaling under weight decay.

    phi(s t) = s phi(t) for s > 0, so (w_j, b_j, v_j) and (s w_j, s b_j, v_j / s) are the same function; the sum
    ||w_j||² + ||v_j||² is least, 2 ||w_j|| ||v_j||, at s = sqrt(||v_j|| / ||w_j||).

    Parameters
    ----------
    net : TwoLayerReLU
        Any network.
    penalize_bias : bool, default True
        Whether ||w_j|| counts the hidden bias. False for bias mode "free", where a neuron with w_j = 0 is the
        constant phi(b_j) v_j and costs nothing as an output bias: it is moved there.

    Returns
    -------
    TwoLayerReLU
        The same function. Neurons with a zero side are dropped. A neuron whose balanced weights would leave the
        range of float64 (possible only for an unpenalised bias) keeps its scale.

    Notes
    -----
    Norms are taken of rows scaled by their largest entry and only square roots are multiplied, so no intermediate
    number overflows or underflows where the result does not.

    Source: [pilanci-ergen-2020].
    Status: theorem (exact up to rounding).

    Examples
    --------
    >>> import relucvx as rx
    >>> network = rx.balance(rx.TwoLayerReLU([[4.0]], [1.0]))
    >>> network.weights_in.tolist(), network.weights_out.tolist()  # the same function, at least weight
    ([[2.0]], [[2.0]])
    """
    net = _without_dead(net, penalize_bias)
    lifted, outer = _balanced(net.lifted_in, net.weights_out, net.input_norms(penalize_bias))
    return _rebuild(net, lifted, outer)


def merge(net: TwoLayerReLU, tol: float | Tolerance = MERGE, penalize_bias: bool = True) -> TwoLayerReLU:
    r"""Merge neurons whose inputs (w, b) point in the same direction, up to positive scaling.

    A group with norms a_j = ||(w_j, b_j)||, directions u_j and costs alpha_j = a_j ||v_j|| becomes the neuron with
    input sum_j alpha_j u_j / sum_j alpha_j and output sum_j a_j v_j. For equal directions this is the same function.

    Parameters
    ----------
    net : TwoLayerReLU
        Any network.
    tol : float or Tolerance, default MERGE
        Directions with 1 - cos <= tol are merged; 0 merges only directions equal up to rounding.
    penalize_bias : bool, default True
        Whether the bias counts in the norms by which merged neurons are balanced; False for bias mode "free".

    Returns
    -------
    TwoLayerReLU
        Neurons in the order in which their directions first appear; neurons with a zero side, and groups whose outputs
        cancel, are dropped. Merged neurons come out balanced, the others are untouched.

    Raises
    ------
    InvalidInputError
        When tol is not a finite number >= 0.

    Notes
    -----
    The path norm is never raised (triangle inequality), nor is the weight-decay penalty. Outputs move by at most
    sqrt(2 tol)·||(x, 1)||·sum_j alpha_j; by rounding only where the directions are equal, or where the output is
    scalar, the merged outputs have one sign and x lies on the same side of all merged walls.

    Source: [mishkin-pilanci-2023].
    Status: theorem (same function for equal directions, up to rounding).

    Examples
    --------
    >>> import relucvx as rx
    >>> rx.merge(rx.TwoLayerReLU([[1.0], [2.0], [-1.0]], [1.0, 1.0, 1.0])).width  # the first two point the same way
    2
    """
    # below the rounding of unit vectors directions cannot be told apart
    tol = max(as_positive(tol, "tol", allow_zero=True), 8 * EPS)
    net = _without_dead(net, penalize_bias)
    norms = row_norms(net.lifted_in)
    # largest entry first, so that rows whose squares leave float64 have a direction, too
    scale = np.max(np.abs(net.lifted_in), axis=1, initial=0.0)[:, None]
    unit = net.lifted_in / scale
    unit /= np.linalg.norm(unit, axis=1)[:, None]
    lifted, outer, kept = [], [], []
    for group in _groups(unit, tol):
        # a neuron alone stays as it is, to the last digit
        if len(group) == 1:
            lifted.append(net.lifted_in[group[0]])
            outer.append(net.weights_out[group[0]])
            kept.append(False)
            continue
        pieces = norms[group, None] * net.weights_out[group]
        alpha = row_norms(pieces)
        total = pieces.sum(axis=0)
        # outputs that cancel leave rounding: the group adds nothing, and goes
        if np.abs(total).max() <= 8 * EPS * len(group) * alpha.max():
            continue
        lifted.append((alpha / alpha.sum()) @ unit[group])
        outer.append(total)
        kept.append(True)
    if not lifted:
        return _rebuild(net, net.lifted_in[:0], net.weights_out[:0])
    rows, outs, merged = np.array(lifted), np.array(outer), np.array(kept)
    inner_norms = row_norms(rows if penalize_bias else rows[:, : net.n_features])
    # without its bias a mean direction may vanish; there is then no norm to balance by
    merged &= inner_norms > 0
    rows[merged], outs[merged] = _balanced(rows[merged], outs[merged], inner_norms[merged])
    return _rebuild(net, rows, outs)


def prune(net: TwoLayerReLU, X: ArrayLike, penalize_bias: bool = True) -> TwoLayerReLU:
    r"""Remove neurons without changing the outputs on X or raising the path norm (Carathéodory).

    While the matrices phi(X w_j + b_j) v_j^T, read as vectors of length n c, are linearly dependent, the
    coefficients of the neurons move along a null vector oriented so that sum_j ||w_j|| ||v_j|| does not grow, until
    one reaches zero.

    Parameters
    ----------
    net : TwoLayerReLU
        Any network.
    X : array_like of shape (n, d)
        The samples on which the outputs are kept.
    penalize_bias : bool, default True
        Whether ||w_j|| counts the hidden bias; False for bias mode "free".

    Returns
    -------
    TwoLayerReLU
        A balanced network of at most n c neurons whose matrices phi(X w_j + b_j) v_j^T are linearly independent in
        float64. Off the samples its function may differ. Neurons that are silent on X are dropped.

    Raises
    ------
    InvalidInputError
        When X does not have the network's number of features, or is not finite and real.

    Notes
    -----
    Outputs on X are kept to about 1e-12 of sum_j ||phi(X w_j + b_j)||·||v_j||. At an optimum the result is an optimum.

    Source: [mishkin-pilanci-2023].
    Status: theorem (exact up to rounding).

    Examples
    --------
    >>> import relucvx as rx
    >>> X = [[1.0], [2.0]]  # on which a neuron of negative weight is silent
    >>> rx.prune(rx.TwoLayerReLU([[1.0], [2.0], [-1.0]], [1.0, 1.0, 1.0]), X).width
    1
    """
    net = balance(net, penalize_bias)
    points = as_matrix(X, "X")
    check_size(points, "X")
    return prune_on(net, net.hidden(points), penalize_bias)


def prune_on(net: TwoLayerReLU, hidden: Array, penalize_bias: bool) -> TwoLayerReLU:
    """As :func:`prune`, for a balanced network and what samples show of its neurons, hidden (n, m)."""
    # what each neuron adds to the outputs on X, as one vector of length n c
    atoms = hidden[:, None, :] * net.weights_out.T[None, :, :]
    costs = net.neuron_norms(penalize_bias)
    coefficients = vertex_coefficients(atoms.reshape(len(hidden) * net.n_outputs, net.width), costs)
    alive = coefficients > 0
    # The root of the coefficient goes to each side: the result stays balanced.
    root = np.sqrt(coefficients[alive])[:, None]
    return _rebuild(net, root * net.lifted_in[alive], root * net.weights_out[alive])


def _rebuild(net: TwoLayerReLU, lifted: Array, outer: Array) -> TwoLayerReLU:
    d = net.n_features
    bias = None if net.bias_in is None else lifted[:, d]
    return replace(net, weights_in=lifted[:, :d], bias_in=bias, weights_out=outer)


def _without_dead(net: TwoLayerReLU, penalize_bias: bool) -> TwoLayerReLU:
    """Drop neurons with a zero side; with an unpenalised bias, move constant neurons into the output bias."""
    as_instance(net, TwoLayerReLU, "the network", "relucvx.from_torch(module)")
    outer_alive = np.any(net.weights_out != 0, axis=1)
    alive = outer_alive & np.any(net.lifted_in != 0, axis=1)
    # where hidden biases cost nothing, a neuron without weights is an output bias by another name
    if not penalize_bias and net.bias_in is not None:
        constant = alive & ~np.any(net.weights_in != 0, axis=1)
        alive &= ~constant
        if constant.any():
            moved = net.activation(net.bias_in[constant]) @ net.weights_out[constant]
            net = replace(net, bias_out=moved if net.bias_out is None else net.bias_out + moved)
    return net if alive.all() else _rebuild(net, net.lifted_in[alive], net.weights_out[alive])


def _balanced(lifted: Array, outer: Array, inner_norms: Array) -> tuple[Array, Array]:
    """Scale rows so that both sides have norm sqrt(inner_norms · ||outer||); inner_norms must be positive."""
    outer_norms = row_norms(outer)
    level = np.sqrt(inner_norms) * np.sqrt(outer_norms)
    # Dividing by the norm before multiplying by the level keeps every penalised entry in range; an
    # unpenalised bias can be far larger than its norm and is checked instead.
    with np.errstate(over="ignore", invalid="ignore"):
        new_lifted = _scaled(lifted, inner_norms, level)
    new_outer = _scaled(outer, outer_norms, level)
    # balanced already: scaling once more would only add rounding
    done = np.abs(inner_norms - outer_norms) <= 4 * EPS * np.maximum(inner_norms, outer_norms)
    keep = (done | ~np.isfinite(new_lifted).all(axis=1))[:, None]
    return np.where(keep, lifted, new_lifted), np.where(keep, outer, new_outer)


def _scaled(rows: Array, norms: Array, level: Array) -> Array:
    """rows / norms * level per row; subnormal norms are lifted first, since their reciprocals are inexact."""
    lift = np.where(norms < 1e-290, 2.0**60, 1.0)[:, None]
    scaled: Array = (rows * lift) / (norms[:, None] * lift) * level[:, None]
    return scaled


def _groups(unit: Array, tol: float) -> list[list[int]]:
    """Group rows within tol of the first row of a group, groups ordered by first appearance."""
    groups: list[list[int]] = []
    free = np.ones(len(unit), dtype=bool)
    for j in range(len(unit)):
        if not free[j]:
            continue
        # Half the squared distance is 1 - cos without its cancellation.
        same = free & (0.5 * np.sum((unit - unit[j]) ** 2, axis=1) <= tol)
        free &= ~same
        groups.append([int(i) for i in np.flatnonzero(same)])
    return groups
