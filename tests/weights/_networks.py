"""Random weights of real networks, and a manifest in which they are the official ones."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from jaxloss.backbones._inception import INCEPTION, Chain, kernel_shapes
from jaxloss.cli import _weights
from jaxloss.weights import _files, _load, _manifest
from jaxloss.weights._convert import from_torch, layout
from jaxloss.weights._manifest import Manifest, Trunk, read_manifest
from jaxloss.weights._tensors import digest
from tests.weights._pth_files import saved


def random_state(net: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """By torchvision's names, with some of the classifier."""
    state = {place.torch_name: rng.normal(size=place.torch_shape).astype(np.float32) for place in layout(net).values()}
    return {**state, "classifier.1.weight": np.ones((10, 4), np.float32)}


def inception_state(rng: np.random.Generator, chain: Chain = INCEPTION, classes: int = 1008) -> dict[str, np.ndarray]:
    """By the names of pytorch-fid's Inception; activations neither vanish nor explode from layer to layer."""
    state, (shapes, width) = {}, kernel_shapes(chain)
    for path, (height, columns, channels, features) in shapes.items():
        name, fan = path.replace("/", "."), height * columns * channels
        kernel = rng.standard_normal((features, channels, height, columns), np.float32)
        state[f"{name}.conv.weight"] = kernel * np.float32((2 / fan) ** 0.5)
        for kind, middle, spread in (("weight", 1, 0.3), ("bias", 0, 0.1), ("running_mean", 0, 0.1)):
            state[f"{name}.bn.{kind}"] = rng.normal(middle, spread, features).astype(np.float32)
        state[f"{name}.bn.running_var"] = rng.uniform(0.5, 1.5, features).astype(np.float32)
    state["fc.weight"] = rng.standard_normal((classes, width), np.float32) / np.float32(width**0.5)
    return {**state, "fc.bias": rng.standard_normal(classes, np.float32)}


def official_file(net: str, rng: np.random.Generator, *, legacy: bool = False) -> bytes:
    return saved(random_state(net, rng), legacy=legacy)


def trunk_of(net: str, content: bytes, url: str, *, with_digest: bool, tmp_path: Path) -> Trunk:
    """As if `content` were torchvision's file, to be had at `url`."""
    known = None
    if with_digest:
        path = tmp_path / "official.pth"
        path.write_bytes(content)
        known = digest(from_torch(net, _files.read_pth(path), "test"))
        path.unlink()
    sha256 = hashlib.sha256(content).hexdigest()
    row = read_manifest().trunks[net]
    return dataclasses.replace(row, url=url, size=len(content), sha256=sha256, digest=known)


def use_trunks(monkeypatch: pytest.MonkeyPatch, *trunks: Trunk) -> None:
    """Put rows in the place of the manifest's own."""
    real = read_manifest()
    changed = Manifest(real.files, {**real.trunks, **{trunk.net: trunk for trunk in trunks}})
    for module in (_files, _load, _manifest, _weights):
        monkeypatch.setattr(module, "read_manifest", lambda: changed)
