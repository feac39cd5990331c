"""Inception v3 against pytorch-fid's and torch-fidelity's, with random weights that torch has saved."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import numpy as np
import pytest

from jaxloss.backbones._inception import DIMENSIONS, SPATIAL
from jaxloss.evaluate import set_statistics
from jaxloss.sets._inception import (
    FID_CONVENTIONS,
    inception_features,
    inception_logits,
    network_features,
    prepare_images,
)
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
    """In float64 from float64, in float32 from what is kept in files. sFID is of one branch of a block, as in ADM."""
    x = rng.random((1, 75, 91, 3))
    torch, branches = peer("torch"), []
    branch = pytorch_fid.blocks[2][6].branch1x1  # of Mixed_6d, counted from Mixed_5b
    hook = branch.register_forward_hook(lambda _, __, output: branches.append(output))
    with foreign_code(), torch.no_grad(), mock.patch.object(pytorch_fid, "resize_input", False):
        theirs = [z.mean((2, 3)).numpy() for z in pytorch_fid.double()(planes(x))]
    hook.remove()
    theirs.append(branches[0][:, :7].permute(0, 2, 3, 1).flatten(1).numpy())
    pytorch_fid.float()

    def features(x: Any, params: Any, dimension: int) -> jax.Array:
        return network_features("test", 2 * x - 1, params=params, dimension=dimension, precision="highest")

    extract = jax.jit(features, static_argnums=2)
    for dimension, expected in zip((*DIMENSIONS, SPATIAL), theirs, strict=True):
        assert relative_error(extract(x.astype(np.float32), single, dimension), expected) < 3e-6
    with jax.enable_x64(True):
        double = nest(folded(read_pth(file), str(file)))
        assert relative_error(extract(x, double, 2048), theirs[3]) < 1e-12


def images_of_8_bits(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """With edges, from which bicubic resizing overshoots."""
    return (rng.integers(0, 2, (*shape, 3)) * rng.integers(100, 256, (*shape, 3))).astype(np.uint8)


def test_images(pytorch_fid: Any, torch_fidelity: Any, rng: np.random.Generator) -> None:
    """What the networks are shown, to rounding; enlarged and made smaller."""
    torch, clean = peer("torch"), peer("cleanfid.resize")
    for shape in ((40, 30), (320, 310)):
        levels = images_of_8_bits(rng, *shape)
        shown: dict[str, list[np.ndarray]] = {}

        def look(name: str, shown: dict[str, list[np.ndarray]] = shown) -> Any:
            return lambda _, inputs: shown.setdefault(name, []).append(inputs[0].numpy()[0])

        with foreign_code(), torch.no_grad():
            hooks = [
                pytorch_fid.blocks[0][0].register_forward_pre_hook(look("pytorch-fid")),
                torch_fidelity.Conv2d_1a_3x3.register_forward_pre_hook(look("torch-fidelity")),
            ]
            with mock.patch.object(pytorch_fid, "last_needed_block", 0):
                pytorch_fid(planes(levels[None]).float() / 255)
            with mock.patch.object(torch_fidelity, "features_list", ["64"]):
                torch_fidelity(planes(levels[None]))
            cleaned = clean.build_resizer("clean")(levels)
        for hook in hooks:
            hook.remove()
        expected = {name: np.moveaxis(z[0], 0, -1) for name, z in shown.items()}
        expected |= {"clean-fid": (cleaned - 128) / 128, "adm": expected["torch-fidelity"]}
        assert expected.keys() == FID_CONVENTIONS.keys()
        for convention, z in expected.items():
            found = prepare_images(levels / np.float32(255), data_range=1.0, convention=convention)
            np.testing.assert_allclose(found, z, atol=2e-6)


def test_features(single: dict[str, Any], pytorch_fid: Any, torch_fidelity: Any, rng: np.random.Generator) -> None:
    """From images to features and logits."""
    levels, torch = images_of_8_bits(rng, 1, 50, 40), peer("torch")
    with foreign_code(), torch.no_grad():
        *_, last = pytorch_fid(planes(levels).float() / 255)
        *_, features, unbiased, biased = (z.numpy() for z in torch_fidelity(planes(levels)))
    images = levels / np.float32(255)
    extract = jax.jit(
        lambda x, convention: inception_features(x, params=single, data_range=1.0, convention=convention),
        static_argnums=1,
    )
    assert relative_error(extract(images, "pytorch-fid"), last.numpy()[..., 0, 0]) < 1e-5
    found = extract(images, "torch-fidelity")
    assert relative_error(found, features) < 1e-5
    assert relative_error(inception_logits(found, params=single), unbiased) < 1e-5
    assert relative_error(inception_logits(found, params=single, bias=True), biased) < 1e-5


def test_folder(single: dict[str, Any], pytorch_fid: Any, tmp_path: Path, rng: np.random.Generator) -> None:
    """From files, of any modes and sizes, to mean and covariance."""
    images, files = peer("PIL.Image"), []
    for number, (height, width, channels) in enumerate(((40, 50, 3), (60, 30, 1), (33, 35, 4), (40, 50, 3))):
        pixels = rng.integers(0, 256, (height, width, channels)).astype(np.uint8)
        files.append(tmp_path / f"{number}.png")
        images.fromarray(pixels.squeeze()).save(files[-1])
    score = peer("pytorch_fid.fid_score")
    with foreign_code(), mock.patch.object(pytorch_fid, "output_blocks", [3]):
        options = {"batch_size": 1, "dims": 2048, "device": "cpu", "num_workers": 0}
        mean, covariance = score.calculate_activation_statistics(files, pytorch_fid, **options)
    (found,) = set_statistics([tmp_path], convention="pytorch-fid", batch=3, params=single, allow_singular=True)
    assert relative_error(found.statistics.mean, mean) < 1e-5
    assert relative_error(found.statistics.covariance, covariance) < 1e-4
