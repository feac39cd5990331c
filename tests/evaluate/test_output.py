"""The folder of a run: what is finished stays, what is half written goes, and nobody else can have it meanwhile."""

import json
import math
from pathlib import Path

import pytest

from jaxloss import InputError
from jaxloss.evaluate._output import Output, Row, read_rows


SETTINGS = {"metrics": ["mae"], "limit": None}


def row(name: str, score: float = 0.5) -> Row:
    return {"method": "a", "name": name, "scores": {"mae": score}}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_run_goes_on(tmp_path: Path) -> None:
    place = tmp_path / "new" / "out"
    first = Output(place)
    with first.locked():
        first.prepare(SETTINGS, {"unpaired": []})
        first.begin()
        assert first.done == set()
        first.write([row("x", math.inf), row("y", math.nan), {"method": "a", "name": "z", "error": "Broken."}])
    with (place / "scores.jsonl").open("ab") as file:
        file.write(b'{"method": "a", "na')
    (place / ".scores.0123.jsonl").touch()  # of a process that was killed while it wrote
    (place / ".lock.3").touch()
    assert len(read_rows(place / "scores.jsonl")) == 3
    again = Output(place)
    with again.locked():
        again.prepare(SETTINGS, {"unpaired": []})
        again.begin()
        assert again.done == {("a", "x"), ("a", "y")}
        again.write([row("z")])
    lines = [json.loads(line) for line in (place / "scores.jsonl").read_text().splitlines()]
    assert [line["scores"]["mae"] for line in lines] == ["inf", None, 0.5]
    assert read_rows(place / "scores.jsonl")[0] == row("x", math.inf)
    assert names(place) == {"run.json", "scores.jsonl"}


def test_other_settings_and_other_files_are_refused(tmp_path: Path) -> None:
    output = Output(tmp_path / "out")
    with output.locked():
        output.prepare(SETTINGS, {"unpaired": []})
    for settings in ({**SETTINGS, "limit": 3}, {"metrics": []}, {**SETTINGS, "more": 1}):
        with (
            output.locked(),
            pytest.raises(InputError, match=r"out: holds a run with other settings: (limit|metrics|more)\."),
        ):
            output.prepare(settings, {})
    (tmp_path / "out" / "run.json").unlink()
    with output.locked(), pytest.raises(InputError, match=r"scores\.jsonl: is there without run\.json"):
        output.prepare(SETTINGS, {"unpaired": []})
    (tmp_path / "out" / "run.json").write_text("{")
    with output.locked(), pytest.raises(InputError, match=r"run\.json: cannot be read as the settings"):
        output.prepare(SETTINGS, {"unpaired": []})
    for text in ("1\n", '{"method": 1}\n', "{\n"):
        (tmp_path / "bad.jsonl").write_text(text)
        with pytest.raises(InputError, match=r"bad\.jsonl: not a file of scores"):
            read_rows(tmp_path / "bad.jsonl")


def test_two_runs_in_one_folder_are_refused(tmp_path: Path) -> None:
    with Output(tmp_path).locked():
        with pytest.raises(InputError, match=r"another run is writing there"), Output(tmp_path).locked():
            pass
        with Output(tmp_path, 2, 3).locked():
            fewer = Output(tmp_path)
            with pytest.raises(InputError, match=r"another run is writing there"):  # one of more processes is left
                fewer.prepare(SETTINGS, {"unpaired": []})
    assert names(tmp_path) == set()
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match=r"file: cannot be written to: File exists\."),
        Output(tmp_path / "file").locked(),
    ):
        pass


def begin(first: Output, second: Output) -> None:
    first.prepare(SETTINGS, {"unpaired": []})
    first.begin()
    second.begin()


def test_rows_of_several_processes_come_together(tmp_path: Path) -> None:
    first, second = Output(tmp_path, 0, 2), Output(tmp_path, 1, 2)
    with first.locked():
        with second.locked():
            begin(first, second)
            first.write([row("x")])
            second.write([row("y")])
            first.check_on()
            second.check_on()
            assert not first.take_in(1)
            second.finish()
        assert first.take_in(1)
    assert [line["name"] for line in read_rows(tmp_path / "scores.jsonl")] == ["x", "y"]
    assert names(tmp_path) == {"run.json", "scores.jsonl"}


def test_the_death_of_a_process_is_told_and_its_rows_stay(tmp_path: Path) -> None:
    first, second = Output(tmp_path, 0, 2), Output(tmp_path, 1, 2)
    with first.locked():
        with second.locked():
            begin(first, second)
            second.write([row("y")])
        for look in (first.check_on, lambda: first.take_in(1)):
            with pytest.raises(InputError, match=r"^process 1 of 2 has ended before its share was done\."):
                look()
    with second.locked(), pytest.raises(InputError, match=r"^process 0 of 2 has ended"):
        second.check_on()
    with first.locked():
        first.prepare(SETTINGS, {"unpaired": []})
        first.begin()
    assert first.done == {("a", "y")} and names(tmp_path) == {"run.json", "scores.jsonl"}
