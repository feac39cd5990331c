"""`jaxloss evaluate` as its users meet it: exit codes, what is left on the disk, and going on after it was stopped."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jaxloss.evaluate import compare
from jaxloss.images import read_image
from tests._command_line import Run, only_line, run_apart
from tests.evaluate._folders_of_images import write_folders


ROOT = Path(__file__).parents[2]
COMMAND = "evaluate real a b -o out --metrics mae,psnr"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_folders(tmp_path, 7, ["a", "b"])
    return tmp_path


def rows(folder: str = "out") -> dict[tuple[str, str], dict[str, Any]]:
    lines = [json.loads(line) for line in Path(folder, "scores.jsonl").read_text().splitlines()]
    found = {(line["method"], line["name"]): line for line in lines}
    assert len(found) == len(lines)
    return found


def left(folder: str = "out") -> set[str]:
    return {path.name for path in Path(folder).iterdir()} - {"table.csv", "summary.json", "report.html"}


def test_all_pairs_are_scored(run: Run) -> None:
    code, out, err = run(*COMMAND.split())
    assert (code, out, err) == (0, "Scored 14 of 14 pairs: out\n", "")
    assert len(rows()) == 14 and left() == {"run.json", "scores.jsonl"}
    assert Path("out/report.html").exists() and Path("out/table.csv").exists()


def test_some_fail(run: Run) -> None:
    Path("a/3.png").write_bytes(b"")
    Path("b/6.png").unlink()
    code, out, err = run(*COMMAND.split(), "--no-report", "--batch-size", "4", "--devices", "2")
    assert (code, out) == (1, "Scored 12 of 13 pairs: out\n")
    assert only_line(err) == "note: real/6.png without a partner in b."
    assert rows()["a", "3.png"]["error"] == "a/3.png: not an image that Pillow can read."
    assert not Path("out/report.html").exists()
    Path("b/6.png").write_bytes(Path("b/5.png").read_bytes())
    code, out, err = run(*COMMAND.replace("out", "new").split(), "--strict")
    assert (code, out) == (2, "") and only_line(err) == "a/3.png: not an image that Pillow can read."


def test_all_fail(run: Run) -> None:
    """The report lists why."""
    for number in range(7):
        Path(f"a/{number}.png").write_bytes(b"")
    code, out, err = run(*"evaluate real a -o out --metrics mae".split())
    assert (code, out, err) == (1, "Scored 0 of 7 pairs: out\n", "")
    page = Path("out/report.html").read_text()
    assert "7 pairs of 1 method could not be scored." in page and page.count("not an image that Pillow can") == 7
    assert len(Path("out/table.csv").read_text().splitlines()) == 8


@pytest.mark.parametrize("meanwhile", ["_run.score_pairs", "write_report"])
def test_ctrl_c_says_how_to_go_on(run: Run, monkeypatch: pytest.MonkeyPatch, meanwhile: str) -> None:
    def stop(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"jaxloss.evaluate.{meanwhile}", stop)
        code, out, err = run(*COMMAND.split())
    assert (code, out) == (130, "")
    assert only_line(err) == "note: stopped. What is scored is in out: the same command goes on."
    assert run(*COMMAND.split(), "--no-report")[0] == 0 and len(rows()) == 14


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("evaluate real -o out", "there is nothing to test."),
        ("evaluate real a", "Missing option '--output'"),
        ("evaluate real nowhere -o out", "nowhere: no such file."),
        ("evaluate real a -o out --metrics sim", "no metric 'sim'. Did you mean 'ssim'?"),
        ("evaluate real a -o out --batch-size many", "--batch-size must be a whole number or auto, got 'many'."),
        ("evaluate real a -o out --match name", "Invalid value for '--match'"),
        ("evaluate real a -o out --processes 2", "coordinator, processes and process belong together."),
        ("evaluate real a -o out --coordinator h:1 --processes 2 --process 2", "process must be from 0 to 1, got 2."),
    ],
)
def test_mistakes_are_one_line(run: Run, arguments: str, message: str) -> None:
    code, out, err = run(*arguments.split())
    assert (code, out) == (2, "") and only_line(err).startswith(message)
    assert not Path("out").exists()


def start(folder: Path, *arguments: str, stderr: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    """With compiled programs kept, and little to do at once, so that most of a life is the run."""
    environment = {**os.environ, "JAXLOSS_CACHE": str(folder / "compiled"), "PYTHONPATH": str(ROOT)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    command = [sys.executable, "-m", "jaxloss", *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=stderr, text=True)


def size(folder: str) -> int:
    path = Path(folder, "scores.jsonl")
    return path.stat().st_size if path.exists() else 0


@pytest.mark.full
def test_ten_kills_change_nothing(here: Path) -> None:
    """By SIGKILL, wherever the run is then. The rows are the same to the last digit."""
    write_folders(here, 1000, ["a"], sizes=[(64, 48), (40, 40), (56, 72)])
    command = "evaluate real a --metrics mae,ssim --batch-size 2 --no-report -o".split()
    assert start(here, *command, "whole").wait(300) == 0
    chance, reached = random.Random(0), []
    for _ in range(10):
        process, before = start(here, *command, "out"), size("out")
        while size("out") <= before and process.poll() is None:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        assert process.wait() == -signal.SIGKILL, "It came to its end before it was killed."
        reached.append(size("out"))
    assert len(set(reached)) > 5
    assert start(here, *command, "out").wait(300) == 0
    assert rows() == rows("whole") and len(rows()) == 1000 and left() == {"run.json", "scores.jsonl"}
    for row in rows().values():
        x, y = (read_image(row[key]).pixels for key in ("test", "reference"))
        assert row["scores"] == pytest.approx(compare(y, [x], metrics=["mae", "ssim"])[0], rel=1e-5)


def several(folder: Path, count: int, command: str, **options: int) -> list[subprocess.Popen[str]]:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    joined = f"--coordinator localhost:{port} --processes {count} --process"
    return [start(folder, *command.split(), *joined.split(), str(process), **options) for process in range(count)]


@pytest.mark.full
@pytest.mark.parametrize("count", [2, 4])
def test_processes_have_the_rows_of_one(here: Path, count: int) -> None:
    assert start(here, *COMMAND.replace("out", "whole").split(), "--no-report").wait(300) == 0
    processes = several(here, count, COMMAND)
    assert [process.wait(300) for process in processes] == [0] * count
    expected = rows("whole")
    assert rows().keys() == expected.keys() and left() == {"run.json", "scores.jsonl"}
    for key, row in rows().items():
        assert row["scores"] == pytest.approx(expected[key]["scores"], rel=1e-5)


@pytest.mark.full
def test_a_process_that_dies_ends_the_run(here: Path) -> None:
    """With one line, and soon; and its rows stay."""
    write_folders(here, 1000, ["a"])
    command = "evaluate real a -o out --metrics mae,ssim --batch-size 2 --no-report"
    first, second = several(here, 2, command, stderr=subprocess.PIPE)
    part = here / "out" / ".scores.jsonl.1.part"
    while not (part.exists() and part.stat().st_size):
        time.sleep(0.01)
        assert second.poll() is None
    second.kill()
    second.communicate()
    _, told = first.communicate(timeout=60)
    assert first.returncode == 2 and "process 1 of 2 has ended before its share was done." in told.splitlines()[-1]
    assert run_apart(*command.split(), folder=here).returncode == 0
    assert len(rows()) == 1000 and left() == {"run.json", "scores.jsonl"}
