"""Files of weights: read and verified against the manifest, written whole or not at all."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from .._checks import error_text
from .._files import InputError, part_file
from ._convert import from_torch, identify, layout
from ._errors import WeightsError
from ._inception import FIRST, NET, from_inception, inception_shapes
from ._manifest import ShippedFile, Trunk, read_manifest
from ._pth import read_pth
from ._tensors import Tensors, dequantize, digest


def check_sha256(path: Path, expected: str, way_out: str) -> None:
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        found = error.strerror or error
    if found != expected:
        raise WeightsError(error_text(str(path), f"sha256 {expected}", found, way_out))


def read_shipped(path: Path, file: ShippedFile) -> Tensors:
    """A file that comes with the package, whichever folder it is in."""
    check_sha256(path, file.sha256, "It came with the package: install jaxloss again.")
    tensors = safetensors.numpy.load_file(path)
    return {name: tensors[name] for name in file.tensors}


def read_trunk(path: Path, trunk: Trunk) -> Tensors:
    """The convolutions of a network, in float32, out of any file that may hold them."""
    if path.name == trunk.shipped != trunk.exact_name:
        return dequantize(read_shipped(path, read_manifest().files[path.name]))
    if path.suffix == ".pth":
        return _from_official(path, read_pth(path, _prefix(trunk.net)), trunk)
    if path.suffix == ".npz":
        tensors = _converted(trunk.net, _read_npz(path), path)
        check_digest(path, tensors, trunk.digest)
        return tensors
    return _read_converted(path, trunk)


def _read_npz(path: Path) -> Tensors:
    """Of torchvision's tensors by their names there."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # Out of a damaged archive can come almost any.
        raise WeightsError(error_text(str(path), "an archive of NumPy", error, "Download it again.")) from error


def _from_official(path: Path, state: Tensors, trunk: Trunk) -> Tensors:
    if trunk.digest is None:
        check_sha256(path, trunk.sha256, f"Download it again from {trunk.url}.")
    tensors = _converted(trunk.net, state, path)
    if trunk.digest is not None:
        check_digest(path, tensors, trunk.digest)
    return tensors


def _prefix(net: str) -> str:
    """Of what is needed of an official file: torchvision's have a classifier, too."""
    return "" if net == NET else "features."


def _converted(net: str, state: Mapping[str, np.ndarray], path: Path) -> Tensors:
    return from_inception(state, str(path)) if net == NET else from_torch(net, state, str(path))


def _shapes(net: str) -> dict[str, tuple[int, ...]]:
    return inception_shapes() if net == NET else {name: place.shape for name, place in layout(net).items()}


def _read_converted(path: Path, trunk: Trunk) -> Tensors:
    with opened(path, _way_out(path)) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        metadata = file.metadata() or {}
    shapes = _shapes(trunk.net)
    if {name: tensor.shape for name, tensor in tensors.items()} != shapes:
        raise WeightsError(error_text(str(path), f"the tensors of {trunk.net}", sorted(tensors)[:3], _way_out(path)))
    # Where no digest is known, the file has its own, written when the official file had the right hash.
    converted_from = metadata.get("source_sha256")
    check_digest(path, tensors, trunk.digest or (metadata.get("digest") if converted_from == trunk.sha256 else None))
    return {name: tensors[name] for name in shapes}


def check_digest(path: Path, tensors: Tensors, expected: str | None) -> None:
    found = digest(tensors)
    if found != expected:
        expected = f"tensors of digest {expected}" if expected else "tensors of known origin"
        raise WeightsError(error_text(str(path), expected, f"other numbers, of digest {found}", _way_out(path)))


def _way_out(path: Path) -> str:
    return f"Delete {path.name} and fetch or convert it again."


def convert_pth(path: Path) -> tuple[Trunk, Tensors]:
    """The network in an official file, and its convolutions."""
    found = NET if read_pth(path, FIRST) else None
    state = read_pth(path, _prefix(found or ""))
    trunk = read_manifest().trunks[found or identify(state, str(path))]
    return trunk, _from_official(path, state, trunk)


def convert_own_pth(path: Path) -> tuple[str, Tensors]:
    """A network of torchvision's that was trained on something else: its name and its convolutions, as they are."""
    state = {name.replace("module.", ""): tensor for name, tensor in read_pth(path).items()}  # DataParallel's names
    state = {name: tensor for name, tensor in state.items() if name.startswith("features.")}
    net = identify(state, str(path))
    return net, from_torch(net, state, str(path))


def save_trunk(path: Path, tensors: Tensors, trunk: Trunk) -> None:
    """The convolutions of an official network."""
    history = {"net": trunk.net, "origin": trunk.url, "license": trunk.license}
    try:
        write_tensors(path, tensors, history, source_sha256=trunk.sha256)
    except InputError as error:
        raise WeightsError(f"{error} Choose a folder that can be written to.") from error


def write_tensors(path: Path, tensors: Tensors, history: Mapping[str, Any], **more: str) -> None:
    """Write to a file beside the destination, which is then renamed: no half of it is ever seen.

    The order of the tensors, which the format does not keep, is noted.
    """
    notes = {"history": json.dumps(history, allow_nan=False), "order": json.dumps(list(tensors))}
    content = safetensors.numpy.save(tensors, {**notes, "digest": digest(tensors), **more})
    with part_file(path) as part:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        os.replace(part, path)


def opened(path: str | os.PathLike[str], way_out: str) -> Any:  # Safetensors has no type of it.
    """A file of safetensors, for a `with` statement."""
    try:
        return safetensors.safe_open(path, framework="numpy")
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsError(error_text(str(path), "a file of safetensors", error, way_out)) from error
