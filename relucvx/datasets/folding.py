"""Networks whose folding of a segment is known in closed form: CantorNet and the sawtooth."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

import numpy as np

from relucvx.conversion import is_word, shown
from relucvx.datasets.normal_form import MAX, MIN, least_of_triples
from relucvx.errors import InvalidInputError, explain
from relucvx.network import DeepNetwork
from relucvx.validation import as_count, as_numpy

CANTORNET_SEGMENT = ((0.0, 0.75), (1.0, 0.75))
"""Ends of the segment y = 3/4 through the unit square on which the closed forms of :func:`cantornet` hold."""

SAWTOOTH_SEGMENT = ((0.0,), (1.0,))
"""Ends of the unit interval, on which the closed forms of :func:`sawtooth` hold."""


def cantornet(k: int, representation: Literal["recursive", "normal form"] = "recursive") -> DeepNetwork:
    r"""CantorNet of recursion depth k: a ragged decision boundary, from k equal blocks or from a union of polygons.

    On [0, 1]^2 both representations compute

        f(x, y) = y - (A^(k)(x) + 1)/2

    with A^(k) the function of :func:`cantor_function`, so that {f <= 0} is the decision set {y <= (A^(k)(x) + 1)/2} and
    {f = 0} its boundary. *Recursive*: each block maps (a, y) to h = relu(3a - 2, 1 - 3a, y) and (h_1 + h_2, h_3).
    *Normal form*: the decision set is a union of convex polygons, so f is a minimum of maxima of affine functions, which
    a tournament of max(a, b) = b + relu(a - b) and min(a, b) = b - relu(b - a) computes.

    Parameters
    ----------
    k : int
        Recursion depth, at least 1.
    representation : {"recursive", "normal form"}
        How the function is computed.

    Returns
    -------
    DeepNetwork
        Two inputs (x, y) and one output. Recursive: hidden layers of 3, 2, 3, 2, ..., 3, 2 neurons, 5k in all. Normal
        form: k + 1 hidden layers of 5, 3 times 2^(k-1) and then 3·2^(k-2), ..., 6, 3 neurons, 11·2^(k-1) - 3 in all.

    Raises
    ------
    InvalidInputError
        When k is not an int >= 1, or for an unknown representation.

    Notes
    -----
    The recursive blocks are all the same, so their description grows with log k at most, while the normal form names
    each of the 2^(k-1) polygons.

    Closed forms of the recursive representation on the segment from (0, 3/4) to (1, 3/4), ``CANTORNET_SEGMENT``, a neuron
    being active where its preactivation is > 0:

    * 2^(k+1) - 1 regions;
    * the layers of three neurons (``layers=range(0, 2 * k, 2)``): r1 = 2k, r2 = 2 (2^k - 1), chi = 1 - k/(2^k - 1);
    * all layers: r1 = 2k, r2 = 4 (2^k - 1), chi = 1 - k/(2 (2^k - 1));
    * the first layer alone: chi = 0.

    On [0, 1]^2 the ReLU changes nothing in the layers of two neurons, whose inputs are >= 0 there; they still switch
    between zero and positive, which is why the set of neurons has to be said.

    The normal form has the same 2^(k+1) - 1 linear pieces there and, counted in rationals for k <= 4 and in floats for
    k <= 7, 7·2^(k-1) - k - 2 regions of its code, for it compares lines also where neither is the least; all layers
    together fold less: chi = 0, 1/3, 22/47, 31/57 for k = 1 to 4. So chi belongs to a network, not to its function.

    Source: [lewandowski-2024] for the networks; [relucvx] for the closed forms.
    Status: theorem; for what is counted of the normal form, certified numerically at these k.

    Examples
    --------
    >>> cantornet(1).predict([[0.5, 0.5], [1.0, 1.0]])
    array([[0.],
           [0.]])
    >>> [sum(cantornet(6, how).widths[1:-1]) for how in ("recursive", "normal form")]
    [30, 349]
    """
    k = as_count(k, "k")
    if is_word(representation, ("normal form",)):
        return _normal_form(k)
    if not is_word(representation, ("recursive",)):
        raise InvalidInputError(explain('representation "recursive" or "normal form"', shown(representation)))
    spread = np.array([[3.0, -3.0, 0.0], [0.0, 0.0, 1.0]])
    shift = np.array([-2.0, 1.0, 0.0])
    join = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    head = np.array([[-0.5], [1.0]])
    return DeepNetwork((*[spread, join] * k, head), (*[shift, None] * k, np.array([-0.5])))


def _normal_form(k: int) -> DeepNetwork:
    """:func:`cantornet` from polygons; all coefficients are halves of integers, hence exact."""
    starts = [0]  # of the 2^k pieces of the Cantor construction, in units of their length
    for _ in range(k):
        starts = [3 * m + gap for m in starts for gap in (0, 2)]
    steep = 3.0**k / 2.0
    # y minus a line, as coefficients of x, y and 1: the even pieces fall from 1 to 1/2, the odd ones rise
    falling = [(steep, 1.0, -1.0 - m / 2.0) for m in starts[::2]]
    rising = [(-steep, 1.0, -0.5 + m / 2.0) for m in starts[1::2]]
    low, high = (0.0, 1.0, -0.5), (0.0, 1.0, -1.0)
    # what lies under 1/2, the first line or the last; and a tooth between two neighbouring gaps
    teeth = [(up, high, down) for up, down in zip(rising[:-1], falling[1:], strict=True)]
    return least_of_triples(np.array([(falling[0], low, rising[-1]), *teeth]), [MIN, *[MAX] * len(teeth)])


def cantor_function(x: Any, k: int) -> Any:
    """The generating function of CantorNet, A(x) = max(1 - 3x, 0, 3x - 2), nested k times.

    On [0, 1] it is 0 on the gaps that step k of the Cantor construction removes, 1 on the gaps of earlier steps, and
    runs linearly between 0 and 1 on each of the 2^k pieces left, of length 3^-k; A^(0)(x) = x.

    Parameters
    ----------
    x : float, Fraction or array_like
        Where to evaluate; an array of Fractions (dtype object) stays exact, and so does one Fraction.
    k : int
        Recursion depth, at least 0.

    Returns
    -------
    float, Fraction or ndarray
        Of the kind and shape of x.

    Raises
    ------
    InvalidInputError
        When k is not an int >= 0, or x does not hold real numbers.

    Notes
    -----
    Source: [lewandowski-2024]. Status: theorem (a definition).

    Examples
    --------
    >>> cantor_function(Fraction(1, 12), 2)
    Fraction(1, 4)
    """
    k = as_count(k, "k", least=0)
    values = as_numpy(x, "x") if not isinstance(x, (int, float, Fraction)) else np.asarray(x)
    exact = values.dtype == object and all(isinstance(v, (Fraction, int)) for v in values.flat)
    if values.dtype.kind not in "biuf" and not exact:
        raise InvalidInputError(explain("x to hold real numbers or Fractions", f"dtype {values.dtype}"))
    values = values if exact else values.astype(float)
    if not exact and not np.isfinite(values).all():
        raise InvalidInputError(explain("x to be finite", "nan or inf", "", "0 <= x <= 1"))
    for _ in range(k):
        # 0 * values, not 0: Fractions stay Fractions
        values = np.maximum(np.maximum(1 - 3 * values, 0 * values), 3 * values - 2)
    return values if isinstance(values, np.ndarray) and values.ndim else np.asarray(values).item()


def sawtooth(depth: int) -> DeepNetwork:
    r"""Sawtooth network: each of its layers folds the unit interval in two.

    Layer by layer x <- relu(2x) - relu(4x - 2), the tent map on [0, 1]; the output is the tent map nested ``depth``
    times, with 2^depth linear pieces from only 2·depth neurons.

    Parameters
    ----------
    depth : int
        Hidden layers, at least 1.

    Returns
    -------
    DeepNetwork
        One input, ``depth`` hidden layers of two neurons, one output.

    Raises
    ------
    InvalidInputError
        When depth is not an int >= 1.

    Notes
    -----
    Closed forms on the segment from 0 to 1, ``SAWTOOTH_SEGMENT``, with d = depth and all neurons counted:
    2^d regions with breakpoints i/2^d, r1 = d, r2 = 2^d - 1, **chi = 1 - d/(2^d - 1)**.

    Source: [telgarsky-2016] for the network; [relucvx] for the closed form.
    Status: theorem.

    Examples
    --------
    >>> sawtooth(2).predict([[0.0], [0.25], [0.5], [1.0]]).ravel()
    array([0., 1., 0., 0.])
    """
    depth = as_count(depth, "depth")
    first, later = np.array([[2.0, 4.0]]), np.array([[2.0, 4.0], [-2.0, -4.0]])
    shift = np.array([0.0, -2.0])
    return DeepNetwork((first, *[later] * (depth - 1), np.array([[1.0], [-1.0]])), (*[shift] * depth, None))
