"""Counterexamples: found, made small, saved without pickles, and run again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.results import write_arrays
from relucvx.solution import read_archive
from relucvx.theory.definition import Claim, Instance, Outcome, Verdict
from relucvx.theory.registry import claim

SAMPLE_AXIS = ("X", "Y", "labels", "Z", "Z2", "sample_weight")
"""Arrays of an instance with one row per sample, which shrinking drops together."""

REDRAWS = 8
"""Instances drawn at each smaller size."""


@dataclass(frozen=True, repr=False)
class Counterexample:
    """An instance on which a claim fails, as small as was found.

    Attributes
    ----------
    claim : str
        Id of the claim.
    instance : dict
        Arrays, numbers and texts, by name.
    outcome : Outcome
        What was measured on it.

    Notes
    -----
    Status: a record; what it says is checked again when it is loaded. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.theory.verify("reading-schatten-exponent", trials=3).counterexample
    >>> sorted(found.instance), found.outcome.verdict.name
    (['W', 'depth', 'seed'], 'VIOLATED')
    """

    claim: str
    instance: Instance
    outcome: Outcome

    @property
    def n_numbers(self) -> int:
        """How many numbers the instance holds."""
        return sum(int(np.size(value)) for value in self.instance.values())

    def __repr__(self) -> str:
        shapes = ", ".join(f"{k} {_describe(v)}" for k, v in self.instance.items())
        return f"Counterexample({self.claim}: {shapes}; {self.outcome.reason})"

    def save(self, path: str | Path) -> Path:
        """Write the instance to an ``.npz`` file that holds no pickles; returns the path.

        Raises
        ------
        InvalidInputError
            For a name that does not end in .npz.
        DataFileError
            When the file cannot be written.
        """
        path = Path(path)
        if path.suffix != ".npz":
            raise InvalidInputError(explain("a file name ending in .npz", str(path), "", "counterexample.npz"))
        arrays = {f"instance:{k}": np.asarray(v) for k, v in self.instance.items()}
        about = {
            "claim": self.claim,
            "deviations": [[d.name, d.value, d.tol] for d in self.outcome.deviations],
            # numbers and words come back as such, not as arrays of dimension zero, which claims would not know
            "plain": [k for k, v in self.instance.items() if not isinstance(v, np.ndarray)],
        }
        return write_arrays(path, {"about": np.array(json.dumps(about)), **arrays})


def load_counterexample(path: str | Path) -> Counterexample:
    """Read a counterexample and run its claim on it again.

    Parameters
    ----------
    path : str or Path
        File written by :meth:`Counterexample.save`.

    Returns
    -------
    Counterexample
        With the outcome of this run, not the stored one.

    Raises
    ------
    DataFileError
        When the file is missing or is not a counterexample.

    Notes
    -----
    Source: [relucvx]. Status: as stated by the claim.

    Examples
    --------
    >>> import tempfile
    >>> import relucvx as rx
    >>> found = rx.theory.verify("reading-schatten-exponent", trials=3).counterexample
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = rx.theory.load_counterexample(found.save(f"{folder}/found.npz"))
    ...
    >>> again.outcome.verdict.name  # checked afresh
    'VIOLATED'
    """
    name, instance = read_archive(path, "counterexample", _read)
    return Counterexample(name, instance, claim(name).check(instance))


def _read(stored: dict[str, np.ndarray]) -> tuple[str, Instance]:
    about = json.loads(str(stored["about"]))
    instance: Instance = {k.removeprefix("instance:"): values for k, values in stored.items() if k != "about"}
    for key in about["plain"]:
        instance[key] = instance[key].item()
    return str(about["claim"]), instance


def smallest(
    claim: Claim, first: Instance, outcome: Outcome, size: int, rng: np.random.Generator, seconds: float
) -> Counterexample:
    """Make a counterexample small: redraw at smaller sizes, drop samples and features, round the numbers."""
    limit = time.perf_counter() + seconds
    found = Counterexample(claim.id, first, outcome)
    # redrawn first: a fresh instance of small size is often smaller than any that shrinking reaches
    for candidate in _redrawn(claim, size, rng):
        better = _violates(claim, candidate)
        if better is not None:
            found = Counterexample(claim.id, candidate, better)
            break
        if time.perf_counter() > limit:
            break
    shrinking = True
    # greedy: each success starts the list anew, so that nothing left can be dropped by itself
    while shrinking and time.perf_counter() < limit:
        shrinking = False
        for candidate in _smaller(found.instance):
            better = _violates(claim, candidate)
            if better is not None:
                found, shrinking = Counterexample(claim.id, candidate, better), True
                break
            if time.perf_counter() > limit:
                return found
    return found


def _redrawn(claim: Claim, size: int, rng: np.random.Generator) -> Iterator[Instance]:
    """Fresh instances of the smaller sizes, smallest first."""
    for smaller in range(1, size):
        for _ in range(REDRAWS):
            yield claim.draw(rng, smaller)


def _violates(claim: Claim, instance: Instance) -> Outcome | None:
    """The outcome, if the claim applies and fails clearly enough that rounding is not to blame."""
    try:
        outcome = claim.check(instance)
    except (ValueError, ArithmeticError, RuntimeError, LookupError):
        return None  # a shrunk instance may be malformed; it is then no counterexample
    clear = outcome.verdict is Verdict.VIOLATED and any(d.margin > 2 or np.isinf(d.margin) for d in outcome.deviations)
    return outcome if clear else None


def _smaller(instance: Instance) -> Iterator[Instance]:
    """Instances with one sample or one feature less, then with rounder numbers."""
    # arrays with a sample axis shrink together, or the instance would contradict itself
    rows = {k: v for k, v in instance.items() if k in SAMPLE_AXIS and np.ndim(v) >= 1}
    n = len(next(iter(rows.values()))) if rows else 0
    if n > 1:
        for i in range(n):
            yield {**instance, **{k: np.delete(v, i, axis=0) for k, v in rows.items()}}
    if "X" in instance and np.ndim(instance["X"]) == 2 and instance["X"].shape[1] > 1:
        for j in range(instance["X"].shape[1]):
            yield {**instance, "X": np.delete(instance["X"], j, axis=1)}
    # rounder numbers come last: they matter to the reader only once nothing can be left out
    for digits in (0, 1):
        rounded = {k: _rounded(v, digits) for k, v in instance.items()}
        if any(np.any(np.asarray(rounded[k]) != np.asarray(instance[k])) for k in instance):
            yield rounded


def _rounded(value: Any, digits: int) -> Any:
    """Floats rounded, but never to zero altogether; other values as they are."""
    if isinstance(value, (bool, int, str)) or np.asarray(value).dtype.kind != "f":
        return value
    out = np.round(value, digits)
    if not np.any(out):
        return value
    return out if isinstance(value, np.ndarray) else float(out)


def _describe(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(np.shape(value) if np.ndim(value) else value)
