"""A solved problem: network, dual point, certificate, and how the algorithm stopped. Saves, loads and resumes."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from relucvx.certificate import Certificate
from relucvx.errors import DataFileError, explain
from relucvx.losses import Loss, class_of, restored
from relucvx.network import TwoLayerReLU
from relucvx.program.problem import Problem, make_problem
from relucvx.results import write_arrays
from relucvx.solver import SolverResult
from relucvx.types import Array, Result, Scope, Status

FORMAT = 1


@dataclass(frozen=True, repr=False)
class Solution(Result):
    """What a solve returned.

    Attributes
    ----------
    problem : Problem
    network : TwoLayerReLU
        Balanced, one neuron per direction.
    dual : ndarray, shape (n, c)
        Feasible dual point that attains ``certificate.lower``.
    objective : float
        Objective of ``network`` (the certificate's upper bound).
    status : Status
        How the algorithm stopped; what is proven is in ``certificate``.
    certificate : Certificate
    stats : dict
        Rounds, seconds, the tolerance asked for, and the history of (round, upper, lower).

    Notes
    -----
    Status: a record of what :func:`solve` finds, which states what it rests on. Source: [relucvx].
    """

    problem: Problem
    network: TwoLayerReLU
    dual: Array
    objective: float
    status: Status
    certificate: Certificate
    stats: dict[str, Any]

    @classmethod
    def build(cls, problem: Problem, found: SolverResult, certificate: Certificate, tol: float) -> Solution:
        """Join what the solver found with what the certificate proved; the latter decides CONVERGED."""
        status = found.status
        if certificate.rel_gap <= tol:
            status = status if status is Status.INTERRUPTED else Status.CONVERGED
        elif status is Status.CONVERGED:
            status = Status.STALLED
        stats = {
            "rounds": found.rounds,
            "seconds": found.seconds,
            "tol": tol,
            "history": [[p.round, p.upper, p.lower, p.seconds] for p in found.history],
        }
        return cls(problem, found.network, certificate.dual, certificate.upper, status, certificate, stats)

    def __repr__(self) -> str:
        return (
            f"Solution(objective={self.objective:.10g}, status={self.status.name}, "
            f"rel_gap={self.certificate.rel_gap:.2g}, scope={self.certificate.scope.name}, width={self.network.width})"
        )

    def __str__(self) -> str:
        return f"{self.status.name}: {self.status.help}\n{self.network!r}\n{self.certificate}"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write problem, network, dual and certificate to one ``.npz`` file (no pickles); returns the path written.

        The file is written beside its target first, so an interrupted save never leaves half a file.
        """
        target = Path(path)
        if target.suffix != ".npz":
            target = target.with_name(target.name + ".npz")
        p, net = self.problem, self.network
        arrays: dict[str, Any] = {
            "X": p.X, "Y": p.Y, "sample_weight": p.sample_weight, "dual": self.dual,
            "weights_in": net.weights_in, "weights_out": net.weights_out,
        }  # fmt: skip
        if net.bias_in is not None:
            arrays["bias_in"] = net.bias_in
        if net.bias_out is not None:
            arrays["bias_out"] = net.bias_out
        certificate = {k: v for k, v in self.certificate.to_dict().items() if k != "dual"}
        meta = {
            "format": FORMAT, "beta": p.beta, "loss": p.loss.name, "bias": p.bias,
            "loss_class": class_of(p.loss),
            "activation": [p.activation.slope_neg, p.activation.slope_pos], "scalar_output": p.scalar_output,
            "status": self.status.name, "certificate": certificate, "stats": self.stats,
        }  # fmt: skip
        return write_arrays(target, {"meta": np.array(json.dumps(meta)), **arrays})


def load(path: str | os.PathLike[str], *, loss: Loss | None = None) -> Solution:
    """Read a solution written by :meth:`Solution.save`; pass it as ``start=`` to resume.

    The stored certificate is what was proven when it was saved; ``certify(solution.network, …)`` proves it afresh.

    Parameters
    ----------
    path : str or path
    loss : Loss, optional
        The loss of the problem, where it is of a class of your own: files hold no code.

    Raises
    ------
    DataFileError
        For a missing file, one that is not an ``.npz`` archive, or one without a relucvx solution in it.

    Notes
    -----
    Status: theorem (a round trip; the numbers are stored exactly). Source: [relucvx]
    """
    source = Path(path)
    if not source.is_file():
        raise DataFileError(explain("a solution saved by relucvx", f"no file {source}", "a typo, or another folder"))
    try:
        with source.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            data = {name: archive[name] for name in archive.files}
        meta = json.loads(str(data["meta"]))
        return _rebuild(data, meta, restored(str(meta["loss"]), str(meta.get("loss_class", "")), loss))
    except DataFileError:
        raise
    except (KeyError, ValueError, zipfile.BadZipFile, EOFError, TypeError) as error:
        # numpy takes what is no archive for a pickle, and advises to open it unsafely: that is not handed on
        held = {"'meta'": "without the entry 'meta'"}.get(str(error), str(error))
        raise DataFileError(
            explain(
                "a solution saved by relucvx",
                f"{source}: {held if zipfile.is_zipfile(source) else 'no .npz archive'}",
                "a data file, or a file of another program or a newer version",
                "relucvx solve … --out solution.npz",
            )
        ) from error


def _rebuild(data: dict[str, Array], meta: dict[str, Any], loss: str | Loss) -> Solution:
    if meta["format"] != FORMAT:
        raise ValueError(f"format {meta['format']}, this version reads {FORMAT}")
    scalar = bool(meta["scalar_output"])
    problem = make_problem(
        data["X"], data["Y"][:, 0] if scalar else data["Y"], meta["beta"], loss, meta["bias"],
        tuple(meta["activation"]), data["sample_weight"],
    )  # fmt: skip
    network = TwoLayerReLU(
        data["weights_in"], data["weights_out"], data.get("bias_in"), data.get("bias_out"), problem.activation, scalar
    )
    fields = dict(meta["certificate"])
    certificate = Certificate(**{**fields, "scope": Scope[fields["scope"]], "dual": data["dual"]})
    return Solution(
        problem, network, data["dual"], certificate.upper, Status[meta["status"]], certificate, meta["stats"]
    )
