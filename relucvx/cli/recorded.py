"""Recorded layers on the command line: arrays of an .npz file, one per layer, with labels."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from relucvx.conversion import LARGEST_SHARE, free_memory
from relucvx.errors import DataFileError, InvalidInputError, explain

LABELS = "labels"
"""Name of the array that is no layer."""


def check_alone(path: Path, data: str, weights: Path | None) -> None:
    """Refuse data and weights beside recorded layers, which say nothing about them.

    Raises
    ------
    InvalidInputError
        Naming what has no use.
    """
    unused = [name for name, value in (("DATA", data), ("--weights", weights)) if value]
    if unused:
        raise InvalidInputError(
            explain(f"nothing beside the layers in {path}", " and ".join(unused), "recorded layers need no network",
                    f"relucvx profile --activations {path}")
        )  # fmt: skip


def check_places(tokens: str | None, pool: str | None) -> None:
    """Refuse options about sequences and images for networks that have neither.

    Raises
    ------
    InvalidInputError
        Naming the option.
    """
    given = [name for name, value in (("--tokens", tokens), ("--pool", pool)) if value is not None]
    if given:
        raise InvalidInputError(
            explain(
                "layers with tokens or places",
                f"{' and '.join(given)} for a fully connected network",
                "networks with tokens or images are measured in Python, or from their recorded layers",
                "--activations layers.npz",
            )
        )


def read(path: Path) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """The layers in the order of the file, and the labels where it has them.

    Raises
    ------
    DataFileError
        For a file that is missing, no archive of arrays, holds objects, or does not fit in memory.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            size = sum(item.file_size for item in stored.zip.infolist())
            if size > LARGEST_SHARE * free_memory():
                raise DataFileError(
                    explain(f"layers in {path} that fit in memory", f"{size / 2**30:,.3g} GiB", "", "fewer samples")
                )
            found = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, AttributeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataFileError(
            explain(
                "an .npz file of arrays, one per layer",
                f"{path} ({error})",
                "a missing file, another format, or objects in it",
                f'numpy.savez("{path.name}", layer_1=Z_1, layer_2=Z_2, labels=labels)',
            )
        ) from error
    labels = found.pop(LABELS, None)
    if not found:
        raise DataFileError(
            explain(f"at least one layer in {path}", "labels alone" if labels is not None else "nothing")
        )
    return found, labels


def facts_of(path: Path, layers: dict[str, np.ndarray], labels: np.ndarray | None) -> dict[str, Any]:
    """What is said above the table."""
    names = [] if labels is None else sorted({str(value) for value in np.ravel(labels)})
    return {
        "data": str(path), "samples": len(next(iter(layers.values()))), "classes": names, "accuracy": None,
        "squared_error": None, "network": f"{len(layers)} recorded layers, without their network",
    }  # fmt: skip
