"""What is wrong with a file is said in one line; a destination is checked; a part never stays."""

import errno
import os
from pathlib import Path

import pytest

from jaxloss import InputError
from jaxloss._files import check_destination, part_file, read_csv, read_csv_columns, reading


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), "a.png: no such file."),
        (IsADirectoryError(errno.EISDIR, "Is a directory"), "a.png: is a directory. Name a file in it."),
        (PermissionError(errno.EACCES, "Permission denied"), "a.png: no permission to read it."),
        (OSError(errno.EIO, "Input/output error"), "a.png: cannot be read: Input/output error."),
    ],
)
def test_errors_of_the_system_are_put_in_words(error: OSError, message: str) -> None:
    with pytest.raises(InputError) as caught, reading("a.png"):
        raise error
    assert str(caught.value) == message and caught.value.__cause__ is error


def test_way_out_of_a_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a directory\. Look inside\.$"), reading(tmp_path, "Look inside."):
        tmp_path.read_text()


def test_path_that_no_system_has() -> None:
    with pytest.raises(InputError, match="no such file"), reading("a\0b"):
        pytest.fail("It is read.")


@pytest.mark.parametrize("error", [OSError("image file is truncated"), ValueError("not a number"), InputError("x")])
def test_errors_of_the_content_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, reading("a.png"):
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.txt", r"a\.txt: no table is known by the extension '\.txt'\. Use \.csv\.$"),
        ("folder.csv", r"folder\.csv: is a directory\. Name a file in it: .*folder\.csv.result\.csv\.$"),
        ("nowhere/a.csv", r"nowhere.a\.csv: the directory .*nowhere does not exist\.$"),
        ("link.csv", r"link\.csv: is one of the files to read\. Choose another name for the result\.$"),
    ],
)
def test_bad_destinations(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "data.csv").touch()
    (tmp_path / "link.csv").symlink_to(tmp_path / "data.csv")
    inputs = [str(tmp_path / other) for other in ("missing.csv", "data.csv")]
    with pytest.raises(InputError, match=message):
        check_destination(tmp_path / name, [".csv", ".tsv"], "table", inputs)


@pytest.mark.parametrize("name", ["a.csv", "a.TSV", "data.csv"])
def test_good_destinations(tmp_path: Path, name: str) -> None:
    (tmp_path / "data.csv").touch()
    assert check_destination(str(tmp_path / name), [".csv", ".tsv"], "table") == tmp_path / name


def test_part_is_beside_its_destination_and_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with part_file(path) as part, part_file(path) as other:
        assert part != other and part.parent == tmp_path and part.suffix == ".csv"
        part.write_text("whole")
        os.replace(part, path)
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("a.csv", "whole")]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "cannot be written: No space left on device."),
        (ValueError("of this kind"), "cannot be written: of this kind."),
    ],
)
def test_half_of_a_part_does_not_stay(tmp_path: Path, error: Exception, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(InputError) as caught, part_file(path) as part:
        part.write_text("half")
        raise error
    assert str(caught.value) == f"{path}: {message}"
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("a.csv", "old")]


def test_interruption_leaves_no_part(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), part_file(tmp_path / "a.csv") as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_rows_of_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('\ufeffname,other,size\n"a, b",,1.5\n c ,x,\n', encoding="utf-8")
    assert read_csv_columns(path) == ["name", "other", "size"]
    first, second = read_csv(path, ["size", "name"])
    assert (first.where, first.text("name"), first.number("size")) == (f"{path}, line 2", "a, b", 1.5)
    assert second.text("name") == "c"
    with pytest.raises(InputError, match="line 3: the column 'size' is empty"):
        second.number("size")
    path.write_text("")
    assert read_csv_columns(path) == []
    with pytest.raises(InputError, match=r"no column 'name'; the file is empty\. The first line is name\.$"):
        list(read_csv(path, ["name"]))
    path.write_text("name\n")
    with pytest.raises(InputError, match=r"there are no pictures below the header\.$"):
        list(read_csv(path, ["name"], "pictures"))
    path.write_text('"name\n')
    for read in (read_csv_columns, lambda path: list(read_csv(path, ["name"]))):
        with pytest.raises(InputError, match="not a CSV file"):
            read(path)
