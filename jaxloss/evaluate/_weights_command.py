"""What `jaxloss weights` does: list, fetch, convert, verify."""

import difflib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from rich import box
from rich.table import Table

from ..weights._errors import WeightsError
from ..weights._fetch import cache_folder, fetch as fetch_trunk
from ..weights._files import convert_pth, read_shipped, read_trunk, save_trunk
from ..weights._load import LPIPS_TRUNKS, VARIABLE, Found, find_heads, find_trunk
from ..weights._manifest import HEADS, Trunk, read_manifest, shipped_folder
from ._errors import InputError


def weights_table() -> Table:
    """One line for each file: what `load_params` would read, and what can be fetched."""
    table = Table(
        "name", "file", "size", "origin", "license", "found", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    table.columns[1].overflow = "fold"
    table.columns[2].justify = "right"
    files = read_manifest().files
    for name, trunk, found in _known():
        file = found.path.name if found else trunk.official_name
        size = found.path.stat().st_size if found else trunk.size
        origin = files[file].origin.partition(",")[0] if file in files else "torchvision"
        table.add_row(name, file, _megabytes(size), origin, trunk.license, found.place if found else "not here")
    heads = files[HEADS]
    origin = heads.origin.partition(",")[0]
    table.add_row("lpips-*", HEADS, _megabytes(heads.size), origin, heads.license, find_heads().place)
    return table


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


def fetch(name: str) -> str:
    """Download a network, or that of an LPIPS; what to tell."""
    trunks = read_manifest().trunks
    if name not in (*trunks, *LPIPS_TRUNKS):
        close = difflib.get_close_matches(name, [*trunks, *LPIPS_TRUNKS], n=1)
        way_out = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join((*trunks, *LPIPS_TRUNKS))}."
        raise InputError(f"no weights are called {name!r}. {way_out}")
    trunk = trunks[LPIPS_TRUNKS.get(name, name)]
    path = cache_folder() / trunk.exact_name
    if path.is_file():
        read_trunk(path, trunk)
        return f"{path} is there already."
    if trunk.shipped == trunk.exact_name:
        return f"{trunk.net} comes with the package: {shipped_folder() / trunk.exact_name}."
    return f"Wrote {fetch_trunk(trunk)}."


def convert(file: str, output: str | None) -> str:
    """Convert an official file; what to tell."""
    source = Path(file)
    if output is not None:
        _check_destination(Path(output), source)
    if not source.is_file():
        raise InputError(f"{file}: no such file.")
    trunk, tensors = convert_pth(source)
    path = cache_folder() / trunk.exact_name if output is None else Path(output)
    save_trunk(path, tensors, trunk)
    return f"Wrote {path}, the convolutions of {trunk.net}."


def _check_destination(path: Path, source: Path) -> None:
    if path.suffix != ".safetensors":
        raise InputError(f"{path}: the extension is {path.suffix!r}. Use .safetensors.")
    if path.is_dir():
        raise InputError(f"{path}: is a directory. Name a file in it.")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the directory {path.parent} does not exist.")
    if path.exists() and source.exists() and os.path.samefile(path, source):
        raise InputError(f"{path}: is the file to read. Choose another name for the result.")


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
