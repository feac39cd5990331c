"""Tables of one look, notes once each, signs of life on terminals alone."""

import io

import pytest
from rich.console import Console

from jaxloss.cli._terminal import counting, note, progress, show, table, working


def test_table_folds_what_is_too_wide_and_aligns_numbers() -> None:
    rows = table("name", "count", right=["count"])
    rows.add_row("abcdefghijklmnopqrstuvwxyz", "7")
    rows.add_row("b", "1234")
    console = Console(file=io.StringIO(), width=20)
    console.print(rows)
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert max(map(len, lines)) <= 20 and "…" not in "".join(lines)
    assert "".join(line.split()[0] for line in lines[3:6] if line.split()).startswith("abcdefghijklmnopqrstuvwxyz")
    ends = [len(line) for line in lines if line.endswith(("count", " 7", "1234"))]
    assert len(ends) == 3 and len(set(ends)) == 1


def test_notes_are_said_once_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    note(["a", "b", "a"])
    show("0.5 [H, W] stays as it is")
    printed = capsys.readouterr()
    assert printed.err == "jaxloss: note: a\njaxloss: note: b\n"
    assert printed.out == "0.5 [H, W] stays as it is\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_signs_of_life(terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")  # which Rich takes for a terminal
    with working("Comparing"):
        pass
    with progress("Painting", 2) as step:
        step(1, 0.5)
        step(2, 0.125)
    with counting("Scoring", "pairs") as count:
        count(3, 9)
        count(5, 9)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert all(
        (word in printed.err) == terminal for word in ("Comparing", "Painting", "2/2", "0.125", "5/9", "pairs/s")
    )
