"""Files that are there whole or not at all: the one place of the package that opens a file for writing.

What is written stands beside its target until it is complete and then takes its place in one step, so whoever is
interrupted, killed or out of space finds the old file or the new one, never a part of either.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from relucvx.errors import DataFileError, explain
from relucvx.later import later

fcntl = later("fcntl")
pandas = later("pandas")
torch = later("torch")

CAUSES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.ENOENT: "the folder does not exist",
    errno.ENOTDIR: "a part of the path is a file",
    errno.EISDIR: "a folder has this name",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.EROFS: "the file system is read-only",
    errno.ENAMETOOLONG: "the name is too long",
}
"""Why a file could not be written, by the system's number."""

TORN = b"\x18\n"
"""What ends a line whose writer was killed: the sign for "cancel", which JSON has nowhere: it is never taken for whole."""


_writers: set[str] = set()
"""Paths that threads of this process hold (see :func:`only_writer`)."""

_writers_lock = threading.Lock()


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary stream that becomes the file when the block ends without an error, and vanishes otherwise.

    Links are followed; devices and pipes, which cannot be replaced, are written to as they are.

    Raises
    ------
    DataFileError
        When the file cannot be written; an older one is then as it was.

    Notes
    -----
    Source: [relucvx]. Status: theorem (the step that replaces is atomic where the operating system's is).
    """
    # a link stays a link: what it points to is replaced
    target = Path(os.path.realpath(path))
    try:
        kind = _kind(target)
        # devices and pipes have no whole to be replaced by
        if kind not in (None, stat.S_IFREG):
            with target.open("wb") as stream:
                yield stream
            return
        partial = _beside(target)
        try:
            with partial.open("wb") as stream:
                yield stream
            if kind is not None:
                shutil.copymode(target, partial)
            # the file is the old one or the new one, at every moment
            partial.replace(target)
        except BaseException:  # Ctrl-C too leaves nothing behind
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable(path, error) from error


def _beside(target: Path) -> Path:
    """A name in the folder of the target that no other process or thread takes; short, whatever the target's."""
    return target.with_name(f".relucvx.{os.getpid()}.{threading.get_ident():x}.part")


def unwritable(path: str | os.PathLike[str], error: OSError) -> DataFileError:
    """The error that says why a path cannot be written, and what else to try."""
    number = -1 if error.errno is None else error.errno
    fix = f"mkdir -p {Path(path).parent}" if number == errno.ENOENT else "another folder"
    cause = CAUSES.get(number, "")
    return DataFileError(explain("a path that can be written", f"{path} ({error.strerror or error})", cause, fix))


def check_writable(path: str | os.PathLike[str]) -> None:
    """Refuse before the work what could not be written after it, by writing beside the path for a moment.

    Raises
    ------
    DataFileError
        For a folder that does not exist or cannot be written in, a folder in the file's place, or a protected file.

    Notes
    -----
    Source: [relucvx]. Status: heuristic (a disk can fill up later).
    """
    target = Path(os.path.realpath(path))
    try:
        if target.is_dir():
            raise DataFileError(explain("a file to write", f"{path}, a folder", "", f"{Path(path) / 'name'}"))
        kind = _kind(target)
        if kind is not None and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if kind in (None, stat.S_IFREG):
            partial = _beside(target)
            try:
                partial.write_bytes(b"\0")
            finally:
                partial.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def _kind(target: Path) -> int | None:
    """What stands there (a regular file, a device, …), or None; a name that no file can have is an error."""
    try:
        return stat.S_IFMT(target.stat().st_mode)
    except FileNotFoundError:
        return None


def write_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write a file whole; returns its path.

    Raises
    ------
    DataFileError
        When it cannot be written.
    """
    with replacing(path) as stream:
        stream.write(data)
    return Path(path)


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write text as UTF-8; see :func:`write_bytes`.

    Raises
    ------
    DataFileError
        When it cannot be written.
    """
    return write_bytes(path, text.encode("utf-8"))


def write_arrays(path: str | os.PathLike[str], arrays: dict[str, Any]) -> Path:
    """Write named arrays to an ``.npz`` archive; see :func:`write_bytes`.

    Raises
    ------
    DataFileError
        When it cannot be written.
    """
    with replacing(path) as stream:
        np.savez_compressed(stream, **arrays)
    return Path(path)


def write_state(path: str | os.PathLike[str], state: Mapping[str, Any]) -> Path:
    """Write the state dict of a torch module; see :func:`write_bytes`.

    Raises
    ------
    DataFileError
        When it cannot be written.
    """
    with replacing(path) as stream:
        torch.save(dict(state), stream)
    return Path(path)


def append_line(path: str | os.PathLike[str], text: str) -> Path:
    """Add a line to a text file and have it on the disk before this returns; for records that are stored as they come.

    The line is written in one piece at the end of the file, whoever else writes there. Where a writer was killed in the middle,
    its part stays a line of its own, which :func:`whole_lines` does not return.

    Raises
    ------
    DataFileError
        When it cannot be written.

    Notes
    -----
    Source: [relucvx]. Status: theorem (a line counts once its end is there, which is written last).
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            size = os.fstat(handle).st_size
            os.lseek(handle, max(size - 1, 0), os.SEEK_SET)
            torn = size > 0 and os.read(handle, 1) != b"\n"
            data = (TORN if torn else b"") + text.encode("utf-8") + b"\n"
            while data:  # a disk that is nearly full takes a part
                data = data[os.write(handle, data) :]
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise unwritable(path, error) from error
    return Path(path)


def whole_lines(path: str | os.PathLike[str]) -> list[str]:
    """The lines of a file of :func:`append_line` that were written to their end; none where there is no file.

    Raises
    ------
    DataFileError
        For what cannot be read, such as a folder.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        cause = CAUSES.get(-1 if error.errno is None else error.errno, "")
        raise DataFileError(
            explain(f"a file of lines at {path}", error.strerror or str(error), cause, "the path of a file")
        ) from error
    # what follows the last end of a line, and lines marked by whoever came next, were never finished
    lines = data.split(b"\n")[:-1]
    # of a file of something else whoever reads the lines says what they are not
    return [line.decode("utf-8", "replace") for line in lines if not line.endswith(TORN[:-1])]


@contextmanager
def only_writer(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Let nobody else be in such a block with the same path meanwhile; a process that is killed leaves it.

    Raises
    ------
    DataFileError
        When another process, or another thread of this one, is in it.

    Notes
    -----
    Source: [relucvx]. Status: theorem (a definition; without locks of the system, among threads of one process).
    """
    name = os.path.realpath(path)
    with _writers_lock:
        if name in _writers:
            raise _taken(path, what)
        _writers.add(name)
    try:
        with _locked(path, what):
            yield
    finally:
        _writers.discard(name)


@contextmanager
def _locked(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        with suppress(ImportError):  # no locks on this system
            # of the process, not of the open file: children that outlive us do not hold it
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise _taken(path, what) from error
    try:
        yield
    finally:
        os.close(handle)


def _taken(path: str | os.PathLike[str], what: str) -> DataFileError:
    return DataFileError(
        explain(
            f"{what} that nobody else writes to",
            f"{path}, which is held",
            "another run is at work there",
            "wait for it",
        )
    )


def figure_bytes(figure: Any, kind: str, dpi: float, *, bare: bool = False) -> bytes:
    """A matplotlib figure as a file of this kind ("png", "pdf", "svg", …); ``bare`` without a ground and without the date."""
    stream = io.BytesIO()
    options: dict[str, Any] = {"transparent": True, "metadata": {"Date": None}} if bare else {"facecolor": "white"}
    figure.savefig(stream, format=kind, dpi=dpi, **options)
    return stream.getvalue()


def write_figure(path: str | os.PathLike[str], figure: Any, dpi: float) -> Path:
    """Write a matplotlib figure in the format that the name ends in; see :func:`write_bytes`.

    Raises
    ------
    DataFileError
        When it cannot be written.
    """
    return write_bytes(path, figure_bytes(figure, Path(path).suffix.lower().lstrip("."), dpi))


def as_frame(rows: Sequence[Mapping[str, Any]]) -> Any:
    """A pandas DataFrame with one row per record."""

    return pandas.DataFrame(rows)
