"""Metrics of light are scored on files of light, and nothing else is."""

from pathlib import Path

import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.evaluate import choose_metrics, compare, evaluate, find_display, on_display, suited
from jaxloss.ops import DISPLAYS
from jaxloss.registry import METRICS, Metric
from tests.images._light import write_light


def names(rows: tuple[Metric, ...]) -> list[str]:
    return [row.name for row in rows]


def test_folders_of_light_are_scored(tmp_path: Path, rng: np.random.Generator) -> None:
    """As the functions score arrays; of all metrics those that take light."""
    y = (300 * rng.random((3, 24, 27, 3)) ** 2).astype(np.float32)
    for number, image in enumerate(y):
        for folder, factor in (("real", 1), ("made", 0.9)):
            (tmp_path / folder).mkdir(exist_ok=True)
            write_light(tmp_path / folder / f"{number}.exr", factor * image)
    display = DISPLAYS["absolute"]._replace(exposure=2)
    chosen = ["pu_psnr", "pu_ssim"]
    found = evaluate(
        tmp_path / "real", tmp_path / "made", output=tmp_path / "out", metrics=chosen, display=display, limit=3
    )
    assert [row.get("error") for row in found.rows] == [None] * 3
    for row, image in zip(found.rows, y, strict=True):
        ((expected),) = compare(2 * image, [2 * np.float32(0.9) * image], metrics=chosen, display="absolute")
        np.testing.assert_allclose(list(row["scores"].values()), list(expected.values()), rtol=1e-5)
    with pytest.raises(InputError, match="out"):  # on another display it is another run
        evaluate(tmp_path / "real", tmp_path / "made", output=tmp_path / "out", metrics=chosen, display="absolute")


def test_metrics_of_light_are_chosen_for_files_of_light() -> None:
    rows = choose_metrics()
    assert names(suited(rows, ["a.exr", "b.hdr"], None, named=False)) == ["hdr_flip"]
    of_light = names(suited(rows, ["a.exr"], "absolute", named=False))
    assert {"hdr_flip", "pu_psnr", "pu_ssim"} <= set(of_light) and "psnr" not in of_light
    assert names(suited(rows, ["a.png"], None, named=False)) == names(rows)


@pytest.mark.parametrize(
    ("metrics", "files", "display", "message"),
    [
        (["psnr"], ["a.png", "b.exr"], None, "b.exr: holds light, which psnr does not take. Name metrics"),
        (["pu_psnr"], ["b.exr"], "standard_4k", "b.exr: holds light, which pu_psnr does not take"),
        (["pu_psnr"], ["a.png"], "absolute", "a.png: holds encoded pixels, and a linear display takes light"),
        (["psnr"], ["a.png"], "standard_4k", "no display is needed for psnr"),
        (["pu_psnr"], ["a.png"], "standard_8k", "no display 'standard_8k'. Did you mean"),
    ],
)
def test_what_does_not_suit_is_refused(metrics: list[str], files: list[str], display: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        suited(choose_metrics(metrics), files, display, named=True)


def test_displays_by_name() -> None:
    assert find_display(None) is None and find_display("absolute") == DISPLAYS["absolute"]
    assert find_display("absolute", 100.0) == DISPLAYS["absolute"]._replace(exposure=100)
    for name, exposure, message in ((None, 2.0, "is that of a display"), ("absolute", -1.0, "must be > 0")):
        with pytest.raises(InputError, match=message):
            find_display(name, exposure)
    (row,) = on_display([METRICS["pu_psnr"]], "standard_phone")
    assert row.name == "pu_psnr" and row.options == {"display": DISPLAYS["standard_phone"]}
