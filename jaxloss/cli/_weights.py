"""`jaxloss weights`: list, fetch, convert, learn, verify."""

import hashlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from .._checks import suggestion
from .._files import InputError, check_destination, reading
from ..backbones._features import TORCHVISION
from ..backbones._lpips_nets import PUBLISHED_NETS
from ..weights._caffe_nets import KINDS, convert_caffemodel
from ..weights._errors import WeightsError
from ..weights._fetch import cache_folder, fetch
from ..weights._files import convert_own_pth, convert_pth, read_shipped, read_trunk, save_trunk
from ..weights._load import BACKBONE_OF, VARIABLE, Found, find_parts, find_trunk
from ..weights._manifest import HEADS, PARTS, Trunk, read_manifest, shipped_folder
from ..weights._saved import save_params
from ..weights._st_lpips import convert_st_lpips, is_st_lpips
from ..weights._tensors import EXTENSION, nest
from ._cache import keep_compiled_programs
from ._terminal import Group, note, show, table, working


weights = typer.Typer(
    cls=Group, help="Weights of networks: which there are, and where; download, convert, learn and verify them."
)


@weights.command("list")
def list_weights() -> None:
    """List the weights: file, size, origin, license, and where each is found."""
    show(weights_table())
    for place in places():
        typer.echo(place)


@weights.command("fetch")
def fetch_weights(
    name: Annotated[str, typer.Argument(metavar="NAME", help="For example vgg19 or lpips-squeeze.")],
) -> None:
    """Download the exact weights of a network, verify them, and keep them in the user's cache."""
    if name not in BACKBONE_OF:
        raise InputError(f"no weights are called {name!r}. {suggestion(name, BACKBONE_OF)}")
    if not BACKBONE_OF[name]:
        typer.echo(f"{name} comes with the package: {shipped_folder() / PARTS[name].file}.")
        return
    trunk = read_manifest().trunks[BACKBONE_OF[name]]
    path = cache_folder() / trunk.exact_name
    if path.is_file():
        read_trunk(path, trunk)
        typer.echo(f"{path} is there already.")
    elif trunk.shipped == trunk.exact_name:
        typer.echo(f"{trunk.net} comes with the package: {shipped_folder() / trunk.exact_name}.")
    else:
        typer.echo(f"Wrote {fetch(trunk)}.")


@weights.command("convert")
def convert_weights(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A .pth, of torchvision or pytorch-fid, or a .caffemodel.")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE.safetensors", help="By default, of an official .pth, in the user's cache."
        ),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="|".join(KINDS), help="Which training without labels a .caffemodel is of.")
    ] = None,
    own: Annotated[
        bool, typer.Option("--own", help="The .pth is of a training of one's own, and not known by its hash.")
    ] = False,
) -> None:
    """Convert a file that was downloaded by hand, without executing anything in it.

    What --kind or --own make is for jaxloss train-lpips --trunk, and for jaxloss compare --params. So is what becomes
    of the .pth files of ST-LPIPS, which are told by their names in the file.
    """
    path = None if output is None else check_destination(output, [EXTENSION], "file of weights", [file])
    with reading(file), open(file, "rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    caffe = Path(file).suffix == ".caffemodel"
    if caffe != (kind is not None) or (caffe and own):
        raise InputError(f"{file}: --kind belongs to a .caffemodel, and --own to a .pth. Choose one.")
    if kind is not None and kind not in KINDS:
        raise InputError(f"no kind {kind!r}. {suggestion(kind, KINDS)}")
    whole = not caffe and not own and is_st_lpips(Path(file))
    if not caffe and not own and not whole:
        trunk, tensors = convert_pth(Path(file))
        net, path = trunk.net, path or cache_folder() / trunk.exact_name
        save_trunk(path, tensors, trunk)
    else:
        if path is None:
            raise InputError(f"{file}: say where to, with -o FILE{EXTENSION}.")
        if kind is not None:
            net, tensors = convert_caffemodel(Path(file), kind)
        else:
            net, tensors = (convert_st_lpips if whole else convert_own_pth)(Path(file))
        save_params(path, nest(tensors), net=net, history={"file": Path(file).name, "sha256": sha256})
    typer.echo(f"Wrote {path}, {'the parameters' if whole else 'the convolutions'} of {net}.")


@weights.command("kmeans")
def learn_weights(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Photographs; no labels are needed.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE.safetensors", help="The file to write.")],
    net: Annotated[str, typer.Option(metavar="|".join(PUBLISHED_NETS), help="The network.")] = "alex",
    crops: Annotated[int, typer.Option(help="Random parts of the photographs.")] = 300,
    side: Annotated[int, typer.Option(help="Their height and width in pixels.")] = 128,
    seed: Annotated[int, typer.Option(help="Of the randomness.")] = 0,
) -> None:
    """Learn a network from photographs by k-means (Krähenbühl et al. 2016). Takes about a minute on two cores.

    It is for jaxloss train-lpips --trunk, and for jaxloss compare --params.
    """
    import jax

    from ..images import random_crops, read_photographs, stack_images
    from ..judgments import kmeans_trunk

    path = check_destination(output, [EXTENSION], "file of weights")
    if net not in PUBLISHED_NETS:
        raise InputError(f"no network {net!r}. {suggestion(net, PUBLISHED_NETS)}")
    if min(crops, side) < 1:
        raise InputError("--crops and --side are at least 1.")
    photographs, notes = read_photographs(folder, side)
    note(notes)
    if not photographs:
        raise InputError(f"{folder}: there are no color photographs of at least {side} x {side} pixels.")
    crop_key, key = jax.random.split(jax.random.key(seed))
    images = random_crops(crop_key, stack_images(photo.pixels for photo in photographs), count=crops, side=side)
    keep_compiled_programs()
    try:
        with working("Clustering"):
            params = kmeans_trunk(key, images, net=net)
    except ValueError as error:  # too few or too small
        raise InputError(str(error)) from error
    history = {"method": "k-means", "photographs": len(photographs), "crops": crops, "side": side, "seed": seed}
    save_params(path, params, net=PUBLISHED_NETS[net].backbone, history=history)
    typer.echo(f"Wrote {path}, the convolutions of {PUBLISHED_NETS[net].backbone}.")


@weights.command("verify")
def verify_weights() -> None:
    """Verify every file of weights that is here. The exit code is 1 if one is not what it should be."""
    right, wrong = verify()
    for line in right:
        typer.echo(line)
    for line in wrong:
        typer.echo(f"jaxloss: {line}", err=True)
    if wrong:
        raise typer.Exit(1)


def weights_table() -> Table:
    """One line for each file: what `load_params` would read, and what can be fetched."""
    rows = table("name", "file", "size", "origin", "license", "found", right=["size"])
    rows.columns[0].no_wrap = True
    files = read_manifest().files
    for name, trunk, found in _known():
        file = found.path.name if found else trunk.official_name
        size = found.path.stat().st_size if found else trunk.size
        official = "torchvision" if trunk.net in TORCHVISION else "pytorch-fid"
        origin = files[file].origin.partition(",")[0] if file in files else official
        rows.add_row(name, file, _megabytes(size), origin, trunk.license, found.place if found else "not here")
    for name, part in (("lpips-*", HEADS), *((name, parts.file) for name, parts in PARTS.items())):
        file = files[part]
        origin = file.origin.partition(",")[0]
        rows.add_row(name, part, _megabytes(file.size), origin, file.license, find_parts(part).place)
    return rows


def places() -> list[str]:
    """Where the words under "found" are."""
    given = os.environ.get(VARIABLE)
    lines = [f"package: {shipped_folder()}", f"cache: {cache_folder()}", "not here: downloaded when it is needed"]
    return [f"{VARIABLE}: {given}", *lines] if given else lines


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"


def _known() -> Iterator[tuple[str, Trunk, Found | None]]:
    """Networks by name; where a rounded one is shipped, the exact one too."""
    for net, trunk in read_manifest().trunks.items():
        found = find_trunk(trunk)
        yield net, trunk, found
        if found and found.path.name == trunk.shipped != trunk.exact_name:
            yield f"{net}, exact", trunk, find_trunk(trunk, exact=True)


def verify() -> tuple[list[str], list[str]]:
    """What is right and what is wrong, a line for each file that is shipped or found elsewhere."""
    right, wrong = [], []
    files = read_manifest().files
    checks: dict[Path, Callable[[Path], object]] = {
        shipped_folder() / name: partial(read_shipped, file=file) for name, file in files.items()
    }
    for part in (HEADS, *(parts.file for parts in PARTS.values())):
        checks.setdefault(find_parts(part).path, partial(read_shipped, file=files[part]))
    for _, trunk, found in _known():
        if found:
            checks.setdefault(found.path, partial(read_trunk, trunk=trunk))
    for path, check in checks.items():
        try:
            check(path)
            right.append(f"{path}: ok")
        except WeightsError as error:
            wrong.append(str(error))
    return right, wrong
