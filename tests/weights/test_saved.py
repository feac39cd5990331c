"""Parameters are read as they were saved, in the published order, with their history; what is damaged is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from jaxloss import InputError, load_params, read_history, save_params
from jaxloss.backbones._features import BACKBONES
from jaxloss.backbones._lpips_nets import LPIPS_NETS, PUBLISHED_NETS
from jaxloss.weights import _files
from jaxloss.weights._convert import layout
from jaxloss.weights._errors import WeightsError
from jaxloss.weights._saved import _recognized, saved_net
from jaxloss.weights._tensors import flatten, nest
from tests.networks import shapes_of_params, thin_networks, tiny_params


FULL = dict(BACKBONES)
HISTORY = {"data": ["train/cnn"], "variant": "lin", "seed": 3, "score": 0.7}


@pytest.fixture
def squeeze() -> dict[str, Any]:
    """A thin network whose layers are not in the order of their names."""
    return tiny_params("lpips-squeeze")


@pytest.fixture(autouse=True)
def thin(squeeze: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with thin_networks():
        yield


def test_lpips_is_read_as_it_was_saved(squeeze: dict[str, Any]) -> None:
    sorted_by_name = jax.tree.map(jnp.asarray, squeeze)  # as they come out of a training step
    save_params("mine.safetensors", sorted_by_name, history=HISTORY)
    for path in ("mine.safetensors", Path("mine.safetensors")):
        loaded = load_params(path)
        assert list(flatten(loaded)) == list(flatten(squeeze)) != list(flatten(sorted_by_name))
        assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(loaded))
        jax.tree.map(np.testing.assert_array_equal, loaded, squeeze)
    assert read_history("mine.safetensors") == {"net": "squeeze", **HISTORY}
    assert saved_net("mine.safetensors") == "squeeze"


def test_trunk_is_read_as_it_was_saved(squeeze: dict[str, Any]) -> None:
    save_params("trunk.safetensors", squeeze["trunk"])
    assert read_history("trunk.safetensors") == {"net": "squeezenet1_1"}
    jax.tree.map(np.testing.assert_array_equal, load_params("trunk.safetensors"), squeeze["trunk"])


def test_network_of_ones_own_needs_a_name() -> None:
    params = {"stem": {"w": np.ones((2, 3), np.float32), "scale": np.float32(2)}, "a": np.zeros(1, np.float32)}
    with pytest.raises(ValueError, match=r"^save_params: expected params of one known network, got those of 0 of alex"):
        save_params("mine.safetensors", params)
    save_params("mine.safetensors", params, net="resnet")
    save_params("again.safetensors", load_params("mine.safetensors"), history=read_history("mine.safetensors"))
    for path in ("mine.safetensors", "again.safetensors"):
        loaded = load_params(path)
        assert saved_net(path) == "resnet" and list(loaded) == ["stem", "a"]
        jax.tree.map(np.testing.assert_array_equal, loaded, params)


def test_networks_of_one_shape_are_told_apart_by_name() -> None:
    """Those that were trained without labels need to be named."""
    shapes = {name: place.shape for name, place in layout("caffenet_puzzle").items()}
    assert shapes == {name: place.shape for name, place in layout("caffenet_bigan").items()}
    trunk = nest({name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    with pytest.raises(ValueError, match="got those of 0 of alexnet, vgg16, vgg19, squeezenet1_1"):
        save_params("mine.safetensors", trunk)
    for net in ("caffenet_puzzle", "caffenet_bigan"):
        save_params("mine.safetensors", trunk, net=net)
        assert saved_net("mine.safetensors") == net
    twins = {net: BACKBONES["caffenet_puzzle"] for net in ("vgg16", "vgg19")}
    with mock.patch.dict(BACKBONES, twins), pytest.raises(ValueError, match=r"2 of vgg16, vgg19\. Name the network"):
        save_params("mine.safetensors", trunk)


@pytest.mark.parametrize("net", PUBLISHED_NETS)
def test_published_networks_are_recognized(net: str) -> None:
    with mock.patch.dict(BACKBONES, FULL):
        shapes = flatten(shapes_of_params(f"lpips-{net}"))
        lpips = {name: np.broadcast_to(np.float32(0), array.shape) for name, array in shapes.items()}
        trunk = {name.removeprefix("trunk/"): array for name, array in lpips.items() if name.startswith("trunk/")}
        assert (_recognized(lpips)[0], _recognized(trunk)[0]) == (net, LPIPS_NETS[net].backbone)


def test_converted_file_of_torchvision_is_one_too(squeeze: dict[str, Any]) -> None:
    trunk = _files.read_manifest().trunks["squeezenet1_1"]
    _files.save_trunk(Path("converted.safetensors"), flatten(squeeze["trunk"]), trunk)
    assert list(load_params("converted.safetensors")) == list(squeeze["trunk"])
    assert read_history("converted.safetensors")["net"] == "squeezenet1_1"


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        ({"heads": {}}, {}, ValueError, "params: expected nested dicts of arrays by names without /, got 'heads'"),
        ({"a/b": 1}, {}, ValueError, "params: expected nested dicts of arrays by names without /, got 'a/b'"),
        ({"heads": None}, {"net": "squeeze"}, TypeError, "save_params: expected heads of float32, got object"),
        ({"extra": np.zeros(1)}, {}, TypeError, "save_params: expected extra of float32, got float64"),
        ({}, {"net": "alexnet"}, ValueError, "save_params: expected a network by the name that extract_features has"),
        ({}, {"net": "alex"}, ValueError, "save_params: expected params of alex, with trunk/conv1/kernel of shape"),
        (
            {"extra": np.zeros(1, np.float32)},
            {"net": "squeeze"},
            ValueError,
            "save_params: expected no extra, got (1,). Parameters and net belong together.",
        ),
        ({}, {"net": "squeeze", "history": {"net": "alex"}}, ValueError, "save_params: expected a history of squeeze"),
        ({}, {"history": {"score": np.float32(1)}}, ValueError, "save_params: expected a history that JSON can hold"),
        ({}, {"history": {"score": float("nan")}}, ValueError, "save_params: expected a history that JSON can hold"),
    ],
)
def test_what_cannot_be_saved(
    squeeze: dict[str, Any], change: dict[str, Any], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as raised:
        save_params("mine.safetensors", {**squeeze, **change}, **options)
    assert str(raised.value).startswith(message)
    assert list(Path().iterdir()) == []


def test_what_cannot_be_written_leaves_the_last_file(squeeze: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    save_params("mine.safetensors", squeeze, history=HISTORY)

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"^mine\.safetensors: cannot be written: No space left on device\."):
        save_params("mine.safetensors", squeeze)
    assert read_history("mine.safetensors") == {"net": "squeeze", **HISTORY}
    assert [path.name for path in Path().iterdir()] == ["mine.safetensors"]
    for path, message in (
        ("mine.npz", "no file of weights is known by"),
        ("no/a.safetensors", "the directory no does"),
    ):
        with pytest.raises(InputError, match=f"{path}: {message}"):
            save_params(path, squeeze)


def test_what_is_no_file_of_parameters(squeeze: dict[str, Any]) -> None:
    save_params("good.safetensors", squeeze)
    good = Path("good.safetensors").read_bytes()
    contents = {
        "changed": (good[:-1] + bytes([good[-1] ^ 1]), "expected tensors of digest [0-9a-f]+, got others, of"),
        "short": (good[:-1], "expected a file of safetensors, got"),
        "text": (b"nothing of the kind", "expected a file of safetensors, got"),
        "other": (safetensors.numpy.save(flatten(squeeze)), "expected a file of parameters with their history, got"),
        "more": (good.replace(b'"heads/fire3"', b'"heads/fire0"'), "expected tensors of digest"),
    }
    for name, (content, message) in contents.items():
        Path(f"{name}.safetensors").write_bytes(content)
        with pytest.raises(WeightsError, match=rf"^{name}\.safetensors: {message}.*\. [A-Z].*\.$"):
            load_params(f"{name}.safetensors")
    for read in (load_params, read_history):
        with pytest.raises(WeightsError, match=r"^nowhere\.safetensors: expected a file of safetensors, got No such"):
            read("nowhere.safetensors")
    with pytest.raises(ValueError, match="expected no choice of a version of a file"):
        load_params("good.safetensors", version="0.1")
