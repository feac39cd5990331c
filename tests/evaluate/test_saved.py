"""A file of parameters is one more metric: LPIPS through its network, weighted where the file has heads."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import InputError, save_params
from jaxloss.evaluate import choose_metrics, compare, metric_from_file
from jaxloss.weights._errors import WeightsError
from tests.networks import one_layer_alexnet


Params = dict[str, Any]


@pytest.fixture(autouse=True)
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Params]:
    """Of LPIPS through an AlexNet of one layer; the current directory is empty."""
    monkeypatch.chdir(tmp_path)
    with one_layer_alexnet() as params:
        yield params


def test_scores_are_those_of_lpips(params: Params, photograph: np.ndarray) -> None:
    """With weights of 2, LPIPS is twice the unweighted distance."""
    save_params("tuned.safetensors", params)
    save_params("trunk.safetensors", params["trunk"])
    rows = [metric_from_file("tuned.safetensors"), metric_from_file(Path("trunk.safetensors"))]
    assert [(row.name, row.kind, row.smallest, row.channels) for row in rows] == [
        ("tuned", "metric", 1, (3,)),
        ("trunk", "metric", 1, (3,)),
    ]
    x, y = photograph[:8, :8], photograph[8:16, :8]
    (scores,) = compare(y, [x], metrics=["mae", *rows])
    assert list(scores) == ["mae", "tuned", "trunk"]
    assert scores["tuned"] == pytest.approx(2 * scores["trunk"], rel=1e-5) and scores["trunk"] > 1e-3


def test_names_tell_rows_apart(params: Params) -> None:
    Path("other").mkdir()
    for path in ("ssim.safetensors", "mine.safetensors", "other/mine.safetensors"):
        save_params(path, params)
    mine, other, ssim = map(metric_from_file, ("mine.safetensors", "other/mine.safetensors", "ssim.safetensors"))
    assert choose_metrics([mine, mine, ssim]) == (mine, ssim)
    for metrics, name in (([mine, other], "mine"), (["ssim", ssim], "ssim")):
        with pytest.raises(InputError, match=f"^two metrics are called '{name}'. Rename the file of one of them.$"):
            choose_metrics(metrics)


def test_what_is_no_metric() -> None:
    save_params("mine.safetensors", {"w": jnp.zeros(3)}, net="resnet")
    with pytest.raises(InputError, match=r"^mine\.safetensors: parameters of the network 'resnet', .*: alex, vgg, squ"):
        metric_from_file("mine.safetensors")
    with pytest.raises(InputError, match=r"^nowhere\.safetensors: no such file\.$"):
        metric_from_file("nowhere.safetensors")
    Path("text.safetensors").write_text("text")
    with pytest.raises(WeightsError, match="expected a file of safetensors"):
        metric_from_file("text.safetensors")
