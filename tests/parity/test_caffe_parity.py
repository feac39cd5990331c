"""Networks in two towers against torch, Lab against scikit-image, and the reader of Caffe's files against Protobuf."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from jaxloss.backbones._caffenet import CAFFENETS
from jaxloss.backbones._features import extract_features
from jaxloss.backbones._layers import Conv, Norm, Pool, Relu, Table
from jaxloss.ops import rgb_to_lab
from jaxloss.weights._caffe import read_caffemodel
from tests.networks import random_params
from tests.parity._peers import foreign_code, peer


def torch_modules(table: Table, params: dict[str, Any]) -> dict[str, Any]:
    """By name, with the same numbers."""
    torch, modules, channels = peer("torch"), {}, 3
    for row in table:
        match row:
            case Conv(name, features, size, stride, padding, groups):
                module = torch.nn.Conv2d(channels, features, size, stride, padding, groups=groups)
                kernel = np.ascontiguousarray(params[name]["kernel"].transpose(3, 2, 0, 1))
                module.weight.data, module.bias.data = torch.from_numpy(kernel), torch.from_numpy(params[name]["bias"])
                channels = features
            case Relu(name, slope):
                module = torch.nn.LeakyReLU(slope) if slope else torch.nn.ReLU()
            case Pool(name, size, stride, ceil):
                module = torch.nn.MaxPool2d(size, stride, ceil_mode=ceil)
            case Norm(name, around, alpha, beta):
                module = torch.nn.LocalResponseNorm(around, alpha, beta)
            case _:
                raise NotImplementedError(row)
        modules[name] = module
    return modules


@pytest.mark.parametrize("net", ["caffenet_puzzle", "caffenet_bigan"])
def test_every_layer_of_two_towers(net: str, rng: np.random.Generator) -> None:
    table, image = CAFFENETS[net], 100 * rng.standard_normal((77, 68, 3), np.float32)
    params, names = random_params(table), [row.name for row in table]
    options: dict[str, Any] = {"net": net, "layers": names, "data_range": 1.0, "preprocess": "unit"}
    features = jax.jit(lambda params, x: extract_features(x, params=params, **options))(params, image)
    torch = peer("torch")
    x = torch.from_numpy(np.moveaxis(image, -1, 0)[None].copy())
    with torch.no_grad():
        for name, module in torch_modules(table, params).items():
            x = module(x)
            expected = np.moveaxis(x.numpy()[0], 0, -1)
            assert features[name].shape == expected.shape
            assert np.abs(features[name] - expected).max() < 1e-5 * np.abs(expected).max(), name


def test_lab_is_that_of_scikit_image(rng: np.random.Generator) -> None:
    image = rng.uniform(size=(64, 64, 3)).astype(np.float32)
    with foreign_code():
        expected = peer("skimage.color").rgb2lab(image)
    np.testing.assert_allclose(rgb_to_lab(image), expected, atol=2e-4)


# Of Caffe's description: number, name, type, and whether it is repeated.
MESSAGES = {
    "NetParameter": [(1, "name", "string", False), (100, "layer", "LayerParameter", True)],
    "LayerParameter": [
        (1, "name", "string", False), (2, "type", "string", False), (3, "bottom", "string", True),
        (7, "blobs", "BlobProto", True), (106, "convolution_param", "ConvolutionParameter", False),
        (118, "lrn_param", "LRNParameter", False), (121, "pooling_param", "PoolingParameter", False),
    ],
    "BlobProto": [(5, "data", "float", True), (7, "shape", "BlobShape", False)],
    "BlobShape": [(1, "dim", "int64", True)],
    "ConvolutionParameter": [
        (1, "num_output", "uint32", False), (2, "bias_term", "bool", False), (3, "pad", "uint32", True),
        (4, "kernel_size", "uint32", True), (5, "group", "uint32", False), (6, "stride", "uint32", True),
    ],
    "LRNParameter": [
        (1, "local_size", "uint32", False), (2, "alpha", "float", False), (3, "beta", "float", False),
    ],
    "PoolingParameter": [
        (1, "pool", "uint32", False), (2, "kernel_size", "uint32", False), (3, "stride", "uint32", False),
    ],
}  # fmt: skip


def message_classes() -> dict[str, Any]:
    """Of Google's library, for a part of Caffe's description."""
    with foreign_code():
        description, pool, factory = (
            peer(f"google.protobuf.{module}") for module in ("descriptor_pb2", "descriptor_pool", "message_factory")
        )
        file = description.FileDescriptorProto(name="caffe.proto", package="caffe", syntax="proto2")
        for message, fields in MESSAGES.items():
            proto = file.message_type.add(name=message)
            for number, name, kind, repeated in fields:
                field = proto.field.add(name=name, number=number, label=3 if repeated else 1)
                if kind in MESSAGES:
                    field.type, field.type_name = 11, f".caffe.{kind}"
                else:
                    field.type = {"string": 9, "float": 2, "int64": 3, "uint32": 13, "bool": 8}[kind]
                    field.options.packed = name in ("data", "dim")
        found = pool.DescriptorPool().AddSerializedFile(file.SerializeToString())
        return {message: factory.GetMessageClass(found.message_types_by_name[message]) for message in MESSAGES}


def test_file_of_protobuf(tmp_path: Path, rng: np.random.Generator) -> None:
    net, kernel = message_classes()["NetParameter"](name="CaffeNet"), rng.normal(size=(6, 4, 5, 3)).astype(np.float32)
    conv = net.layer.add(name="conv1", type="Convolution", bottom=["data"])
    for key, value in {"num_output": 6, "group": 2, "bias_term": False}.items():
        setattr(conv.convolution_param, key, value)
    for key, value in {"pad": 2, "kernel_size": 300, "stride": 4}.items():
        getattr(conv.convolution_param, key).append(value)
    blob = conv.blobs.add()
    blob.shape.dim.extend(kernel.shape)
    blob.data.extend(kernel.ravel().tolist())
    norm = net.layer.add(name="norm1", type="LRN").lrn_param
    norm.local_size, norm.alpha, norm.beta = 7, 1e-4, 0.5
    pool = net.layer.add(name="pool1", type="Pooling").pooling_param
    pool.kernel_size, pool.stride = 3, 2
    net.layer.add(name="relu1", type="ReLU")
    net.layer.add(name="loss", type="SoftmaxWithLoss")
    path = tmp_path / "a.caffemodel"
    path.write_bytes(net.SerializeToString())
    layers = read_caffemodel(path)
    assert [layer.row for layer in layers] == [
        Conv("conv1", 6, 300, 4, 2, 2),
        Norm("norm1", 7, 1e-4, 0.5),
        Pool("pool1", 3, 2, ceil=True),
        Relu("relu1"),
        None,
    ]
    np.testing.assert_array_equal(layers[0].blobs[0], kernel)
