"""Delimited text: encodings, compression, comments, delimiters and names, to a table of cells."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

from relucvx.conversion import LARGEST_SHARE, as_flag, free_memory, shown
from relucvx.datasets.columns import Table
from relucvx.datasets.formats.header import is_header
from relucvx.errors import DataFileError, InvalidInputError, explain

DELIMITERS = {"tab": "\t", "\\t": "\t", "semicolon": ";", "comma": ",", "pipe": "|", "space": " ", "whitespace": " "}
"""Words for delimiters, for shells in which the characters are hard to type."""

TRIED = ("\t", ";", "|", ",", " ")
"""Delimiters in the order in which they are tried: a comma may be decimal, and spaces stand everywhere."""

SAMPLE = 100
"""Lines that a delimiter is tried on."""

KINDS = {
    b"PK\x03\x04": (
        "a spreadsheet or another archive",
        "save the sheet as .csv, or rename an archive of arrays to .npz",
    ),
    b"\x93NUMPY": ("an array of numpy", "rename it to .npy"),
    b"PAR1": ("a Parquet file", "rename it to .parquet"),
    b"\x89HDF": ("an HDF5 file", "rename it to .h5"),
    b"\xd0\xcf\x11\xe0": ("a spreadsheet of an old kind", "save the sheet as .csv"),
    b"MATLAB": ("a file of MATLAB", "rename it to .mat"),
    b"%PDF": ("a PDF", "the table itself, as .csv"),
    b"\x80\x04": ("a pickle", "save the table as .csv: what is pickled can run code"),
}
"""How files of other kinds begin, which are sometimes called .csv."""

MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
"""Byte order marks that say the encoding."""


def read_text(
    path: Path, delimiter: str | None = None, header: bool | None = None, encoding: str | None = None
) -> Table:
    """The cells of a delimited text file, plain or compressed by gzip.

    Lines that begin with ``#`` are comments; the last of them above the data gives the names where it has as many cells.
    Empty lines, a first line ``sep=;`` and a delimiter at the end of every line are passed over.

    Raises
    ------
    DataFileError
        For files of another kind or encoding, empty and ragged ones, and a first row that may be names or data.
    InvalidInputError
        For a delimiter that is no single character.
    """
    header = None if header is None else as_flag(header, "header")
    if encoding is not None and not isinstance(encoding, str):
        raise InvalidInputError(explain("the name of an encoding", shown(encoding), "", "encoding='cp1252'"))
    body = re.split(r"\r\n|\r|\n", _text(path, _content(path), encoding))
    if delimiter is not None:
        delimiter = _checked(delimiter)
    first = re.fullmatch(r"sep=(.)", body[0].strip())
    if first:  # what Excel writes and reads
        delimiter, body[0] = delimiter or first[1], ""
    comments = [k for k, line in enumerate(body) if line.lstrip().startswith("#")]
    lines = ["" if line.lstrip().startswith("#") else line for line in body]
    tried = [line for line in lines if line.strip()]
    noted = next((body[k] for k in reversed(comments) if not any(line.strip() for line in lines[:k])), None)
    mark = delimiter or _sniff(tried)
    rows, numbers = _cells(path, lines, mark)
    names = [] if noted is None else _split_line(noted.lstrip().lstrip("#"), mark)
    if not rows:
        raise DataFileError(explain(f"rows in {path}", "comments only" if comments else "an empty file"))
    rows, names = _without_last(rows, names)
    names, rows, numbers = _named(path, rows, numbers, names, mark, header)
    said = ("comment lines are left out",) if any(k > numbers[0] for k in comments) else ()
    return Table(path, [list(column) for column in zip(*rows, strict=True)], names, numbers, said)


def _named(
    path: Path, rows: list[list[str]], numbers: list[int], noted: list[str], delimiter: str, header: bool | None
) -> tuple[list[str], list[list[str]], list[int]]:
    """Names, rows and their line numbers: names from a comment, from the first row, or none."""
    width = len(rows[-1])
    # R leaves out the name of the row names
    if len(rows) > 1 and len(rows[0]) == width - 1 and all(len(row) == width for row in rows[1:]):
        rows = [["", *rows[0]], *rows[1:]]
    _check_even(path, rows, numbers, delimiter)
    if noted and len(noted) == len(rows[0]) and header is not False:
        words = not any(re.search(r"\d", cell) for cell in rows[0])
        if not words and (header or not all(is_plain_number(cell) for cell in noted)):
            return noted, rows, numbers
    if header is None:
        header = is_header(path, rows)
    if not header:
        return [], rows, numbers
    if len(rows) == 1:
        raise DataFileError(explain(f"rows below the header of {path}", "a header only"))
    return rows[0], rows[1:], numbers[1:]


def is_plain_number(cell: str) -> bool:
    """Whether a cell of a comment is digits rather than a name."""
    return bool(re.fullmatch(r"[-+]?[\d.,]+([eE][-+]?\d+)?", cell))


def _check_even(path: Path, rows: Sequence[Sequence[str]], lines: Sequence[int], delimiter: str) -> None:
    for cells, line in zip(rows, lines, strict=True):
        if len(cells) != len(rows[0]):
            other = "delimiter=';'" if delimiter != ";" else "delimiter=','"
            marked = bool(cells[0]) and cells[0][0] in "%/*!;"
            raise DataFileError(
                explain(
                    f"{len(rows[0])} cells in every line of {path}, as in line {lines[0]}",
                    f"{len(cells)} cells in line {line}",
                    "a comment"
                    if marked
                    else f"a ragged table, lines above it, or a delimiter other than {delimiter!r}",
                    "comments that begin with #"
                    if marked
                    else f"{other}, or delete lines that do not belong to the table",
                )
            )


def _without_last(rows: list[list[str]], names: list[str]) -> tuple[list[list[str]], list[str]]:
    """The rows without an empty last column, which a delimiter at the end of every line makes."""
    body = rows[1:] or rows
    width = len(body[0])
    ends = width > 1 and all(len(row) == width and not row[-1] for row in body)
    if not ends or (len(rows[0]) == width and rows[0][-1]) or len(rows[0]) < width - 1:
        return rows, names
    return [row[: width - 1] for row in rows], names[: width - 1]


def _cells(path: Path, body: list[str], delimiter: str) -> tuple[list[list[str]], list[int]]:
    """Stripped cells of the lines that are not blank, and the numbers of those lines."""
    if delimiter == " ":
        held = [(line.split(), number) for number, line in enumerate(body, 1) if line.strip()]
        return [cells for cells, _ in held], [number for _, number in held]
    reader = csv.reader(body, delimiter=delimiter, skipinitialspace=True)
    rows, lines = [], []
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                rows.append(stripped)
                lines.append(reader.line_num)
    except csv.Error as error:
        text = f"line {reader.line_num}: {error}"
        raise DataFileError(
            explain(f"a delimited table in {path}", text, "not a table, or an unclosed quote")
        ) from error
    return rows, lines


def _split_line(line: str, delimiter: str) -> list[str]:
    """The stripped cells of one line."""
    cells = (
        line.split() if delimiter == " " else next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    )
    return [cell.strip() for cell in cells]


def _sniff(lines: Sequence[str]) -> str:
    """The first delimiter that cuts every line into as many cells, two or more; else one that occurs in every line."""
    widths = {mark: _widths(lines[:SAMPLE], mark) for mark in TRIED}
    for mark in TRIED:
        # names of rows have no name in R's tables, and every line may end with a delimiter
        head, rest = widths[mark][:1], set(widths[mark][1:])
        if len(rest | set(head)) == 1 or (len(rest) == 1 and abs(head[0] - min(rest)) == 1):
            if max(rest | set(head)) < 2:
                continue
            spaced = mark == "," and any(" " in cell for cell in _split_line(lines[-1], ",") if _has_numbers(cell))
            if not spaced or len(set(widths[" "])) != 1 or widths[" "][0] < 2:
                return mark
    for mark in TRIED[:-1]:
        if lines and all(mark in line for line in lines):
            return mark
    return ","


def _has_numbers(cell: str) -> bool:
    """Whether a cell holds several numbers: those of a table of decimal commas that spaces delimit."""
    parts = cell.split()
    return len(parts) > 1 and all(is_plain_number(part) for part in parts)


def _widths(lines: Sequence[str], delimiter: str) -> list[int]:
    try:
        return [len(_split_line(line, delimiter)) for line in lines]
    except csv.Error:
        return []


def _checked(delimiter: object) -> str:
    word = DELIMITERS.get(delimiter, delimiter) if isinstance(delimiter, str) else delimiter
    if not isinstance(word, str) or len(word) != 1 or word in '"\r\n':
        raise InvalidInputError(explain("delimiter to be one character", shown(delimiter), "", "delimiter=';'"))
    return word


def _content(path: Path) -> bytes:
    """The bytes of a file, unpacked where they are compressed, as far as they fit in memory."""
    most = int(LARGEST_SHARE * free_memory())
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
            held: bytes = (gzip.GzipFile(fileobj=stream) if packed else stream).read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataFileError(
            explain(f"a readable file {path}", str(error).rstrip("."), "a damaged file", "copy it again")
        ) from error
    if len(held) > most:
        raise DataFileError(
            explain(f"a table in {path} that fits in memory", f"more than {most / 2**30:,.3g} GiB", "", "fewer rows")
        )
    return held


def _text(path: Path, held: bytes, encoding: str | None) -> str:
    """The text of a file, whose encoding its first bytes say, or the reader; else UTF-8."""
    for start, (kind, fix) in KINDS.items():
        if held.startswith(start):
            raise DataFileError(explain(f"delimited text in {path}", kind, "a file with another file's ending", fix))
    if held[:200].lstrip().lower().startswith((b"<html", b"<!doctype", b"<?xml")):
        raise DataFileError(
            explain(f"delimited text in {path}", "a web page", "a download that asked for more", "download it again")
        )
    known = next((name for start, name in MARKS if held.startswith(start)), None)
    if known != "utf-16" and b"\x00" in held[:4096] and not encoding:
        raise DataFileError(
            explain(f"text in {path}", "bytes that are no text", "another kind of file", "encoding='utf-16' for text")
        )
    try:
        return held.decode(encoding or known or "utf-8")
    except LookupError as error:
        raise InvalidInputError(explain("a known encoding", shown(encoding), "", "encoding='cp1252'")) from error
    except UnicodeDecodeError as error:
        raise DataFileError(
            explain(
                f"{(encoding or known or 'utf-8').upper()} text in {path}",
                f"byte {error.start} that is not",
                "a table of a European Windows, or another encoding",
                "encoding='cp1252'",
            )
        ) from error
