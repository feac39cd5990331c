"""Parameters of one's own: saved with their history, and read as they were."""

import json
import os
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from .._checks import error_text
from .._files import check_destination
from .._types import Params
from ..backbones._features import BACKBONES, TORCHVISION
from ..backbones._layers import widths
from ..backbones._lpips_nets import LPIPS_NETS, PUBLISHED_NETS
from ._convert import layout
from ._errors import WeightsError
from ._tensors import EXTENSION, Tensors, digest, flatten


Shapes = dict[str, tuple[int, ...]]

PREPROCESSING_SHAPES: Shapes = {"preprocessing/offset": (3,), "preprocessing/scale": (3,)}
WAY_OUT = "Name a file that jaxloss.save_params or a command of jaxloss wrote."


def save_params(
    path: str | os.PathLike[str],
    params: Params,
    *,
    net: str | None = None,
    history: Mapping[str, Any] | None = None,
) -> None:
    """Write parameters of a network or of LPIPS to a file of safetensors, for `load_params`.

    It is written whole or not at all, with a digest of the numbers, the name of the network, and how they came about.

    Args:
        path: Where to: `"mine.safetensors"`.
        params: Nested dicts of float32 arrays: of a network, `{"conv1": {"kernel", "bias"}, ...}`; or of LPIPS,
            `{"trunk": {...}, "heads": {layer: [C], ...}, "preprocessing": {"offset": [3], "scale": [3]}}`.
        net: What the network is called: by `extract_features`, or by `lpips` where the parameters are those of LPIPS;
            or any other name for a network of your own. By default a network of `load_params` is told by the shapes.
        history: How they came about, as JSON can hold it: data, variant, seeds, scores.

    Returns:
        Nothing.

    Raises:
        InputError: If the file cannot be written.
        ValueError: If `params` do not fit the network, or fit none and `net` is not given; or if JSON cannot hold
            `history`.
        TypeError: If an array is not of float32.

    Example:
        >>> import jaxloss, tempfile
        >>> params = jaxloss.load_params("lpips-alex")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     jaxloss.save_params(f"{folder}/mine.safetensors", params, history={"data": "published"})
        ...     history = jaxloss.read_history(f"{folder}/mine.safetensors")
        >>> print(history)
        {'net': 'alex', 'data': 'published'}
    """
    from ._files import write_tensors  # safetensors is loaded by those who read or write files

    path = check_destination(path, [EXTENSION], "file of weights")
    tensors = {name: np.asarray(array, order="C") for name, array in flatten(params).items()}
    for name, tensor in tensors.items():
        if tensor.dtype != np.float32:
            raise TypeError(error_text("save_params", f"{name} of float32", tensor.dtype, "Use .astype(jnp.float32)."))
    net = net or (history or {}).get("net")
    net, order = _recognized(tensors) if net is None else (net, _order(tensors, net))
    history = {"net": net, **(history or {})}
    if history["net"] != net:
        raise ValueError(error_text("save_params", f"a history of {net}", repr(history["net"]), "Leave its net out."))
    try:
        json.dumps(history, allow_nan=False)
    except (TypeError, ValueError) as error:
        way_out = "Turn arrays into numbers and lists: scores.tolist()."
        raise ValueError(error_text("save_params", "a history that JSON can hold", error, way_out)) from error
    write_tensors(path, {name: tensors[name] for name in order}, history)


def _recognized(tensors: Tensors) -> tuple[str, Collection[str]]:
    """The one published network that has tensors of these shapes, and their order in it."""
    shapes = _shapes(tensors)
    published = {net: expected for net, expected in _known(tensors).items() if net in (*TORCHVISION, *PUBLISHED_NETS)}
    fitting = {net: expected for net, expected in published.items() if expected == shapes}
    if len(fitting) != 1:
        known = ", ".join(fitting or published)
        got = f"those of {len(fitting)} of {known}"
        way_out = "Name the network: net='...', one of these or one of your own."
        raise ValueError(error_text("save_params", "params of one known network", got, way_out))
    return next(iter(fitting.items()))


def _order(tensors: Tensors, net: str) -> Collection[str]:
    """That of the network's layers; as they come, where the network is the user's."""
    shapes, expected = _shapes(tensors), _known(tensors).get(net)
    if expected is None and net not in (*BACKBONES, *LPIPS_NETS):
        return tensors
    if expected is None:
        wanted = "a network by the name that extract_features has for it, or LPIPS by that of lpips"
        raise ValueError(
            error_text("save_params", wanted, repr(net), f"Here it is one of {', '.join(_known(tensors))}.")
        )
    for name in {**expected, **shapes}:
        if shapes.get(name) != expected.get(name):
            wanted = f"params of {net}, with {name} of shape {expected[name]}" if name in expected else f"no {name}"
            got = shapes.get(name, "none")
            raise ValueError(error_text("save_params", wanted, got, "Parameters and net belong together."))
    return expected


def _known(tensors: Tensors) -> dict[str, Shapes]:
    """What the networks have, by the names that `lpips` or `extract_features` know."""
    if not any(name.startswith("heads/") for name in tensors):
        return {net: _trunk_shapes(net) for net in BACKBONES}
    return {net: _lpips_shapes(net) for net in LPIPS_NETS}


def _trunk_shapes(net: str) -> Shapes:
    return {name: place.shape for name, place in layout(net).items()}


def _lpips_shapes(net: str) -> Shapes:
    backbone, layers = LPIPS_NETS[net]
    channels = widths(BACKBONES[backbone])
    trunk = {f"trunk/{name}": shape for name, shape in _trunk_shapes(backbone).items()}
    return {**trunk, **{f"heads/{layer}": (channels[layer],) for layer in layers}, **PREPROCESSING_SHAPES}


def _shapes(tensors: Tensors) -> Shapes:
    return {name: tensor.shape for name, tensor in tensors.items()}


def read_history(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `save_params` noted: the network, and how its parameters came about.

    Args:
        path: A file of `save_params`, or of a command that writes parameters.

    Returns:
        `{"net": ..., **history}`.

    Raises:
        OSError: If it is no such file.

    Example:
        >>> import jaxloss, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     jaxloss.save_params(f"{folder}/mine.safetensors", jaxloss.load_params("alexnet"), history={"seed": 3})
        ...     history = jaxloss.read_history(f"{folder}/mine.safetensors")
        >>> print(history)
        {'net': 'alexnet', 'seed': 3}
    """
    from ._files import opened

    with opened(path, WAY_OUT) as file:
        metadata = file.metadata() or {}
    return _note(path, metadata, "history", dict)


def saved_net(path: str | os.PathLike[str]) -> str:
    """The network that the parameters in a file of `save_params` belong to."""
    return read_history(path)["net"]


def read_saved(path: str | os.PathLike[str]) -> Tensors:
    """The tensors of a file of `save_params`, in the order of the layers, verified.

    Raises:
        WeightsError: If the file is missing, is not of this kind, or is damaged.
    """
    from ._files import opened

    with opened(path, WAY_OUT) as file:
        metadata, names = file.metadata() or {}, set(file.keys())
        order = _note(path, metadata, "order", list)
        tensors = {name: file.get_tensor(name) for name in order if name in names}
    expected, found = metadata.get("digest"), digest(tensors)
    if found != expected or tensors.keys() != names:
        way_out = "The file is damaged: copy or make it again."
        raise WeightsError(error_text(str(path), f"tensors of digest {expected}", f"others, of {found}", way_out))
    return tensors


def _note(path: str | os.PathLike[str], metadata: Mapping[str, str], name: str, kind: type) -> Any:
    try:
        note = json.loads(metadata[name])
    except (KeyError, ValueError):
        note = None
    if not isinstance(note, kind):
        got = f"one without their {name}"
        raise WeightsError(error_text(os.fspath(path), "a file of parameters with their history", got, WAY_OUT))
    return note
