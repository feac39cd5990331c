"""What races say: summaries that do not mix runs."""

from pathlib import Path

import pytest

from benchmarks._results import Run, append, read_runs, start_file
from benchmarks._summary import answers, significant
from tests.benchmarks._races import ABOUT, measurement, race_of


def test_answer_compares_with_fastest_peer_and_floor() -> None:
    (answer,) = answers([Run(ABOUT, race_of(2.0, piq=30.0, dm_pix=20.0, floor=0.5))])
    assert (answer.fastest_peer, answer.speedup, answer.above_floor) == ("dm_pix", 10.0, 4.0)
    (alone,) = answers([Run(ABOUT, race_of(2.0))])
    assert (alone.fastest_peer, alone.speedup, alone.above_floor) == (None, None, None)


def test_newest_race_counts_and_is_not_mixed(tmp_path: Path) -> None:
    other = measurement("jaxloss", 5.0, mode="value_and_grad")
    for name, date, records in (
        ("b", "2030-01-01", [*race_of(2.0, piq=30.0), other]),
        ("a", "2030-01-02", race_of(1.0, dm_pix=40.0)),
    ):
        start_file(tmp_path / f"{name}.jsonl", {**ABOUT, "date": date})
        for record in records:
            append(tmp_path / f"{name}.jsonl", record)
    start_file(tmp_path / "c.jsonl", {**ABOUT, "script": "memory"})
    new, old = sorted(answers(read_runs("metrics", tmp_path)), key=lambda answer: answer.question.mode)
    assert new.milliseconds == {"jaxloss": 1.0, "dm_pix": 40.0}
    assert old.milliseconds == {"jaxloss": 5.0}


@pytest.mark.parametrize(("value", "text"), [(1234.5, "1234"), (12.3, "12"), (1.26, "1.3"), (0.123, "0.12")])
def test_significant_digits(value: float, text: str) -> None:
    assert significant(value) == text
