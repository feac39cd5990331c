"""Inpainting: holes that no network can look into, two players, a training that can be stopped, results on the page."""

from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import inpainting, report
from benchmarks._inpainting_networks import InpaintingNetwork, compose, fill, irregular_mask, random_masks
from benchmarks._inpainting_summary import newest, rows
from benchmarks._inpainting_training import (
    CONTESTS,
    Size,
    State,
    apply_network,
    examples,
    generator_loss,
    inpaint,
    networks,
    start,
    train,
)
from benchmarks._photographs import Stack, stack
from benchmarks._results import Run, read_file
from benchmarks._training import Progress, load, save


TINY = Size(width=4, discriminator_width=2, crop=32, batch=2, steps=6, learning_rate=2e-3, chunk=2)
KEY = jax.random.key(0)

pytestmark = pytest.mark.usefixtures("optax_promotion")


@pytest.fixture(scope="module")
def photographs(photograph: np.ndarray) -> Stack:
    pixels = np.rint(255 * photograph).astype(np.uint8)
    return stack([pixels[:64, :80], pixels[-48:, -64:]])


def test_holes_are_brush_strokes() -> None:
    masks = random_masks(KEY, 200, 32)
    assert set(np.unique(masks)) == {0, 1}
    shares = 1 - masks.mean(axis=(1, 2))
    assert 0.1 < shares.mean() < 0.4 and shares.std() > 0.05
    # The same strokes at every size.
    fine = irregular_mask(KEY, 128).reshape(32, 4, 32, 4).mean(axis=(1, 3))
    assert np.abs(irregular_mask(KEY, 32) - fine).mean() < 0.05
    assert (irregular_mask(jax.random.key(1), 32) != irregular_mask(KEY, 32)).any()


def test_fill_is_the_mean_of_what_is_known(rng: np.random.Generator) -> None:
    image, mask = rng.random((2, 8, 8, 3), np.float32), np.ones((2, 8, 8), np.float32)
    mask[0, 2:5, 3:] = 0
    filled = fill(jnp.asarray(image), jnp.asarray(mask))
    np.testing.assert_array_equal(filled[1], image[1])
    np.testing.assert_array_equal(filled[0][mask[0] > 0], image[0][mask[0] > 0])
    mean = np.broadcast_to(image[0][mask[0] > 0].mean(axis=0), (15, 3))
    np.testing.assert_allclose(filled[0][mask[0] == 0], mean, rtol=1e-6)


def test_network_sees_known_pixels_only(rng: np.random.Generator) -> None:
    image = jnp.asarray(rng.random((2, 32, 48, 3)), jnp.float32)
    mask = jnp.ones((2, 32, 48)).at[0, 4:30, 6:40].set(0)
    params = InpaintingNetwork(4).init(KEY, image, mask)["params"]
    output = apply_network(params, image, mask, TINY)
    unseen = apply_network(params, compose(jnp.full_like(image, jnp.nan), image, mask), mask, TINY)
    np.testing.assert_array_equal(unseen, output)
    assert (output[0, 4:30, 6:40] != 0).all()  # the last stages look far enough to fill a hole of 26 x 34
    other = apply_network(params, image.at[0, 0, 0].add(0.5), mask, TINY)
    assert (other[0] != output[0]).any() and (other[1] == output[1]).all()


def trained(photographs: Stack, contest: str, size: Size = TINY) -> Iterator[Progress[State]]:
    probe = examples(KEY, photographs, 2, size.crop)
    return train(start(size, contest, KEY), KEY, photographs, probe, contest=contest, size=size)


@pytest.mark.parametrize("contest", ["pconv", "coordfill_lpips"])
def test_few_steps_lower_the_loss(photographs: Stack, contest: str) -> None:
    """On the same crops and holes before and after: those of the steps differ too much."""
    target, mask = examples(KEY, photographs, 4, TINY.crop)
    before, (*_, after) = start(TINY, contest, KEY), trained(photographs, contest, TINY._replace(steps=24, chunk=8))
    losses = [
        generator_loss(
            apply_network(progress.state.params, target, mask, TINY), target, mask, {}, networks(contest),
            contest=contest, size=TINY,
        ).mean().item()
        for progress in (before, after)
    ]  # fmt: skip
    assert losses[1] < 0.9 * losses[0]
    assert after.curve[:, 0].tolist() == [8, 16, 24] and (after.curve[:, 3] == 0).all()
    assert after.state.discriminator == after.state.discriminator_optimizer == {}


@pytest.mark.parametrize("contest", ["pconv_adversarial", "coordfill"])
def test_both_players_learn_and_resume(photographs: Stack, contest: str, tmp_path: Path) -> None:
    """A training that was stopped ends where the uninterrupted one does, to the last bit."""
    chunks, path, settings = trained(photographs, contest), tmp_path / "training.msgpack", {"seed": 0}
    save(path, next(chunks), settings)
    *_, whole = chunks
    before = start(TINY, contest, KEY).state
    for old, new in zip(before, whole.state, strict=True):
        assert all((a != b).any() for a, b in zip(jax.tree.leaves(old), jax.tree.leaves(new), strict=True))
    assert set(whole.state.discriminator) == {"params", "batch_stats"}
    assert (whole.curve[:, 3] > 0.1).all()

    stopped = load(path, start(TINY, contest, jax.random.key(9)), settings)
    assert stopped.steps == 2
    probe = examples(KEY, photographs, 2, TINY.crop)
    *_, resumed = train(stopped, KEY, photographs, probe, contest=contest, size=TINY)
    np.testing.assert_array_equal(resumed.curve, whole.curve)
    jax.tree.map(np.testing.assert_array_equal, resumed.state, whole.state)


def test_known_pixels_stay(photographs: Stack) -> None:
    target, mask = examples(KEY, photographs, 2, TINY.crop)
    images = inpaint(start(TINY, "pconv", KEY).state.params, target, mask, size=TINY)
    np.testing.assert_array_equal(images[mask > 0], target[mask > 0])
    assert ((images >= 0) & (images <= 1)).all() and (images != target).any()


def test_contests_start_equal() -> None:
    first, *others = (start(TINY, contest, KEY).state.params for contest in CONTESTS)
    for other in others:
        jax.tree.map(np.testing.assert_array_equal, first, other)


def run_main(monkeypatch: pytest.MonkeyPatch, *options: object) -> None:
    monkeypatch.setattr("sys.argv", ["inpainting", *map(str, options)])
    inpainting.main()


def test_from_command_line_to_page(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(inpainting.SIZES, "small", TINY)
    output = tmp_path / "results" / "inpainting.jsonl"
    options = ["--images", folder, "--objectives", "coordfill_lpips", "--steps", "3", "--output", output]
    options += ["--checkpoints", tmp_path / "checkpoints"]
    run_main(monkeypatch, *options)
    run = read_file(output)
    assert [record["objective"] for record in run.measurements] == ["mean", "coordfill_lpips"]
    assert run.about["settings"] | {"steps": 3, "training": ["a", "b"], "held_out": ["c"]} == run.about["settings"]
    assert str(folder) not in output.read_text()
    assert "coordfill without discriminator" in " ".join(capsys.readouterr().out.split())
    page = report.updated(f"{report.BEGIN}{report.END}", output.parent)
    assert "### Inpainting, small size" in page and "| mean color | " in page
    for name in ("curves", "pictures"):
        assert page.count(f"![inpainting {name}](results/inpainting_{name}.png)") == 1
    # Resumed, the same command finds its checkpoints finished, and says the same.
    run_main(monkeypatch, *options, "--resume")
    assert read_file(output).measurements == run.measurements
    with pytest.raises(SystemExit, match="2"):
        run_main(monkeypatch, *options, "--resume", "--seed", 1)
    assert "made with other settings: seed" in capsys.readouterr().err.splitlines()[-1]
    # They are refused before the results are replaced.
    assert read_file(output).measurements == run.measurements


def run_of(psnr: float, size: str = "small") -> Run:
    scores = {"psnr": psnr, "mae": 1.0, "ssim": 0.5, "lpips": 0.5, "lpips_vgg": 0.5}
    better = {**scores, "psnr": psnr + 1, "mae": 2.0}
    records = [{"objective": name, "scores": z} for name, z in {"mean": scores, "pconv": better}.items()]
    return Run({"settings": {"size": size}}, records)


def test_newest_run_counts_and_the_best_are_marked() -> None:
    found = newest([run_of(20.0), run_of(30.0), run_of(40.0, "full")], "small")
    assert found is not None and newest([], "small") is None
    table = rows(found.measurements, "<{}>")
    assert table[0][:3] == ["mean color", "30.00", "<1.0>"]
    assert table[1][:3] == ["pconv", "<31.00>", "2.0"]
