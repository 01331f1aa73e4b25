"""What the splits of a recording's conditions score, beside what chance does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relucvx.metrics.abstraction import below_chance
from relucvx.metrics.figures import COLOURS, axes_or_new, inches_tall, plain, tidy
from relucvx.metrics.nulls.p_values import corrected_p_values, p_values
from relucvx.metrics.scales import scale
from relucvx.types import Array, BoolArray, Result

SCORES = ("decoding", "ccgp", "parallelism")
"""Of each split."""

FEW_ROWS = 8
"""Splits up to which the figure is as large as those of other results."""

MOST_ROWS = 40
"""Splits up to which the figure grows with their number and names them."""


@dataclass(frozen=True)
class DichotomyTable(Result):
    """Scores of the ways to split conditions into halves.

    Attributes
    ----------
    conditions : tuple
    sides : ndarray of shape (D, P), bool
        The splits, columns in the order of ``conditions``; the first condition is on the side False.
    names : tuple of str
        Of the splits: a factor, a product of factors (a × b), or the conditions on the side True.
    decoding, ccgp, parallelism : ndarray of shape (D,)
        Accuracy on held-out trials, on pairs of conditions left out, and the best mean cosine of paired differences.
    factor_ccgp, factor_parallelism : ndarray of shape (D,)
        Over contexts of the other factors (:func:`ccgp`, :func:`parallelism_score`); NaN where a split is no factor.
    null_decoding, null_ccgp, null_parallelism : ndarray of shape (N, D)
        The same of labels of trials that were shuffled, and of random geometries.
    n_total : int
        Splits there are.
    exhaustive : bool
        Whether all were scored.
    n_asked : int
        Draws asked for; as many rows of the nulls unless the work was cut.
    seed : int
        ``rng=seed`` gives the same draws again.
    margins : ndarray of shape (D,)
        How far held-out trials are on their side of the boundary, in units of the margin: equal accuracies are ordered by it
        in the p-value of a split.
    null_margins : ndarray of shape (N, D)
        That of draws whose accuracy equals that of the data; NaN elsewhere.

    Notes
    -----
    Status: a record of what :func:`dichotomies` finds, which states what it rests on. Source: [bernardi-2020].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> condition = np.repeat(["A", "B", "C", "D"], 6)
    >>> Z = np.eye(4)[np.repeat(range(4), 6)] + 0.1 * np.random.default_rng(0).standard_normal((24, 4))
    >>> found = rx.metrics.dichotomies(rx.Recording(Z, condition=condition), n_permutations=0)
    >>> found.shattering_dimension, found.names
    (1.0, ('B, C', 'B, D', 'C, D'))
    """

    conditions: tuple[Any, ...]
    sides: BoolArray
    names: tuple[str, ...]
    decoding: Array
    ccgp: Array
    parallelism: Array
    factor_ccgp: Array
    factor_parallelism: Array
    null_decoding: Array
    null_ccgp: Array
    null_parallelism: Array
    n_total: int
    exhaustive: bool
    n_asked: int
    seed: int
    margins: Array = field(repr=False)
    null_margins: Array = field(repr=False)

    @property
    def shattering_dimension(self) -> float:
        """Mean decoding accuracy over the splits: 0.5 by chance, 1 when every split is decoded."""
        return float(self.decoding.mean())

    def p_values(self, score: str, corrected: bool = False) -> Array:
        """P-value of each split in "decoding", "ccgp" or "parallelism" against its null, or corrected for their number.

        Of one split equal accuracies are ordered by ``margins``; corrected ones count them as extreme.
        """
        null = getattr(self, f"null_{score}")
        if not len(null):
            return np.full(len(self.names), np.nan)
        values = getattr(self, score)
        if corrected:
            return corrected_p_values(values, null, "greater")
        finer = (self.margins, self.null_margins) if score == "decoding" else None
        return p_values(values, null, "greater", finer=finer)

    def share_above(self, score: str) -> Array:
        """Share of the splits that score at least as high as each: the p-value under shuffled conditions, exactly."""
        values = getattr(self, score)
        reached = values[None, :] >= values[:, None] - 1e-12
        return np.where(np.isnan(values), np.nan, reached.sum(axis=1) / max(int((~np.isnan(values)).sum()), 1))

    @property
    def note(self) -> str:
        """What there is to know before the numbers are believed."""
        said = []
        if not self.exhaustive:
            said.append(f"{len(self.names)} of {self.n_total} splits, drawn at random: shares are estimates")
        least = [len(null) for null in (self.null_decoding, self.null_ccgp)]
        if min(least) < self.n_asked:
            said.append(f"stopped after {min(least)} of {self.n_asked} draws of a null")
        low = [f"{n}: {below_chance(v)}" for n, v in zip(self.names, self.factor_ccgp, strict=True) if v < 0.5]
        if low:
            said.append(f"ccgp over contexts, {low[0]}")
        return "; ".join(said)

    def facts(self) -> dict[str, Any]:
        """How many splits were scored, and what they score in the mean."""
        return {
            "shattering_dimension": self.shattering_dimension,
            "mean_ccgp": float(np.nanmean(self.ccgp)) if np.isfinite(self.ccgp).any() else np.nan,
            "n_dichotomies": len(self.names), "n_total": self.n_total, "exhaustive": self.exhaustive,
            "n_permutations": min(len(self.null_decoding), len(self.null_ccgp)), "seed": self.seed,
            "decoding_scale": scale("decoding_dimension").text, "ccgp_scale": scale("ccgp").text,
            "parallelism_scale": scale("parallelism_score").text, "note": self.note,
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per split: scores, p-values against their nulls, and shares of splits that score as high."""
        p = {score: (self.p_values(score), self.p_values(score, corrected=True)) for score in SCORES}
        shares = {score: self.share_above(score) for score in SCORES[1:]}
        for k, name in enumerate(self.names):
            row: dict[str, Any] = {"split": name}
            for score in SCORES:
                row[score] = float(getattr(self, score)[k])
                row[f"{score}_p"], row[f"{score}_corrected_p"] = (float(values[k]) for values in p[score])
                if score in shares:
                    row[f"{score}_share"] = float(shares[score][k])
            yield {
                **row,
                "factor_ccgp": float(self.factor_ccgp[k]),
                "factor_parallelism": float(self.factor_parallelism[k]),
            }

    def plot(self, ax: Any = None) -> Any:
        """Draw the scores of each split with the central 95 % of its null; splits sorted as in the table; returns the axes."""
        # splits without a name are told apart by what comes last
        shown = [plain(name if len(name) <= 64 else f"{name[:63]}…") for name in self.names]
        many = len(shown) > FEW_ROWS
        ax = axes_or_new(ax, 8.6 if many else 5.8, 1.7 + (0.27 if many else 0.5) * min(len(shown), MOST_ROWS))
        places = np.arange(len(self.names))
        room = 72.0 * inches_tall(ax) / len(shown)  # points for each split: three bars and what parts them
        for k, (score, marker) in enumerate(zip(SCORES, "o^s", strict=True)):
            null, at = getattr(self, f"null_{score}"), places + 0.24 * (k - 1)
            if len(null) > 1:
                low, high = np.nanquantile(null, [0.025, 0.975], axis=0)
                ax.hlines(at, low, high, color=COLOURS[k], lw=min(max(0.2 * room, 0.8), 4.0), alpha=0.3)
            size = min(max(0.28 * room, 2.0), 5.0)
            ax.plot(getattr(self, score), at, marker, color=COLOURS[k], ms=size, label=score)
        ax.axvline(0.5, color="0.35", lw=1.0, ls=":", zorder=3)
        if len(self.names) <= MOST_ROWS:
            ax.set_yticks(places, shown, fontsize="small" if many else None)
        else:
            ax.set_ylabel("split, in the order of the table")
        ax.set_ylim(len(self.names) - 0.5, -0.5)
        ax.set_xlabel("score; bars: 95 % of its null\ndotted: chance of decoding and ccgp", fontsize="small")
        ax.legend(frameon=False, fontsize="small", ncols=3, loc="lower right", bbox_to_anchor=(1.0, 1.0))
        return tidy(ax)
