"""Exact reductions of a problem, each with its inverse: smaller or better scaled, with the same optimum.

    two classes       the cross-entropy of two classes is the logistic loss (:mod:`relucvx.program.two_classes`)
    centred targets   a free output bias absorbs any offset of the targets of a loss of the residual
    merged rows       equal rows count once, with their weights added; zero rows do nothing without a bias
    even rows         without a bias, a row far longer than the others is a shorter one of more weight
    ordinary sizes    weights and slopes far from one are brought to one (powers of two)
    units             X and Y in units of their own (powers of two, so that no digit changes); rows around their centre when
                      the hidden bias is free
    row space         directions that no row has cost norm and do nothing: X = L Qᵀ, w = Q u

Every reduction maps networks both ways (``forward``, ``backward``) and dual points back. What is proven is still proven about
the problem as it was stated: the certificate never looks at a reduced one, only at the network and the dual point that come
back.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relucvx.network.two_layer import TwoLayerReLU
from relucvx.program.problem import Problem
from relucvx.program.two_classes import expand_dual, expand_network, reduce_network, reduced
from relucvx.tolerances import EPS
from relucvx.types import Array, as_activation

ORDINARY = 2.0**20
"""Weights and slopes are left as they are between this and its inverse: the arithmetic is the same there."""

EVEN = 64.0
"""Rows within this factor of the median row are left alone: only what is far from it spoils the arithmetic."""

FAR = 4.0
"""Targets are centred when their middle is this many times their range away from zero: then y - middle is exact."""


@dataclass(frozen=True)
class Reduction:
    """A problem with the same optimum as another, and the way from there and back.

    ``objective of the stated problem = gain · objective of the reduced one + constant`` for networks that correspond.

    Attributes
    ----------
    problem : Problem
        The reduced problem.
    note : str
        What was reduced, in words; empty for nothing.
    forward, backward : callable
        Networks of the stated problem to networks of the reduced one, and back.
    dual : callable
        Dual points of the reduced problem to dual points of the stated one.
    gain, constant : float

    Notes
    -----
    Status: theorem (each step is an equivalence of problems). Source: [relucvx]
    """

    problem: Problem
    note: str
    forward: Callable[[TwoLayerReLU], TwoLayerReLU]
    backward: Callable[[TwoLayerReLU], TwoLayerReLU]
    dual: Callable[[Array], Array]
    gain: float = 1.0
    constant: float = 0.0

    def then(self, step: Reduction | None) -> Reduction:
        """This reduction followed by another one of its problem."""
        if step is None:
            return self
        return Reduction(
            step.problem,
            f"{self.note}; {step.note}" if self.note else step.note,
            lambda net: step.forward(self.forward(net)),
            lambda net: self.backward(step.backward(net)),
            lambda N: self.dual(step.dual(N)),
            self.gain * step.gain,
            self.constant + self.gain * step.constant,
        )

    def tolerance(self, tol: float) -> float:
        """Relative gap of the reduced problem that leaves at most ``tol`` in the stated one.

        What is constant needs no proof: with p = gain p' + constant and p' at most the null value v', a gap of
        tol (1 + constant / (gain v')) p' is at most tol (gain p' + constant) / gain.
        """
        null = self.gain * self.problem.null_value()
        return tol * (1.0 + max(self.constant, 0.0) / null) if null > 0 else tol


def presolve(problem: Problem) -> Reduction:
    """All reductions that apply to a problem, in the order of the module."""
    return _in_turn(problem, two_classes, centred_targets, merged_rows, even_rows, ordinary_sizes, own_units, row_space)


def rescaled(problem: Problem) -> Reduction:
    """The reductions that round at most as much as reading the data does: for bounds that are taken as they come."""
    return _in_turn(problem, two_classes, centred_targets, own_units)


def _in_turn(problem: Problem, *steps: Callable[[Problem], Reduction | None]) -> Reduction:
    done = Reduction(problem, "", lambda net: net, lambda net: net, lambda N: N)
    for step in steps:
        done = done.then(step(done.problem))
    return done


# ---------------------------------------------------------------------- targets
def two_classes(problem: Problem) -> Reduction | None:
    """One output for the cross-entropy of two classes; None elsewhere."""
    small = reduced(problem)
    if small is None:
        return None
    readouts = problem.n_readouts
    return Reduction(
        small,
        "two classes as one logistic output",
        lambda net: reduce_network(net, readouts),
        lambda net: expand_network(net, readouts),
        expand_dual,
    )


def centred_targets(problem: Problem) -> Reduction | None:
    """Targets minus a constant, where a free output bias absorbs it and the subtraction is exact; None elsewhere."""
    middle = _middle(problem)
    if not middle.any():
        return None
    return Reduction(
        dataclasses.replace(problem, Y=problem.Y - middle),
        f"targets centred at {np.array2string(middle, precision=6)}",
        lambda net: _with_output(net, -middle),
        lambda net: _with_output(net, middle),
        lambda N: N,
    )


def _middle(problem: Problem) -> Array:
    """What :func:`centred_targets` subtracts (c,); zeros where nothing is gained or not all differences are exact."""
    Y = problem.Y
    if not problem.bias.is_free or not problem.loss.translation_invariant:
        return np.zeros(problem.n_outputs)
    # the middle of the range, not the mean: it is what makes all differences exact
    low, high = Y.min(axis=0), Y.max(axis=0)
    middle = low + 0.5 * (high - low)
    # within a factor of two of each other numbers have exact differences
    far = (np.abs(middle) > FAR * (high - low)) & (middle != 0.0)
    return np.where(far, middle, 0.0)


def centred(problem: Problem, net: TwoLayerReLU) -> tuple[Problem, TwoLayerReLU]:
    """The problem with targets around zero, where that is exact, and the network that goes with it."""
    step = centred_targets(problem)
    return (problem, net) if step is None else (step.problem, step.forward(net))


def _with_output(net: TwoLayerReLU, shift: Array) -> TwoLayerReLU:
    bias = np.zeros(net.n_outputs) if net.bias_out is None else net.bias_out.copy()
    bias[: len(shift)] += shift  # with several read-outs the output bias is the first entries
    return dataclasses.replace(net, bias_out=bias)


# ---------------------------------------------------------------------- rows
def merged_rows(problem: Problem) -> Reduction | None:
    """One weighted row for each set of equal rows, and none for zero rows without a bias; None when there is nothing to do.

    Losses that average their targets merge all equal rows of X, others those with equal targets as well.
    """
    if problem.pooling is not None:
        return _shared_rows(problem)
    X, Y, w = problem.X, problem.Y, problem.sample_weight
    # without a bias a zero row has fit 0 whatever the network: it only adds a constant
    kept = np.arange(len(X)) if problem.bias.has_hidden else np.flatnonzero(X.any(axis=1))
    if not len(kept):
        return None  # nothing but zero rows: there is no smaller problem
    averages = problem.loss.averages_targets
    # equal rows have equal fits; where the loss averages targets their mean stands for all of them
    key = X[kept] if averages else np.column_stack([X[kept], Y[kept]])
    _, first, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
    group = group.ravel()
    if len(first) == len(X):
        return None
    order = np.argsort(first)  # in the order of the data
    group = np.argsort(order)[group]
    rows = kept[first[order]]
    weight: Array = np.bincount(group, w[kept], len(rows)).astype(np.float64)
    # rows without weight keep their place, but have no share
    share = np.divide(w[kept], weight[group], where=weight[group] > 0, out=np.zeros(len(kept)))
    # a mean of equal targets is that target, whatever rounding says
    mean = np.stack([np.bincount(group, share * column, len(rows)) for column in Y[kept].T], axis=1)
    low, high = (_extreme(sign, Y[kept], group, len(rows)) for sign in (1.0, -1.0))
    targets: Array = np.where(weight[:, None] > 0, np.clip(mean.astype(np.float64), low, high), Y[rows])
    small = dataclasses.replace(problem, X=X[rows], Y=targets if averages else Y[rows], sample_weight=weight)

    # a merged row's multiplier is the sum of theirs, each row's part following from its own target
    def dual(N: Array) -> Array:
        out = -problem.loss.gradient(np.zeros_like(Y), Y, w)  # at a zero row the fit is 0
        out[kept] = share[:, None] * N[group]
        if averages:
            out[kept] += w[kept, None] * (Y[kept] - targets[group])
        return out

    null = np.zeros_like(targets)
    return Reduction(
        small,
        f"{len(X)} rows merged to {len(rows)}",
        lambda net: net,
        lambda net: net,
        dual,
        constant=problem.loss_at(np.zeros_like(Y)) - small.loss_at(null),
    )


def _shared_rows(problem: Problem) -> Reduction | None:
    """One row for each set of equal rows in bags, none for zero rows without a bias: what samples take of them adds up."""
    bags = problem.pooling
    assert bags is not None
    kept = np.arange(problem.n_rows) if problem.bias.has_hidden else np.flatnonzero(problem.X.any(axis=1))
    if not len(kept):
        return None
    _, first, group = np.unique(problem.X[kept], axis=0, return_index=True, return_inverse=True)
    if len(first) == problem.n_rows:
        return None
    order = np.argsort(first)  # in the order of the data
    merged = bags.merged(kept, np.argsort(order)[group.ravel()], len(first))
    small = dataclasses.replace(problem, X=problem.X[kept[first[order]]], pooling=merged)
    note = f"{problem.n_rows} rows merged to {len(first)}"
    return Reduction(small, note, lambda net: net, lambda net: net, lambda N: N)


def _extreme(sign: float, Y: Array, group: NDArray[np.intp], count: int) -> Array:
    """Least (sign 1) or largest (-1) target of each group."""
    out = np.full((count, Y.shape[1]), np.inf)
    np.minimum.at(out, group, sign * Y)
    return sign * out


# ---------------------------------------------------------------------- units
def own_units(problem: Problem) -> Reduction | None:
    """X in its own unit where no decayed hidden bias fixes it, Y where the loss is homogeneous; None when both are one.

    X / s with beta / s is the same problem with w' = s w; rows around their centre with a free bias, b' = b + w·centre. A
    loss of degree p at Y / t is t^-p times what it was: beta becomes beta t^(1 - p), and outputs are divided by t.
    """
    free = problem.bias.is_free
    # a free bias costs nothing, so that rows may be centred: shorter rows, tighter bounds
    centre = problem.X.mean(axis=0) if free else np.zeros(problem.n_features)
    X = problem.X - centre
    s = 1.0 if problem.bias.decays_hidden else _unit(X)
    degree = problem.loss.homogeneity
    # a decayed output bias costs beta b²/2: neither linear in t nor of the loss's degree
    t = _unit(problem.Y) if degree is not None and not problem.bias.decays_output else 1.0
    if s == 1.0 and t == 1.0 and not centre.any():
        return None
    p = 1 if degree is None else degree

    def forward(net: TwoLayerReLU) -> TwoLayerReLU:
        bias = net.bias_in
        if centre.any():
            bias = (np.zeros(net.width) if bias is None else bias) + net.weights_in @ centre
        out = None if net.bias_out is None else net.bias_out / t
        return dataclasses.replace(
            net, weights_in=net.weights_in * s, bias_in=bias, weights_out=net.weights_out / t, bias_out=out
        )

    def backward(net: TwoLayerReLU) -> TwoLayerReLU:
        weights, bias = net.weights_in / s, net.bias_in
        if centre.any() and bias is not None:
            bias = bias - weights @ centre
        out = None if net.bias_out is None else net.bias_out * t
        return dataclasses.replace(net, weights_in=weights, bias_in=bias, weights_out=net.weights_out * t, bias_out=out)

    # the same objective times t^p in other weights, for which beta follows
    small = dataclasses.replace(problem, X=X / s, Y=problem.Y / t, beta=problem.beta / s * t ** (1 - p))
    note = f"units: X / {s:g}, Y / {t:g}" + (", rows centred" if centre.any() else "")
    return Reduction(small, note, forward, backward, lambda N: N * t ** (p - 1), gain=t**p)


def even_rows(problem: Problem) -> Reduction | None:
    """Rows far longer than the median brought to its size (powers of two), where that is exact; None elsewhere.

    Networks without bias are positively homogeneous: with x = t x' the fit is t times that at x', and a loss of degree p is
    t^p times that of the target y / t, which the sample weight takes up. Short rows stay: their targets would become huge.
    """
    degree, sizes = problem.loss.homogeneity, np.abs(problem.X).max(axis=1)
    if problem.bias.has_hidden or degree is None or not sizes.any() or problem.pooling is not None:
        return None
    # by the median: one long row must not make all others look short
    ratio = sizes / np.median(sizes[sizes > 0])
    odd = ratio > EVEN
    t = np.where(odd, 2.0 ** np.round(np.log2(np.where(odd, ratio, 1.0))), 1.0)
    # the loss of the row is that of the shorter one times t^p, if that is a number
    weight = problem.sample_weight * t**degree
    if not odd.any() or not (np.isfinite(weight).all() and (weight[problem.sample_weight > 0] > 0).all()):
        return None
    small = dataclasses.replace(problem, X=problem.X / t[:, None], Y=problem.Y / t[:, None], sample_weight=weight)
    note = f"{int(odd.sum())} rows brought to the size of the others"
    return Reduction(small, note, lambda net: net, lambda net: net, lambda N: N / t[:, None])


def ordinary_sizes(problem: Problem) -> Reduction | None:
    """Sample weights and slopes of the activation divided by a power of two each; None where both are ordinary.

    Weights / u with beta / u is the problem / u. Slopes / a with beta / a is the same problem with v' = a v, unless a decayed
    output bias fixes the unit of the outputs.
    """
    act = problem.activation
    slopes = np.array([act.slope_neg, act.slope_pos])
    weights = problem.sample_weight[problem.sample_weight > 0]
    # the median: one huge weight is no reason to make all others tiny
    u, a = _unit(np.median(weights, keepdims=True)) if len(weights) else 1.0, _unit(slopes)
    u, a = (1.0 if 1.0 / ORDINARY <= unit <= ORDINARY else unit for unit in (u, a))
    if problem.bias.decays_output:
        a = 1.0
    if u == a == 1.0:
        return None
    small = dataclasses.replace(
        problem,
        beta=problem.beta / u / a,
        sample_weight=problem.sample_weight / u,
        activation=act if a == 1.0 else as_activation((act.slope_neg / a, act.slope_pos / a)),
    )
    return Reduction(
        small,
        f"weights / {u:g}, slopes / {a:g}",
        lambda net: dataclasses.replace(net, weights_out=net.weights_out * a, activation=small.activation),
        lambda net: dataclasses.replace(net, weights_out=net.weights_out / a, activation=act),
        lambda N: N * u,
        gain=u,
    )


def power_of_two(size: float) -> float:
    """The power of two nearest to a size, as far as its inverse is a float, 1 for 0: a unit that changes no digit."""
    return float(2.0 ** min(max(round(math.log2(size)), -1000), 1000)) if size > 0.0 else 1.0


def _unit(A: Array) -> float:
    """The power of two nearest to the largest entry; 1 for zeros."""
    return power_of_two(float(np.abs(A).max()))


# ---------------------------------------------------------------------- columns
def principal_axes(X: Array) -> tuple[Array, Array]:
    """Singular values of X and its right singular vectors as rows.

    Many rows are first factorised block by block: no long singular vectors, and no threads that wait for each other.

    Status: theorem (Q of X = Q R leaves both as they are). Source: [relucvx]
    """
    dim = X.shape[1]
    block = 2 * dim
    # each block of rows becomes its triangle: the same products, a fraction of the rows
    while dim and len(X) > 2 * block:
        whole = len(X) // block * block
        triangles = np.asarray(np.linalg.qr(X[:whole].reshape(-1, block, dim), mode="r")).reshape(-1, dim)
        X = np.concatenate([triangles, X[whole:]])
    _, s, Vt = np.linalg.svd(X, full_matrices=False)
    return s, Vt


def row_space(problem: Problem) -> Reduction | None:
    """Features in the coordinates of the row space, when that has fewer dimensions; None otherwise."""
    X = problem.X
    s, Vt = principal_axes(X)
    # what is dropped is of the size of the rounding of the rows themselves
    rank = max(int((s > max(X.shape) * EPS * s[0]).sum()), 1)
    if rank == problem.n_features:
        return None
    Q = Vt[:rank].T
    return Reduction(
        dataclasses.replace(problem, X=np.ascontiguousarray(X @ Q)),
        f"{problem.n_features} features in their row space of {rank} dimensions",
        lambda net: dataclasses.replace(net, weights_in=net.weights_in @ Q),
        lambda net: dataclasses.replace(net, weights_in=net.weights_in @ Q.T),
        lambda N: N,
    )
