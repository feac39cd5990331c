"""What there is to load: the files that come with the package, and official ones, each with its origin and hash."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


HEADS = "lpips_heads.safetensors"


class Parts(NamedTuple):
    """What a metric has in a file of its own, and the network of torchvision's that belongs to it, or ""."""

    file: str
    trunk: str = ""


# Metrics other than LPIPS, of which there is one version.
PARTS = {
    "dists": Parts("dists.safetensors", trunk="vgg16"),
    "lpips-st_alex": Parts("st_lpips_alex.safetensors"),
    "brisque": Parts("brisque.safetensors"),
    "niqe": Parts("niqe.safetensors"),
    "vmaf": Parts("vmaf.safetensors"),
    "cvvdp": Parts("cvvdp.safetensors"),
}


@dataclass(frozen=True)
class ShippedFile:
    """A file that comes with the package.

    Attributes:
        tensors: Shapes by name, in the order of the layers; the file itself is sorted.
    """

    name: str
    size: int
    sha256: str
    origin: str
    license: str
    converter: str
    tensors: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Trunk:
    """The convolutions of a network as torchvision trained it, or, of Inception, as it was ported from TensorFlow.

    Attributes:
        url: The official file, of `size` bytes, with the classifier.
        digest: Of the converted tensors; None where only the hash of the official file is known.
        shipped: Name of the file that comes with the package, if one does.
    """

    net: str
    url: str
    size: int
    sha256: str
    license: str
    digest: str | None
    shipped: str | None

    @property
    def official_name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def exact_name(self) -> str:
        """Of the file of converted tensors without loss."""
        return f"{self.net}.safetensors"


@dataclass(frozen=True)
class Manifest:
    files: dict[str, ShippedFile]
    trunks: dict[str, Trunk]


def shipped_folder() -> Path:
    """Inside the package where it is installed; beside it in a clone, from which an editable install reads."""
    installed = Path(__file__).parents[1] / "_weights"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "weights"


@functools.cache
def read_manifest() -> Manifest:
    return parse_manifest(json.loads((shipped_folder() / "manifest.json").read_text(encoding="utf-8")))


def parse_manifest(content: dict[str, Any]) -> Manifest:
    files = {
        name: ShippedFile(name, **{**row, "tensors": {key: tuple(shape) for key, shape in row["tensors"].items()}})
        for name, row in content["files"].items()
    }
    return Manifest(files, {net: Trunk(net, **row) for net, row in content["trunks"].items()})
