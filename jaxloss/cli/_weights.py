"""`jaxloss weights`: list, fetch, convert, verify."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from .._checks import suggestion
from .._files import InputError, check_destination, reading
from ..weights._errors import WeightsError
from ..weights._fetch import cache_folder, fetch
from ..weights._files import convert_pth, read_shipped, read_trunk, save_trunk
from ..weights._load import BACKBONE_OF, VARIABLE, Found, find_heads, find_trunk
from ..weights._manifest import HEADS, Trunk, read_manifest, shipped_folder
from ._terminal import Group, show, table


weights = typer.Typer(
    cls=Group, help="Weights of networks: which there are, and where; download, convert and verify them."
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
    """Download the exact weights of a network from torchvision, verify them, and keep them in the user's cache."""
    if name not in BACKBONE_OF:
        raise InputError(f"no weights are called {name!r}. {suggestion(name, BACKBONE_OF)}")
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
    file: Annotated[str, typer.Argument(metavar="FILE.pth", help="A file of torchvision's weights.")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE.safetensors", help="By default in the user's cache.")
    ] = None,
) -> None:
    """Convert a file that was downloaded by hand, without executing anything in it."""
    path = None if output is None else check_destination(output, [".safetensors"], "file of weights", [file])
    with reading(file), open(file, "rb"):
        pass
    trunk, tensors = convert_pth(Path(file))
    path = path or cache_folder() / trunk.exact_name
    save_trunk(path, tensors, trunk)
    typer.echo(f"Wrote {path}, the convolutions of {trunk.net}.")


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
        origin = files[file].origin.partition(",")[0] if file in files else "torchvision"
        rows.add_row(name, file, _megabytes(size), origin, trunk.license, found.place if found else "not here")
    heads = files[HEADS]
    origin = heads.origin.partition(",")[0]
    rows.add_row("lpips-*", HEADS, _megabytes(heads.size), origin, heads.license, find_heads().place)
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
    checks.setdefault(find_heads().path, partial(read_shipped, file=files[HEADS]))
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
