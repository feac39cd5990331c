"""Curves measured on files: the shares of the masks and the losses of the metric."""

import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

import jaxloss
from jaxloss import InputError
from jaxloss.curves import measure_files
from tests.curves._states import write_states


@pytest.fixture(autouse=True)
def states(photograph: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.chdir(tmp_path)
    return write_states(photograph)


@pytest.mark.parametrize("metric", ["lpips", "mse"])
def test_curve(states: np.ndarray, metric: str) -> None:
    share, loss = measure_files("target.png", [f"state{number}.png" for number in range(3)], "masks", metric=metric)
    np.testing.assert_allclose(share, [0.25, 0.5, 0.75])
    first = np.where(np.arange(48)[:, None] < 12, states, np.float32(128 / 255))
    if metric == "mse":
        expected = ((first - states) ** 2).mean()
    else:
        distance, params = jax.jit(jaxloss.lpips), jaxloss.load_params("lpips-alex")
        expected = distance(first, states, params=params, data_range=1.0)
    np.testing.assert_allclose(np.asarray(loss)[0], expected, rtol=1e-4)
    assert (np.diff(np.asarray(loss)) < 0).all()


@pytest.mark.parametrize(
    ("target", "state", "metric", "message"),
    [
        ("target.png", "small.png", "mse", "small.png is 40 x 40 and target.png is 48 x 40 pixels."),
        (
            "small.png",
            "state0.png",
            "mse",
            "masks/state0.png is 48 x 40 and small.png is 40 x 40 pixels. A mask has",
        ),
        ("target.png", "state0.png", "ms_ssim", "ms_ssim is better when higher, and is no loss."),
        ("gray.png", "state0.png", "lpips", "gray.png: lpips is not computed: it needs 3 channels, not 1."),
    ],
)
def test_files_and_metric_have_to_fit(target: str, state: str, metric: str, message: str) -> None:
    shutil.copy("masks/state0.png", "masks/small.png")
    with Image.open("target.png") as image:
        image.convert("L").save("gray.png")
    with pytest.raises(InputError) as caught:
        measure_files(target, [state], "masks", metric=metric)
    assert str(caught.value).startswith(message)
