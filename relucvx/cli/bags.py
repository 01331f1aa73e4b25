"""Samples that are bags of rows on the command line: windows of images, rows of a long table, and how samples read them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import relucvx as rx
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later

if TYPE_CHECKING:
    from relucvx.datasets import Dataset

np = later("numpy")


@dataclass(frozen=True)
class Bags:
    """The options for bags of rows of a command."""

    pooling: str | None = None
    groups: str | None = None
    patches: str | None = None

    def cut(self, found: Dataset) -> Dataset:
        """Images cut into windows, where they are asked for; anything else as it is."""
        if self.patches is None:
            return found
        if found.is_table or found.groups is not None:
            raise InvalidInputError(
                explain(
                    "images (n, h, w) or (n, channels, h, w) for --patches",
                    f"{found.name}: X of shape {found.X.shape}",
                    "a table, in which every image is a row",
                    "relucvx solve images:3x8 --patches 2,2, or an .npz file with X of that shape",
                )
            )
        size, stride, padding = windows(self.patches)
        held = [length + 2 * pad for length, pad in zip(found.X.shape[-2:], padding, strict=True)]
        if any(k > length for k, length in zip(size, held, strict=True)):
            raise InvalidInputError(
                explain(
                    f"windows within {held[0]} x {held[1]} pixels, padding included, for --patches",
                    f"{size[0]} x {size[1]}",
                    "",
                    f"--patches {min(2, *held)}",
                )
            )
        return replace(found, X=rx.patches(found.X, size, stride, padding), feature_names=())

    def options(self, found: Dataset) -> dict[str, Any]:
        """How the samples read their rows: options of :func:`relucvx.make_problem`, none for a table."""
        if found.X.ndim == 4:
            raise InvalidInputError(
                explain(
                    "--patches SIZE[,STRIDE[,PADDING]] for images",
                    f"images of shape {found.X.shape[1:]}",
                    "",
                    "--patches 2,2",
                )
            )
        if not found.is_table:
            groups = {} if found.groups is None else {"groups": found.groups}
            return {"pooling": self.pooling or "mean", **groups}
        if self.pooling is not None:
            raise InvalidInputError(
                explain(
                    "samples that are bags of rows for --pooling",
                    f"a table of {len(found.X)} samples",
                    "images without --patches, or a long table without --groups",
                    "--patches 2,2 or --groups COLUMN",
                )
            )
        return {}


def windows(text: str) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Size, stride (1) and padding (0) of ``--patches 2,2`` or ``--patches 1x5,1x1,0x2``.

    Raises
    ------
    InvalidInputError
        For anything but one to three whole numbers or pairs of them.
    """
    try:
        pairs = [tuple(int(k) for k in part.split("x")) for part in text.split(",")]
    except ValueError:
        pairs = []
    if not 1 <= len(pairs) <= 3 or any(len(pair) not in (1, 2) for pair in pairs):
        raise InvalidInputError(
            explain("--patches SIZE[,STRIDE[,PADDING]], each a number or HEIGHTxWIDTH", repr(text), "", "--patches 2,2")
        )
    size, *others = [(pair[0], pair[-1]) for pair in pairs]
    stride = others[0] if others else (1, 1)
    padding = others[1] if len(others) > 1 else (0, 0)
    return size, stride, padding


def thinned(found: Dataset, count: int | None) -> Dataset:
    """So many samples, evenly over the data, which may be sorted by class; all of them for None."""
    if count is None or count >= found.n_samples:
        return found
    chosen = np.linspace(0, found.n_samples - 1, count).round().astype(int)
    if found.groups is None:
        return replace(found, X=found.X[chosen], Y=found.Y[chosen], labels=None)
    rows = np.isin(found.groups, chosen)
    groups = np.searchsorted(chosen, found.groups[rows])
    return replace(found, X=found.X[rows], Y=found.Y[chosen], labels=None, groups=groups)


def rows_only(found: Dataset, what: str) -> Dataset:
    """The data, if every sample is one row.

    Raises
    ------
    InvalidInputError
        For bags of rows and images.
    """
    if found.is_table:
        return found
    raise InvalidInputError(
        explain(
            f"a table, a row for each sample, for {what}",
            repr(found),
            "samples that are bags of rows",
            "relucvx solve, path, train or compare, which take bags",
        )
    )
