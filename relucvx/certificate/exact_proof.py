"""A certificate as a file of whole numbers: what it says is checked by one file of the standard library."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from relucvx.certificate import check_proof as exact
from relucvx.certificate.cone_tree import Floats, grow
from relucvx.deadline import Deadline
from relucvx.errors import ProofError, UnsupportedError, explain
from relucvx.losses import is_built_in
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.program.problem import Problem
from relucvx.types import Array

ROOM = 2e-7
"""Share by which a dual point is made shorter, so that cones need not be infinitely small where its dual norm is attained."""

DUAL_BITS, VECTOR_BITS, AXIS_BITS = 60, 34, 10
"""Bits of the largest entry of a dual point, of beta in units of a leaf's vectors, and of the axes of the cover."""

AGAIN = (
    "solution.save(path), for others who prove it again in float64 with every rounding bounded: "
    "relucvx.certify(solution.network, solution.problem)"
)
"""What to do where there is no exact proof."""


def proof_text(
    problem: Problem,
    network: TwoLayerReLU,
    dual: Array,
    *,
    room: float = ROOM,
    max_cones: float = 200_000,
    deadline: Deadline | None = None,
    callback: Callable[[int, int], object] | None = None,
) -> str:
    """The proof that the optimum is between the value of a dual point (n, c), shortened by ``room``, and a network's objective.

    Parameters
    ----------
    problem : Problem
    network : TwoLayerReLU
        Of the shape that :meth:`Problem.inner` gives.
    dual : ndarray, shape (n, c)
        A feasible dual point, such as that of a certificate.
    room : float
        Relative; the smaller, the tighter the bound and the more cones.
    max_cones, deadline, callback
        Budget; the callback takes the number of leaves and that of open cones.

    Raises
    ------
    UnsupportedError
        For losses whose values are not rational, and for bags of rows.
    ProofError
        When the budget runs out, or the point is not feasible.

    Notes
    -----
    Status: theorem (every inequality is checked in whole numbers before anything is returned). Source: [relucvx].
    """
    check_supported(problem)
    stated = _rational(problem)
    N = _rounded(problem, dual * (1.0 - room))
    if exact.dual_value(stated, N, 0) <= 0:
        # losses are not negative: the dual point zero proves more
        N = [[Fraction(0)] * problem.n_outputs for _ in N]
    axes, centre = _cover(problem)
    form = exact.make_form(stated, N, axes, centre, 0, 0)
    if 2.0 ** len(axes) > max_cones:
        raise _too_many(len(axes), max_cones)
    half = math.isqrt(form.limit)
    form = form._replace(shift=max(0, half.bit_length() - VECTOR_BITS))
    tree = grow(form, _floats(problem, form, N, centre, half), deadline or Deadline(), max_cones, callback)
    return _written(_records(problem, stated, network, N, axes, centre, form.shift, tree))


def check_supported(problem: Problem) -> None:
    """Refuse problems whose statement is not one about rational numbers, or that the checker does not know.

    Raises
    ------
    UnsupportedError
        For losses whose values are not rational, and for bags of rows.
    """
    # a loss of somebody's own may have a name that the checker knows
    if f"{problem.loss.name}" not in exact.LOSSES or not is_built_in(problem.loss):
        raise UnsupportedError(
            explain(
                f"a loss among {', '.join(exact.LOSSES)}",
                f"{problem.loss.name}",
                "its values are no fractions, or it is of a class of your own",
                f'{AGAIN}; or loss="squared_hinge" for two classes',
            )
        )
    if problem.pooling is not None:
        raise UnsupportedError(
            explain("samples that are rows", "bags of rows", "exact proofs do not know them yet", AGAIN)
        )


def _too_many(r: int, max_cones: float) -> ProofError:
    return ProofError(
        explain(
            f"at most {max_cones:.0f} cones",
            f"samples that span {r} dimensions, whose orthants are 2^{r}",
            "cones grow exponentially with the dimension; the certificate in float64 has no such limit",
            f"max_cones={2 << r}" if r <= 16 else "solution.certificate",
        )
    )


# ------------------------------------------------------------------------------------------------ numbers
def _fractions(rows: Any) -> tuple[tuple[Fraction, ...], ...]:
    return tuple(tuple(map(Fraction, row)) for row in np.asarray(rows).tolist())


def _rational(problem: Problem) -> exact.Problem:
    """The problem as the checker states it: every float is a fraction."""
    act = problem.activation
    return exact.Problem(
        f"{problem.loss.name}",
        str(problem.bias),
        (Fraction(act.slope_neg), Fraction(act.slope_pos)),
        Fraction(problem.beta),
        _fractions(problem.X),
        _fractions(problem.Y),
        tuple(map(Fraction, problem.sample_weight.tolist())),
    )


def _rounded(problem: Problem, N: Array) -> list[list[Fraction]]:
    """A dual point on a grid, towards zero, which every domain contains; for free biases its columns add up to zero."""
    top = float(np.abs(N).max(initial=0.0))
    if top == 0.0:
        return [[Fraction(0)] * problem.n_outputs for _ in range(problem.n_samples)]
    grid = Fraction(2) ** (int(np.frexp(top)[1]) - DUAL_BITS)
    columns = [[math.trunc(Fraction(t) / grid) for t in column] for column in N.T.tolist()]
    if problem.bias.is_free:
        columns = [_zero_sum(column) for column in columns]
    return [[t * grid for t in row] for row in zip(*columns, strict=True)]


def _zero_sum(column: list[int]) -> list[int]:
    """Whole numbers that add up to zero, by moving the largest ones of the other sign's excess towards zero."""
    out, excess = list(column), sum(column)
    sign = 1 if excess > 0 else -1
    for i in sorted(range(len(out)), key=lambda i: -sign * out[i]):
        step = min(abs(excess), max(sign * out[i], 0))
        out[i] -= sign * step
        excess -= sign * step
    return out


def _text(number: Fraction) -> int | str:
    """A fraction over a power of two as the file has it."""
    if number.denominator == 1:
        return number.numerator
    return f"{number.numerator}/2^{number.denominator.bit_length() - 1}"


def _texts(row: Sequence[Fraction]) -> list[int | str]:
    return [_text(t) for t in row]


# ------------------------------------------------------------------------------------------------ the cover
def _cover(problem: Problem) -> tuple[list[list[int]], list[Fraction]]:
    """Axes whose span contains all samples, and the point that these are taken from (for free biases)."""
    X, d = problem.X, problem.n_features
    if not problem.bias.is_free:
        return _axes(problem.inputs, exact.common(_fractions(problem.inputs))[0]), [Fraction(0)] * d
    mean = X.mean(axis=0)
    centre = _fractions(X[[int(np.linalg.norm(X - mean, axis=1).argmin())]])[0]
    rows = [[a - t for a, t in zip(x, centre, strict=True)] for x in _fractions(X)]
    whole = exact.common(rows)[0]
    return _axes(X - X.mean(axis=0), whole), list(centre)


def _axes(X: Array, whole: list[list[int]]) -> list[list[int]]:
    """About the principal axes of rows X (n, q), exactly in the span of the whole numbers that stand for them."""
    r, q = exact.rank(whole), len(whole[0])
    if r == 0:
        return []
    U, _, V = np.linalg.svd(X, full_matrices=r == q)
    if r == q:
        axes = [[int(t) for t in np.rint(axis * 2.0**AXIS_BITS)] for axis in V]
        return axes if exact.rank(axes) == r else np.eye(q, dtype=int).tolist()
    # sums of rows are in their span exactly; more bits, as short axes are small differences of long rows
    weights = np.rint(U[:, :r] / np.abs(U[:, :r]).max(axis=0) * 2.0 ** (4 * AXIS_BITS)).astype(int).T.tolist()
    axes = [[exact.dot(weight, column) for column in zip(*whole, strict=True)] for weight in weights]
    axes = [[a // (math.gcd(*axis) or 1) for a in axis] for axis in axes]
    if exact.rank(axes) == r:
        return axes
    basis: list[list[int]] = []
    for row in whole:
        if exact.rank([*basis, row]) > len(basis):
            basis.append(row)
    return basis


def _floats(problem: Problem, form: exact.Form, N: Any, centre: Sequence[Fraction], half: int) -> Floats:
    """The form in float64, in the units of the data."""
    rows = np.array(problem.inputs)
    rows[:, : problem.n_features] -= np.array([float(t) for t in centre])
    point = np.array([[float(t) for t in row] for row in N])
    act = problem.activation
    return Floats(
        rows,
        act.hinge * point,
        act.linear * (rows.T @ point),
        problem.beta,
        problem.penalized,
        problem.beta * float(Fraction(1 << form.shift, half)),
    )


# ------------------------------------------------------------------------------------------------ the file
def _records(
    problem: Problem,
    stated: exact.Problem,
    network: TwoLayerReLU,
    N: Any,
    axes: Any,
    centre: Any,
    shift: int,
    tree: Any,
) -> Iterator[Any]:
    """The records of the file, in the order in which the checker reads them."""
    yield {
        "format": exact.FORMAT,
        "loss": stated.loss,
        "bias": stated.bias,
        "slopes": _texts(stated.slopes),
        "beta": _text(stated.beta),
        "shape": [problem.n_samples, problem.n_features, problem.n_outputs],
    }
    for x, y, weight in zip(stated.X, stated.Y, stated.weights, strict=True):
        yield {"x": _texts(x), "y": _texts(y), "weight": _text(weight)}
    W, V, out = problem.neurons(network)
    hidden = W[:, problem.n_features] if problem.bias.has_hidden else np.zeros(len(W))
    lead, outputs = _fractions(W[:, : problem.n_features]), _fractions(V)
    neurons = list(zip(lead, map(Fraction, hidden.tolist()), outputs, strict=True))
    bias = tuple(map(Fraction, out.tolist()))
    yield {
        "lower": _text(exact.outwards(exact.dual_value(stated, N, 0), up=False)),
        "upper": _text(exact.outwards(exact.objective(stated, neurons, bias), up=True)),
        "scope": "ALL_PATTERNS",
        "neurons": len(neurons),
    }
    for w, b, v in neurons:
        yield {"in": _texts(w), "bias": _text(b), "out": _texts(v)}
    yield {"output_bias": _texts(bias)}
    for row in N:
        yield {"dual": _texts(row)}
    yield {"axes": axes, "centre": _texts(centre), "shift": shift}
    yield from tree


def _written(records: Iterator[Any]) -> str:
    """Records as lines, each after the first digits of what has come so far."""
    running, lines = hashlib.sha256(), []
    for record in records:
        text = json.dumps(record, separators=(",", ":"))
        running.update(text.encode())
        lines.append(f'["{running.hexdigest()[:8]}", {text}]')
    return "[\n" + ",\n".join(lines) + "\n]\n"
