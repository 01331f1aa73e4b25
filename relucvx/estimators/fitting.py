"""What the estimators share: parameters to a problem, a solve with its certificate, and what is kept of it."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from relucvx._api.solving import solve
from relucvx.certificate import Certificate
from relucvx.conversion import as_flag
from relucvx.errors import InvalidInputError, explain
from relucvx.estimators.multiset import as_multiset
from relucvx.estimators.strength import as_beta
from relucvx.losses import Loss
from relucvx.network import TwoLayerReLU
from relucvx.oracle.clock import clock
from relucvx.oracle.null_pull import searched_beta_max
from relucvx.program.posing import make_problem
from relucvx.program.problem import Problem
from relucvx.solution import Solution
from relucvx.types import Activation, Array, ArrayLike
from relucvx.validation import as_numpy, as_positive, as_sample_weight

LEAST_SECONDS = 0.05
"""For a strength of a path whose time is over."""


def unmasked(values: Any) -> Any:
    """Masked entries as missing ones: scikit-learn would read the numbers under the mask."""
    return as_numpy(values) if isinstance(values, np.ma.MaskedArray) else values


class ConvexReLU(BaseEstimator):
    """Base of the estimators: what does not depend on whether targets are numbers or classes.

    Notes
    -----
    Status: a convention (what is proven is said by ``certificate_``). Source: [relucvx]
    """

    network_: TwoLayerReLU
    solution_: Solution
    certificate_: Certificate
    beta_: float
    beta_max_: float
    gap_: float
    n_iter_: int
    n_features_in_: int
    n_outputs_: int

    def __init__(
        self,
        beta: float | str = "auto",
        *,
        beta_fraction: float = 0.02,
        loss: str | Loss = "squared",
        bias: str | bool = "free",
        activation: str | tuple[float, float] | Activation = "relu",
        tol: float = 1e-4,
        time_limit: float | None = 10.0,
        random_state: int | np.random.RandomState | None = 0,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.beta = beta
        self.beta_fraction = beta_fraction
        self.loss = loss
        self.bias = bias
        self.activation = activation
        self.tol = tol
        self.time_limit = time_limit
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    # ------------------------------------------------------------------ what targets are
    def _read_for(self, owner: Any, X: Any, y: Any) -> tuple[Array, Any]:
        """Samples and targets, checked by scikit-learn's rules; the owner remembers the features."""
        raise NotImplementedError

    def _encode(self, y: Any, weight: Array) -> tuple[Array, Array, bool, str | Loss]:
        """Targets (n, c), weights, whether the targets are one column that stays a vector, and the loss."""
        raise NotImplementedError

    # ------------------------------------------------------------------ fit
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Find the best network of any width, and prove how good it is.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Samples as rows.
        y : array_like, shape (n,) or, for numbers, (n, c)
            Targets.
        sample_weight : array_like, shape (n,), optional
            Weight 2 is a row that is there twice, weight 0 a row that is not there.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For data and parameters outside what is described here.

        Warns
        -----
        ConvergenceWarning
            When the gap that was proven by the time limit is above ``tol``.
        """
        problem = self._pose(X, y, sample_weight)
        beta = as_beta(self.beta, self.beta_fraction, self.beta_max_)
        self._keep(self._solved(problem, beta, None, self.time_limit))
        self._warn()
        return self

    def _pose(self, X: Any, y: Any, sample_weight: Any) -> Problem:
        """The problem of these data at beta = 1, and what is known before it is solved."""
        X, y = self._read_for(self, X, y)
        weight = as_sample_weight(_some_weight(sample_weight, len(X)), len(X))
        Y, weight, scalar, loss = self._encode(y, weight)
        rows, targets, total = as_multiset(X, Y, weight)
        self.n_outputs_ = targets.shape[1]
        problem = make_problem(
            rows, targets[:, 0] if scalar else targets, 1.0, loss, self.bias, self.activation, total
        )  # fmt: skip
        self.beta_max_ = searched_beta_max(problem)
        return problem

    def _solved(self, problem: Problem, beta: float, start: Solution | None, limit: float | None) -> Solution:
        """The certified solution at a strength."""
        return solve(
            dataclasses.replace(problem, beta=beta),
            tol=as_positive(self.tol, "tol", fix="tol=1e-4"),
            time_limit=limit,
            start=start,
            rng=int(check_random_state(self.random_state).randint(2**31 - 1)),
            n_jobs=effective_n_jobs(self.n_jobs),
            progress=False,
            verbose=as_flag(self.verbose, "verbose"),
        )

    def _walk(self, problem: Problem, shares: Iterable[float], limit: Any) -> Iterator[Self]:
        """This estimator, fitted to a problem it has posed at one strength after the other, each begun at the one before.

        ``shares`` are strengths for a loss that is a mean: they are multiplied by the total weight.
        """
        betas = float(problem.sample_weight.sum()) * np.asarray(list(shares), dtype=float)
        deadline, before = clock(limit), None
        for k, beta in enumerate(betas):
            # strengths that need less than their share leave it to those that follow; each gets time for a first network
            left = deadline.share(1.0 / (len(betas) - k)).left()
            before = self._solved(problem, float(beta), before, None if np.isinf(left) else max(left, LEAST_SECONDS))
            self._keep(before)
            yield self

    def _keep(self, solution: Solution) -> None:
        """What a fitted estimator has."""
        assert isinstance(solution.network, TwoLayerReLU)
        self.solution_, self.network_, self.certificate_ = solution, solution.network, solution.certificate
        self.beta_, self.gap_ = solution.problem.beta, float(solution.certificate.rel_gap)
        self.n_iter_ = int(solution.stats["rounds"])

    def _warn(self) -> None:
        """Say how far the optimum may be, when that is further than asked for."""
        if self.gap_ <= self.tol:
            return
        status = self.solution_.status
        warnings.warn(
            f"relative gap {self.gap_:.2g} above tol={self.tol:g} ({status.name}): a valid network, not proven to be the best; "
            f"try a larger time_limit, beta (now {self.beta_ / (self.beta_max_ or 1.0):.2g} of beta_max) or tol",
            ConvergenceWarning,
            stacklevel=3,
        )

    # ------------------------------------------------------------------ predict
    def _outputs(self, X: Any) -> Array:
        """The network's outputs on new samples, (n,) or (n, c)."""
        check_is_fitted(self)
        return self.network_.predict(validate_data(self, unmasked(X), dtype=np.float64, reset=False))

    @property
    def coefs_(self) -> list[Array]:
        """Weights as scikit-learn's MLP lays them out: (d, m) and (m, c)."""
        return [np.array(self.network_.weights_in.T), np.array(self.network_.weights_out)]

    @property
    def intercepts_(self) -> list[Array]:
        """Biases as scikit-learn's MLP lays them out: (m,) and (c,); zeros where the network has none."""
        net = self.network_
        hidden = np.zeros(net.width) if net.bias_in is None else np.array(net.bias_in)
        return [hidden, np.zeros(net.n_outputs) if net.bias_out is None else np.array(net.bias_out)]


def _some_weight(value: Any, n: int) -> Any:
    """Weights, of which at least one is above zero; a single number is the weight of every row."""
    if value is None:
        return None
    weight = np.asarray(value)
    if weight.ndim == 0 and weight.dtype.kind in "biuf":
        weight = np.full(n, float(weight))
    if weight.dtype.kind in "biuf" and weight.size and not np.any(weight):
        raise InvalidInputError(
            explain("sample_weight with an entry above zero", "zero weights only", "", "sample_weight=None")
        )
    return weight
