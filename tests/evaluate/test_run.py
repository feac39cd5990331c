"""A run has the rows of its pairs one by one, whatever stops it and whatever is wrong with a file."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from PIL import Image

from jaxloss import InputError, lpips
from jaxloss.evaluate import Evaluation, compare, evaluate
from jaxloss.evaluate._plan import Batch
from jaxloss.evaluate._step import Step
from jaxloss.images import read_image
from tests.evaluate._folders_of_images import METRICS, save, write_folders
from tests.networks import thin_networks, tiny_params


METHODS = ["a", "b"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_folders(Path(), 10, METHODS)


def rows(name: str = "out") -> list[str]:
    return sorted(Path(name, "scores.jsonl").read_text().splitlines())


def check_one_by_one(found: Evaluation, metrics: list[str]) -> None:
    for row in found.rows:
        x, y = (read_image(row[key]).pixels for key in ("test", "reference"))
        (expected,) = compare(y, [x], metrics=metrics)
        assert row["shape"] == list(y.shape)
        for name in metrics:
            np.testing.assert_allclose(row["scores"][name], expected[name], rtol=1e-5)


def test_scores_are_those_of_pairs_one_by_one() -> None:
    """Of mixed sizes, on eight devices, in batches that are not full."""
    done: list[tuple[int, int]] = []
    said: list[str] = []
    found = evaluate("real", METHODS, metrics=METRICS, progress=lambda *n: done.append(n), note=said.append)
    assert {(row["method"], row["name"]) for row in found.rows} == {(m, f"{n}.png") for m in METHODS for n in range(10)}
    check_one_by_one(found, METRICS)
    assert done[0] == (0, 20) and done[-1] == (20, 20) and said == [] == list(found.notes)
    one = evaluate("real", METHODS, metrics=METRICS, devices=1, batch_size=3)
    by_key = {(row["method"], row["name"]): row["scores"] for row in one.rows}
    for row in found.rows:
        np.testing.assert_allclose(
            list(row["scores"].values()), list(by_key[row["method"], row["name"]].values()), rtol=1e-5
        )


def test_many_sizes_are_few_programs_where_pixels_count_by_themselves() -> None:
    write_folders(Path("many"), 9, sizes=[(16, 20 + number) for number in range(9)])
    found = evaluate("many/real", "many/made", metrics=["psnr", "mae"])
    check_one_by_one(found, ["psnr", "mae"])
    assert found.notes == ()
    (note,) = evaluate("many/real", "many/made", metrics=["scc"], devices=1).notes
    assert note == "there are 9 sizes of images, for each of which the metrics are compiled."


@pytest.mark.parametrize(("references", "expected"), [("real", 4), ("real/0.png", 1)])
def test_networks_look_once_at_references(references: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several methods, in three batches of references, one again for a damaged file; or of all images."""
    params = tiny_params("lpips-alex", short=True)
    write_folders(Path(), 10, METHODS, sizes=[(32, 34)])
    Path("b/3.png").unlink()
    Path("a/6.png").write_bytes(b"")
    looked: list[int] = []
    compiled = Step._compiled

    def counted(look: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            looked.append(1)
            return look(*given)

        return call

    def with_counts(step: Step, batch: Batch) -> Any:
        return tuple((family, (*map(counted, looks), last)) for family, (*looks, last) in compiled(step, batch))

    monkeypatch.setattr(Step, "_compiled", with_counts)
    monkeypatch.setattr("jaxloss.evaluate._step.load_params", lambda name: params)
    options: dict[str, Any] = dict(metrics=["lpips", "mae"], batch_size=4, devices=2, output="out")
    with thin_networks(short=True):
        found = evaluate(references, METHODS, **options)
        assert len(looked) == expected
        lines = rows()
        Path("out/scores.jsonl").write_text("\n".join(lines[::2]) + "\n")
        evaluate(references, METHODS, **options)
    assert rows() == lines
    score = jax.jit(lambda x, y: lpips(x, y, params=params, data_range=1.0))
    with thin_networks(short=True):
        for row in found.rows:
            if "error" not in row:
                x, y = (read_image(row[key]).pixels for key in ("test", "reference"))
                np.testing.assert_allclose(row["scores"]["lpips"], score(x, y), rtol=1e-5)
                np.testing.assert_allclose(row["scores"]["mae"], np.abs(x - y).mean(), rtol=1e-5)
    assert sum("error" in row for row in found.rows) == 1 and len(found.rows) == 19


def test_a_stopped_run_goes_on_to_the_same_rows() -> None:
    """After Ctrl-C, a line that was cut off, and an output of other settings that was refused."""
    options: dict[str, Any] = dict(metrics=METRICS, batch_size=8)
    evaluate("real", METHODS, output="whole", **options)

    def stop(done: int, count: int) -> None:
        if done > 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate("real", METHODS, output="out", progress=stop, **options)
    kept = rows()
    assert 0 < len(kept) < 20
    with Path("out/scores.jsonl").open("a") as file:
        file.write(kept[0][:30])
    with pytest.raises(InputError, match=r"^out: holds a run with other settings: metrics, better\. Name another"):
        evaluate("real", METHODS, output="out", metrics=["mae"])
    found = evaluate("real", METHODS, output="out", **options)
    assert rows() == rows("whole") and set(kept) < set(rows()) and len(found.rows) == 20
    assert {path.name for path in Path("out").iterdir()} == {"run.json", "scores.jsonl"}
    seen: list[tuple[int, int]] = []
    evaluate("real", METHODS, output="out", progress=lambda *numbers: seen.append(numbers), **options)
    assert seen == [(20, 20)] and rows() == rows("whole")


def test_bad_files_are_told_of_and_tried_again() -> None:
    whole = Path("a/2.png").read_bytes()
    for name, content in {"a/0": b"", "a/1": b"no image", "a/2": whole[:150], "real/3": b"\x89PNG"}.items():
        Path(f"{name}.png").write_bytes(content)
    Image.new("RGB", (7, 7)).save("b/4.png")
    found = evaluate("real", METHODS, output="out", metrics=["mae"])
    errors = {(row["method"], row["name"][0]): row["error"] for row in found.rows if "error" in row}
    assert set(errors) == {("a", "0"), ("a", "1"), ("a", "2"), ("a", "3"), ("b", "3"), ("b", "4")}
    assert errors["a", "1"] == "a/1.png: not an image that Pillow can read." and len(found.rows) == 20
    with pytest.raises(InputError, match=r"^(a/0\.png|a/1\.png|a/2\.png|real/3\.png|b/4\.png)"):
        evaluate("real", METHODS, metrics=["mae"], strict=True)
    Path("a/2.png").write_bytes(whole)
    again = evaluate("real", METHODS, output="out", metrics=["mae"]).rows
    assert sum("error" in row for row in again) == 5 and len(rows()) == len(set(rows())) == 20


def test_videos() -> None:
    rng = np.random.default_rng(0)
    for frame in range(5):
        pixels = rng.random((12, 14, 3))
        save(Path(f"clips/real/walk/{frame}.png"), pixels)
        save(Path(f"clips/made/walk/{frame}.png"), pixels + 0.01 * frame)
    gray = [Image.fromarray(rng.integers(0, 255, (12, 14), np.uint8)) for _ in range(3)]
    for folder, frames in (("real", gray), ("made", gray[::-1])):
        frames[0].save(f"clips/{folder}/run.tif", save_all=True, append_images=frames[1:])
    found = {row["name"]: row for row in evaluate("clips/real", "clips/made", metrics=["mae", "ssim"], video=True).rows}
    walk, run = found["walk"], found["run.tif"]
    for frame in range(5):
        x, y = (read_image(f"clips/{name}/walk/{frame}.png").pixels for name in ("made", "real"))
        (expected,) = compare(y, [x], metrics=["mae", "ssim"])
        for name, score in expected.items():
            np.testing.assert_allclose(walk["frames"][name][frame], score, rtol=1e-5, atol=1e-7)
    assert walk["scores"]["mae"] == pytest.approx(np.mean(walk["frames"]["mae"]))
    assert run["frames"]["mae"][1] == 0 and run["frames"]["mae"][0] == pytest.approx(run["frames"]["mae"][2])
    assert run["shape"] == [12, 14, 1]


def test_unpaired_files_limits_and_settings() -> None:
    Path("b/9.png").unlink()
    found = evaluate("real", METHODS, output="out", metrics=["mae"], limit=2)
    assert [row["name"] for row in found.rows] == ["0.png"] * 2 + ["1.png"] * 2
    assert found.unpaired == (Path("real/9.png"),) and found.notes == ("real/9.png without a partner in b.",)
    settings = json.loads(Path("out/run.json").read_text())
    assert settings["unpaired"] == ["real/9.png"] and settings["methods"] == METHODS
    assert (settings["metrics"], settings["better"]) == (["mae"], {"mae": "lower"})
    assert settings["tests"] == {"a": "a", "b": "b"}
    Path("b/9.png").write_bytes(Path("a/9.png").read_bytes())
    assert evaluate("real", METHODS, output="out", metrics=["mae"], limit=2).unpaired == ()
    assert json.loads(Path("out/run.json").read_text())["unpaired"] == []
    with pytest.raises(InputError, match=r"^out: holds a run with other settings: tests\. Name another folder"):
        evaluate("real", {"a": "b", "b": "b"}, output="out", metrics=["mae"], limit=2)
    Path("b/9.png").unlink()
    with pytest.raises(InputError, match=r"^real/9\.png without a partner in b\.$"):
        evaluate("real", METHODS, metrics=["mae"], strict=True)


def test_not_computed_is_nan_and_null() -> None:
    found = evaluate("real", "real", output="out", metrics=["psnr", "ms_ssim"], limit=1)
    assert found.rows[0]["scores"]["psnr"] == math.inf and math.isnan(found.rows[0]["scores"]["ms_ssim"])
    assert json.loads(rows()[0])["scores"] == {"psnr": "inf", "ms_ssim": None}
    assert found.notes == ("0.png: ms_ssim is not computed: it needs 161 x 161 pixels, not 20 x 16.",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "^limit must be 1 or more, got 0"),
        ({"batch_size": 0}, "^batch_size must be 1 or more"),
        ({"devices": 9}, "^there are 8 devices, not 9"),
        ({"match": "stems"}, "^there is no match 'stems'. Did you mean 'stem'"),
        ({"metrics": ["sim"]}, "^no metric 'sim'"),
        ({"output": "real/0.png"}, r"^real/0\.png: cannot be written to"),
    ],
)
def test_mistakes(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate("real", "a", **{"metrics": ["mae"], **options})
