"""Temporal LPIPS of videos that batches cut where they like is that of whole videos."""

from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxloss import InputError, temporal_lpips
from jaxloss.evaluate import Evaluation, evaluate, write_report
from jaxloss.evaluate._decode import Decoded
from jaxloss.evaluate._plan import Place
from jaxloss.evaluate._temporal import TEMPORAL, with_frames_before
from jaxloss.images import read_image
from tests.evaluate._folders_of_images import save
from tests.networks import thin_networks, tiny_params


LENGTHS = {"one": 5, "two": 4, "still": 1}
PARAMS = tiny_params("lpips-alex", short=True)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jaxloss.evaluate._step.load_params", lambda name: PARAMS)
    rng = np.random.default_rng(0)
    for name, length in LENGTHS.items():
        for frame in range(length):
            pixels = rng.random((32, 40, 3))
            save(Path(f"real/{name}/{frame}.png"), pixels)
            save(Path(f"made/{name}/{frame}.png"), pixels * 0.8 + 0.1 * rng.random(pixels.shape))
    with thin_networks(short=True):
        yield


def run(output: str) -> Evaluation:
    return evaluate("real", "made", metrics=["mae", TEMPORAL.name], video=True, batch_size=4, devices=2, output=output)


def frames(folder: str, name: str) -> np.ndarray:
    return np.stack([read_image(f"{folder}/{name}/{frame}.png").pixels for frame in range(LENGTHS[name])])


def test_scores_are_those_of_whole_videos() -> None:
    """Of an odd number of frames, in batches of four; also where a run goes on in the middle. It has a report."""
    found = run("out")
    found_rows = {row["name"]: row for row in found.rows}
    tlp = jax.jit(lambda x, y: temporal_lpips(x, y, params=PARAMS, data_range=1.0))
    for name in ("one", "two"):
        first, *others = found_rows[name]["frames"][TEMPORAL.name]
        assert np.isnan(first) and len(others) == LENGTHS[name] - 1
        expected = float(tlp(frames("made", name), frames("real", name)))
        assert expected > 1e-3
        assert found_rows[name]["scores"][TEMPORAL.name] == pytest.approx(np.mean(others))
        assert np.mean(others) == pytest.approx(expected, rel=0, abs=2e-6)
    assert np.isnan(found_rows["still"]["scores"][TEMPORAL.name]) and found_rows["still"]["scores"]["mae"] > 0
    assert found.notes == ("still: temporal_lpips is not computed: it needs two frames.",)
    scores = Path("out/scores.jsonl")
    lines = scores.read_text().splitlines(keepends=True)
    scores.write_text("".join(lines[:1] + lines[2:]))
    run("out")
    assert sorted(scores.read_text().splitlines(keepends=True)) == sorted(lines)
    write_report("out")
    assert TEMPORAL.name in Path("out/table.csv").read_text().splitlines()[0]


def test_images_are_no_videos() -> None:
    with pytest.raises(InputError, match=r"^temporal_lpips is of videos\. If these are some, say so: --video, "):
        evaluate("real", "made", metrics=[TEMPORAL.name])


def test_a_frame_comes_with_the_one_before_it_in_its_video() -> None:
    places = [Place(0, 0, 0, 0), Place(0, 1, 0, 1), Place(1, 0, 0, 2), Place(1, 1, 1, 0), Place(1, 2, 1, 2)]
    images = [Decoded(place, np.full((1, 1, 1), n), -np.full((1, 1, 1), n)) for n, place in enumerate(places)]
    found = list(with_frames_before(images))
    assert [image._replace(before=None) for image in found] == images
    assert [image.before and tuple(z.item() for z in image.before) for image in found] == [
        None, (0, 0), (1, -1), None, None,
    ]  # fmt: skip
