"""A solved problem: network, dual point, certificate, and how the algorithm stopped. Saves, loads and resumes."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from relucvx.archive import read_npz
from relucvx.certificate import Certificate
from relucvx.conversion import as_flag, as_float, as_number, as_path
from relucvx.datasets.preparation import Preparation
from relucvx.errors import DataFileError, explain, wrong_part
from relucvx.later import later
from relucvx.losses import Loss, class_of, restored
from relucvx.network import PooledReLU, TwoLayerReLU
from relucvx.program.duality import gap
from relucvx.program.objective import check_network, objectives_from_above, stationarity
from relucvx.program.posing import make_problem
from relucvx.program.problem import Problem
from relucvx.program.scale import scale_lines
from relucvx.results import write_arrays
from relucvx.solver import SolverResult
from relucvx.solver.iteration_log import history_frame, last_step, read_rows, stored
from relucvx.types import Array, ArrayLike, Result, Scope, Status
from relucvx.validation import as_count, as_matrix, as_positive

figures = later("relucvx.metrics.figures")
T = TypeVar("T")

FORMAT = 1  # of saved solutions; another number is refused
MAKERS = {
    "solution": "solve(X, Y, beta)", "band": "beta_band(X, Y)", "counterexample": "theory.verify(claim).counterexample"
}  # fmt: skip
"""What makes the results that are saved."""

CONTRADICTION = 1e-9
"""A stored lower bound this far above the network's objective, relative to it, is no rounding."""


class Certified(Result):
    """What solutions of all kinds have in common: a network with a certificate, and the record of how it was found.

    Status: a convention (what a solution holds, no statement). Source: [relucvx].
    """

    problem: Problem
    network: Any
    objective: float
    status: Status
    certificate: Certificate
    stats: dict[str, Any]

    @property
    def size(self) -> dict[str, int]:
        """How large the network is: so many neurons, or branches."""
        raise NotImplementedError

    @property
    def upper(self) -> float:
        """The network's objective, as the certificate evaluates it: at least p*."""
        return self.certificate.upper

    @property
    def lower(self) -> float:
        """The proven lower bound on p*."""
        return self.certificate.lower

    @property
    def gap(self) -> float:
        """``upper - lower``: how far the objective may be from p*, in its own units."""
        return self.certificate.gap

    @property
    def rel_gap(self) -> float:
        """The gap relative to the objective."""
        return self.certificate.rel_gap

    @property
    def history(self) -> Any:
        """A pandas DataFrame with one row per step: round, phase, upper, lower, gap, rel_gap, neurons, cells, seconds.

        It is what ``verbose=True`` prints, and ends with what was certified; a file keeps it.
        """
        return history_frame(self.stats["history"])

    def predict(self, X: ArrayLike) -> Array:
        """Outputs of the network on new samples: what its own ``predict`` returns.

        Samples are as in ``problem.X``, whose columns may be scaled: :func:`relucvx.predict` takes raw rows.

        Raises
        ------
        InvalidInputError
            For samples of another number of features.
        """
        outputs: Array = self.network.predict(X)
        return outputs

    def plot(self, ax: Any = None, *, against: str = "seconds") -> Any:
        """Draw the two bounds over the steps of the solve; returns the axes.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones are made without.
        against : {"seconds", "step"}
            What is to the right.

        Raises
        ------
        InvalidInputError
            For anything else.
        """
        return figures.bounds(ax, self.history, against)

    def facts(self) -> dict[str, Any]:
        """Objective, what is proven, how the solve stopped, and what was solved."""
        c, p = self.certificate, self.problem
        return {
            "objective": self.objective, "lower": c.lower, "gap": c.gap, "rel_gap": c.rel_gap, "proven": c.proven,
            "status": self.status, "scope": c.scope, **self.size, "beta": p.beta, "loss": p.loss.name,
            "bias": str(p.bias), "activation": p.activation.name, "samples": p.n_samples, "features": p.n_features,
            "outputs": p.n_outputs, "rounds": self.stats["rounds"], "seconds": self.stats["seconds"],
        }  # fmt: skip


@dataclass(frozen=True, repr=False)
class Solution(Certified):
    """What a solve returned.

    Attributes
    ----------
    problem : Problem
    network : TwoLayerReLU, or PooledReLU for bags of rows
        Balanced, one neuron per direction.
    dual : ndarray, shape (n, c)
        Feasible dual point that attains ``certificate.lower``.
    objective : float
        Objective of ``network`` (the certificate's upper bound).
    status : Status
        How the algorithm stopped; what is proven is in ``certificate``.
    certificate : Certificate
    stats : dict
        Rounds, seconds, the tolerance asked for, what presolve reduced, and the rows of :attr:`history`.

    Notes
    -----
    Status: a record of what :func:`solve` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import tempfile
    >>> import relucvx as rx
    >>> sol = rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> print(f"{sol.problem.beta} {sol.status.name} {sol.objective:.6f} {sol.dual.shape}")
    0.5 CONVERGED 0.475000 (2, 1)
    >>> print(sol.lower <= sol.upper, sol.gap < 1e-6, sol.predict([[3.0]]).round(3), sol.history["phase"].iloc[-1])
    True True [2.7] certified
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = rx.load(sol.save(f"{folder}/sol.npz"))
    ...
    >>> again.objective == sol.objective, again.certificate.proven
    (True, False)
    """

    problem: Problem
    network: TwoLayerReLU | PooledReLU
    dual: Array
    objective: float
    status: Status
    certificate: Certificate
    stats: dict[str, Any]

    @property
    def size(self) -> dict[str, int]:
        """Neurons."""
        return {"neurons": self.network.width}

    @property
    def inner(self) -> TwoLayerReLU:
        """The network as solver and certificate see it: itself, and for bags the one that acts on each row."""
        return self.problem.inner(self.network)

    @classmethod
    def build(cls, problem: Problem, found: SolverResult, certificate: Certificate, tol: float) -> Solution:
        """Join what the solver found with what the certificate proved; the latter decides CONVERGED."""
        status = found.status
        if certificate.rel_gap <= tol:
            # an interrupted run says so even if it was done
            status = status if status is Status.INTERRUPTED else Status.CONVERGED
        elif status is Status.CONVERGED:
            status = Status.STALLED
        stats = {
            "rounds": found.rounds,
            "seconds": found.seconds,
            "tol": tol,
            "presolve": found.presolve,
            "history": stored(
                found.history,
                last_step(
                    found.history, found.rounds, certificate, found.network.width, found.seconds + certificate.seconds
                ),
            ),
        }
        return cls(
            problem, problem.stated(found.network), certificate.dual, certificate.upper, status, certificate, stats
        )

    def __repr__(self) -> str:
        origin = "" if self.certificate.proven else " as stored"
        return (
            f"Solution(objective={self.objective:.10g}, status={self.status.name}, "
            f"rel_gap={self.certificate.rel_gap:.2g}{origin}, scope={self.certificate.scope.name}, width={self.network.width})"
        )

    def __str__(self) -> str:
        lines = [f"{self.status.name}: {self.status.help}", repr(self.network), str(self.certificate)]
        return "\n".join(lines + scale_lines(self.problem, exact="residual" in self.stats))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write problem, network, dual and certificate to one ``.npz`` file (no pickles); returns the path written.

        The file is written beside its target first, so an interrupted save never leaves half a file.
        """
        return write_arrays(npz_name(path), self.arrays())

    def arrays(self) -> dict[str, Any]:
        """What :meth:`save` writes, by name; :func:`rebuilt` reads it."""
        p, net = self.problem, self.network
        arrays: dict[str, Any] = {
            "X": p.X, "Y": p.Y, "sample_weight": p.sample_weight, "dual": self.dual,
            "weights_in": net.weights_in, "weights_out": net.weights_out,
        }  # fmt: skip
        bags = p.pooling
        if bags is not None:
            # groups and the read-out say how the rows are read; an array of read-outs is stored as one
            arrays["groups"] = bags.groups
            if not isinstance(bags.kind, str):
                arrays["pooling"] = bags.kind
        if net.bias_in is not None:
            arrays["bias_in"] = net.bias_in
        if net.bias_out is not None:
            arrays["bias_out"] = net.bias_out
        certificate = {k: v for k, v in self.certificate.to_dict().items() if k != "dual"}
        arrays |= {} if p.preparation is None else p.preparation.arrays()
        meta = {
            "format": FORMAT, "beta": p.beta, "loss": p.loss.name, "bias": p.bias,
            "loss_class": class_of(p.loss),
            "activation": [p.activation.slope_neg, p.activation.slope_pos], "scalar_output": p.scalar_output,
            "pooling": bags.kind if bags is not None and isinstance(bags.kind, str) else None,
            "preparation": None if p.preparation is None else p.preparation.words(),
            "status": self.status.name, "certificate": certificate, "stats": self.stats,
        }  # fmt: skip
        return {"meta": np.array(json.dumps(meta)), **arrays}


def npz_name(path: str | os.PathLike[str]) -> Path:
    """The name with the ending that numpy gives to archives."""
    target = Path(path)
    return target if target.suffix == ".npz" else target.with_name(target.name + ".npz")


def load(path: str | os.PathLike[str], *, loss: Loss | None = None) -> Solution:
    """Read a solution written by :meth:`Solution.save`; pass it as ``start=`` to resume.

    Objectives are computed afresh. The lower bound is the file's: the certificate has ``proven=False`` and says so, and what
    builds on it (:func:`relucvx.optimal_set`, :func:`relucvx.compare`) proves it again first, as
    ``relucvx.certify(solution, X, Y, beta, dual=solution.dual)`` does.

    Parameters
    ----------
    path : str or path
    loss : Loss, optional
        The loss of the problem, where it is of a class of your own: files hold no code.

    Raises
    ------
    DataFileError
        For a missing file, one that is not an ``.npz`` archive, one that does not fit in memory, and one without a relucvx
        solution in it or with numbers that contradict each other.

    Notes
    -----
    Status: theorem (a round trip; the numbers are stored exactly). Source: [relucvx]

    Examples
    --------
    >>> import tempfile
    >>> import relucvx as rx
    >>> sol = rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stored = rx.load(sol.save(f"{folder}/sol.npz"))
    ...
    >>> stored.certificate.proven  # what a file says is not believed
    False
    >>> X, Y = stored.problem.X, stored.problem.Y
    >>> bool(rx.certify(stored, X, Y, beta=0.5, dual=stored.dual).rel_gap < 1e-6)
    True
    """
    return read_archive(path, "solution", lambda data: rebuilt(data, loss))


def read_archive(path: str | os.PathLike[str], what: str, read: Callable[[dict[str, np.ndarray]], T]) -> T:
    """What ``read`` makes of the arrays of a file; whatever is wrong with them is said of the file.

    Raises
    ------
    DataFileError
        As :func:`load`.
    """
    source = as_path(path, f"the path of a {what}")
    if not source.is_file():
        raise DataFileError(explain(f"a {what} saved by relucvx", f"no file {source}", "a typo, or another folder"))
    try:
        if not zipfile.is_zipfile(source):
            raise ValueError("no .npz archive")
        return read(read_npz(source))
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        if isinstance(error, DataFileError):
            raise
        raise DataFileError(
            explain(
                f"a {what} saved by relucvx",
                f"{source}: {wrong_part(error)}",
                "a data file, or a file of another program or a newer version",
                f'relucvx.{MAKERS[what]}.save("{what}.npz")',
            )
        ) from error


def rebuilt(data: dict[str, np.ndarray], own: Loss | None = None) -> Solution:
    """The solution of :meth:`Solution.arrays`, every part checked by what makes it and every number computed that can be."""
    meta = json.loads(str(data["meta"]))
    loss = restored(str(meta["loss"]), str(meta.get("loss_class", "")), own)
    if meta["format"] != FORMAT:
        raise ValueError(f"format {meta['format']}, this version reads {FORMAT}")
    scalar = as_flag(meta["scalar_output"], "scalar_output")
    targets = as_matrix(data["Y"], "Y", allow_vector=True)
    if scalar and targets.shape[1] != 1:
        raise ValueError(f"targets of shape {targets.shape} for one output")
    problem = make_problem(
        data["X"], targets[:, 0] if scalar else targets, meta["beta"], loss, meta["bias"],
        tuple(meta["activation"]), data["sample_weight"], data.get("pooling", meta.get("pooling")), data.get("groups"),
        Preparation.stored(meta["preparation"], data) if meta.get("preparation") else None,
    )  # fmt: skip
    arrays = (data["weights_in"], data["weights_out"], data.get("bias_in"), data.get("bias_out"))
    stated: TwoLayerReLU | PooledReLU
    if problem.pooling is None:
        stated = TwoLayerReLU(*arrays, problem.activation, scalar)
    else:
        kind = problem.pooling.kind
        assert kind is not None
        stated = PooledReLU(*arrays, problem.activation, scalar, kind)
    network = problem.inner(stated)
    check_network(problem, network)
    dual = as_matrix(data["dual"], "dual", allow_vector=True)
    if dual.shape != problem.Y.shape:
        raise ValueError(f"a dual point of shape {dual.shape} for targets of shape {problem.Y.shape}")
    certificate = _as_stored(problem, network, dual, meta["certificate"])
    return Solution(
        problem, stated, dual, certificate.upper, Status[meta["status"]], certificate, _statistics(meta["stats"])
    )


def _as_stored(problem: Problem, network: TwoLayerReLU, dual: Array, fields: dict[str, Any]) -> Certificate:
    """A certificate with the file's lower bound, marked as not proven, and objectives of our own."""
    (upper, balanced), lower = objectives_from_above(problem, network), as_number(fields["lower"], "lower")
    # bounds that contradict the network in the same file
    if not 0.0 <= lower <= upper * (1.0 + CONTRADICTION):
        raise ValueError(f"a lower bound of {lower:.10g}, where the network's objective is {upper:.10g}")
    absolute, relative = gap(upper, lower)
    restricted = fields["restricted_lower"]
    return Certificate(
        upper=upper, lower=lower, gap=absolute, rel_gap=relative, scope=Scope[fields["scope"]], method=str(fields["method"]),
        dual_norm=as_float(fields["dual_norm"]), dual_norm_reached=as_float(fields["dual_norm_reached"]),
        upper_balanced=balanced,
        restricted_lower=None if restricted is None else as_number(restricted, "restricted_lower"),
        stationarity=stationarity(problem, network), beta=problem.beta, dual=dual,
        tolerances={str(k): as_float(v) for k, v in fields["tolerances"].items()},
        cones=as_count(fields["cones"], "cones", 0), seconds=as_float(fields["seconds"]), proven=False,
    )  # fmt: skip


def _statistics(stats: dict[str, Any]) -> dict[str, Any]:
    """What is known of the run, with the types that :meth:`Solution.build` gives it."""
    known = {
        "rounds": as_count(stats["rounds"], "rounds", 0),
        "seconds": as_number(stats["seconds"], "seconds"),
        "tol": as_positive(stats["tol"], "tol"),
        "history": read_rows(stats["history"]),
    }
    return {**stats, **known}
