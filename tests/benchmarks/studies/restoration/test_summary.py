"""The table of scores: which run counts, which network leads, and what the paper said."""

import json

import numpy as np

from benchmarks._results import Run
from benchmarks.studies.restoration._summary import better, newest, ordering, rows, scores


def run_of(scores: dict[str, float], date: str = "2030-01-01", size: str = "small", task: str = "jpeg") -> Run:
    values = {name: {"photo": {"mse": value, "psnr": -10 * np.log10(value)}} for name, value in scores.items()}
    records = [{"task": task, "network": name, "photographs": value} for name, value in values.items()]
    return Run({"date": date, "settings": {"size": size}}, records)


def test_newest_run_of_a_task_counts_whole() -> None:
    runs = [run_of({"l2": 0.1, "l1": 0.2}), run_of({"l2": 0.3}), run_of({"l2": 0.4}, size="full")]
    ((_, records),) = newest(runs, "small")
    assert [record["photographs"]["photo"]["mse"] for record in records] == [0.3]
    assert len(newest([*runs, run_of({"l2": 0.5}, task="demosaicking")], "small")) == 2


def test_table_marks_the_best_and_tells_the_ordering() -> None:
    found = scores(run_of({"input": 0.4, "l2": 0.3, "l1": 0.2, "mix": 0.1}).measurements)
    table = rows(found, "<{}>")
    assert table[-1] == ["jpeg", "Mix", "<100.000>", "<10.00>"]
    assert table[0] == ["jpeg", "its input", "400.000", "3.98"]
    assert ordering(found) == ["jpeg: holds in 1000·L2, PSNR; fails in none."]
    found = scores(run_of({"l2": 0.3, "l1": 0.1, "mix": 0.2}).measurements)
    assert ordering(found) == ["jpeg: holds in none; fails in 1000·L2, PSNR."]
    assert better("psnr", 2.0, 1.0) and better("mse", 1.0, 2.0) and not better("mse", None, 2.0)


def test_files_of_results_are_json() -> None:
    """A metric that needs larger photographs than these has no number, and NaN is no JSON."""
    values = {"a": {"ms_ssim": None, "psnr": 30.0}, "b": {"ms_ssim": 0.5, "psnr": 32.0}}
    (score,) = scores([json.loads(json.dumps({"task": "jpeg", "network": "l1", "photographs": values}))])
    assert score.values == {"ms_ssim": None, "psnr": 31.0}
