"""A synthetic set is what its rule says: of held-out photographs, drawn by seed, judged by family and strength."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jaxloss import InputError
from jaxloss.datasets import Observer, batches, find_trials, synthesize
from jaxloss.judgments import two_afc_score
from jaxloss.judgments.distortions import DISTORTIONS


LEVELS = {"dawn": 90, "dusk": 100, "noon": 120, "tea": 130}  # of flat photographs, which tell where a crop is from
NAMES = ["gaussian_noise", "lightness_shift"]
# Minds nothing but noise, and never errs.
STERN = Observer(noise=1.0, photometric=0.0, slope=1e5, threshold=1e-3)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name, level in LEVELS.items():
        Image.new("RGB", (20, 18), (level, level, level)).save(folder / f"{name}.png")
    Image.new("L", (20, 18)).save(folder / "gray.png")
    return folder


def make(photographs: Path, folder: Path, **options: Any) -> Any:
    defaults = {"count": 70, "held_out_count": 30, "side": 8, "observer": STERN, "distortions": NAMES}
    return synthesize(photographs, folder, **{**defaults, **options})


def everything(trials: Any) -> Any:
    (taken,) = batches([trials], batch=len(trials), side=None)
    return taken


def test_set_is_as_its_rule_says(photographs: Path, tmp_path: Path) -> None:
    sets, notes = make(photographs, tmp_path / "set")
    assert notes == ["gray.png is left out: it is gray."]
    assert [(trials.name, len(trials)) for trials in sets] == [
        ("2afc/train/synthetic", 70),
        ("2afc/val/synthetic", 30),
        ("jnd/val/synthetic", 30),
    ]
    train, held_out, pairs = map(everything, sets)
    facts = json.loads((tmp_path / "set" / "synthetic.json").read_text())
    assert facts["synthetic"] and facts["observer"] == STERN._asdict() and facts["trials"]["jnd/val/synthetic"] == 30
    assert sorted(facts["photographs"]["train"] + facts["photographs"]["val"]) == sorted(LEVELS)
    for trials, share in ((train.reference, "train"), (held_out.reference, "val"), (pairs.first, "val")):
        levels = set(np.rint(255 * trials).astype(int).flat)
        assert levels <= {LEVELS[name] for name in facts["photographs"][share]}
    text = (tmp_path / "set" / "README.md").read_text()
    assert "# Synthetic judgments" in text and "noise 1, " in text and ", ".join(facts["photographs"]["val"]) in text
    # On flat photographs noise is the deviation of the image, whatever its lightness.
    first, second, other = (image.std(axis=(1, 2, 3)).round(4) for image in (train.first, train.second, pairs.second))
    noisy = first + second > 0  # else each vote is drawn by lot
    assert two_afc_score(first[noisy], second[noisy], train.judge[noisy]) > 0.9
    np.testing.assert_array_equal(pairs.same, other == 0)
    assert 0.1 < pairs.same.mean() < 0.6 and {0, 1} <= set(train.judge[noisy])


def test_set_is_a_function_of_its_seed(photographs: Path, tmp_path: Path) -> None:
    contents = []
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        make(photographs, tmp_path / name, seed=seed, count=3, held_out_count=2, people=3, observer=None)
        files = sorted(path for path in (tmp_path / name / "2afc").rglob("*.*"))
        contents.append([path.read_bytes() for path in files])
    one, same, other = contents
    assert len(one) == 4 * (3 + 2) and one == same != other
    judgments = np.concatenate([trials.judgments for trials in find_trials(tmp_path / "one")])
    np.testing.assert_allclose(judgments * 3, np.rint(judgments * 3), atol=1e-6)


def test_observer() -> None:
    observer = Observer(slope=2.0, threshold=0.5)
    preferred = observer.prefer_second(np.array([1.0, 0.0, 0.5]), np.array([0.0, 1.0, 0.5]))
    np.testing.assert_allclose(preferred, [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2)), 0.5])
    np.testing.assert_allclose(observer.same(np.array([0.5, 0.0])), [0.5, 1 / (1 + np.exp(-1))])
    assert {row.family for row in DISTORTIONS.values()} <= set(observer._fields)
    weights = sorted(Observer()[:5])
    assert min(np.diff(weights)) > 0  # clearly different


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "count must be 1 or more, got 0."),
        ({"people": 0}, "people must be 1 or more, got 0."),
        ({"side": -1}, "side must be 1 or more, got -1."),
        ({"held_out_count": 0}, "held_out_count must be 1 or more, got 0."),
        ({"distortions": ["gaussian_nois"]}, "no distortion 'gaussian_nois'. Did you mean 'gaussian_noise'?"),
        ({"distortions": []}, "no distortion is chosen. There are: gaussian_noise, "),
        ({"side": 19}, "expected two photographs or more, got 0. One at least is held out"),
    ],
)
def test_mistakes_leave_nothing(photographs: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        make(photographs, tmp_path / "set", **options)
    assert message in str(caught.value)
    assert not (tmp_path / "set").exists()


def test_unknown_family_and_taken_folder(photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DISTORTIONS, "sepia", DISTORTIONS["color_shift"]._replace(family="old"))
    with pytest.raises(InputError, match="sepia is of the family 'old', which the observer has no weight of"):
        make(photographs, tmp_path / "set", distortions=["sepia"])
    with pytest.raises(InputError, match="is not empty"):
        make(photographs, photographs)
