"""Inception v3 against pytorch-fid's and torch-fidelity's, with random weights that torch has saved."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import numpy as np
import pytest

from jaxloss.backbones._inception import DIMENSIONS, mean_features
from jaxloss.weights._inception import folded, from_inception
from jaxloss.weights._pth import read_pth
from jaxloss.weights._tensors import nest
from tests.parity._peers import foreign_code, peer
from tests.weights._networks import inception_state


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As torch writes it, with the counters of batch normalization."""
    torch, path = peer("torch"), tmp_path_factory.mktemp("weights") / "inception.pth"
    state = {name: torch.from_numpy(z) for name, z in inception_state(np.random.default_rng(0)).items()}
    torch.save({**state, "Conv2d_1a_3x3.bn.num_batches_tracked": torch.tensor(0)}, path)
    return path


@pytest.fixture(scope="module")
def single(file: Path) -> dict[str, Any]:
    return nest(from_inception(read_pth(file), str(file)))


@pytest.fixture(scope="module")
def pytorch_fid(file: Path) -> Iterator[Any]:
    """With all four outputs, and its own resizing."""
    torch, _, module = peer("torch"), peer("torchvision"), peer("pytorch_fid.inception")
    with foreign_code(), mock.patch.object(module, "load_state_dict_from_url", lambda *_, **__: torch.load(file)):
        yield module.InceptionV3([0, 1, 2, 3]).eval()


@pytest.fixture(scope="module")
def torch_fidelity(file: Path) -> Any:
    peer("torchvision")
    module = peer("torch_fidelity.feature_extractor_inceptionv3")
    wanted = [*map(str, DIMENSIONS), "logits_unbiased", "logits"]
    with foreign_code():
        return module.FeatureExtractorInceptionV3("inception", wanted, feature_extractor_weights_path=str(file))


def planes(x: np.ndarray) -> Any:
    return peer("torch").from_numpy(np.moveaxis(x, -1, 1).copy())


def relative_error(found: Any, expected: np.ndarray) -> float:
    return float(np.abs(np.asarray(found) - expected).max() / np.abs(expected).max())


def test_graph(file: Path, single: dict[str, Any], pytorch_fid: Any, rng: np.random.Generator) -> None:
    """In float64 from float64, in float32 from what is kept in files."""
    x = rng.random((1, 75, 91, 3))
    torch = peer("torch")
    with foreign_code(), torch.no_grad(), mock.patch.object(pytorch_fid, "resize_input", False):
        theirs = [z.mean((2, 3)).numpy() for z in pytorch_fid.double()(planes(x))]
    pytorch_fid.float()

    def features(x: Any, params: Any, dimension: int) -> jax.Array:
        return mean_features(2 * x - 1, params=params, dimension=dimension, precision="highest")

    extract = jax.jit(features, static_argnums=2)
    for dimension, expected in zip(DIMENSIONS, theirs, strict=True):
        assert relative_error(extract(x.astype(np.float32), single, dimension), expected) < 3e-6
    with jax.enable_x64(True):
        double = nest(folded(read_pth(file), str(file)))
        assert relative_error(extract(x, double, 2048), theirs[-1]) < 1e-12
