"""Results: JSON lines that survive the disk, summaries that do not mix runs, a page that is up to date."""

import json
import platform
from pathlib import Path

import pytest

from benchmarks import metrics, plot, report
from benchmarks._results import FOLDER, ROOT, Record, Run, append, describe_run, read_file, read_runs, start_file
from benchmarks._roofline import Rates, Work, floor_seconds
from benchmarks._summary import answers, significant


ABOUT: Record = {
    "script": "metrics",
    "date": "2030-01-01T00:00:00+00:00",
    "commit": None,
    "machine": {"cpu": "a processor", "cores": 2, "memory_gib": 8.0, "system": "Linux x86_64"},
    "device": "cpu",
    "python": "3.11.0",
    "versions": {"jax": "1.0"},
    "settings": {},
}


def measurement(contestant: str, median: float, mode: str = "value", size: str = "8x256x256") -> Record:
    question = {"metric": "ssim", "size": size, "dtype": "float32", "mode": mode}
    return {**question, "contestant": contestant, "median_ms": median}


def race_of(ours: float, **peers: float) -> list[Record]:
    return [measurement(name, median) for name, median in {"jaxloss": ours, **peers}.items()]


def test_json_lines_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "results.jsonl"
    about, measurements = (
        describe_run("metrics", {"seconds": 1.5}, ["pytest", "no-such-package"]),
        race_of(1.25, piq=1e-3),
    )
    start_file(path, about)
    for record in measurements:
        append(path, record)
    assert read_file(path) == Run(about, measurements)
    assert len(path.read_text().splitlines()) == 1 + len(measurements)
    start_file(path, about)
    assert read_file(path) == Run(about, [])


def test_run_is_described_without_names_of_the_host() -> None:
    about = describe_run("metrics", {}, ["pytest", "no-such-package"])
    assert set(about) == set(ABOUT)
    assert set(about["machine"]) == set(ABOUT["machine"])
    assert about["versions"].keys() == {"jax", "jaxlib", "numpy", "pytest"}
    assert about["device"] == "cpu"
    assert about["machine"]["cores"] >= 1
    text = json.dumps(about)
    assert str(ROOT) not in text
    assert platform.node() not in text.split('"')


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


def test_floor_is_the_longer_of_arithmetic_and_memory() -> None:
    rates = Rates(multiply_adds=100.0, transfers=10.0)
    assert floor_seconds(Work(multiply_adds=50, transfers=2), rates, pixels=4) == 2.0
    assert floor_seconds(Work(multiply_adds=5, transfers=2), rates, pixels=4) == 0.8


@pytest.mark.parametrize(("value", "text"), [(1234.5, "1234"), (12.3, "12"), (1.26, "1.3"), (0.123, "0.12")])
def test_significant_digits(value: float, text: str) -> None:
    assert significant(value) == text


def test_page_shows_newest_results() -> None:
    text = report.README.read_text(encoding="utf-8")
    assert text.count(report.BEGIN) == text.count(report.END) == 1
    assert report.updated(text, FOLDER) == text, "Run python -m benchmarks.report."


def test_page_has_a_row_per_race(tmp_path: Path) -> None:
    start_file(tmp_path / "a.jsonl", ABOUT)
    for record in race_of(2.0, piq=30.0, floor=0.5):
        append(tmp_path / "a.jsonl", record)
    page = report.updated(f"before {report.BEGIN} old {report.END} after", tmp_path)
    assert page.startswith("before ")
    assert page.endswith(" after")
    assert " old " not in page
    assert "| ssim | 8x256x256 | value | 2.0 | piq | 30 | 15 × | 4.0 × |" in page
    assert "| piq | 30 / none |" in page


def test_plot_has_a_panel_per_size_and_the_faster_layout() -> None:
    records = [
        measurement(name, median, mode, size)
        for size in ("8x256x256", "1x64x64")
        for mode in ("value", "value_and_grad")
        for name, median in {"jaxloss": 1.0, "piq": 9.0, "piq (channels last)": 7.0, "floor": 0.5}.items()
    ]
    found = answers([Run(ABOUT, records)])
    assert plot.library_times(found, "1x64x64") == {"jaxloss": (1.0, 1.0), "piq": (7.0, 7.0)}
    axes = plot.draw("ssim", found).axes
    assert [axis.get_title("left") for axis in axes] == ["8 × 256 × 256 × 3", "1 × 64 × 64 × 3"]
    assert axes[0].get_title("right") == "7.0× and 7.0× as fast as the fastest peer"


def test_metrics_from_command_line_to_file(monkeypatch, tmp_path: Path, capsys) -> None:
    path = tmp_path / "results.jsonl"
    monkeypatch.setattr(metrics, "missing", lambda name: "")
    monkeypatch.setattr(metrics, "peers_of", lambda *arguments: {})
    options = ["--metrics", "mae,ssim", "--sizes", "2x10x12", "--seconds", "0", "--rounds", "1", "--output", str(path)]
    monkeypatch.setattr("sys.argv", ["metrics", *options])
    metrics.main()
    found = answers([read_file(path)])
    assert [(answer.question.metric, answer.question.mode) for answer in found] == [
        ("mae", "value"),
        ("mae", "value_and_grad"),
    ]
    assert all(answer.ours > 0 and answer.above_floor for answer in found)
    output, errors = capsys.readouterr()
    assert "2x10x12" in output
    assert errors == "ssim is left out at 2x10x12: it needs 11 pixels\n"


def test_peer_that_fails_is_left_out(capsys) -> None:
    metrics.leave_out("ssim", "value", "piq", RuntimeError("no half\nprecision"))
    assert capsys.readouterr().err == "piq is left out of ssim, value: no half\n"
    with pytest.raises(RuntimeError, match="no half"):
        metrics.leave_out("ssim", "value", "jaxloss", RuntimeError("no half"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metrics", "ssim,beauty"], "got 'beauty'"),
        (["--sizes", "256x256"], "such as 8x256x256, got '256x256'"),
        (["--seconds", "soon"], "invalid float value: 'soon'"),
    ],
)
def test_errors_are_one_line(monkeypatch, capsys, options: list[str], message: str) -> None:
    monkeypatch.setattr("sys.argv", ["metrics", *options])
    with pytest.raises(SystemExit) as exit:
        metrics.main()
    assert exit.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
