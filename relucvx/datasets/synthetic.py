"""Random and designed inputs of known structure: planted teachers, spirals, whitened, factorial and class designs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from relucvx.conversion import as_list
from relucvx.datasets.dataset import Dataset, suggest_beta
from relucvx.errors import InvalidInputError, explain
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.types import Array, Rng, resolve_rng
from relucvx.validation import as_count, as_matrix, as_positive


def planted(n: int, d: int, width: int = 3, *, noise: float = 0.1, rng: Rng = 0, n_outputs: int = 1) -> Dataset:
    """Standard normal X and Y = teacher(X) + noise·N(0, 1), the teacher a random two-layer ReLU network.

    Parameters
    ----------
    n, d, width, n_outputs : int
        Samples, features, hidden neurons of the teacher, outputs.
    noise : float, default 0.1
        Standard deviation of the noise, in the units of Y.
    rng : None, int or Generator, default 0
        Source of randomness.

    Returns
    -------
    Dataset
        With ``teacher``; Y is (n,) for one output. Teacher weights are N(0, 1/d) and N(0, 1/width).

    Raises
    ------
    InvalidInputError
        For counts below 1 or a negative noise.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.planted(20, 3, width=2, noise=0.0)
    >>> data.teacher.width, bool(abs(data.teacher.predict(data.X) - data.Y).max() < 1e-12)
    (2, True)
    """
    n, d, width, c = (as_count(v, k) for v, k in ((n, "n"), (d, "d"), (width, "width"), (n_outputs, "n_outputs")))
    noise = as_positive(noise, "noise", allow_zero=True)
    rng = resolve_rng(rng)
    X = rng.standard_normal((n, d))
    # scaled so that activities and outputs are of order one at any width
    inner = rng.standard_normal((width, d)) / np.sqrt(d)
    outer = rng.standard_normal((width, c)) / np.sqrt(width)
    teacher = TwoLayerReLU(inner, outer, scalar_output=c == 1)
    Y = teacher.predict(X)
    Y = Y + noise * rng.standard_normal(Y.shape)
    return Dataset(
        name="planted",
        X=X,
        Y=Y,
        description=f"standard normal inputs, teacher of width {width}, noise {noise:g}",
        beta_hint=suggest_beta(X, Y),
        teacher=teacher,
    )


def spiral(n: int = 100, *, noise: float = 0.0, rng: Rng = 0, turns: float = 1.0) -> Dataset:
    """Two interleaved planar spirals with labels ±1.

    Sample k lies at radius r between 0.1 and 1 and angle 2 pi turns r, plus pi on the second arm; Gaussian noise of
    standard deviation ``noise`` is added to both coordinates. Labels alternate, so classes differ by at most one.

    Raises
    ------
    InvalidInputError
        For n < 1, noise < 0 or turns <= 0.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.spiral(10)
    >>> data.X.shape, sorted(set(data.Y.tolist()))
    ((10, 2), [-1.0, 1.0])
    """
    n = as_count(n, "n")
    noise = as_positive(noise, "noise", allow_zero=True)
    turns = as_positive(turns, "turns")
    rng = resolve_rng(rng)
    labels = np.arange(n) % 2
    arm = np.arange(n) // 2
    radius = 0.1 + 0.9 * (arm + 1) / ((n + 1) // 2)
    angle = 2 * np.pi * turns * radius + np.pi * labels
    X = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1) + noise * rng.standard_normal((n, 2))
    Y = np.where(labels == 1, 1.0, -1.0)
    text = f"two spirals, {turns:g} turns, noise {noise:g}"
    return Dataset("spiral", X, Y, labels=labels, description=text, beta_hint=suggest_beta(X, Y))


def whitened(n: int, d: int | None = None, *, rng: Rng = 0, n_outputs: int = 1) -> Dataset:
    """Random X with orthonormal rows, X X^T = I_n (n <= d), and standard normal targets.

    X^T X = I_d with n > d is *not* enough for the closed forms of whitened data, and is refused.

    Raises
    ------
    InvalidInputError
        For counts below 1 or n > d.

    Notes
    -----
    Source: [wang-2025].
    Status: theorem (exact up to rounding).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> data = rx.datasets.whitened(4, 6)
    >>> bool(np.allclose(data.X @ data.X.T, np.eye(4)))
    True
    """
    n, c = as_count(n, "n"), as_count(n_outputs, "n_outputs")
    d = n if d is None else as_count(d, "d")
    if n > d:
        raise InvalidInputError(
            explain("n <= d, so that X X^T = I_n", f"n = {n}, d = {d}", "orthonormal columns are not whitened rows")
        )
    rng = resolve_rng(rng)
    X = _orthonormal_rows(n, d, rng)
    Y = rng.standard_normal(n) if c == 1 else rng.standard_normal((n, c))
    return Dataset("whitened", X, Y, description="orthonormal rows: X X^T = I", beta_hint=suggest_beta(X, Y))


def factorial(
    d_Y: int, repeats: int = 1, *, x0: float = 1.0, x1: float = 0.0, x2: float = 0.0, rng: Rng = None
) -> Dataset:
    """All combinations of d_Y binary variables, with inputs of kernel K_X = x0 I + x1 Y Y^T + x2 11^T.

    Parameters
    ----------
    d_Y : int
        Number of variables, 1 to 12; Y in {-1, +1}^(n, d_Y) has n = repeats·2^d_Y rows.
    repeats : int, default 1
        How often each combination occurs.
    x0, x1, x2 : float
        Strengths of the identity, target-aligned and common-mode parts of the input kernel. x2 > 0 makes the optimal
        hidden kernel unique; x2 < 0 is allowed as long as K_X has no negative eigenvalue.
    rng : None, int or Generator, default None
        None gives the symmetric root of K_X; otherwise X is rotated at random.

    Returns
    -------
    Dataset
        Y is (n, d_Y), also for d_Y = 1; ``labels`` numbers the combinations.

    Raises
    ------
    InvalidInputError
        For counts out of range or a kernel with a negative eigenvalue.

    Notes
    -----
    Source: [wang-2025] for the targets, [relucvx] for the inputs.
    Status: theorem (exact up to rounding).

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.factorial(2)
    >>> data.Y.astype(int).tolist()
    [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    """
    d_Y, repeats = as_count(d_Y, "d_Y"), as_count(repeats, "repeats")
    if d_Y > 12:
        raise InvalidInputError(explain("d_Y from 1 to 12", repr(d_Y), f"n would be {repeats}·2^{d_Y}"))
    combos = np.array(list(product((-1.0, 1.0), repeat=d_Y)))
    Y = np.repeat(combos, repeats, axis=0)
    X = inputs_from_kernel(factorial_kernel(Y, x0, x1, x2), rng=rng)
    return Dataset(
        name="factorial",
        X=X,
        Y=Y,
        labels=np.repeat(np.arange(len(combos)), repeats),
        target_names=tuple(f"y{k + 1}" for k in range(d_Y)),
        description=f"{d_Y} binary variables, {repeats} repeats, K_X = {x0:g} I + {x1:g} YY^T + {x2:g} 11^T",
        beta_hint=suggest_beta(X, Y),
    )


def factorial_kernel(Y: Any, x0: float = 1.0, x1: float = 0.0, x2: float = 0.0) -> Array:
    """Input kernel K_X = x0 I + x1 Y Y^T + x2 11^T of shape (n, n).

    Raises
    ------
    InvalidInputError
        When Y is not a finite real array or a strength is not a finite number.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> Y = rx.datasets.factorial(1).Y
    >>> rx.datasets.factorial_kernel(Y, x0=2.0, x2=1.0).tolist()
    [[3.0, 1.0], [1.0, 3.0]]
    """
    Y = as_matrix(Y, "Y", allow_vector=True)
    strengths = [x0, x1, x2]
    if not all(isinstance(x, (int, float, np.number)) and np.isfinite(x) for x in strengths):
        raise InvalidInputError(explain("finite numbers x0, x1, x2", repr(strengths)))
    kernel: Array = x0 * np.eye(len(Y)) + x1 * (Y @ Y.T) + x2
    return kernel


def inputs_from_kernel(K: Any, *, rng: Rng = None) -> Array:
    """Inputs X (n, n) with X X^T = K: the symmetric root of K, rotated at random unless rng is None.

    Raises
    ------
    InvalidInputError
        When K is not square and symmetric, or has a negative eigenvalue.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (exact up to rounding).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> K = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> X = rx.datasets.inputs_from_kernel(K)
    >>> bool(np.allclose(X @ X.T, K))
    True
    """
    K = as_matrix(K, "K")
    size = np.abs(K).max()
    if K.shape[0] != K.shape[1] or np.abs(K - K.T).max() > 1e-12 * size:
        raise InvalidInputError(explain("a symmetric square kernel K", f"shape {K.shape}, symmetric only if square"))
    values, vectors = np.linalg.eigh((K + K.T) / 2)
    if values[0] < -1e-10 * size:
        raise InvalidInputError(
            explain(
                "a kernel K without negative eigenvalues", f"smallest eigenvalue {values[0]:.3g}", "x2 too negative"
            )
        )
    # eigenvalues below zero are rounding here
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root if rng is None else root @ _orthonormal_rows(len(K), len(K), resolve_rng(rng))


def class_labels(sizes: Sequence[int], *, d: int | None = None, rng: Rng = None) -> Dataset:
    """One-hot targets for classes of the given sizes, on whitened inputs.

    Parameters
    ----------
    sizes : sequence of int
        Number of samples of each class, e.g. (3, 3) balanced or (1, 4) unbalanced.
    d : int, optional
        Input dimension >= n = sum(sizes); default n.
    rng : None, int or Generator, default None
        None gives X = I_n padded with zero columns; otherwise random orthonormal rows.

    Raises
    ------
    InvalidInputError
        For an empty list, sizes below 1 or d < n.

    Notes
    -----
    Source: [wang-2025].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.class_labels([2, 1])  # whitened inputs, classes of two samples and of one
    >>> data.Y.astype(int).tolist()
    [[1, 0], [1, 0], [0, 1]]
    """
    counts = [as_count(s, "each class size") for s in as_list(sizes, "sizes")]
    if not counts:
        raise InvalidInputError(explain("at least one class size", "an empty sequence", "", "class_labels((3, 3))"))
    labels = np.repeat(np.arange(len(counts)), counts)
    n = len(labels)
    d = n if d is None else as_count(d, "d")
    if d < n:
        raise InvalidInputError(explain(f"d >= n = {n}, so that X X^T = I_n", f"d = {d}"))
    X = np.eye(n, d) if rng is None else _orthonormal_rows(n, d, resolve_rng(rng))
    Y = (labels[:, None] == np.arange(len(counts))).astype(np.float64)
    return Dataset(
        name="classes",
        X=X,
        Y=Y,
        labels=labels,
        target_names=tuple(f"class {k}" for k in range(len(counts))),
        description=f"one-hot classes of sizes {', '.join(map(str, counts))}, whitened inputs",
        beta_hint=suggest_beta(X, Y),
    )


def _orthonormal_rows(n: int, d: int, rng: np.random.Generator) -> Array:
    q, r = np.linalg.qr(rng.standard_normal((d, n)))
    rows: Array = (q * np.where(np.diag(r) < 0, -1.0, 1.0)).T  # the sign makes the draw uniform (Haar)
    return rows
