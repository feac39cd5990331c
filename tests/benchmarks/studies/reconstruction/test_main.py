"""From photographs to the page."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest

from benchmarks import report
from benchmarks.studies.reconstruction import __main__ as reconstruction
from benchmarks.studies.reconstruction._methods import SIDE, reconstruct
from jaxloss import mae
from jaxloss.curves import read_curves
from jaxloss.sde import CONDITIONS, Curve


KEY = jax.random.key(0)


@pytest.fixture
def images(tmp_path: Path, photograph: np.ndarray) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    pixels = np.rint(255 * photograph).astype(np.uint8)
    PIL.Image.fromarray(pixels[:120, :130]).save(folder / "color.png")
    PIL.Image.fromarray(pixels[:130, :120, 0]).save(folder / "gray.png")
    (folder / "notes.txt").write_text("no image")
    return folder


def test_photographs_are_cut_in_two(images: Path) -> None:
    color, gray = reconstruction.read_photographs(images)
    assert (color.name, gray.name) == ("color", "gray")
    for photograph in (color, gray):
        assert photograph.target.shape == photograph.reference.shape == (SIDE, SIDE, 3)
        # The halves continue each other.
        assert np.abs(photograph.target[:, -1] - photograph.reference[:, 0]).mean() < 0.1


def test_from_command_line_to_page(monkeypatch, images: Path, tmp_path: Path, capsys) -> None:
    def curves(keys, target, reference, params, *, condition: str) -> Curve:
        random = np.random.default_rng(len(condition)).normal(size=(len(keys), 12))
        return Curve(np.tile(np.linspace(0.1, 0.9, 12), (len(keys), 1)), np.exp(0.1 * random.cumsum(axis=1) - 1))

    monkeypatch.setattr(reconstruction, "_curves", curves)
    path = tmp_path / "reconstruction.csv"
    options = ["--images", str(images), "--repetitions", "2", "--output", str(path)]
    monkeypatch.setattr("sys.argv", ["reconstruction", *options])
    reconstruction.main()
    found = read_curves(path)
    assert list(found) == list(CONDITIONS)
    assert list(found["both"]) == ["color 0", "color 1", "gray 0", "gray 1"]
    assert "together" in capsys.readouterr().out
    page = report.updated(f"{report.BEGIN}{report.END}", tmp_path)
    assert "### Perceptual loss along a reconstruction" in page and "| baseline | 0." in page
    assert page.count("reconstruction.png") == 1


def test_measured_losses_are_those_of_lpips(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a cheap metric in its place."""
    monkeypatch.setattr(reconstruction, "lpips", lambda x, y, *, params, data_range: params["factor"] * mae(x, y))
    photographs = list(reconstruction.read_photographs(images))[:1]
    params = {"factor": jnp.float32(0.5)}
    keys = jax.random.split(KEY, 1)
    found = reconstruction._curves(keys, *photographs[0][1:], params, condition="baseline")
    states, masks = reconstruct(keys[0], *photographs[0][1:], condition="baseline")
    last = reconstruction.lpips(states[-1], photographs[0].target, params=params, data_range=1.0)
    np.testing.assert_allclose(np.asarray(found.loss)[0, -1], last, rtol=1e-4)
    share = np.asarray(masks[-3:]).mean()
    np.testing.assert_allclose(np.asarray(found.share)[0, -1], share, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--images", "nowhere"], "nowhere: no such folder."),
        (["--images", "."], ".: there are no images in it."),
        (["--images", ".", "--repetitions", "0"], "argument --repetitions: expected a whole number above 0, got '0'"),
        (["--images", ".", "--output", "nowhere/a.csv"], "nowhere/a.png: the directory nowhere does not exist."),
    ],
)
def test_errors_are_one_line(monkeypatch, tmp_path: Path, capsys, options: list[str], message: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["reconstruction", "--output", "a.csv", *options])
    with pytest.raises(SystemExit) as ended:
        reconstruction.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"python -m benchmarks.studies.reconstruction: {message}\n"
    assert list(tmp_path.iterdir()) == []
