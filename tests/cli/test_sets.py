"""`jaxloss fid` as its users meet it, with a small network in the place of Inception."""

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from jaxloss.evaluate import _sets, read_statistics, save_statistics
from jaxloss.sets import Statistics
from tests._command_line import Run, check_mistake
from tests.sets._small_inception import small_params, use_small_inception


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> Path:
    """Two sets of one kind, and a darker one."""
    params = small_params(rng)
    use_small_inception(monkeypatch)
    monkeypatch.setattr(_sets, "load_params", lambda name: params)
    monkeypatch.chdir(tmp_path)
    for name, brightest in (("real", 256), ("made", 256), ("dark", 100)):
        Path(name).mkdir()
        for number in range(10):
            pixels = rng.integers(0, brightest, (8, 8, 3), np.uint8)
            PIL.Image.fromarray(pixels).save(f"{name}/{number}.png")
    save_statistics("five.npz", Statistics(np.zeros(5), np.eye(5)))
    return tmp_path


def test_folders_against_one(run: Run) -> None:
    arguments = ("fid", "real", "made", "dark", "--dimension", "6", "--batch-size", "4")
    code, out, err = run(*arguments, "--save", "real.npz")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert lines[0][:2] == ["set", "images"] and [line[:2] for line in lines[2:4]] == [["made", "10"], ["dark", "10"]]
    assert out.splitlines()[-2:] == ["To real, by 6 features as pytorch-fid has them", "Wrote real.npz."]
    assert read_statistics("real.npz").mean.shape == (6,)
    code, out, _ = run("fid", "real.npz", *arguments[2:], "--json")
    found = json.loads(out)
    assert (found["reference"], found["convention"], found["dimension"]) == ("real.npz", "pytorch-fid", 6)
    made, dark = found["sets"]
    assert [f"{part['fid']:.4f}" for part in (made, dark)] == [line[2] for line in lines[2:4]]
    assert 0 < made["fid"] < dark["fid"] and dark["images"] == 10 and 1 <= dark["inception_score"] <= 5


def test_earlier_features_have_no_classes(run: Run) -> None:
    code, out, _ = run("fid", "real", "made", "--dimension", "4", "--convention", "clean-fid")
    assert code == 0 and "To real, by 4 features as clean-fid has them" in out
    assert [line.split()[-1] for line in out.splitlines() if "made" in line] == ["-"]


def test_other_metrics_of_the_same_features(run: Run) -> None:
    arguments = "fid real made dark --dimension 6 --metrics kid,coverage,precision --subset-size 8 --subsets 5".split()
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    heading, _, made, dark, *_ = (line.split() for line in out.splitlines() if line.strip())
    assert heading == ["set", "images", "KID", "↓", "coverage", "↑", "precision", "↑"] and made[3] == dark[3] == "±"
    code, out, _ = run(*arguments, "--json")
    sets = json.loads(out)["sets"]
    assert list(sets[1]) == ["set", "images", "kid", "kid_deviation", "coverage", "precision"]
    assert sets[0]["kid"] < sets[1]["kid"] and f"{sets[1]['kid']:.6f}" == dark[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("real made", "no features of 2048 dimensions."),
        ("real nowhere --dimension 6", "nowhere: no such file."),
        ("five.npz made --dimension 6", "five.npz: is of 5 dimensions. Name them: --dimension 5."),
        ("five.npz made --save a.npz", "five.npz: is a file of statistics already. Leave --save out."),
        ("real made --save a.txt", "a.txt: no file of statistics is known by the extension '.txt'. Use .npz."),
        ("real made --convention pytorchfid", "no convention 'pytorchfid'. Did you mean 'pytorch-fid'?"),
        ("real made --dimension 6 --metrics fid,kids", "no metric of sets 'kids'. Did you mean 'kid'?"),
        (
            "real made --dimension 6 --metrics kid",
            "real: has 10 images, and a subset of kid 1000. Take more, or smaller subsets",
        ),
        ("real", "Missing argument 'FOLDER"),
    ],
)
def test_mistakes_are_one_line(folders: Path, run: Run, arguments: str, message: str) -> None:
    check_mistake(lambda: run("fid", *arguments.split()), folders, message)
