"""Curves as CSV: what is written is read back, and every mistake has its line."""

from pathlib import Path

import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.curves import curves_csv, read_curves
from jaxloss.sde import Curve


HEADER = "condition,curve,share,loss"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "curves.csv"


def test_round_trip(path: Path) -> None:
    curves = {
        "prompt": {"a, b": Curve(np.array([0.0, 0.125, 1.0]), np.array([1e-7, 123456.0, 0.5]))},
        "baseline": {
            '"quoted"': Curve(np.array([0.5, 0.75]), np.array([2.0, 1.0])),
            "b": Curve(np.array([0.5]), np.array([1.0])),
        },
    }
    path.write_text(curves_csv(curves))
    found = read_curves(path)
    assert {condition: list(names) for condition, names in found.items()} == {
        condition: list(names) for condition, names in curves.items()
    }
    for condition, by_name in curves.items():
        for name, curve in by_name.items():
            np.testing.assert_array_equal(found[condition][name].share, curve.share)
            np.testing.assert_array_equal(found[condition][name].loss, curve.loss)


def test_spreadsheets_are_read(path: Path) -> None:
    """Byte order mark, other columns, another order, rows of several curves mixed, spaces, Windows line ends."""
    text = "loss,note,share,curve,condition\n.5,x,0.1,a,both\n0.4,, 0.1,b,both\n3e-1,x,0.2 ,a, both\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    found = read_curves(path)["both"]
    np.testing.assert_array_equal(found["a"].share, [0.1, 0.2])
    np.testing.assert_array_equal(found["a"].loss, [0.5, 0.3])
    np.testing.assert_array_equal(found["b"].loss, [0.4])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": no column 'condition' and no column 'curve' and no column 'share' and no column 'loss'; the file is"),
        (
            "condition,curve,s,D\n",
            ": no column 'share' and no column 'loss'; there are 'condition', 'curve', 's', 'D'.",
        ),
        (HEADER, ": there are no measurements below the header."),
        (f"{HEADER}\nbase,a,0.1,0.5", ", line 2: no condition 'base'. The conditions are baseline, reference, prompt"),
        (f"{HEADER}\nboth,a,0.1,0.5\nboth,a,0.2", ", line 3: the column 'loss' is empty."),
        (f"{HEADER}\nboth,,0.1,0.5", ", line 2: the column 'curve' is empty."),
        (f"{HEADER}\nboth,a,0.1,half", ", line 2: loss is 'half', not a number."),
        (f"{HEADER}\nboth,a,10 %,0.5", ", line 2: share is '10 %', not a number."),
        (f"{HEADER}\nboth,a,0.1,nan", ", line 2: loss is nan; it has to be finite."),
        (f"{HEADER}\nboth,a,0.1,inf", ", line 2: loss is inf; it has to be finite."),
        (f"{HEADER}\nboth,a,10,0.5", ", line 2: share is 10; it has to lie in [0, 1]. Divide percentages by 100."),
        (f"{HEADER}\nboth,a,-0.1,0.5", ", line 2: share is -0.1; it has to lie in [0, 1]."),
        (f"{HEADER}\nboth,a,0.2,0.5\nboth,b,0.1,1\nboth,a,0.1,1", ", line 4: share is 0.1 after 0.2 in the curve 'a'."),
        (f"{HEADER}\nboth,a,0.2,0.5\nboth,a,0.2,1", ", line 3: share is 0.2 after 0.2 in the curve 'a'. Sort"),
        (f"{HEADER}\nboth,a,0.2,0", ", line 2: loss is 0; it has to be above 0, which geometric Brownian motion"),
        (f"{HEADER}\nboth,a,0.2,-1", ", line 2: loss is -1; it has to be above 0"),
        (f'{HEADER}\nboth,"a,0.2,1', ": not a CSV file: unexpected end of data."),
    ],
)
def test_mistakes_have_their_line(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_curves(path)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path, path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\xff\xfe")
    for name, message in {
        path: "not a text file in UTF-8.",
        tmp_path: "is a directory. Name the CSV file in it.",
        tmp_path / "nowhere.csv": "no such file.",
    }.items():
        with pytest.raises(InputError, match=message):
            read_curves(name)
