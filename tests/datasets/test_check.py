"""All that is wrong with a folder is said, not only what comes first."""

from pathlib import Path

import pytest
from PIL import Image

from jaxloss import InputError
from jaxloss.datasets import check_trials
from tests.datasets._sets import choice_sets, comparison_sets


def test_what_is_right(tmp_path: Path) -> None:
    choice_sets(tmp_path, 5)
    comparison_sets(tmp_path, 2)
    first, second = check_trials(tmp_path)
    assert first.trials is not None and len(first.trials) == 5
    assert first.ceiling == pytest.approx((2 * 1 + 2 * (0.75**2 + 0.25**2) + 0.5) / 5)
    assert (first.sizes, first.problems) == (((8, 8),), ())
    assert (second.name, second.ceiling, second.problems) == ("jnd", None, ())
    assert check_trials(tmp_path, images=False)[0].sizes == ()


def test_what_is_wrong(tmp_path: Path) -> None:
    choice_sets(tmp_path, 3, 6, 1)
    root = tmp_path / "2afc"
    (root / "a" / "p0" / "000001.png").unlink()
    for number in range(4):
        (root / "b" / "p1" / f"00000{number}.png").write_bytes(b"no image")
    Image.new("RGB", (8, 9)).save(root / "b" / "p0" / "000004.png")
    unpaired, unreadable, right = check_trials(tmp_path)
    assert unpaired.trials is None and "missing in p0: 000001." in unpaired.problems[0]
    assert unreadable.sizes == ((8, 8), (9, 8))
    *images, more = unreadable.problems
    assert images[0] == f"{root}/b/p1/000000.png: not an image that Pillow can read." and len(images) == 3
    assert more == "2afc/b: there are 2 more problems like these."
    assert right.problems == ()
    (alone,) = check_trials(root / "a")
    assert alone.name == "a"
    Image.new("RGB", (8, 9)).save(root / "c" / "p0" / "000000.png")
    assert check_trials(root / "c")[0].problems == (
        f"{root}/c/ref/000000.png: the images of this trial differ in size.",
    )
    with pytest.raises(InputError, match="no such file"):
        check_trials(tmp_path / "nowhere")
