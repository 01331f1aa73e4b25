"""Files that hold several arrays by name, whatever their format: numpy's, MATLAB's and HDF5."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from relucvx.archive import array_names, read_npz
from relucvx.errors import DataFileError, explain

INPUTS = ("x", "data", "features", "inputs")
"""What arrays of inputs are called, in small letters, in the order in which they are looked for."""

TARGETS = ("y", "target", "targets", "label", "labels")
"""What arrays of targets are called."""


@dataclass(frozen=True)
class Held:
    """A file of arrays: their names, and a function that reads those asked for, of which ``is_matlab`` has no vectors."""

    path: Path
    names: list[str]
    read: Callable[[Iterable[str]], dict[str, np.ndarray]]
    is_matlab: bool = False

    def key(self, given: object, words: tuple[str, ...], option: str, near: str = "") -> str:
        """The array that is given, or the only one of such a name, in the folder of another one first.

        Raises
        ------
        DataFileError
            For an array that does not exist, and where none or several have such names, naming the option that decides.
        """
        listed = ", ".join(self.names) or "none"
        if given is not None:
            name = str(given).strip("/")
            if name in self.names:
                return name
            raise DataFileError(explain(f"an array {name!r} in {self.path}", f"arrays {listed}", "", f"{option}=NAME"))
        folder = near.rpartition("/")[0]
        beside = [name for name in self.names if name.rpartition("/")[0] == folder]
        for group in (beside, self.names):
            for word in words:
                found = [name for name in group if name.rpartition("/")[2].lower() == word and name != near]
                if len(found) == 1:
                    return found[0]
                if found:
                    break
        what = "target array, y or Y," if words is TARGETS else "array 'X'"
        raise DataFileError(
            explain(f"one {what} in {self.path}", f"arrays {listed}", "another name", f'{option}="{words[0]}"')
        )


def held_in_npz(path: Path) -> Held:
    """The arrays of an .npz file.

    Raises
    ------
    DataFileError
        For what is no archive.
    """
    if not zipfile.is_zipfile(path) and path.read_bytes()[:6] == b"\x93NUMPY":
        raise DataFileError(explain(f"an archive of arrays in {path}", "one array", "", "rename it to .npy"))
    return Held(path, array_names(path), lambda names: read_npz(path, names))
