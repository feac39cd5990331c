"""Restoration networks trained on photographs, for their artifacts: the loop, and the file that comes of it."""

import functools
import itertools
import math
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import suggestion
from .._files import InputError, check_destination, part_file
from .._types import Array, ArrayLike, Image, Params
from ..images import Photograph, Stack, random_crops, read_photographs, stack_images
from ..judgments._artifact_networks import check_generator
from ..judgments._artifact_specs import ARTIFACT_TASKS, ArtifactSpec, check_spec, random_artifact_spec
from ..judgments._artifacts import ArtifactState, artifact_distortion, artifact_step, feature_net, init_artifacts
from ..judgments.distortions import Distortion
from ..ops import to_float
from ..weights._load import load_params
from ..weights._saved import read_history, save_params
from ._artifact_sheet import middle


FAMILY = "cnn"
EXTENSION = ".safetensors"
SMALLEST_CROP = 32  # the features of AlexNet need as much
STYLE_SIDE = 256  # of the part of a photograph whose style is taken
PARTS = 10  # of a training, whose mean losses are noted


class Training(NamedTuple):
    """One network to be trained."""

    name: str
    spec: ArtifactSpec
    key: Array
    style: Photograph | None


def train_artifacts(
    folder: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    count: int = len(ARTIFACT_TASKS),
    tasks: Sequence[str] = tuple(ARTIFACT_TASKS),
    steps: int = 400,
    crop: int = 64,
    batch: int = 4,
    seed: int = 0,
    progress: Callable[[int, float], object] | None = None,
) -> tuple[dict[str, Distortion], list[str]]:
    """Train small restoration networks on photographs, for their artifacts as distortions, and save them in one file.

    Each network is drawn at random, as Zhang et al. drew theirs: see `jaxloss.judgments.random_artifact_spec`. It is
    trained on random crops, for 10 to 60 s on two cores; those for style take the style of one of the photographs.

    Args:
        folder: Of color photographs, of which those at least `crop` pixels high and wide are taken.
        path: File to write, `"artifacts.safetensors"`.
        count: How many networks; tasks are taken in turn.
        tasks: Of `"super-resolution"`, `"denoising"`, `"colorization"`, `"style"` and `"autoencoding"`.
        steps: Of Adam, for each network.
        crop: Side of the crops in pixels.
        batch: Crops per step.
        seed: Of all randomness.
        progress: Called now and then with the number of steps done, of all networks together, and the loss.

    Returns:
        What `load_artifacts` reads from the file; and a sentence on each photograph that was left out.

    Raises:
        InputError: If the file cannot be written, there are no photographs, or a number or a task is not as it should
            be, before the work begins; or if a training diverges. Then nothing is written.
    """
    path = check_destination(path, [EXTENSION], "file of networks")
    _check_options(tasks, {"count": count, "steps": steps, "batch": batch, "seed": seed}, crop)
    photographs, notes = read_photographs(folder, crop)
    if not photographs:
        reasons = " ".join(notes) or "It has no image files."
        raise InputError(f"{os.fspath(folder)}: no color photograph to train on. {reasons}")
    with part_file(path) as part:  # what has no permission to be written shows before the work
        part.touch()
    stack, params, told = stack_images(photo.pixels for photo in photographs), {}, {}
    for number, training in enumerate(_draw(tasks, count, seed, photographs)):
        report = functools.partial(_report, progress, number * steps)
        state, losses = _train(training, stack, steps=steps, crop=crop, batch=batch, report=report)
        params[training.name] = state.params
        style = {} if training.style is None else {"style": training.style.name}
        told[training.name] = {"spec": training.spec._asdict(), **style, "losses": losses}
    settings = {"steps": steps, "crop": crop, "batch": batch, "seed": seed}
    history = {**settings, "photographs": [photo.name for photo in photographs], "artifacts": told}
    save_params(path, jax.device_get(params), net="artifacts", history=history)
    return load_artifacts(path), notes


def load_artifacts(path: str | os.PathLike[str]) -> dict[str, Distortion]:
    """The networks of a file of `train_artifacts`, as distortions of the family `"cnn"`.

    `jaxloss.judgments.distortions.DISTORTIONS.update(load_artifacts(path))` puts them among the others.

    Args:
        path: The file.

    Returns:
        Rows of `DISTORTIONS` by name, such as `"denoising_1"`. At strength 1 an image becomes what the network makes of
        it; at 0 it stays as it is.

    Raises:
        InputError: If the file holds no such networks.
        OSError: If it is missing, damaged, or no file of parameters.
    """
    history, params = read_history(path), load_params(os.fspath(path))
    try:
        specs = {name: ArtifactSpec(**facts["spec"]) for name, facts in history["artifacts"].items()}
        for name, spec in specs.items():
            check_spec(name, spec)
            check_generator(name, params[name], spec)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{os.fspath(path)}: not a file of jaxloss train-artifacts: {error}") from error
    return {name: _row(params[name], spec) for name, spec in specs.items()}


def _row(params: Params, spec: ArtifactSpec) -> Distortion:
    function = functools.partial(artifact_distortion, params=params, spec=spec)
    return Distortion(function, FAMILY, lambda key, strength: {"strength": strength})


def _check_options(tasks: Sequence[str], numbers: dict[str, int], crop: int) -> None:
    for name, value in numbers.items():
        least = 0 if name == "seed" else 1
        if value < least:
            raise InputError(f"{name} must be {least} or more, got {value}.")
    if crop < SMALLEST_CROP:
        raise InputError(f"crop must be {SMALLEST_CROP} or more, got {crop}.")
    for task in tasks:
        if task not in ARTIFACT_TASKS:
            raise InputError(f"no task {task!r}. {suggestion(task, ARTIFACT_TASKS)}")
    if not tasks:
        raise InputError(f"no task is chosen. There are: {', '.join(ARTIFACT_TASKS)}.")


def _draw(tasks: Sequence[str], count: int, seed: int, photographs: Sequence[Photograph]) -> list[Training]:
    """Which networks are trained: the first ones are the same however many there are."""
    tasks, trainings = tuple(dict.fromkeys(tasks)), []
    for number in range(count):
        task, rng = tasks[number % len(tasks)], np.random.default_rng((seed, number))
        spec = random_artifact_spec(int(rng.integers(2**31)), task=task)
        style = photographs[int(rng.integers(len(photographs)))] if spec.style > 0 else None
        name = f"{task.replace('-', '_')}_{number // len(tasks) + 1}"
        trainings.append(Training(name, spec, jax.random.fold_in(jax.random.key(seed), number), style))
    return trainings


Start = Callable[[Array, Params | None, Image | None], ArtifactState]
Step = Callable[[ArtifactState, int, Array, Stack, Params | None], tuple[ArtifactState, Array]]


def _programs(spec: ArtifactSpec, crop: int, batch: int) -> tuple[Start, Step]:
    """Compiled. Features and photographs are arguments: constants would be copied into the programs."""

    @jax.jit
    def start(key: Array, features: Params | None, style: Image | None) -> ArtifactState:
        return init_artifacts(key, spec=spec, features=features, style=style)

    @functools.partial(jax.jit, donate_argnums=0)
    def step(
        state: ArtifactState, number: ArrayLike, key: Array, photographs: Stack, features: Params | None
    ) -> tuple[ArtifactState, Array]:
        crop_key, step_key = jax.random.split(jax.random.fold_in(key, number))
        crops = random_crops(crop_key, photographs, count=batch, side=crop)
        return artifact_step(step_key, state, crops, spec=spec, features=features)

    return start, step


def _train(
    training: Training, photographs: Stack, *, steps: int, crop: int, batch: int, report: Callable[[int, float], object]
) -> tuple[ArtifactState, list[float]]:
    """The trained state, and the mean loss of each of ten parts of the training."""
    spec, style = training.spec, training.style
    features = load_params(feature_net(spec)) if spec.features > 0 or spec.style > 0 else None
    shown = None if style is None else to_float(middle(style.pixels, STYLE_SIDE))
    start, step = _programs(spec, crop, batch)
    start_key, key = jax.random.split(training.key)
    state, losses = start(start_key, features, shown), []
    for begin, end in itertools.pairwise(np.linspace(0, steps, min(PARTS, steps) + 1).astype(int).tolist()):
        part = []
        for number in range(begin, end):
            state, loss = step(state, number, key, photographs, features)
            part.append(loss)
        losses.append(float(jnp.stack(part).mean()))
        if not math.isfinite(losses[-1]):
            raise InputError(f"{training.name}: the loss is {losses[-1]} after {end} steps. Choose another seed.")
        report(end, losses[-1])
    return state, losses


def _report(progress: Callable[[int, float], object] | None, before: int, step: int, loss: float) -> None:
    if progress is not None:
        progress(before + step, loss)
