"""A file of parameters is one more metric: LPIPS through its network, weighted where the file has heads."""

from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import InputError, save_params
from jaxloss.evaluate import choose_metrics, compare, metric_from_file
from jaxloss.registry import METRICS
from jaxloss.weights._errors import WeightsError
from tests.networks import thin_networks, tiny_params


PARAMS = tiny_params("lpips-alex")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current directory; networks are thin."""
    monkeypatch.chdir(tmp_path)
    with thin_networks():
        yield tmp_path


def test_scores_are_those_of_lpips(photograph: np.ndarray) -> None:
    """With equal weights, LPIPS is the unweighted distance as many times."""
    save_params(
        "tuned.safetensors", {**PARAMS, "heads": jax.tree.map(lambda head: np.full_like(head, 2), PARAMS["heads"])}
    )
    save_params("trunk.safetensors", PARAMS["trunk"])
    rows = [metric_from_file("tuned.safetensors"), metric_from_file(Path("trunk.safetensors"))]
    least = METRICS["lpips"].smallest
    assert [(row.name, row.kind, row.smallest, row.channels) for row in rows] == [
        ("tuned", "metric", least, (3,)),
        ("trunk", "metric", least, (3,)),
    ]
    x, y = photograph[:least, :least], photograph[least : 2 * least, :least]
    (scores,) = compare(y, [x], metrics=["mae", *rows])
    assert list(scores) == ["mae", "tuned", "trunk"]
    assert scores["tuned"] == pytest.approx(2 * scores["trunk"], rel=1e-5) and scores["trunk"] > 0.01


def test_names_tell_rows_apart(folder: Path) -> None:
    (folder / "other").mkdir()
    for path in ("ssim.safetensors", "mine.safetensors", "other/mine.safetensors"):
        save_params(path, PARAMS)
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
