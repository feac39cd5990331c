"""The files of ST-LPIPS, of random numbers here: whole metrics under the names of its authors' package."""

from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from jaxloss import load_params
from jaxloss.backbones._features import BACKBONES, PREPROCESSING
from jaxloss.backbones._lpips_nets import ST_NETS
from jaxloss.weights._errors import WeightsError
from jaxloss.weights._st_lpips import convert_st_lpips, is_st_lpips
from tests.weights._pth_files import saved
from tests.weights._st_files import SMALL, state_of


@pytest.fixture(autouse=True)
def small_networks():
    with mock.patch.dict(BACKBONES, SMALL):
        yield


@pytest.mark.parametrize("net", ST_NETS)
def test_conversion(net: str, tmp_path: Path, rng: np.random.Generator) -> None:
    path, state = tmp_path / "st.pth", state_of(net, rng)
    path.write_bytes(saved(state, legacy=False))
    assert is_st_lpips(path)
    name, tensors = convert_st_lpips(path)
    layers = ST_NETS[net].layers
    assert name == net and [key for key in tensors if key.startswith("heads/")] == [
        f"heads/{layer}" for layer in layers
    ]
    np.testing.assert_array_equal(tensors[f"heads/{layers[1]}"], state["lin1.model.1.weight"].ravel())
    first, *_ = (key for key in state if key.endswith(".0.weight") and "net" in key)
    kernel = next(value for key, value in tensors.items() if key.endswith("/kernel"))
    np.testing.assert_array_equal(kernel, state[first].transpose(2, 3, 1, 0))
    np.testing.assert_allclose(tensors["preprocessing/offset"], PREPROCESSING["lpips"].offset, rtol=1e-6)


def test_other_files_are_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    path, state = tmp_path / "st.pth", state_of("st_alex", rng)
    blur = next(key for key in state if key.endswith(".filt"))
    for change, words in (
        ({"scaling_layer.shift": np.zeros((1, 3, 1, 1), np.float32)}, "the published scaling_layer.shift, got other"),
        ({blur: state[blur] + 0.1}, "the published .*filt, got other numbers"),
        ({"net.slice9.99.weight": np.zeros((1, 1), np.float32)}, r"the network of one of \['st_alex', 'st_vgg'\]"),
    ):
        path.write_bytes(saved({**state, **change}, legacy=False))
        with pytest.raises(WeightsError, match=f"st.pth: expected {words}"):
            convert_st_lpips(path)
    path.write_bytes(saved({"features.0.weight": np.zeros((1, 1), np.float32)}, legacy=False))
    assert not is_st_lpips(path)


def test_shipped_numbers_are_a_metric() -> None:
    params = load_params("lpips-st_alex")
    assert (
        list(params) == ["trunk", "heads", "preprocessing"] and params["trunk"]["conv3"]["kernel"].dtype == np.float32
    )
    assert all(head.min() >= 0 for head in params["heads"].values())
