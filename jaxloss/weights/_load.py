"""Where weights are looked for, and what they are loaded as."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from .._checks import check_choice, error_text
from ..backbones._features import PREPROCESSING, TORCHVISION
from ..backbones._lpips_nets import PUBLISHED_NETS
from ._errors import WeightsError
from ._inception import NET
from ._manifest import HEADS, PARTS, Trunk, read_manifest, shipped_folder
from ._saved import read_saved
from ._tensors import EXTENSION, Tensors, dequantize, nest


VARIABLE = "JAXLOSS_WEIGHTS"
# What can be loaded, and whose convolutions belong to it: those of a network, or ("") of none.
BACKBONE_OF = {
    **{net: net for net in (*TORCHVISION, NET)},
    **{f"lpips-{net}": row.backbone for net, row in PUBLISHED_NETS.items()},
    **{name: parts.trunk for name, parts in PARTS.items()},
}
# The first version of LPIPS fed images in [-1, 1] to networks trained on normalized ones.
LPIPS_PREPROCESSING = {"0.0": PREPROCESSING["symmetric"], "0.1": PREPROCESSING["lpips"]}


class Found(NamedTuple):
    """A file, and by which rule it was found."""

    path: Path
    place: str


def load_params(name: str | os.PathLike[str], *, version: str | None = None, exact: bool = False) -> dict[str, Any]:
    """Parameters of a network or metric, for `extract_features`, `lpips` and others.

    They are looked for in the folder that the environment variable `JAXLOSS_WEIGHTS` names, among those that come with
    the package, and in the user's cache; what is nowhere is downloaded from its official address and cached. Every file
    is verified. All but VGG19, SqueezeNet and Inception come with the package.

    VGG16 comes with kernels of 16-bit integers from its third block on: rounded by at most 1/65000 of the largest
    number of the output channel, which moves LPIPS-VGG by up to 3e-6. If the folder of `JAXLOSS_WEIGHTS` holds it
    exactly, that is taken.

    Args:
        name: `"alexnet"`, `"vgg16"`, `"vgg19"` or `"squeezenet1_1"`: the convolutions of torchvision's networks; or
            `"lpips-alex"`, `"lpips-vgg"` or `"lpips-squeeze"`: those of one of them with the heads of LPIPS; or
            `"lpips-st_alex"` for `st_lpips`, `"dists"`, `"brisque"`, `"niqe"`, `"cvvdp"`, `"vmaf"`, `"inception"` for
            FID. Or a file of `save_params`, which ends in `.safetensors`.
        version: Of LPIPS: `"0.1"` (default), which is what everybody means; `"0.0"` is the first release, with heads of
            its own and without input normalization.
        exact: Whether VGG16 must be torchvision's to the bit. If so, and if it is not found, it is downloaded, 553 MB.

    Returns:
        Nested dicts of float32 JAX arrays: `{"conv1": {"kernel": [height, width, in, out], "bias": [out]}, ...}`; for
        LPIPS `{"trunk": {...}, "heads": {layer: [channels], ...}, "preprocessing": {"offset": [3], "scale": [3]}}`;
        for others as they say.
        Equal to the bit to torchvision's `IMAGENET1K_V1` and to `lpips` 0.1.4, but for VGG16 as above.

    Raises:
        ValueError: For an unknown name or version, or a version of what has none.
        OSError: If a file is missing and cannot be downloaded, is damaged, or is not what its name says; the message
            says what to do.

    Example:
        >>> import jaxloss
        >>> params = jaxloss.load_params("lpips-alex")
        >>> print(params["trunk"]["conv1"]["kernel"].shape, list(params["heads"]))
        (11, 11, 3, 64) ['relu1', 'relu2', 'relu3', 'relu4', 'relu5']

    Reference:
        The papers that `extract_features` and `lpips` name; origins and licenses are in `weights/README.md`.
    """
    if isinstance(name, os.PathLike) or name.endswith(EXTENSION):
        if version is not None or exact:
            got = f"version={version!r}, exact={exact}"
            raise ValueError(error_text("load_params", "no choice of a version of a file", got, "Leave them out."))
        return _arrays(read_saved(name))
    check_choice("load_params", "name", name, BACKBONE_OF)
    is_lpips = name.removeprefix("lpips-") in PUBLISHED_NETS
    wanted = "0.1" if version is None else version
    if is_lpips:
        check_choice("load_params", "version", wanted, LPIPS_PREPROCESSING)
    elif version is not None:
        way_out = f"LPIPS has versions: load_params('lpips-alex', version={version!r})."
        raise ValueError(error_text("load_params", f"no version of {name}", repr(version), way_out))
    backbone = BACKBONE_OF[name]
    trunk = _arrays(_trunk_tensors(read_manifest().trunks[backbone], exact)) if backbone else {}
    if is_lpips:
        heads = _arrays(_part_tensors(HEADS))[name.removeprefix("lpips-")][wanted]
        offset, scale = (jax.device_put(np.full(3, numbers, np.float32)) for numbers in LPIPS_PREPROCESSING[wanted])
        return {"trunk": trunk, "heads": heads, "preprocessing": {"offset": offset, "scale": scale}}
    if name not in PARTS:
        return trunk
    parts = _arrays(_part_tensors(PARTS[name].file))
    return {"trunk": trunk, **parts} if backbone else parts


def _arrays(tensors: Tensors) -> dict[str, Any]:
    """Not with `jax.tree.map`, which sorts the layers by name; nor `jnp.asarray`, which compiles for each shape."""
    return nest({name: jax.device_put(tensor) for name, tensor in tensors.items()})


def _trunk_tensors(trunk: Trunk, exact: bool) -> Tensors:
    from ._fetch import fetch
    from ._files import read_trunk

    found = find_trunk(trunk, exact=exact)
    return read_trunk(fetch(trunk) if found is None else found.path, trunk)


def _part_tensors(file: str) -> Tensors:
    from ._files import read_shipped

    return dequantize(read_shipped(find_parts(file).path, read_manifest().files[file]))


def find_trunk(trunk: Trunk, *, exact: bool = False) -> Found | None:
    """The first file that holds a network; exactly, if asked for, where the one that is shipped does not."""
    candidates = _candidates(trunk, exact)
    return next((found for found in candidates if found.path.is_file()), None)


def _candidates(trunk: Trunk, exact: bool) -> Iterator[Found]:
    from ._fetch import cache_folder

    exact_names = (trunk.exact_name, f"{trunk.net}_features.npz", trunk.official_name)
    shipped = [trunk.shipped] if trunk.shipped and not (exact and trunk.shipped != trunk.exact_name) else []
    for folder in _given_folders():
        yield from (Found(folder / name, VARIABLE) for name in (*exact_names, *shipped))
    yield from (Found(shipped_folder() / name, "package") for name in shipped)
    yield Found(cache_folder() / trunk.exact_name, "cache")


def is_at_hand(name: str) -> bool:
    """Whether `load_params` finds them without a download; of a name that it knows, or a file."""
    backbone = BACKBONE_OF.get(name)
    return not backbone or find_trunk(read_manifest().trunks[backbone]) is not None


def find_parts(file: str) -> Found:
    """What a metric has besides a network of torchvision's, which is always there."""
    candidates = [Found(folder / file, VARIABLE) for folder in _given_folders()]
    return next((found for found in candidates if found.path.is_file()), Found(shipped_folder() / file, "package"))


def _given_folders() -> list[Path]:
    """None or one."""
    name = os.environ.get(VARIABLE)
    if not name:
        return []
    if not Path(name).is_dir():
        way_out = f"Unset {VARIABLE}, or name a folder."
        raise WeightsError(error_text(VARIABLE, "the name of a folder with weights", name, way_out))
    return [Path(name)]
