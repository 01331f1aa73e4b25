"""Optimality in preactivation space: a search for the direction that refutes a kernel, and descent on the energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.deadline import ruling
from relucvx.errors import InvalidInputError, UnsupportedError, explain
from relucvx.kernel.mean_field import as_function, curvature, is_exact, kernel_root
from relucvx.kernel.representation import as_kernel
from relucvx.later import later
from relucvx.limits import timed
from relucvx.types import Array, Result, Rng, resolve_rng
from relucvx.validation import as_count, as_matrix, as_positive, check_same_length

optimize = later("scipy.optimize")

REFUTED = 1e-7
"""Excess of the ratio over 1 that counts as a refutation: far above the rounding of a ratio of quadratic forms."""

MAX_STEPS = 200
"""L-BFGS steps from each start of the certificate."""

BOX = 100.0
"""Largest |w_i| tried for activations that are not homogeneous of degree one, whose ratio depends on the size of h."""


@dataclass(frozen=True, repr=False)
class PreactivationCertificate(Result):
    """The best direction found against the optimality of a kernel.

    Attributes
    ----------
    ratio : float
        Largest phi(h)^T M phi(h) / (h^T K_X^+ h) found; an optimal kernel has the maximum 1 (<= 1 for K = 0).
    refuted : bool
        Whether the ratio exceeds 1 + tol: then ``witness`` proves that the kernel is not optimal.
    witness : ndarray of shape (n,)
        The preactivation h of that ratio, scaled to h^T K_X^+ h = 1.
    starts : int
        Number of ascents.
    status : str
        What the answer is worth.

    Notes
    -----
    Status: a record of what :func:`preactivation_certificate` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> data = rx.datasets.class_labels([2, 2])
    >>> found = rx.kernel.preactivation_certificate(np.eye(4), data.Y @ data.Y.T, 0.2, 0.1 * np.eye(4))
    >>> found.refuted, bool(found.ratio > 1)  # a kernel that is not optimal, and a preactivation that says so
    (True, True)
    """

    ratio: float
    refuted: bool
    witness: Array
    starts: int
    status: str

    def __repr__(self) -> str:
        return f"PreactivationCertificate(ratio {self.ratio:.8g}, {'refuted' if self.refuted else 'not refuted'})"


@dataclass(frozen=True, repr=False)
class EnergyMinimum(Result):
    """Where descent on the energy ended.

    Attributes
    ----------
    energy : float
        E, lowest of all starts.
    objective : float
        (beta/2)·E, the objective of the network.
    preactivations : ndarray of shape (n, m)
    kernel : ndarray of shape (n, n)
        phi(H) phi(H)^T.
    energies : ndarray
        Final value of each start.
    gradient : float
        Largest entry of the gradient at the end, relative to max(1, E).
    status : str
        What the answer is worth.

    Notes
    -----
    Status: a record of what :func:`minimize_energy` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> found = rx.kernel.minimize_energy(np.eye(2), np.eye(2), 0.2, width=2, n_starts=2)
    >>> found.kernel.shape, found.energies.shape
    ((2, 2), (2,))
    >>> print(f"{found.objective:.4f} = beta/2 * {found.energy:.4f}")
    0.3600 = beta/2 * 3.6000
    """

    energy: float
    objective: float
    preactivations: Array
    kernel: Array
    energies: Array
    gradient: float
    status: str

    def __repr__(self) -> str:
        return f"EnergyMinimum(E = {self.energy:.10g}, objective {self.objective:.10g}, {self.status})"


@timed("n_starts=5")
def preactivation_certificate(
    K_X: Any,
    K_Y: Any,
    beta: float,
    K: Any,
    activation: Any = "relu",
    rng: Rng = 0,
    n_starts: int = 64,
    *,
    time_limit: float | None = None,
) -> PreactivationCertificate:
    """Search for a preactivation that lowers the energy at a kernel: max_h phi(h)^T M phi(h) / (h^T K_X^+ h).

    Parameters
    ----------
    K_X, K_Y, K : array_like of shape (n, n)
        Input, target and hidden kernel.
    beta : float
        Strength of the weight decay, > 0.
    activation : str, pair of slopes, or callable, default "relu"
        Callables other than the package's need a ``derivative`` method.
    rng : None, int or Generator, default 0
    n_starts : int, default 64
        Random starts; the eigenvectors of the problem are tried as well.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    PreactivationCertificate

    Raises
    ------
    InvalidInputError
        For malformed arrays, K_X = 0, or an activation without derivative.

    Notes
    -----
    M = (beta I + K)^-1 K_Y (beta I + K)^-1. For positively homogeneous activations, ratio <= 1 everywhere with equality
    at the kernel's own neurons is necessary and sufficient; a kernel that is merely too large is not refuted by added
    mass. A local search cannot prove the bound; ``relucvx.certify`` can.

    Source: [wang-fusi-johnston-2025] for the idea, [relucvx] for the formula.
    Status: refutations are theorems for piecewise linear activations; the absence of one is heuristic. For other
    activations both are heuristic: a fractional mass is no network.

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> data = rx.datasets.class_labels([2, 2])
    >>> K = rx.kernel.predict_one_hot(data.Y, 0.2, X=data.X).kernel
    >>> found = rx.kernel.preactivation_certificate(np.eye(4), data.Y @ data.Y.T, 0.2, K)
    >>> round(found.ratio, 4), found.refuted
    (1.0, False)
    """
    K_X = as_kernel(K_X, "K_X")
    K_Y, K = as_kernel(K_Y, "K_Y", len(K_X)), as_kernel(K, "K", len(K_X))
    beta, phi, rng = as_positive(beta, "beta"), as_function(activation), resolve_rng(rng)
    slope, G, M = _slope(phi), kernel_root(K_X), curvature(K_Y, beta, K)
    if G.shape[1] == 0:
        raise InvalidInputError(explain("a kernel K_X other than 0", "K_X = 0", "all inputs are zero"))
    # starts: stationary directions for a linear activation with both signs, directions of M, and random ones
    fixed = np.linalg.eigh(G.T @ M @ G)[1]
    starts = np.hstack([fixed, -fixed, G.T @ M, rng.standard_normal((G.shape[1], as_count(n_starts, "n_starts")))])
    best, at = -np.inf, starts[:, 0]
    for start in starts.T[np.linalg.norm(starts, axis=0) > 0]:
        found = optimize.minimize(
            _negative_ratio, start / np.linalg.norm(start), (G, M, phi, slope), jac=True, method="L-BFGS-B",
            bounds=None if is_exact(phi) else [(-BOX, BOX)] * len(start),
            options={"maxiter": MAX_STEPS, "maxfun": 2 * MAX_STEPS, "ftol": 1e-15, "gtol": 1e-12},
        )  # fmt: skip
        # after a failed line search SciPy's value may belong to another point than its x
        value = -_negative_ratio(found.x, G, M, phi, slope)[0] if np.linalg.norm(found.x) > 0 else -np.inf
        if value > best:
            best, at = value, found.x
    refuted = bool(best > 1 + REFUTED)
    proof = is_exact(phi) and refuted
    return PreactivationCertificate(
        ratio=best,
        refuted=refuted,
        witness=G @ (at / np.linalg.norm(at)) if is_exact(phi) else G @ at,
        starts=starts.shape[1],
        status="theorem: the witness refutes optimality" if proof else "heuristic: multistart ascent",
    )


@timed("n_starts=1")
def minimize_energy(
    K_X: Any,
    Y: Any,
    beta: float,
    activation: Any = "relu",
    width: int = 32,
    rng: Rng = 0,
    *,
    n_starts: int = 10,
    max_steps: int = 5000,
    time_limit: float | None = None,
) -> EnergyMinimum:
    """Descend on the mean-field energy over m preactivations h_j = G w_j, G G^T = K_X, with L-BFGS.

    Parameters
    ----------
    K_X : array_like of shape (n, n)
        Input kernel.
    Y : array_like of shape (n, c) or (n,)
        Targets.
    beta : float
        Strength of the weight decay, > 0.
    activation : str, pair of slopes, or callable, default "relu"
        Smooth ones too; callables other than the package's need a ``derivative`` method.
    width : int, default 32
        Number m of neurons.
    rng : None, int or Generator, default 0
    n_starts, max_steps : int
        Random starts and L-BFGS steps from each.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    EnergyMinimum
        An upper bound: ``objective`` is that of an explicit network of this width.

    Raises
    ------
    InvalidInputError
        For malformed arrays, or an activation without derivative.
    UnsupportedError
        For the threshold activation, whose energy has no minimum: shrinking h costs less and changes nothing.

    Notes
    -----
    dE/dPhi = -2 M Phi with M = (beta I + K)^-1 K_Y (beta I + K)^-1.

    Source: [wang-fusi-johnston-2025] for the idea, [relucvx] for the formula.
    Status: heuristic (local descent from random starts).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> data = rx.datasets.class_labels([2, 2])
    >>> found = rx.kernel.minimize_energy(np.eye(4), data.Y, 0.2, width=4, n_starts=2)
    >>> print(f"{found.objective:.4f} {rx.kernel.predict_one_hot(data.Y, 0.2, X=data.X).objective:.4f}")
    0.5257 0.5257
    """
    K_X, Y = as_kernel(K_X, "K_X"), as_matrix(Y, "Y", allow_vector=True)
    check_same_length(K_X, Y)
    beta, phi, rng = as_positive(beta, "beta"), as_function(activation), resolve_rng(rng)
    width, n_starts = as_count(width, "width"), as_count(n_starts, "n_starts")
    max_steps = as_count(max_steps, "max_steps")
    # an infimum that is not attained would be descended to for ever
    if getattr(phi, "name", "") == "threshold":
        raise UnsupportedError(
            explain(
                "an activation whose energy has a minimum",
                "threshold",
                "scaling h down costs less and leaves phi(h) as it is, so the infimum is not attained",
                'relucvx.kernel.energy(K_X, K_Y, beta, H, "threshold") for given preactivations',
            )
        )
    slope, G = _slope(phi), kernel_root(K_X)
    if G.shape[1] == 0:
        raise InvalidInputError(explain("a kernel K_X other than 0", "K_X = 0", "all inputs are zero"))
    # at a fixed width the energy is not convex: several starts, of which the best counts
    runs = [
        optimize.minimize(
            _energy_and_gradient, rng.standard_normal(G.shape[1] * width) / np.sqrt(width), (G, Y, beta, phi, slope),
            jac=True, method="L-BFGS-B", options={"maxiter": max_steps, "maxfun": 2 * max_steps, "ftol": 1e-15,
            "gtol": 1e-10},
        )
        for _ in range(n_starts)
    ]  # fmt: skip
    # after a failed line search SciPy's value may belong to another point than its x
    ends = [_energy_and_gradient(run.x, G, Y, beta, phi, slope) for run in runs]
    best = int(np.argmin([value for value, _ in ends]))
    value, gradient = ends[best]
    H = G @ runs[best].x.reshape(G.shape[1], width)
    Phi = phi(H)
    return EnergyMinimum(
        energy=value,
        objective=beta / 2 * value,
        preactivations=H,
        kernel=Phi @ Phi.T,
        energies=np.array([value for value, _ in ends]),
        gradient=float(np.abs(gradient).max() / max(1.0, value)),
        status="heuristic: an upper bound, from local descent",
    )


def _negative_ratio(w: Array, G: Array, M: Array, phi: Any, slope: Any) -> tuple[float, Array]:
    """Minus the ratio in the coordinates h = G w, where the cost is ||w||², and its gradient."""
    ruling().check()
    size = float(w @ w)
    h = G @ w
    pulled = M @ phi(h)
    value = float(phi(h) @ pulled) / size
    gradient = 2 * (G.T @ (slope(h) * pulled) - value * w) / size
    return -value, -gradient


def _energy_and_gradient(x: Array, G: Array, Y: Array, beta: float, phi: Any, slope: Any) -> tuple[float, Array]:
    ruling().check()
    W = x.reshape(G.shape[1], -1)
    H = G @ W
    Phi = phi(H)
    solved = np.linalg.solve(beta * np.eye(len(Y)) + Phi @ Phi.T, Y)
    value = float((solved * Y).sum() + (W**2).sum())
    gradient = 2 * W - 2 * G.T @ (slope(H) * (solved @ (solved.T @ Phi)))
    return value, gradient.ravel()


def _slope(phi: Any) -> Any:
    """The derivative of an activation as a function."""
    if is_exact(phi):
        return lambda h: phi.gate(h > 0)
    if not callable(getattr(phi, "derivative", None)):
        raise InvalidInputError(
            explain("an activation with a derivative method", repr(phi), "a bare function", 'activation="tanh"')
        )
    return phi.derivative
