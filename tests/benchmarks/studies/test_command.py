"""What the command lines of the studies that train share."""

import errno
import re
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.studies import _command
from benchmarks.studies._command import Course, Plan, TrainingParser, command
from benchmarks.studies._training import TrainingSize
from benchmarks.studies.inpainting import __main__ as inpainting
from benchmarks.studies.restoration import __main__ as restoration
from jaxloss import InputError
from tests.benchmarks.studies.test_training import start, trained


def test_names_of_an_option_are_different() -> None:
    parser = TrainingParser("restoration", None, "larger", losses=["l1", "l2"])
    assert parser.parse_args(["--images", "x"]).losses == ["l1", "l2"]
    assert parser.parse_args(["--images", "x", "--losses", "l2,l1,l2"]).losses == ["l2", "l1"]


SMALL = TrainingSize(crop=36, batch=2, steps=9, learning_rate=1e-3, chunk=3)


def plan_of(folder: Path, *options: str) -> Plan[TrainingSize]:
    parser = TrainingParser("restoration", None, "larger", losses=["l1", "l2"])
    places = ["--output", str(folder / "results" / "new.jsonl"), "--checkpoints", str(folder / "checkpoints")]
    parsed = parser.parse_args(["--images", str(folder), *places, "--steps", "7", *options])
    sizes, stems = {"small": SMALL, "full": replace(SMALL, batch=4)}, {"small": "small", "full": "full"}
    return parser.plan(parsed, sizes, stems, {"own": 1})


def test_trainings_of_a_run_go_on_from_their_checkpoints(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names, form = [("jpeg", "l1"), ("jpeg", "l2")], "{:.2f} dB, other {:.1f}"
    course = Course(plan_of(folder), names, lambda task, loss: start())
    course.prepare()
    done = course.train("jpeg", "l1", advance=trained, form=form)
    assert done.steps == 7
    assert [path.name for path in course.plan.checkpoints.iterdir()] == ["jpeg-l1"]
    assert re.search(r"jpeg, l1: 7 steps in \d+ s, loss 6, 0\.13 dB, other 60\.0\n", capsys.readouterr().err)

    again = Course(plan_of(folder, "--resume"), names, lambda task, loss: start())
    assert [again.begin(*name).steps for name in names] == [7, 0]
    # Checkpoints that cannot be used are refused before an older result is replaced.
    (again.checkpoint("jpeg", "l2") / "3").mkdir(parents=True)
    before = again.plan.output.read_text()
    with pytest.raises(InputError, match=r"jpeg-l2/3/record\.json: damaged\. No other checkpoint is left"):
        again.prepare()
    assert again.plan.output.read_text() == before


def test_checkpoints_of_an_earlier_run_are_dropped(folder: Path) -> None:
    course = Course(plan_of(folder), [("jpeg", "l1")], lambda task, loss: start())
    old = course.checkpoint("jpeg", "l1") / "99"
    old.mkdir(parents=True)
    course.train("jpeg", "l1", advance=trained, form="{:.2f} dB, other {:.1f}")
    assert not old.exists()


def test_full_disk_names_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_command, "start_file", fail)
    with pytest.raises(InputError, match=r"results/new\.jsonl: No space left on device\."):
        Course(plan_of(folder), [], start).prepare()


@pytest.mark.parametrize(("option", "file"), [("--checkpoints", "a.png"), ("--output", "a.png/new.jsonl")])
def test_files_that_cannot_be_written(folder: Path, option: str, file: str) -> None:
    course = Course(plan_of(folder, option, str(folder / file)), [], start)
    with pytest.raises(InputError, match=r"a\.png.*: (Not a directory|File exists)\."):
        course.prepare()


def test_plan_says_what_decides_on_the_results(folder: Path) -> None:
    plan = plan_of(folder, "--seed", "3", "--held-out", "a")
    own = {"own": 1, "seed": 3, "training": ["b", "c"], "held_out": ["a"]}
    assert plan.settings == {**asdict(plan.size), **own} and plan.size == replace(SMALL, steps=7)
    typed = "python -m benchmarks.studies.restoration --images FOLDER"
    assert plan.about["settings"] == {"size": "small", "command": typed, **plan.settings}
    assert plan.checkpoints == folder / "checkpoints" / "small"
    full = plan_of(folder, "--full", "--held-out", "c")
    assert full.about["settings"]["command"] == command("restoration", "full") == f"{typed} --full"
    assert full.checkpoints.name == "full"


SCRIPTS: dict[str, ModuleType] = {"restoration": restoration, "inpainting": inpainting}


def run_main(monkeypatch: pytest.MonkeyPatch, name: str, *options: object) -> None:
    """With crops that fit into the photographs of the tests."""
    sizes = SCRIPTS[name].SIZES
    monkeypatch.setitem(sizes, "small", replace(sizes["small"], crop=32))
    monkeypatch.setattr("sys.argv", [name, *map(str, options)])
    SCRIPTS[name].main()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("restoration", ["--tasks", "inpainting"], "got 'inpainting'"),
        ("restoration", ["--losses", "l2,beauty"], "got 'beauty'"),
        ("inpainting", ["--objectives", "pconv,beauty"], "got 'beauty'"),
        *(
            (name, options, message)
            for name in SCRIPTS
            for options, message in [
                (["--steps", "0"], "a whole number above 0, got '0'"),
                (["--held-out", "nobody"], "no photograph 'nobody'"),
                (["--held-out", "a,b,c"], "no photograph is left to train on"),
                (["--images", "nowhere"], "nowhere: No such file or directory."),
            ]
        ),
    ],
)
def test_errors_are_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    tmp_path: Path,
    name: str,
    options: list[str],
    message: str,
) -> None:
    output = tmp_path / "results.jsonl"
    with pytest.raises(SystemExit) as exit:
        run_main(monkeypatch, name, "--images", folder, "--output", output, *options)
    assert exit.value.code == 2
    *notes, line = capsys.readouterr().err.splitlines()
    assert line.startswith(f"python -m benchmarks.studies.{name}: ") and message in line
    assert all("is left out" in note for note in notes)
    assert not output.exists()


@pytest.mark.parametrize("name", SCRIPTS)
def test_interruption_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, name: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SCRIPTS[name], "run", interrupt)
    with pytest.raises(SystemExit, match="130"):
        run_main(monkeypatch, name, "--images", folder)
    assert capsys.readouterr().err.splitlines()[-1] == "Stopped. The same command with --resume goes on."
