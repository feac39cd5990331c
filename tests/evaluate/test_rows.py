"""Rows are complete, or say why they are not, once."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from jaxloss.evaluate import Pair, choose_metrics
from jaxloss.evaluate._decode import Decoded
from jaxloss.evaluate._plan import Place, Plan
from jaxloss.evaluate._rows import Collector


def collector(*frames: int) -> Collector:
    pairs = [Pair(f"{n}", "made", Path(f"real/{n}.png"), Path(f"made/{n}.png")) for n in range(len(frames))]
    return Collector(pairs, choose_metrics(["mae", "ssim"]), Plan((), (), frames, {}, False))


def image(pair: int, frame: int = 0, side: int = 12, **more: Any) -> Decoded:
    pixels = np.zeros((side, side, 3), np.float32)
    return Decoded(Place(0, 0, pair, frame), pixels, pixels, **more)


def test_an_image() -> None:
    (row,) = collector(1).add(image(0), {"mae": 0.5, "ssim": 0.25})
    about = {"method": "made", "name": "0", "reference": "real/0.png", "test": "made/0.png"}
    assert row == {**about, "shape": [12, 12, 3], "scores": {"mae": 0.5, "ssim": 0.25}}


def test_a_video_waits_for_its_frames() -> None:
    found = collector(3, 1)
    assert found.add(image(0, 2), {"mae": 6.0, "ssim": 0.0}) == found.add(image(0, 0), {"mae": 1.0, "ssim": 0.5}) == []
    assert found.add(image(1), {"mae": 0.0})[0]["name"] == "1"
    (row,) = found.add(image(0, 1), {"mae": 2.0, "ssim": 1.0})
    assert row["frames"] == {"mae": [1, 2, 6], "ssim": [0.5, 1, 0]} and row["scores"] == {"mae": 3, "ssim": 0.5}


def test_a_pair_fails_once() -> None:
    found = collector(2)
    assert found.add(image(0, 0), {"mae": 1.0, "ssim": 0.5}) == []
    (row,) = found.fail(0, "made/0.png:\n broken.")
    assert row["error"] == "made/0.png: broken." and "scores" not in row
    assert found.fail(0, "Again.") == found.add(image(0, 1), {"mae": 1.0}) == []


def test_notes_name_files_once() -> None:
    found = collector(1, 1, 1, 1)
    for number in range(4):
        (row,) = found.add(image(number, side=8, notes=("made/x.png: turned.",)), {"mae": 0.0})
        assert math.isnan(row["scores"]["ssim"])
    assert found.notes() == [
        "0.png, 1.png, 2.png and 1 more: ssim is not computed: it needs 11 x 11 pixels, not 8 x 8.",
        "made/x.png: turned.",
    ]
