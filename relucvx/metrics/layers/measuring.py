"""The measuring of a profile: score by score in every layer, each with a clock of its own, into a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relucvx.deadline import OutOfTime, ruled, ruling
from relucvx.errors import InvalidInputError
from relucvx.later import later
from relucvx.metrics.abstraction import FactorScore
from relucvx.metrics.convexity import Convexity
from relucvx.metrics.layers.records import Representation
from relucvx.metrics.layers.scores import COLUMNS, Samples, Score
from relucvx.metrics.probes import LinearProbe

if TYPE_CHECKING:
    from pandas import DataFrame

pd = later("pandas")


@dataclass(frozen=True)
class ProfileProgress:
    """What a callback of :func:`profile` sees before each metric: steps done and in all, and what comes next.

    Status: a convention (what is done and what comes next). Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> seen = []
    >>> layers = {"one": np.eye(4), "two": np.eye(4)[:, :2]}
    >>> def watch(progress):
    ...     seen.append((progress.layer, progress.total))
    ...
    >>> table = rx.metrics.profile(layers, metrics=["participation_ratio"], callback=watch)
    >>> seen[:2]
    [('one', 2), ('two', 2)]
    """

    step: int
    total: int
    layer: str
    metric: str

    def bar(self, tol: float) -> tuple[str, float | None]:
        """What a progress bar shows: what comes next, and the share of the steps."""
        return f"{self.layer} {self.metric}".strip(), self.step / max(self.total, 1)


@dataclass(frozen=True)
class Found:
    """Numbers of one layer, the parts behind its means, and why columns do not apply, or were cut."""

    row: dict[str, Any]
    parts: dict[str, dict[Any, float]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    cut: dict[str, str] = field(default_factory=dict)


def measure(
    rows: list[Representation],
    scores: Sequence[Score],
    samples: Samples,
    callback: Callable[[Any], Any] | None,
    out: list[Found],
    time_limit: float | None,
) -> None:
    """Add the numbers of every layer to ``out``, up to the one in which the callback said stop."""
    total = len(rows) * len(scores)
    for layer in rows:
        # there from its first column on, for Ctrl-C
        out.append(Found({"type": layer.kind, "width": layer.width}))
        for score in scores:
            step = (len(out) - 1) * len(scores) + scores.index(score)
            if callback is not None and callback(ProfileProgress(step, total, layer.name, score.columns[0])):
                # the layer begun is dropped: its gaps would look like metrics that do not apply
                out.pop()
                return
            _apply(score, layer, samples, out[-1], time_limit)
    if callback is not None and rows:
        callback(ProfileProgress(total, total, rows[-1].name, ""))


def end(found: list[Found], scores: Sequence[Score]) -> int:
    """Say of the layer in which Ctrl-C came what is missing; one without a column is no row. Returns how many are whole."""
    if not found:
        return 0
    last = found[-1]
    missing = [c for score in scores for c in score.columns if c not in {**last.row, **last.refused, **last.cut}]
    last.cut.update(dict.fromkeys(missing, "interrupted before it was measured"))
    if missing and len(last.row) == 2:
        found.pop()
        return len(found)
    return len(found) - bool(missing)


def _apply(score: Score, layer: Representation, samples: Samples, found: Found, time_limit: float | None) -> None:
    outer = ruling()
    try:
        with ruled(outer if time_limit is None else outer.within(time_limit)):
            values = score.measure(layer, samples)
    except OutOfTime:
        if outer.passed():  # not a column's limit, but that of whoever wants the whole table
            raise
        found.cut.update(dict.fromkeys(score.columns, f"cut after {time_limit:g} s, its time limit"))
        return
    except InvalidInputError as error:  # the inputs are checked, so this says that the metric does not apply here
        found.refused.update(dict.fromkeys(score.columns, str(error)))
        return
    except MemoryError as error:  # one column less: the others are no worse for it
        said = f"more memory than there is, for {layer.Z.shape[0]} samples and {layer.Z.shape[1]} values ({error})"
        found.refused.update(dict.fromkeys(score.columns, said))
        return
    for column in score.columns:
        value = values[column]
        if isinstance(value, Convexity):
            found.parts[column] = value.per_class
            value = value.overall
        if isinstance(value, LinearProbe):
            found.parts[column] = value.per_class
            value = value.accuracy
        if isinstance(value, FactorScore):
            found.parts[column] = dict(enumerate(value.per_factor.tolist()))
            value = value.mean
        found.row[column] = float(value)


def table(rows: list[Representation], found: list[Found], scores: Sequence[Score], keep: bool) -> DataFrame:
    """The numbers as a table, with what it says of them in its attributes; ``keep`` columns that apply nowhere."""
    names = [layer.name for layer in rows]
    wanted = [column for score in scores for column in score.columns]
    applied = {column for one in found for column in (*one.row, *one.cut)}
    columns = ["type", "width", *(c for c in COLUMNS if c in wanted and (keep or c in applied or not found))]
    index = pd.Index(names, name="layer", dtype=object)
    frame = pd.DataFrame([one.row for one in found], index=index, columns=columns)
    frame = frame.astype({column: {"type": object, "width": int}.get(column, float) for column in columns})
    inner_first = [*found[1:-1], *found[:1], *found[-1:]]  # the input and the output lack more than hidden layers do
    frame.attrs["left_out"] = {
        c: next(one.refused[c] for one in inner_first if c in one.refused) for c in wanted if found and c not in applied
    }
    frame.attrs["cut"] = {
        c: {name: one.cut[c] for name, one in zip(names, found, strict=True) if c in one.cut}
        for c in wanted
        if any(c in one.cut for one in found)
    }
    frame.attrs["per_class"] = {
        column: {name: one.parts[column] for name, one in zip(names, found, strict=True) if column in one.parts}
        for column in columns
        if any(column in one.parts for one in found)
    }
    return frame
