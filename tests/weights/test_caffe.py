"""Networks of Caffe's see the same in our images as they saw in theirs; what is damaged or changed is refused."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxloss.backbones._caffenet import CAFFENETS
from jaxloss.backbones._features import BACKBONES, PREPROCESSING
from jaxloss.backbones._layers import Conv, Lab, Norm, Pool, Relu, Table, used_layers
from jaxloss.backbones._lpips_nets import LPIPS_NETS
from jaxloss.ops import rgb_to_lab
from jaxloss.weights._caffe import NEW, OLD, Format, read_caffemodel
from jaxloss.weights._caffe_nets import KINDS, convert_caffemodel
from jaxloss.weights._convert import layout
from jaxloss.weights._errors import WeightsError
from jaxloss.weights._tensors import nest
from tests.backbones._reference import activations
from tests.networks import random_params, thin_networks
from tests.weights._caffe_files import field, layer, layers, varint


CENTER = np.array([1, 1.5, 0.5], np.float32), np.array([-50, 3, 1], np.float32)  # of split-brain's Lab


@pytest.fixture(autouse=True)
def thin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The current directory is empty, and networks are thin."""
    monkeypatch.chdir(tmp_path)
    with thin_networks():
        yield


def table_of(net: str) -> Table:
    """What Caffe was told."""
    return tuple(row for row in BACKBONES[net] if not isinstance(row, Lab))


def written(net: str, params: dict[str, Any], form: Format = NEW, suffix: str = "") -> Path:
    """A file with what comes before and after the convolutions, too."""
    center = layer("data_lab", "Convolution", field(4, 1) + field(5, 3), [CENTER[0].reshape(3, 1, 1, 1), CENTER[1]])
    parts = [layer("data", "Data", form=form), *([center] if net == "caffenet_splitbrain" else [])]
    parts += layers(table_of(net), params, suffix, form)
    parts += layers(table_of(net), random_params(table_of(net), seed=9), "_s2", form) if suffix else []
    parts += [layer("fc6", "InnerProduct", blobs=[np.ones((2, 3), np.float32)], form=form)]
    path = Path(f"{net}.caffemodel")
    path.write_bytes(field(1, "CaffeNet") + b"".join(parts))
    return path


def bytes_minus(mean: Any, scale: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    return lambda image: scale * (255 * image[..., ::-1] - np.array(mean))


# What the published networks were shown of an RGB image in [0, 1].
SHOWN = {
    "bigan": bytes_minus(127.5, 1 / 127.5),
    "puzzle": bytes_minus([104, 117, 123]),
    "splitbrain": lambda image: CENTER[0] * np.asarray(rgb_to_lab(image.astype(np.float32))) + CENTER[1],
    "watching": lambda image: (image - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_those_of_the_original(kind: str, crop_photograph: Any) -> None:
    image = crop_photograph(1, 67, 59)[0].astype(np.float64)
    net = KINDS[kind].nets[0]
    params = random_params(table_of(net), seed=3)
    found, tensors = convert_caffemodel(written(net, params), kind)
    assert found == net
    assert {name: tensor.shape for name, tensor in tensors.items()} == {n: p.shape for n, p in layout(net).items()}
    assert all(tensor.dtype == np.float32 for tensor in tensors.values())
    offset, scale = PREPROCESSING["imagenet"]
    expected = activations(table_of(net), params, SHOWN[kind](image))
    result = activations(BACKBONES[net], nest(tensors), (image - np.array(offset)) / np.array(scale))
    for name in LPIPS_NETS[kind].layers:
        assert expected[name].size and np.abs(expected[name]).max() > 0.1
        np.testing.assert_allclose(result[name], expected[name], atol=1e-4 * np.abs(expected[name]).max())


@pytest.mark.parametrize("form", [NEW, OLD], ids=["new", "old"])
@pytest.mark.parametrize("suffix", ["", "_s1"])
def test_forms_of_files(form: Format, suffix: str) -> None:
    """Old files, and the puzzle's columns, of which the first one is taken."""
    net = "caffenet_puzzle"
    params = random_params(BACKBONES[net], seed=3)
    path = written(net, params, form, suffix)
    rows = [layer.row._replace(name="") for layer in read_caffemodel(path) if layer.row][: len(BACKBONES[net])]
    assert rows == [row._replace(name="") for row in BACKBONES[net]]
    _, tensors = convert_caffemodel(path, "puzzle")
    np.testing.assert_array_equal(tensors["conv4/kernel"], params["conv4"]["kernel"])
    np.testing.assert_array_equal(tensors["conv4/bias"], params["conv4"]["bias"])


def test_table_is_that_of_the_steps() -> None:
    params = random_params(BACKBONES["caffenet_puzzle"])
    for net in KINDS["puzzle"].nets:
        assert convert_caffemodel(written(net, params), "puzzle")[0] == net


def test_towers_are_convolutions_of_which_parts_are_zero(rng: np.random.Generator) -> None:
    net = "caffenet_watching"
    towers = tuple(
        row._replace(groups=2) if isinstance(row, Conv) and row.name in ("conv2", "conv4", "conv5") else row
        for row in table_of(net)
    )
    params, image = random_params(towers, seed=3), rng.normal(size=(67, 59, 3))
    Path("towers.caffemodel").write_bytes(b"".join(layers(towers, params)))
    _, tensors = convert_caffemodel(Path("towers.caffemodel"), "watching")
    theirs = activations(towers, params, image)["relu5"]
    ours = activations(table_of(net), nest(tensors), image)["relu5"]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert (tensors["conv2/kernel"] == 0).mean() == 0.5


def test_double_precision_and_no_bias() -> None:
    net = "caffenet_bigan"
    params = random_params(BACKBONES[net], seed=3)
    double = {name: {"kernel": p["kernel"].astype(np.float64), "bias": p["bias"]} for name, p in params.items()}
    content = written(net, double).read_bytes()
    third = layers(used_layers(BACKBONES[net], ("conv3",))[-1:], double)[0]
    assert content.count(third) == 1
    kernel = np.ascontiguousarray(double["conv3"]["kernel"].transpose(3, 2, 0, 1))
    options = field(1, 8) + field(3, 1) + field(4, 3)
    Path("f.caffemodel").write_bytes(content.replace(third, layer("conv3", "Convolution", options, [kernel])))
    _, tensors = convert_caffemodel(Path("f.caffemodel"), "bigan")
    np.testing.assert_array_equal(tensors["conv3/kernel"], params["conv3"]["kernel"])
    assert not tensors["conv3/bias"].any()


def changed(table: Table, name: str, *rows: Any) -> Table:
    return tuple(new for row in table for new in (rows if row.name == name else (row,)))


BIGAN = CAFFENETS["caffenet_bigan"]
CHANGES: dict[str, tuple[Callable[[Table], Table], str]] = {
    "steps": (lambda t: changed(t, "conv1", t[0]._replace(stride=2)), r"Conv\(name='conv1', .* got Conv\(.*stride=2"),
    "slope": (
        lambda t: changed(t, "relu3", Relu("relu3")),
        r"Relu\(name='relu3', slope=0.2\), got Relu\(.*slope=0.0\)",
    ),
    "normalization": (lambda t: changed(t, "pool1", Pool("pool1", 3, 2), Norm("norm1")), r"conv2.*got Norm\("),
    "fewer layers": (lambda t: t[:-4], r"Conv\(name='conv4'.* got nothing of the kind"),
    "no first layer": (lambda t: t[3:], r"Conv\(name='conv1'.* got Conv\(name='conv2'"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_other_networks_are_refused(name: str) -> None:
    change, got = CHANGES[name]
    table = change(BACKBONES["caffenet_bigan"])
    Path("f.caffemodel").write_bytes(b"".join(layers(table, random_params(BACKBONES["caffenet_bigan"]))))
    message = rf"^f\.caffemodel: expected the layers of bigan, with .*{got}.*\. Name another --kind; "
    with pytest.raises(WeightsError, match=message):
        convert_caffemodel(Path("f.caffemodel"), "bigan")


def test_other_kinds_of_layers_are_refused() -> None:
    params, one = random_params(BACKBONES["caffenet_bigan"]), np.ones(8, np.float32)
    content = written("caffenet_bigan", params).read_bytes()
    first = layers(BACKBONES["caffenet_bigan"][:1], params)[0]
    last = layers(BACKBONES["caffenet_bigan"][:1], params)[0]
    wide = layer("conv1", "Convolution", field(1, 8) + field(4, 11) + field(6, 4) + field(18, 2), [one])
    short = layer("conv1", "Convolution", field(1, 8) + field(4, 11) + field(6, 4), [one])
    for replacement, message in (
        (first + layer("bn1", "BatchNorm", blobs=[one]), "with Relu.*, got nothing of the kind"),
        (wide, "with Conv.*, got nothing of the kind"),
        (short, r"conv1 with a kernel of shape \(8, 3, 11, 11\) and a bias of 8, got numbers of shapes \[\(8,\)\]"),
    ):
        Path("f.caffemodel").write_bytes(content.replace(last, replacement))
        with pytest.raises(WeightsError, match=message):
            convert_caffemodel(Path("f.caffemodel"), "bigan")
    Path("f.caffemodel").write_bytes(b"".join(layers(table_of("caffenet_splitbrain"), params)))
    with pytest.raises(WeightsError, match="expected a layer data_lab of three weights and three biases, got none"):
        convert_caffemodel(Path("f.caffemodel"), "splitbrain")


def test_damaged_files_are_refused(rng: np.random.Generator) -> None:
    whole = written("caffenet_bigan", random_params(BACKBONES["caffenet_bigan"])).read_bytes()
    damaged = [whole[:length] for length in rng.integers(1, len(whole), 20)]
    damaged += [b"", b"PK\x03\x04 something else", rng.bytes(3000), b"\xff" * 20, field(100, b"\x08")]
    damaged += [field(100, field(7, field(7, field(1, varint(2**40))))), field(100, varint(3)), field(1, "CaffeNet")]
    for content in damaged:
        Path("f.caffemodel").write_bytes(content)
        message = r"^f\.caffemodel: expected (a caffemodel|the layers of bigan).*, got .*\. [A-Z].*\.$"
        with pytest.raises(WeightsError, match=message):
            convert_caffemodel(Path("f.caffemodel"), "bigan")
    with pytest.raises(WeightsError, match=r"nowhere: expected a caffemodel, got No such file"):
        read_caffemodel(Path("nowhere"))


def test_any_damage_is_an_error_of_weights(rng: np.random.Generator) -> None:
    """Or none, where it is in a number."""
    whole = written("caffenet_puzzle", random_params(BACKBONES["caffenet_puzzle"])).read_bytes()
    heads = [i for i in range(len(whole)) if whole[i : i + 4] in (b"conv", b"relu", b"pool", b"norm")]
    for place in (np.repeat(heads, 10) + rng.integers(-6, 40, 10 * len(heads))).clip(0, len(whole) - 1):
        content = bytearray(whole)
        content[place] = rng.integers(256)
        Path("f.caffemodel").write_bytes(content)
        try:
            convert_caffemodel(Path("f.caffemodel"), "puzzle")
        except WeightsError as error:
            assert str(error).startswith("f.caffemodel: expected ")
