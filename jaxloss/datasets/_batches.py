"""Batches of trials for training and scoring: decoded by many threads, in an order that can be entered anywhere."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
import PIL.Image

from .._checks import error_text
from .._files import InputError, reading
from ..judgments import Choices, Comparisons
from ._layout import LAYOUTS, Layout, TrialSet, threads


# Images at their size, whether all choices or all comparisons.
Trial = tuple[np.ndarray | np.floating, ...]


def batches_per_epoch(sets: Sequence[TrialSet], *, batch: int) -> int:
    """How many batches all trials make, the last one filled up.

    Args:
        sets: What `batches` is given.
        batch: Trials in a batch.

    Returns:
        The number.

    Example:
        >>> import numpy as np
        >>> from jaxloss.datasets import TrialSet, batches_per_epoch
        >>> print(batches_per_epoch([TrialSet("mine", "2afc", {}, np.zeros(7))], batch=3))
        3
    """
    return -(-sum(map(len, sets)) // batch)


def batches(
    sets: Sequence[TrialSet],
    *,
    batch: int,
    side: int | None = 64,
    seed: int | None = None,
    start: int = 0,
    epochs: int | None = 1,
    process_index: int | None = None,
    process_count: int | None = None,
) -> Iterator[Any]:
    """The trials of one or several subsets of one kind, batch after batch.

    All batches have one shape: the last one of an epoch is filled up with trials of weight 0. The order is a function
    of the seed and the number of the batch alone, so that `start=k` goes on exactly where a run broke off after k
    batches. Images are decoded to 8 bits RGB and resized as torchvision's `Resize` does: the shorter side becomes
    `side`, bilinear with antialiasing, unless it is that long already.

    Args:
        sets: Of `find_trials`.
        batch: Trials in a batch, of all processes together.
        side: Pixels, 64 as in the paper; None leaves images as they are, and they must be of one size.
        seed: Shuffles the trials of all sets, in each epoch differently; None leaves them in order.
        start: Batches to leave out, counted through all epochs.
        epochs: How often all trials come; None for no end.
        process_index, process_count: Which rows of each batch to yield, those of one process among several; by default
            what `jax.process_index()` and `jax.process_count()` say.

    Returns:
        `Choices` or `Comparisons` of float32 NumPy arrays, values in [0, 1], `batch / process_count` rows each.

    Raises:
        InputError: If an image cannot be read, with its name, or sizes differ; if the sets are none, or of both kinds;
            or if grain is not installed.
        ValueError: If the numbers do not fit together.

    Example:
        >>> import tempfile, numpy as np
        >>> from jaxloss.datasets import batches, find_trials, write_choices
        >>> from jaxloss.judgments import Choices
        >>> gray = np.full((3, 8, 8, 3), 0.2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_choices(f"{folder}/mine", Choices(gray, gray, gray, np.array([0.0, 0.5, 1.0]), np.ones(3)))
        ...     for trials in batches(find_trials(folder), batch=2, side=None):
        ...         print(trials.first.shape, trials.judge, trials.weight)
        (2, 8, 8, 3) [0.  0.5] [1. 1.]
        (2, 8, 8, 3) [1. 0.] [1. 0.]
    """
    index = jax.process_index() if process_index is None else process_index
    count = jax.process_count() if process_count is None else process_count
    _check_numbers(batch, side, start, epochs, index, count)
    kind = _one_kind(sets)
    grain, source = import_grain("reading judgments in batches"), _Source(sets, LAYOUTS[kind], side)
    order = grain.MapDataset.range(len(source))
    order = order if seed is None else order.shuffle(seed=seed)
    per_epoch, rows = batches_per_epoch(sets, batch=batch), batch // count

    def decode(number: int) -> Trial:
        """The number counts the rows of this process through all batches and epochs."""
        step, row = divmod(number, rows)
        epoch, step = divmod(step, per_epoch)
        position = step * batch + index * rows + row
        trial = int(order[epoch * len(source) + position % len(source)])
        return *source[trial], np.float32(position < len(source))

    end = sys.maxsize if epochs is None else epochs * per_epoch * rows
    if start * rows >= end:
        return iter(())
    options = grain.ReadOptions(num_threads=threads(), prefetch_buffer_size=max(2 * rows, threads()))
    numbers = grain.MapDataset.range(start * rows, end)
    return _assembled(numbers.map(decode).to_iter_dataset(options).batch(rows), LAYOUTS[kind])


def _assembled(stacks: Iterable[tuple[np.ndarray, ...]], layout: Layout) -> Iterator[Choices | Comparisons]:
    for *images, judgments, weights in stacks:
        pixels = [image.astype(np.float32) / np.float32(255) for image in images]
        yield layout.trial(*pixels, judgments, weights)


class _Source:
    """Trials of all sets by number: images of 8 bits and of one size, and the judgment."""

    def __init__(self, sets: Sequence[TrialSet], layout: Layout, side: int | None) -> None:
        columns = ([path for trials in sets for path in trials.images[field]] for field in layout.images)
        self._files = list(zip(*columns, strict=True))
        self._judgments = np.concatenate([trials.judgments for trials in sets]).astype(np.float32)
        self._side = side
        self._model = self._files[0][0]
        self._shape = read_trial_image(self._model, side).shape

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, number: int) -> Trial:
        return *map(self._image, self._files[number]), self._judgments[number]

    def _image(self, path: Path) -> np.ndarray:
        image = read_trial_image(path, self._side)
        if image.shape != self._shape:
            sizes = f"{path} is {_size(image.shape)} and {self._model} is {_size(self._shape)} pixels"
            if self._side is None:
                raise InputError(f"{sizes}. Name a side to which all are resized, or crop them.")
            raise InputError(f"{sizes} with the shorter side {self._side}. Crop them to one shape, best to squares.")
        return image


def read_trial_image(path: Path, side: int | None) -> np.ndarray:
    """`[H, W, 3]`, uint8; with the shorter side that long, if it is given."""
    try:
        with reading(path), PIL.Image.open(path) as image:
            picture = image.convert("RGB")
    except InputError:
        raise
    except PIL.UnidentifiedImageError as error:
        raise InputError(f"{path}: not an image that Pillow can read.") from error
    except Exception as error:  # The decoders of damaged files raise OSError, SyntaxError, struct.error, IndexError ...
        raise InputError(f"{path}: cannot be decoded: {' '.join(str(error).split()).rstrip('.')}.") from error
    shorter = min(picture.size)
    if side is not None and shorter != side:
        width, height = (int(side * length / shorter) for length in picture.size)  # rounded down, as torchvision does
        picture = picture.resize((width, height), PIL.Image.Resampling.BILINEAR)
    return np.asarray(picture)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"


def import_grain(what: str) -> ModuleType:
    try:
        import grain
    except ImportError as error:
        raise InputError(f'{what} needs grain: pip install "jaxloss[eval]".') from error
    return grain


def _one_kind(sets: Sequence[TrialSet]) -> str:
    kinds = {trials.kind: trials.name for trials in sets}
    if not sum(map(len, sets)):
        raise InputError("there are no trials to take batches of.")
    if len(kinds) > 1:
        names = " and ".join(f"{name} is {kind}" for kind, name in kinds.items())
        raise InputError(f"choices and comparisons do not go into one batch: {names}. Take them one after the other.")
    return next(iter(kinds))


def _check_numbers(batch: int, side: int | None, start: int, epochs: int | None, index: int, count: int) -> None:
    least = {
        "batch": (batch, 1),
        "side": (side, 1),
        "start": (start, 0),
        "epochs": (epochs, 1),
        "process_count": (count, 1),
    }
    for name, (value, smallest) in least.items():
        if value is not None and value < smallest:
            raise ValueError(error_text("batches", f"{name} >= {smallest}", value, "Choose a larger number."))
    if batch % count:
        way_out = "All processes take the same number of rows."
        raise ValueError(error_text("batches", f"a batch that {count} processes can share", batch, way_out))
    if not 0 <= index < count:
        raise ValueError(error_text("batches", f"process_index below {count}", index, "Processes are counted from 0."))
