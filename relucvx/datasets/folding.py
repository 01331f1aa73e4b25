"""Networks whose folding of a segment is known in closed form: CantorNet and the sawtooth."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.network import DeepNetwork
from relucvx.validation import as_count, as_numpy

CANTORNET_SEGMENT = ((0.0, 0.75), (1.0, 0.75))
"""Ends of the segment y = 3/4 through the unit square on which the closed forms of :func:`cantornet` hold."""

SAWTOOTH_SEGMENT = ((0.0,), (1.0,))
"""Ends of the unit interval, on which the closed forms of :func:`sawtooth` hold."""


def cantornet(k: int) -> DeepNetwork:
    r"""CantorNet of recursion depth k: a ragged decision boundary from k equal blocks of two layers.

    Each block maps (a, y) to h = relu(3a - 2, 1 - 3a, y) and (h_1 + h_2, h_3); behind k blocks stands A^(k)(x), the
    function of :func:`cantor_function`. The output is

        f(x, y) = y - (A^(k)(x) + 1)/2,

    so that {f <= 0} is the decision set {(x, y) in [0, 1]^2: y <= (A^(k)(x) + 1)/2} and {f = 0} its boundary.

    Parameters
    ----------
    k : int
        Recursion depth, at least 1.

    Returns
    -------
    DeepNetwork
        Two inputs (x, y), hidden layers of 3, 2, 3, 2, ..., 3, 2 neurons, one output.

    Raises
    ------
    InvalidInputError
        When k is not an int >= 1.

    Notes
    -----
    Closed forms on the segment from (0, 3/4) to (1, 3/4), ``CANTORNET_SEGMENT``, a neuron being active where its
    preactivation is > 0:

    * 2^(k+1) - 1 regions;
    * the layers of three neurons (``layers=range(0, 2 * k, 2)``): r1 = 2k, r2 = 2 (2^k - 1), chi = 1 - k/(2^k - 1);
    * all layers: r1 = 2k, r2 = 4 (2^k - 1), chi = 1 - k/(2 (2^k - 1));
    * the first layer alone: chi = 0.

    On [0, 1]^2 the ReLU changes nothing in the layers of two neurons, whose inputs are >= 0 there; they still switch
    between zero and positive, which is why the set of neurons has to be said.

    Source: [lewandowski-2024] for the network; [relucvx] for the closed forms.
    Status: theorem.

    Examples
    --------
    >>> cantornet(1).predict([[0.5, 0.5], [1.0, 1.0]])
    array([[0.],
           [0.]])
    """
    k = as_count(k, "k")
    spread = np.array([[3.0, -3.0, 0.0], [0.0, 0.0, 1.0]])
    shift = np.array([-2.0, 1.0, 0.0])
    join = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    head = np.array([[-0.5], [1.0]])
    return DeepNetwork((*[spread, join] * k, head), (*[shift, None] * k, np.array([-0.5])))


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
