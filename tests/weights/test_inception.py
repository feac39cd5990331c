"""Inception's file: batch normalization becomes part of the convolutions, and the network is known by its names."""

import functools
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.backbones._inception import INCEPTION, Branches, MeanPool, Unit
from jaxloss.backbones._inception_network import Inception
from jaxloss.weights import _inception
from jaxloss.weights._errors import WeightsError
from jaxloss.weights._files import convert_pth
from jaxloss.weights._inception import folded, from_inception, inception_shapes
from jaxloss.weights._tensors import nest
from tests.weights._networks import inception_state, trunk_of, use_trunks
from tests.weights._pth_files import saved


SMALL = (
    Unit("Conv2d_1a_3x3", 4, (3, 3), 2, same=False),
    Branches("Mixed_5b", ((Unit("branch1x1", 2),), (MeanPool(), Unit("branch_pool", 3, (1, 7))))),
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_inception, "INCEPTION", SMALL)


def test_params_fit_the_network() -> None:
    """All of them: as many numbers as Keras counts as trainable, and the layer of the classes."""
    shapes = inception_shapes()
    convolutions = nest({name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()})
    layer = convolutions.pop("fc")
    initialized = jax.eval_shape(Inception(INCEPTION).init, jax.random.key(0), jnp.zeros((1, 299, 299, 3)))["params"]
    assert jax.tree.map(jnp.shape, convolutions) == jax.tree.map(jnp.shape, initialized)
    assert sum(np.prod(z.shape) for z in jax.tree.leaves(initialized)) == 21_768_352
    assert (layer["kernel"].shape, layer["bias"].shape) == ((2048, 1008), (1008,))


@pytest.mark.usefixtures("small")
def test_batch_normalization_is_taken_in(rng: np.random.Generator) -> None:
    """Of a window in the middle of an image, by the formula; rounded once, where float32 is asked for."""
    state = inception_state(rng, SMALL)
    tensors, window = folded(state, "file"), rng.normal(size=(3, 3, 3))
    found = np.einsum("hwc,hwcf->f", window, tensors["Conv2d_1a_3x3/kernel"]) + tensors["Conv2d_1a_3x3/bias"]
    kernel = state["Conv2d_1a_3x3.conv.weight"].astype(np.float64)
    scale, shift, mean, variance = (
        state[f"Conv2d_1a_3x3.bn.{kind}"].astype(np.float64)
        for kind in ("weight", "bias", "running_mean", "running_var")
    )
    expected = (np.einsum("hwc,fchw->f", window, kernel) - mean) / np.sqrt(variance + 0.001) * scale + shift
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert tensors["Mixed_5b/branch_pool/kernel"].shape == (1, 7, 4, 3)
    single = from_inception(state, "file")
    assert list(single) == list(inception_shapes()) and all(z.dtype == np.float32 for z in single.values())
    assert all(np.array_equal(single[name], tensors[name].astype(np.float32)) for name in tensors)
    np.testing.assert_array_equal(single["fc/kernel"], state["fc.weight"].T)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("name", "tensor", "got"),
    [
        ("Mixed_5b.branch_pool.conv.weight", None, "none"),
        ("Mixed_5b.branch_pool.conv.weight", np.zeros((3, 4, 7, 1), np.float32), "(3, 4, 7, 1) in float32"),
        ("fc.bias", np.zeros(1000, np.float32), "(1000,) in float32"),
        ("fc.bias", np.zeros(1008), "(1008,) in float64"),
    ],
)
def test_other_network(name: str, tensor: np.ndarray | None, got: str, rng: np.random.Generator) -> None:
    state = {key: z for key, z in {**inception_state(rng, SMALL), name: tensor}.items() if z is not None}
    with pytest.raises(WeightsError, match=rf"f\.pth: expected Inception v3 .* {name} of .*, got {re.escape(got)}\."):
        from_inception(state, "f.pth")


@pytest.mark.usefixtures("small")
def test_file_is_told_by_its_names(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    state, path = inception_state(rng, SMALL), tmp_path / "official.pth"
    content = saved({**state, "Conv2d_1a_3x3.bn.num_batches_tracked": np.zeros(1, np.int64)}, legacy=False)
    path.write_bytes(content)
    row = functools.partial(trunk_of, "inception", url="http://127.0.0.1:9/", with_digest=False, tmp_path=tmp_path)
    use_trunks(monkeypatch, row(content))
    trunk, tensors = convert_pth(path)
    assert trunk.net == "inception"
    np.testing.assert_array_equal(tensors["fc/bias"], state["fc.bias"])
    use_trunks(monkeypatch, row(content + b"1"))
    with pytest.raises(WeightsError, match="expected sha256 "):
        convert_pth(path)
