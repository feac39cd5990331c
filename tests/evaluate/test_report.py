"""The files of a report, read back by other programs."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.evaluate import write_report
from jaxloss.evaluate._report import summarize_methods, table_text
from jaxloss.evaluate._report_records import read_run
from jaxloss.judgments import Interval
from tests.evaluate._report_runs import EVIL, failure, make_rows, write_run


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, photograph: np.ndarray) -> Path:
    folder = tmp_path_factory.mktemp("report")
    rows = make_rows(folder, photograph)
    rows[0]["scores"] |= {"psnr": "inf", "ssim": None}
    rows[1]["frames"] = {"psnr": [17.0] * 5}
    rows += [failure("dark", EVIL, "t/6.png: not an image that Pillow can read.")]
    assert write_report(write_run(folder, rows, unpaired=["reference/9.png"]))[0] == folder / "table.csv"
    return folder


def test_table_has_a_row_for_each_pair(report: Path) -> None:
    with (report / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 13
    metrics = ["psnr", "ssim", "mae"]
    sides = ["frames", "height", "width", "channels"]
    assert [*rows[0]] == ["method", "name", "reference", "test", *sides, *metrics, "error"]
    assert [rows[0][key] for key in ("method", "name", *sides, *metrics, "error")] == [
        "plain", "0.png", "1", "32", "16", "3", "inf", "", "0.5", "",
    ]  # fmt: skip
    assert (rows[1]["method"], rows[1]["frames"], float(rows[1]["psnr"])) == ("dark", "5", 17)
    (failed,) = [row for row in rows if row["error"]]
    assert failed["name"] == EVIL.replace("\udcff", r"\udcff") and {failed[name] for name in (*sides, *metrics)} == {""}


def test_summary_is_strict_json_with_the_numbers_of_numpy(report: Path) -> None:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    found = json.loads((report / "summary.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert found["pairs"] == 12 and found["unpaired"] == ["reference/9.png"]
    plain, dark = found["methods"]["plain"], found["methods"]["dark"]
    assert (plain["psnr"]["mean"], plain["psnr"]["infinite"], plain["psnr"]["low"]) == ("inf", 1, None)
    assert plain["psnr"]["finite_mean"] == 23 and plain["ssim"]["pairs"] == 5
    values = np.arange(17, 23)
    assert dark["psnr"]["mean"] == values.mean() and dark["psnr"]["low"] < 19.5 < dark["psnr"]["high"]
    assert dark["psnr"]["deviation"] == pytest.approx(values.std(ddof=1))
    assert (dark["psnr"]["worst"], dark["psnr"]["best"], dark["mae"]["best"]) == ("0.png", "5.png", "5.png")
    assert dark["psnr"]["quantiles"]["0.25"] == 18
    psnr, ssim, mae = found["comparisons"]
    assert (psnr["metric"], psnr["first"], psnr["second"], psnr["pairs"]) == ("psnr", "plain", "dark", 6)
    assert psnr["first_better"] == 6 and psnr["p_value"] == psnr["p_holm"] == 2 / 2**6
    assert psnr["difference"]["value"] == "inf" and ssim["difference"] == Interval(0, 0, 0)._asdict()
    assert mae["pairs"] == 6 and mae["p_value"] == 1
    assert [row["error"] for row in found["failed"]] == ["t/6.png: not an image that Pillow can read."]


def test_report_of_a_run_is_always_the_same(report: Path) -> None:
    before = {path.name: path.read_bytes() for path in report.iterdir() if path.is_file()}
    assert {"table.csv", "summary.json", "report.html", "scores.jsonl", "run.json"} == before.keys()
    lines = before["scores.jsonl"].splitlines(keepends=True)
    (report / "scores.jsonl").write_bytes(b"".join([lines[1], lines[0], *lines[:1:-1]]))
    (report / "run.json").write_text(json.dumps({"unpaired": ["reference/9.png"], "methods": ["plain", "dark"]}))
    run = read_run(report)
    assert f"{table_text(run)}\n".encode() == before["table.csv"]
    assert summarize_methods(run)["dark"]["psnr"].mean == 19.5
    (report / "scores.jsonl").write_bytes(before["scores.jsonl"])
    (report / "run.json").write_bytes(before["run.json"])


def test_run_without_any_score(tmp_path: Path) -> None:
    write_report(write_run(tmp_path, [failure("a", "x.png", "x.png: no such file.")]))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (
        "x.png: no such file." in text
        and "1 pair of 1 method could not be scored." in text
        and 'id="table"' not in text
    )
    assert json.loads((tmp_path / "summary.json").read_text())["methods"] == {"a": {}}


def test_broken_run_leaves_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(InputError, match="no such file"):
        write_report(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "old"
