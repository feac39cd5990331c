"""What the filled holes score, as a table."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from benchmarks._results import Run
from benchmarks.studies.inpainting._summary import COLUMNS, newest, rows, score
from benchmarks.studies.inpainting._training import Examples


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


def test_pixels_count_in_holes_only(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    monkeypatch.setattr(jaxloss, "lpips", lambda x, y, *, params, data_range, net: jnp.array([0.25, 0.75]))
    for name in ("psnr", "mae", "ssim"):
        monkeypatch.setattr(jaxloss, name, jax.jit(getattr(jaxloss, name)))
    target = jnp.asarray(rng.random((2, 16, 16, 3)), jnp.float32)
    mask = jnp.ones((2, 16, 16)).at[:, 4:8, 4:8].set(0)
    images = jnp.where(mask[..., None] > 0, target, target + 0.1)
    found = score(images, Examples(target, mask))
    assert list(found) == list(COLUMNS)
    assert found["mae"] == pytest.approx(100, rel=1e-5) and found["psnr"] == pytest.approx(20, rel=1e-5)
    assert found["lpips"] == found["lpips_vgg"] == 0.5
    assert found["ssim"] == pytest.approx(float(jaxloss.ssim(images, target, data_range=1.0).mean()), abs=1e-6)
