"""`jaxloss train-lpips` as its users meet it: a file that lpips takes, curves, and what is said when it stops."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import jaxloss
from jaxloss import training
from jaxloss.training import TrainedLPIPS
from tests._command_line import Run, check_mistake, only_line
from tests.networks import thin_networks, tiny_params
from tests.training._sets import write_sets


CURVE = [
    {"epoch": 0, "steps": 0, "held_out": {"score": 0.61, "low": 0.55, "high": 0.67, "subsets": []}},
    {"epoch": 1, "steps": 9, "loss": 0.654321, "accuracy": 0.7, "learning_rate": 1e-4,
     "held_out": {"score": 0.72, "low": 0.66, "high": 0.78, "subsets": []}},
]  # fmt: skip
PARAMS = tiny_params("lpips-alex")
HISTORY = {"settings": {"net": "alex", "variant": "lin"}, "curve": CURVE}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current directory, with choices and a thin AlexNet in it."""
    monkeypatch.chdir(tmp_path)
    write_sets(tmp_path / "2afc", training=8, held_out=4, side=31)
    with thin_networks():
        yield tmp_path


@pytest.fixture
def train(run: Run) -> Run:
    """`train("2afc/train -o m.safetensors")` calls `jaxloss train-lpips` with these."""
    return lambda arguments: run("train-lpips", *arguments.split())


class Training:
    """Stands in for `train_lpips`: leaves a checkpoint, and remembers what it was called with."""

    def __init__(self) -> None:
        self.called: dict[str, Any] = {}
        self.stopped = False

    def __call__(self, sets: Any, *, checkpoints: Path, progress: Any, **options: Any) -> TrainedLPIPS:
        self.called = {"sets": sets, "checkpoints": checkpoints, **options}
        (checkpoints / "9").mkdir(parents=True)
        progress(9, 0.5)
        if self.stopped:
            raise KeyboardInterrupt
        return TrainedLPIPS(PARAMS, HISTORY, ["9 is damaged."])


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Training:
    fake = Training()
    monkeypatch.setattr(training, "train_lpips", fake)
    return fake


def test_parameters_curves_and_notes(folder: Path, train: Run, fake: Training) -> None:
    code, out, err = train("2afc/train -o m.safetensors --validate 2afc/val --plot curves.png")
    assert code == 0 and only_line(err) == "note: 9 is damaged."
    cells = [line.split() for line in out.splitlines() if line.strip()]
    assert cells[2:4] == [
        ["0", "0.6100", "0.5500", "to", "0.6700"],
        ["1", "0.0001", "0.6543", "0.7000", "0.7200", "0.6600", "to", "0.7800"],
    ]
    assert out.splitlines()[-1] == "Wrote m.safetensors."
    assert jaxloss.read_history("m.safetensors") == {"net": "alex", **HISTORY}
    np.testing.assert_array_equal(jaxloss.load_params("m.safetensors")["heads"]["relu1"], PARAMS["heads"]["relu1"])
    with Image.open("curves.png") as picture:
        assert picture.width > 500
    # The checkpoints are of no more use.
    assert {path.name for path in folder.iterdir()} == {"2afc", "m.safetensors", "curves.png"}
    assert [trials.name for trials in fake.called["held_out"]] == ["mine"]


def test_options_reach_the_training(train: Run, fake: Training) -> None:
    jaxloss.save_params("begin.safetensors", PARAMS, net="alex")
    numbers = "--epochs 2 --decay-epochs 1 --batch 7 --side 40 --learning-rate 0.01 --seed 5"
    arguments = f"2afc -o m.safetensors --net alex --variant tune --trunk begin.safetensors {numbers}"
    assert train(f"{arguments} --checkpoints kept --resume")[0] == 0
    called, trunk = fake.called, fake.called.pop("trunk")
    np.testing.assert_array_equal(trunk["conv1"]["kernel"], PARAMS["trunk"]["conv1"]["kernel"])
    assert [trials.name for trials in called.pop("sets")] == ["train/mine"]
    expected = {"net": "alex", "variant": "tune", "epochs": 2, "decay_epochs": 1, "batch": 7, "side": 40, "seed": 5}
    assert called.items() >= {**expected, "learning_rate": 0.01, "resume": True, "checkpoints": Path("kept")}.items()
    assert Path("kept/9").is_dir()  # where the user wants them, they stay
    code, _, err = train("2afc -o m.safetensors --net vgg --trunk begin.safetensors")
    assert (code, only_line(err)) == (2, "begin.safetensors: holds alex, through which --net vgg does not look.")


def test_stopped_training_says_how_to_go_on(folder: Path, train: Run, fake: Training) -> None:
    fake.stopped = True
    code, out, err = train("2afc/train -o m.safetensors --plot curves.png")
    assert (code, out) == (130, "")
    assert only_line(err) == (
        "note: stopped. The checkpoints are in m.checkpoints: the same command with --resume goes on."
    )
    assert {path.name for path in folder.iterdir()} == {"2afc", "m.checkpoints"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("nowhere -o m.safetensors", "nowhere: no such file."),
        ("2afc/train -o m.pth", "m.pth: no file of weights is known by the extension '.pth'. Use .safetensors."),
        ("2afc/train -o no/m.safetensors", "no/m.safetensors: the directory no does not exist."),
        ("2afc/train", "Missing option '--output'"),
        ("2afc/train -o m.safetensors --net alexnet", "there is no net 'alexnet'. Did you mean 'alex'?"),
        ("2afc/train -o m.safetensors --variant fine", "there is no variant 'fine'."),
        ("2afc/train -o m.safetensors --batch 0", "batch must be 1 or more, got 0."),
        ("2afc/train -o m.safetensors --validate 2afc/train", "mine is trained on, too."),
        ("2afc/train -o m.safetensors --plot curves", "curves: no picture format is known by the extension ''."),
        (
            "2afc/train -o m.safetensors --trunk net.pth",
            "net.pth: expected a file of .safetensors. Convert it: jaxloss",
        ),
        ("2afc/train -o m.safetensors --trunk no.safetensors", "no.safetensors: "),
        ("2afc/train -o m.safetensors --trunk m.safetensors", "m.safetensors: is one of the files to read."),
    ],
)
def test_mistakes_are_one_line(folder: Path, train: Run, arguments: str, message: str) -> None:
    Path("m.safetensors").write_text("old")
    check_mistake(lambda: train(arguments), folder, message)
    assert {path.name for path in folder.iterdir()} == {"2afc", "m.safetensors"}


@pytest.mark.full
def test_a_whole_training(folder: Path, train: Run) -> None:
    code, out, err = train(
        "2afc/train -o m.safetensors --validate 2afc/val --variant scratch --plot curves.png "
        "--side 31 --epochs 1 --decay-epochs 0 --batch 8"
    )
    assert (code, err) == (0, "")
    assert {path.name for path in folder.iterdir()} == {"2afc", "m.safetensors", "curves.png"}
    history = jaxloss.read_history("m.safetensors")
    beginning, epoch = history["curve"]
    assert history["net"] == "alex" and history["settings"]["training"] == [["mine", 8]]
    assert f"{epoch['loss']:.4f}" in out and f"{beginning['held_out']['score']:.4f}" in out
    assert out.splitlines()[-1] == "Wrote m.safetensors."
    params = jaxloss.load_params("m.safetensors")
    assert min(float(head.min()) for head in params["heads"].values()) >= 0
    with Image.open("curves.png") as picture:
        assert picture.width > 500


def test_train_and_val_of_one_folder_are_told_apart(train: Run, fake: Training) -> None:
    assert train("2afc -o mine.safetensors --validate 2afc")[0] == 0
    assert [trials.name for trials in fake.called["sets"]] == ["train/mine"]
    assert [trials.name for trials in fake.called["held_out"]] == ["val/mine"]
    err = train("2afc -o mine.safetensors")[2]
    assert err.splitlines()[0] == "jaxloss: note: val/mine is left out: name its own folder to take it."
