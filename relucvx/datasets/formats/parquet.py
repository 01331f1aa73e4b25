"""Parquet files to a table of columns (pyarrow, an optional package)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from relucvx.conversion import LARGEST_SHARE, free_memory
from relucvx.datasets.columns import Table
from relucvx.errors import DataFileError, MissingPackageError, explain
from relucvx.later import later

parquet = later("pyarrow.parquet")
types = later("pyarrow.types")


def read_parquet(path: Path) -> Table:
    """The columns of a Parquet file: numbers as arrays, anything else as text; missing numbers are NaN, missing texts empty.

    A column that pandas stored as the index of a frame is left out.

    Raises
    ------
    MissingPackageError
        Where pyarrow is not installed.
    DataFileError
        For damaged and empty files, files that do not fit in memory, and columns of lists or structures.
    """
    try:
        stored = parquet.ParquetFile(path)
        _check_fits(path, stored)
        table = stored.read()
    except ImportError as error:
        raise MissingPackageError(
            explain(
                "the package pyarrow, which reads .parquet", "not installed", str(error), "pip install 'relucvx[files]'"
            )
        ) from error
    except (OSError, ValueError, RuntimeError, NotImplementedError) as error:
        text = (str(error) or type(error).__name__).split("\n")[0].rstrip(".")
        raise DataFileError(
            explain(f"a Parquet file {path}", text, "a damaged file, or one of another kind", "make the file again")
        ) from error
    index = {name for name in _index_of(table) if isinstance(name, str)}
    names = [name for name in table.column_names if name not in index]
    if not names or not table.num_rows:
        raise DataFileError(explain(f"rows and columns in {path}", f"{table.num_rows} rows of {len(names)} columns"))
    columns = [_column(path, name, table.column(table.column_names.index(name))) for name in names]
    said = (f"the index {', '.join(sorted(index))} is left out",) if index else ()
    return Table(path, columns, names, (), said)


def _check_fits(path: Path, stored: Any) -> None:
    """Refuse before memory is taken what its metadata say is too much."""
    size = sum(stored.metadata.row_group(k).total_byte_size for k in range(stored.metadata.num_row_groups))
    if size > LARGEST_SHARE * free_memory():
        raise DataFileError(
            explain(f"a table in {path} that fits in memory", f"{size / 2**30:,.3g} GiB", "", "fewer rows")
        )


def _index_of(table: Any) -> list[Any]:
    """What pandas says of its index."""
    described = table.schema.pandas_metadata
    return list(described.get("index_columns", [])) if described else []


def _column(path: Path, name: str, column: Any) -> Any:
    """Numbers as an array, text and dates as a list of cells."""
    kind = column.type
    if types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind):
        raise DataFileError(
            explain(
                f"a table of numbers and text in {path}", f"column {name!r} of {kind}", "", "a column for each entry"
            )
        )
    values = column.to_pylist()
    numeric = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_null(kind)
    if numeric and column.null_count == 0:
        return np.array(values)
    if numeric and not types.is_boolean(kind):
        return np.array([np.nan if value is None else float(value) for value in values])
    return ["" if value is None else str(value).strip() for value in values]
