"""Synthetic judgments: crops of photographs, distorted at random and judged by an imaginary observer of known rule."""

import functools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from .._checks import suggestion
from .._files import InputError
from .._types import Array, ArrayLike
from ..images import Photograph, Stack, random_crops, read_photographs, stack_images
from ..judgments import Choices, Comparisons
from ..judgments.distortions import DISTORTIONS, distort
from ._layout import TrialSet, find_trials
from ._write import check_new_folder, part_folder, write_trials


class Observer(NamedTuple):
    """An imaginary person, who minds distortions by their family and strength.

    The annoyance a of an image is the sum of weight times strength over its distortions. The second of two images is
    found nearer to the reference with the probability `1 / (1 + exp(-slope (a_first - a_second)))`, and an image the
    same as its reference with `1 / (1 + exp(-slope (threshold - a)))`.

    Attributes:
        noise: Weight of the family `"noise"`, all by their names.
        blur: Minded most.
        compression: Minded as much as one would expect.
        cnn: Artifacts of networks, where `load_artifacts` has put some among the distortions.
        photometric: Hardly minded.
        spatial: Minded least, though it changes most pixels.
        slope: How sure the observer is.
        threshold: The annoyance that half of all votes notice.
    """

    noise: float = 1.0
    blur: float = 1.3
    compression: float = 0.7
    cnn: float = 0.9
    photometric: float = 0.3
    spatial: float = 0.15
    slope: float = 6.0
    threshold: float = 0.3

    def prefer_second(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Probability by annoyances."""
        return _logistic(self.slope * (first - second))

    def same(self, annoyance: np.ndarray) -> np.ndarray:
        """Probability by annoyance."""
        return _logistic(self.slope * (self.threshold - annoyance))


def _logistic(x: np.ndarray) -> np.ndarray:
    return (1 + np.tanh(x / 2)) / 2  # does not overflow


SUBSETS = {"2afc/train/synthetic": "2afc", "2afc/val/synthetic": "2afc", "jnd/val/synthetic": "jnd"}
STAGES = 2  # distortions in a sequence
TWICE = 0.5  # share of images with a sequence
HELD_OUT = 0.25  # share of photographs
CHUNK = 32  # images in one call of a compiled program
BLOCK = 1024 * 64 * 64  # pixels of the references that are held at once
README = """# Synthetic judgments

No person has judged these images. They are random crops of photographs with one random distortion or two in sequence,
of strengths in [0, 1], and the judgments (`judge` of 2afc, `same` of jnd) are votes drawn by a rule.

The annoyance a of an image is the sum of weight times strength over its distortions, with a weight for each family of
distortions. The second of two images is found nearer to the reference with the probability
`1 / (1 + exp(-slope (a_first - a_second)))`, an image the same as its reference with
`1 / (1 + exp(-slope (threshold - a)))`.

Here: {weights}; {people} votes on each trial. All of it, seed included, is in `synthetic.json`.

Held out, for the subsets `val`: {held_out}.
"""


def synthesize(
    photographs: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    count: int,
    held_out_count: int | None = None,
    side: int = 64,
    seed: int = 0,
    people: int = 5,
    observer: Observer | None = None,
    distortions: Iterable[str] | None = None,
) -> tuple[list[TrialSet], list[str]]:
    """Write a synthetic set of judgments: not people's, but those of an imaginary `Observer` whose rule is known.

    It is for trying out a training or a score, and tells nothing of what people see. Written are the subsets
    `2afc/train/synthetic`, `2afc/val/synthetic` and `jnd/val/synthetic`, and beside them a `README.md` that calls them
    synthetic and a `synthetic.json` with the rule. Each image is a random crop of a photograph with one distortion or
    a sequence of two, all equally likely, of strengths that are uniform in [0, 1]. A quarter of the photographs are
    held out: of them are the crops of both subsets `val`.

    Args:
        photographs: Folder of color photographs, at least two.
        folder: To be written; it must not be there, or be empty.
        count: Choices to train with.
        held_out_count: Choices and comparisons in each subset `val`; by default a quarter of `count`.
        side: Of the images, in pixels.
        seed: Of all randomness.
        people: Votes on each trial, drawn by the observer's probability.
        observer: By default `Observer()`.
        distortions: Keys of `jaxloss.judgments.distortions.DISTORTIONS`; by default all.

    Returns:
        The three subsets, and notes on photographs that were left out.

    Raises:
        InputError: If the photographs are too few, a distortion or its family is unknown, a number is not as it should
            be, or the folder is taken. Then nothing is written.
    """
    folder, observer = Path(folder), observer or Observer()
    counts = _counts(count, held_out_count)
    _check_numbers({"side": side, "people": people})
    names = _check_distortions(distortions, observer)
    check_new_folder(folder)
    found, notes = read_photographs(photographs, side)
    shares = _split(found, seed, photographs)
    draw = _Draw(names, observer, side, people)
    with part_folder(folder) as part:
        for number, (name, kind) in enumerate(SUBSETS.items()):
            stack = stack_images(photo.pixels for photo in shares[name.split("/")[1]])
            write_trials(part / name, kind, draw.trials(kind, stack, counts[name], (seed, number)))
        _write_notes(part, draw, counts, shares, seed)
    return find_trials(folder), notes


def _counts(count: int, held_out_count: int | None) -> dict[str, int]:
    held_out = max(1, count // 4) if held_out_count is None else held_out_count
    _check_numbers({"count": count, "held_out_count": held_out})
    return {name: count if "/train/" in name else held_out for name in SUBSETS}


def _check_numbers(numbers: Mapping[str, int]) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise InputError(f"{name} must be 1 or more, got {number}.")


def _check_distortions(names: Iterable[str] | None, observer: Observer) -> list[str]:
    names = list(DISTORTIONS if names is None else dict.fromkeys(names))
    for name in names:
        if name not in DISTORTIONS:
            raise InputError(f"no distortion {name!r}. {suggestion(name, DISTORTIONS)}")
        if DISTORTIONS[name].family not in observer._fields:
            raise InputError(
                f"{name} is of the family {DISTORTIONS[name].family!r}, which the observer has no weight of."
            )
    if not names:
        raise InputError(f"no distortion is chosen. There are: {', '.join(DISTORTIONS)}.")
    return names


def _split(found: Sequence[Photograph], seed: int, folder: str | os.PathLike[str]) -> dict[str, list[Photograph]]:
    """Those to train with and those held out, for validation."""
    if len(found) < 2:
        way_out = "One at least is held out, and one to train with."
        raise InputError(f"{os.fspath(folder)}: expected two photographs or more, got {len(found)}. {way_out}")
    order = np.random.default_rng((seed, len(SUBSETS))).permutation(len(found))
    held_out = set(order[: max(1, round(HELD_OUT * len(found)))].tolist())
    return {
        "train": [photo for number, photo in enumerate(found) if number not in held_out],
        "val": [photo for number, photo in enumerate(found) if number in held_out],
    }


class _Draw:
    """Random trials, block after block."""

    def __init__(self, names: Sequence[str], observer: Observer, side: int, people: int) -> None:
        self.names, self.observer, self.side, self.people = names, observer, side, people
        self._weights = np.array([getattr(observer, DISTORTIONS[name].family) for name in names])
        # Programs of their own for each call: a row of the table may have changed since the last one.
        self._programs = [jax.jit(functools.partial(_distort_each, name)) for name in names]
        self._crop = jax.jit(random_crops, static_argnames=("count", "side", "upright"))

    def trials(
        self, kind: str, photographs: Stack, count: int, seed: tuple[int, ...]
    ) -> Iterator[Choices | Comparisons]:
        rng, key = np.random.default_rng(seed), jax.random.fold_in(jax.random.key(seed[0]), seed[1])
        block = min(count, max(CHUNK, BLOCK // self.side**2))
        make = self._choices if kind == "2afc" else self._comparisons
        for number, begin in enumerate(range(0, count, block)):
            crop_key, noise_key = jax.random.split(jax.random.fold_in(key, number))
            crops = self._crop(crop_key, photographs, count=block, side=self.side, upright=True)
            rows = min(block, count - begin)
            yield make(np.asarray(crops)[:rows], noise_key, rng)

    def _choices(self, crops: np.ndarray, key: Array, rng: np.random.Generator) -> Choices:
        images, annoyances = self._distorted(np.concatenate([crops, crops]), key, rng)
        (first, second), annoyance = np.split(images, 2), np.split(annoyances, 2)
        share = self._votes(self.observer.prefer_second(annoyance[0], annoyance[1]), rng)
        return Choices(crops, first, second, share, np.ones(len(crops)))

    def _comparisons(self, crops: np.ndarray, key: Array, rng: np.random.Generator) -> Comparisons:
        images, annoyances = self._distorted(crops, key, rng)
        return Comparisons(crops, images, self._votes(self.observer.same(annoyances), rng), np.ones(len(crops)))

    def _votes(self, probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return rng.binomial(self.people, probabilities) / self.people

    def _distorted(self, images: np.ndarray, key: Array, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Each image with one or two distortions, and how much the observer minds them."""
        images, shape = images.copy(), (STAGES, len(images))
        which = rng.integers(len(self.names), size=shape)
        strengths = rng.random(shape)
        strengths[1] *= rng.random(len(images)) < TWICE
        for stage in range(STAGES):
            keys = jax.random.split(jax.random.fold_in(key, stage), len(images))
            for number, program in enumerate(self._programs):
                rows = np.flatnonzero((which[stage] == number) & (strengths[stage] > 0))
                for chosen in np.split(rows, range(CHUNK, len(rows), CHUNK)) if len(rows) else ():
                    filled = np.resize(chosen, CHUNK)  # one shape, one program
                    made = program(keys[filled], images[filled], strengths[stage, filled].astype(np.float32))
                    images[chosen] = np.asarray(made)[: len(chosen)]
        return images, (self._weights[which] * strengths).sum(axis=0)


def _distort_each(name: str, keys: Array, images: ArrayLike, strengths: ArrayLike) -> Array:
    return jax.vmap(lambda key, image, strength: distort(key, image, name=name, strength=strength))(
        keys, images, strengths
    )


def _write_notes(
    folder: Path, draw: _Draw, counts: Mapping[str, int], shares: Mapping[str, list[Photograph]], seed: int
) -> None:
    """What everyone should know who finds the folder."""
    photographs = {name: [photo.name for photo in share] for name, share in shares.items()}
    facts: dict[str, Any] = {
        "synthetic": True,
        "trials": dict(counts),
        "people": draw.people,
        "observer": draw.observer._asdict(),
        "distortions": {name: DISTORTIONS[name].family for name in draw.names},
        "side": draw.side,
        "seed": seed,
        "photographs": photographs,
    }
    (folder / "synthetic.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    weights = ", ".join(f"{name} {value:g}" for name, value in draw.observer._asdict().items())
    (folder / "README.md").write_text(
        README.format(weights=weights, people=draw.people, held_out=", ".join(photographs["val"])), encoding="utf-8"
    )
