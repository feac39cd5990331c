"""Folders in the layout of BAPPS: found, paired by the names of their files, and their judgments read."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._files import InputError, reading
from ..judgments import Choices, Comparisons


class Layout(NamedTuple):
    """Where each part of a trial lies in the folder of a subset."""

    trial: Callable[..., Choices | Comparisons]
    images: Mapping[str, str]  # field of the trial -> folder
    judgment: str  # field of the trial, and folder


LAYOUTS: dict[str, Layout] = {
    "2afc": Layout(Choices, {"reference": "ref", "first": "p0", "second": "p1"}, "judge"),
    "jnd": Layout(Comparisons, {"first": "p0", "second": "p1"}, "same"),
}
IMAGE_EXTENSIONS = {".png", ".jpg", ".jpeg", ".bmp", ".ppm"}
SHOWN = 3  # names of files in an error


@dataclass(frozen=True, eq=False)
class TrialSet:
    """What people were shown in one subset, and what they said; the images stay on the disk.

    Attributes:
        name: Path of the subset below the folder that was searched, such as `"2afc/val/cnn"`.
        kind: `"2afc"` or `"jnd"`.
        images: Field of `Choices` or `Comparisons` to files, one for each trial.
        judgments: `[n]`, float64, in [0, 1]: `judge` of the choices or `same` of the comparisons.
    """

    name: str
    kind: str
    images: Mapping[str, tuple[Path, ...]]
    judgments: np.ndarray

    def __len__(self) -> int:
        return len(self.judgments)

    def spread(self, count: int) -> "TrialSet":
        """At most that many of the trials, evenly spaced."""
        kept = np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).astype(int))
        images = {field: tuple(files[row] for row in kept) for field, files in self.images.items()}
        return replace(self, images=images, judgments=self.judgments[kept])


def find_trials(folder: str | os.PathLike[str]) -> list[TrialSet]:
    """All subsets of judgments in a folder, which are laid out as those of BAPPS.

    A subset of two-alternative choices is a folder with the folders `ref`, `p0`, `p1` (images) and `judge` (a `.npy`
    file with one number for each choice), one of just noticeable differences has `p0`, `p1` and `same`. Files of one
    trial have one name, up to the extension.

    Args:
        folder: A subset, or any folder above it. Hidden files and folders are passed over.

    Returns:
        The subsets in the order of their names, of both kinds.

    Raises:
        InputError: If there is none; if files are missing, of one trial or all, with the first of their names; or if
            a judgment is not one number in [0, 1].

    Example:
        >>> import tempfile, numpy as np
        >>> from jaxloss.datasets import find_trials, write_choices
        >>> from jaxloss.judgments import Choices
        >>> gray = np.full((2, 8, 8, 3), 0.5)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_choices(f"{folder}/2afc/val/mine", Choices(gray, gray, gray, np.array([0.2, 1.0]), np.ones(2)))
        ...     (trials,) = find_trials(folder)
        >>> print(trials.name, trials.kind, len(trials), trials.judgments)
        2afc/val/mine 2afc 2 [0.2 1. ]

    Reference:
        Zhang et al., CVPR 2018. https://github.com/richzhang/PerceptualSimilarity
    """
    root = Path(folder)
    return [read_subset(path, root) for path in subset_folders(root)]


def leave_out(part: str, sets: Sequence[TrialSet]) -> tuple[list[TrialSet], list[str]]:
    """The subsets without a part, `"train"` or `"val"`, in their names, unless there are no others; and other names."""
    kept = [trials for trials in sets if part not in trials.name.split("/")] or list(sets)
    return kept, [trials.name for trials in sets if trials not in kept]


def subset_folders(root: Path) -> list[Path]:
    """Those with judgments, or with pairs of images that should have some."""
    with reading(root):
        os.listdir(root)
    found = sorted(_subset_folders(root, set()))
    if not found:
        raise InputError(f"{root}: no judgments are in it or below. A subset has the folders {_shapes()}.")
    return found


def _subset_folders(folder: Path, seen: set[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)  # links are followed, but not in circles
    if real in seen:
        return
    inner = {path.name: path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
    if inner.keys() & {layout.judgment for layout in LAYOUTS.values()} or {"p0", "p1"} <= inner.keys():
        yield folder
        return
    for path in inner.values():
        yield from _subset_folders(path, seen | {real})


def _shapes() -> str:
    return " or ".join(", ".join([*layout.images.values(), layout.judgment]) for layout in LAYOUTS.values())


def read_subset(folder: Path, root: Path) -> TrialSet:
    """The subset in this folder, by its path below the root."""
    kinds = [kind for kind, layout in LAYOUTS.items() if (folder / layout.judgment).is_dir()]
    if len(kinds) != 1:
        raise InputError(f"{folder}: expected the folder judge or the folder same. A subset has {_shapes()}.")
    layout = LAYOUTS[kinds[0]]
    files = {inner: _files(folder / inner, IMAGE_EXTENSIONS) for inner in layout.images.values()}
    files[layout.judgment] = _files(folder / layout.judgment, {".npy"})
    names = _check_paired(folder, files)
    images = {field: tuple(files[inner][stem] for stem in names) for field, inner in layout.images.items()}
    judgments = np.array([_judgment(files[layout.judgment][stem]) for stem in names])
    return TrialSet(subset_name(folder, root), kinds[0], images, judgments)


def subset_name(folder: Path, root: Path) -> str:
    return folder.resolve().name if folder == root else folder.relative_to(root).as_posix()


def _files(folder: Path, extensions: Iterable[str]) -> dict[str, Path]:
    """By name without the extension."""
    with reading(folder), os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    paths = [folder / name for name in names if os.path.splitext(name)[1].lower() in extensions]
    files = {path.stem: path for path in paths}
    if not files:
        raise InputError(f"{folder}: there is no {' or '.join(sorted(extensions))} file in it.")
    twice = _listed(stem for stem, count in Counter(path.stem for path in paths).items() if count > 1)
    if twice:
        raise InputError(f"{folder}: several files are called {twice}, up to the extension. Leave one of each.")
    return files


def _check_paired(folder: Path, files: Mapping[str, Mapping[str, Path]]) -> list[str]:
    """The names that all have, in order."""
    occurrences = Counter(stem for inner in files.values() for stem in inner)
    if set(occurrences.values()) == {len(files)}:
        return sorted(occurrences)
    wrong = []
    for inner, present in files.items():
        missing = _listed(stem for stem, count in occurrences.items() if count > 1 and stem not in present)
        extra = _listed(stem for stem in present if occurrences[stem] == 1)
        wrong += [f"missing in {inner}: {missing}"] * bool(missing) + [f"only in {inner}: {extra}"] * bool(extra)
    counts = ", ".join(f"{len(present)} in {inner}" for inner, present in files.items())
    raise InputError(f"{folder}: the files do not belong together ({counts}); {'; '.join(wrong)}.")


def _listed(names: Iterable[str]) -> str:
    """The first few, and how many more there are."""
    names = sorted(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _judgment(path: Path) -> float:
    try:
        with reading(path):
            value = np.load(path, allow_pickle=False)
    except InputError:
        raise
    except (ValueError, EOFError) as error:
        raise InputError(f"{path}: not a NumPy file of numbers.") from error
    if not isinstance(value, np.ndarray) or value.size != 1 or value.dtype.kind not in "biuf":
        got = f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else "an archive"
        raise InputError(f"{path}: expected one number, got {got}.")
    number = float(value.item())
    if not 0 <= number <= 1:  # NaN, too
        raise InputError(f"{path}: a judgment is a share of people in [0, 1], not {number:g}.")
    return number


def threads() -> int:
    """For images: Pillow decodes and encodes without holding the interpreter, and waits for the disk."""
    return min(16, 2 * (os.cpu_count() or 1))
