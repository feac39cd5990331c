"""Progressive inpainting: what is known stays, what is reconstructed is what the method says, and the pages show it."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest

from benchmarks import reconstruction, report
from benchmarks._reconstruction import BLOCK, KNOWN, SIDE, STEPS, block_means, interpolate, patches_of, reconstruct
from benchmarks._results import FOLDER, ROOT
from jaxloss.curves import read_curves
from jaxloss.sde import CONDITIONS, Curve


KEY = jax.random.key(0)


@pytest.fixture
def target(photograph: np.ndarray) -> np.ndarray:
    return photograph[:SIDE, :SIDE]


def blocks(pixels: np.ndarray) -> np.ndarray:
    """[n, BLOCK, BLOCK, ...] from top to bottom."""
    count = SIDE // BLOCK
    split = pixels.reshape(count, BLOCK, count, BLOCK, *pixels.shape[2:])
    return split.swapaxes(1, 2).reshape(-1, BLOCK, BLOCK, *pixels.shape[2:])


@pytest.mark.parametrize("condition", CONDITIONS)
def test_reconstruction_fills_blocks_in_random_order(target: np.ndarray, condition: str) -> None:
    reference = np.ascontiguousarray(target[:, ::-1])
    pictures, masks = map(np.asarray, reconstruct(KEY, target, reference, condition=condition))
    assert pictures.shape == (STEPS, SIDE, SIDE, 3) and masks.shape == (STEPS, SIDE, SIDE)
    assert 0 <= pictures.min() and pictures.max() <= 1
    whole = blocks(masks[-1]).mean(axis=(1, 2)) == 1
    assert whole.sum() == 256 - KNOWN
    known = masks[-1] == 0
    for before, after, old, new in zip(masks, masks[1:], pictures, pictures[1:], strict=False):
        assert (after >= before).all() and (after - before).mean() == 8 / 256
        np.testing.assert_array_equal(new[known], target[known])
        np.testing.assert_array_equal(new[before == 1], old[before == 1])
        assert (new[(after == 0) & ~known] == 0.5).all()
    described = np.abs(blocks(pictures[-1] - target).mean(axis=(1, 2)))[whole]
    if condition == "prompt":  # but for colors that had to be clipped
        assert np.median(described) < 1e-6
    if condition == "reference":
        pool = {
            block.tobytes() for i in range(0, 113, 2) for j in range(0, 113, 2) for block in [copied(reference, i, j)]
        }
        assert all(block.tobytes() in pool for block in blocks(pictures[-1])[whole])


def copied(reference: np.ndarray, row: int, column: int) -> np.ndarray:
    return reference[row + 4 : row + 12, column + 4 : column + 12]


def test_orders_are_those_of_the_key(target: np.ndarray) -> None:
    one, same, other = (
        np.asarray(reconstruct(jax.random.key(seed), target, target, condition="baseline")[1]) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_interpolation_keeps_what_is_there(target: np.ndarray, rng: np.random.Generator) -> None:
    present = (rng.random((SIDE, SIDE)) < 0.1).astype(np.float32)
    found = np.asarray(interpolate(jnp.asarray(target), jnp.asarray(present)))
    np.testing.assert_array_equal(found[present == 1], target[present == 1])
    flat = jnp.where(jnp.asarray(present)[..., None] > 0, 0.25, jnp.full((SIDE, SIDE, 3), 0.9))
    np.testing.assert_allclose(interpolate(flat, jnp.asarray(present)), 0.25, rtol=1e-5)


def test_block_means_and_patches(target: np.ndarray) -> None:
    np.testing.assert_allclose(
        blocks(np.asarray(block_means(jnp.asarray(target)))).mean(axis=(1, 2)),
        blocks(target).mean(axis=(1, 2)),
        rtol=1e-5,
    )
    patches = np.asarray(patches_of(jnp.asarray(target)))
    np.testing.assert_array_equal(patches[58].reshape(16, 16, 3), target[2:18, 2:18])


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


def test_measured_losses_are_those_of_lpips(images: Path) -> None:
    photographs = list(reconstruction.read_photographs(images))[:1]
    params = reconstruction.load_params("lpips-alex")
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
    assert capsys.readouterr().err == f"python -m benchmarks.reconstruction: {message}\n"
    assert list(tmp_path.iterdir()) == []


def test_readme_shows_the_measured_curves() -> None:
    rows, notes = reconstruction.markdown(FOLDER / "reconstruction.csv")
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for row in rows:
        assert f"| {' | '.join(row)} |" in text
    values = notes.partition("σ = ")[2].partition(";")[0]
    assert f"σ = {values}" in text
