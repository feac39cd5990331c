"""Results: JSON lines that survive the disk, and say what ran where."""

import json
import platform
from pathlib import Path

from benchmarks._results import ROOT, Run, append, describe_run, read_file, start_file
from tests.benchmarks._races import ABOUT, race_of


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
