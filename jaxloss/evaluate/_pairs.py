"""Which image is held against which: by names in folders, by a list, or all against one."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import PIL.Image

from .._files import InputError, read_csv, reading
from ..images import is_light


Paths = str | os.PathLike[str]
Tests = Paths | Sequence[Paths] | Mapping[str, Paths]
Match = Literal["relative", "stem"]

LISTS = (".csv", ".jsonl")
SHOWN = 3  # names of files in a sentence


class Pair(NamedTuple):
    """An image or video, and the one that it should be like.

    Attributes:
        name: What pairs of several methods have in common.
        method: What made the tested one.
        reference: A file, or the folder of the frames of a video.
        test: Likewise.
    """

    name: str
    method: str
    reference: Path
    test: Path


class Pairs(NamedTuple):
    """What is compared.

    Attributes:
        pairs: By name and, for equal names, in the order of the methods.
        unpaired: What has no partner.
        notes: The same in sentences.
    """

    pairs: tuple[Pair, ...]
    unpaired: tuple[Path, ...]
    notes: tuple[str, ...]


def find_pairs(references: Paths, tests: Tests = (), *, match: Match = "relative", video: bool = False) -> Pairs:
    """Pair the images of folders, of a list, or of folders with one reference.

    Folders are searched with those inside them, without hidden ones. What is no image by its extension is passed over.

    Args:
        references: A folder; one image, against which all others are held; or a list in place of both: a CSV file with
            columns `reference` and `test`, or one of JSON lines with these keys. `method` and `name` may be there, too;
            paths are taken from the folder of the list.
        tests: A folder for each method, which is called as the last part of its path; or method to folder.
        match: What of two files must be equal: `"relative"`, the path from the folder; `"stem"`, that without its
            extension.
        video: Whether frames of one folder are a video, and so is a file of several frames.

    Returns:
        The pairs, and what has no partner.

    Raises:
        InputError: If a folder or a list cannot be read, two files claim one name, or there is no pair at all.

    Example:
        >>> import tempfile, PIL.Image
        >>> from pathlib import Path
        >>> from jaxloss.evaluate import find_pairs
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("real/cat.png", "made/cat.jpg", "made/dog.jpg"):
        ...         Path(folder, name).parent.mkdir(exist_ok=True)
        ...         PIL.Image.new("L", (8, 8)).save(Path(folder, name))
        ...     found = find_pairs(f"{folder}/real", f"{folder}/made", match="stem")
        >>> print([(pair.name, pair.method, pair.test.name) for pair in found.pairs], found.unpaired[0].name)
        [('cat', 'made', 'cat.jpg')] dog.jpg
    """
    reference = Path(references)
    if reference.suffix.lower() in LISTS:
        if tests:
            raise InputError(f"{reference}: the list names the images under test. Give no folders besides it.")
        return _from_list(reference)
    folders = folders_of_methods(tests)
    if not folders:
        raise InputError("there is nothing to test. Name a folder of images for each method.")
    known = {} if reference.is_file() else _named(reference, match, video)
    pairs, unpaired, notes = [], [], []
    for method, folder in folders.items():
        found = _named(folder, match, video)
        partners = known or dict.fromkeys(found, reference)
        pairs += [Pair(name, method, partners[name], path) for name, path in found.items() if name in partners]
        for these, others, there in ((partners, found, folder), (found, partners, reference)):
            lonely = [path for name, path in these.items() if name not in others]
            unpaired += lonely
            if lonely:
                notes.append(f"{listed(lonely)} without a partner in {there}.")
    if not pairs:
        way_out = 'Pair them by their stems: match="stem".' if match == "relative" else "Name each after its reference."
        raise InputError(f"no image of {reference} has a partner of the same name. {way_out}")
    order = {method: number for number, method in enumerate(folders)}
    pairs.sort(key=lambda pair: (natural(pair.name), order[pair.method]))
    return Pairs(tuple(pairs), tuple(unpaired), tuple(notes))


def listed(names: Sequence[object]) -> str:
    """The first ones, and how many more."""
    more = len(names) - SHOWN
    return ", ".join(map(str, names[:SHOWN])) + (f" and {more} more" if more > 0 else "")


def natural(name: str) -> tuple[tuple[int, str] | tuple[int, int, str], ...]:
    """A key that sorts `frame10` behind `frame9`."""
    parts = re.split(r"(\d+)", name)
    return tuple((1, int(part), part) if part.isdecimal() else (0, part) for part in parts)


def is_readable(path: Path) -> bool:
    """By its extension: an image or light."""
    return is_image(path) or (is_light(path) and path.is_file())


def is_image(path: Path) -> bool:
    """By its extension."""
    return PIL.Image.registered_extensions().get(path.suffix.lower()) in PIL.Image.OPEN and path.is_file()


def frame_files(folder: Path) -> list[Path]:
    """The frames of a video in a folder, in their order."""
    with reading(folder):
        return sorted(filter(is_readable, folder.iterdir()), key=lambda path: natural(path.name))


def folders_of_methods(tests: Tests) -> dict[str, Path]:
    if isinstance(tests, Mapping):
        return {method: Path(folder) for method, folder in tests.items()}
    given: Iterable[Paths] = [tests] if isinstance(tests, str | os.PathLike) else tests
    folders = [Path(folder) for folder in given]
    names = [folder.resolve().name for folder in folders]
    chosen = [name if names.count(name) == 1 else str(folder) for name, folder in zip(names, folders, strict=True)]
    if len(set(chosen)) < len(chosen):
        raise InputError(f"{listed(chosen)}: the same folder twice. Name each method once.")
    return dict(zip(chosen, folders, strict=True))


def _named(folder: Path, match: Match, video: bool) -> dict[str, Path]:
    """Images or videos of a folder by what they are matched by, in order."""
    with reading(folder):
        if not folder.is_dir():
            os.listdir(folder)  # raises what is wrong with it
        paths = (path for path in folder.rglob("*") if not _is_hidden(path.relative_to(folder)))
        files = sorted(filter(is_readable, paths), key=lambda path: natural(str(path)))
    found: dict[str, Path] = {}
    for path in _videos(files) if video else files:
        relative = path.relative_to(folder)
        if match == "stem" and not path.is_dir():
            relative = relative.with_suffix("")
        if found.setdefault(relative.as_posix(), path) != path:
            names = f"{found[relative.as_posix()].name} and {path.name}"
            raise InputError(f"{folder}: {names} differ in their extension alone. Keep one of them.")
    if not found:
        raise InputError(f"{folder}: there are no images in it.")
    return found


def _is_hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts)


def _videos(files: Iterable[Path]) -> Iterator[Path]:
    """Each file of several frames, and each folder of others."""
    yield from dict.fromkeys(path if _is_moving(path) else path.parent for path in files)


def _is_moving(path: Path) -> bool:
    try:
        with PIL.Image.open(path) as image:
            return getattr(image, "n_frames", 1) > 1
    except Exception:  # it is damaged, of which its reader will tell
        return False


def _from_list(path: Path) -> Pairs:
    folder, pairs = path.parent, []
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _json_rows(path)
    for where, row in rows:
        reference, test = (_cell(where, row, key) for key in ("reference", "test"))
        name, method = row.get("name") or reference, row.get("method") or "test"
        pairs.append(Pair(str(name), str(method), folder / reference, folder / test))
    for (name, method), count in Counter(pair[:2] for pair in pairs).items():
        if count > 1:
            raise InputError(f"{path}: {name} of the method {method} is there twice. Give each a name of its own.")
    return Pairs(tuple(sorted(pairs, key=lambda pair: natural(pair.name))), (), ())


def _csv_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((row.where, row.cells) for row in read_csv(path, ["reference", "test"], "pairs"))


def _json_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with reading(path):
        lines = path.read_bytes().splitlines()
    for number, line in enumerate(lines, start=1):
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{where}: not a line of JSON.") from error
        if not isinstance(row, dict):
            raise InputError(f"{where}: not an object of JSON.")
        yield where, row
    if not lines:
        raise InputError(f"{path}: there are no pairs in it.")


def _cell(where: str, row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: there is no {key!r}, the path of an image.")
    return value.strip()
