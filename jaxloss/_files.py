"""Files that users name: one error of what is wrong with them, one check of a destination, one way to write whole."""

import contextlib
import csv
import io
import math
import os
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple


class InputError(ValueError):
    """What was given cannot be used: a file, a name or a path. The message is one line for people to read.

    Example:
        >>> import jaxloss
        >>> from jaxloss.images import read_image
        >>> try:
        ...     read_image("nowhere.png")
        ... except jaxloss.InputError as error:
        ...     print(error)
        nowhere.png: no such file.
    """


@contextlib.contextmanager
def reading(path: str | os.PathLike[str], directory: str = "Name a file in it.") -> Iterator[None]:
    """What the system says of a file that cannot be read, as an `InputError`; `directory` is the way out of one.

    Errors of what is in the file, which have no number of the system, pass through.
    """
    if "\0" in os.fspath(path):
        raise InputError(f"{os.fspath(path)!r}: no such file.")
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file.") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a directory. {directory}") from error
    except PermissionError as error:
        raise InputError(f"{path}: no permission to read it.") from error
    except OSError as error:
        if error.errno is None:
            raise
        raise InputError(f"{path}: cannot be read: {error.strerror}.") from error


def check_destination(
    path: str | os.PathLike[str], extensions: Collection[str], what: str, inputs: Iterable[str | os.PathLike[str]] = ()
) -> Path:
    """The path of a file to be written, if it may be written there: the folder is, it is none, and is no input.

    Args:
        path: Where to.
        extensions: Which there may be, the one to suggest first.
        what: A word for what has these extensions.
        inputs: Files that will be read.
    """
    path, suggested = Path(path), next(iter(extensions))
    if path.suffix.lower() not in extensions:
        raise InputError(f"{path}: no {what} is known by the extension {path.suffix!r}. Use {suggested}.")
    if path.is_dir():
        raise InputError(f"{path}: is a directory. Name a file in it: {path / f'result{suggested}'}.")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the directory {path.parent} does not exist.")
    if path.exists() and any(os.path.exists(name) and os.path.samefile(name, path) for name in inputs):
        raise InputError(f"{path}: is one of the files to read. Choose another name for the result.")
    return path


@contextlib.contextmanager
def part_file(path: Path) -> Iterator[Path]:
    """A file beside the destination to write to and to rename, which is gone afterwards in any case.

    So no half of a file is ever seen, and what was there stays until it can be replaced.
    """
    part = path.with_name(f".{path.stem}.{uuid.uuid4().hex}{path.suffix}")
    try:
        yield part
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


class CSVRow(NamedTuple):
    """One row of a table, and where it stands in which file."""

    where: str
    cells: Mapping[str, str | None]

    def text(self, column: str) -> str:
        text = (self.cells[column] or "").strip()
        if not text:
            raise InputError(f"{self.where}: the column {column!r} is empty.")
        return text

    def number(self, column: str) -> float:
        text = self.text(column)
        try:
            value = float(text)
        except ValueError as error:
            raise InputError(f"{self.where}: {column} is {text!r}, not a number.") from error
        if not math.isfinite(value):
            raise InputError(f"{self.where}: {column} is {text}; it has to be finite. Leave the row out.")
        return value


def read_csv(path: str | os.PathLike[str], columns: Iterable[str], rows: str = "rows") -> Iterator[CSVRow]:
    """The rows of a CSV file that has these columns among others, at least one; `rows` says what they are."""
    columns, row = list(columns), None
    try:
        reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
        _check_columns(path, columns, list(reader.fieldnames or ()))
        for row in reader:
            yield CSVRow(f"{path}, line {reader.line_num}", row)
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file: {error}.") from error
    if row is None:
        raise InputError(f"{path}: there are no {rows} below the header.")


def read_csv_columns(path: str | os.PathLike[str]) -> list[str]:
    """Those that the first line names."""
    try:
        return next(csv.reader(io.StringIO(_text(path), newline=""), strict=True), [])
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file: {error}.") from error


def _text(path: str | os.PathLike[str]) -> str:
    try:
        with reading(path, "Name the CSV file in it."):
            return Path(path).read_text(encoding="utf-8-sig")  # spreadsheets begin with a byte order mark
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8.") from error


def _check_columns(path: object, columns: list[str], present: list[str]) -> None:
    missing = [name for name in columns if name not in present]
    if missing:
        there = f"there are {', '.join(map(repr, present))}" if present else "the file is empty"
        raise InputError(
            f"{path}: no column {' and no column '.join(map(repr, missing))}; {there}. "
            f"The first line is {','.join(columns)}."
        )
