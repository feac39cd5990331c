"""LPIPS trained on files of judgments: what it begins with, what it can be resumed from, and what comes of it."""

import hashlib
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Unpack

import jax
import jax.numpy as jnp

from .._checks import take_options
from .._files import InputError
from .._types import Array, Params
from ..backbones._lpips_nets import LPIPS_NETS, PUBLISHED_NETS
from ..datasets import TrialSet, find_trials
from ..datasets._layout import leave_out
from ..judgments import init_lpips
from ..judgments._training import VARIANTS
from ..weights._load import load_params
from ._checkpoints import Checkpoints, digest_of
from ._loop import Course, Loop
from ._options import RunDefaults, RunOptions


Sets = str | os.PathLike[str] | Sequence[TrialSet]

LEAST_HELD_OUT = 3  # trials, of which there is an interval


class TrainedLPIPS(NamedTuple):
    """What comes of a training.

    Attributes:
        params: For `lpips`.
        history: `"settings"`, and `"curve"`: for each epoch loss, accuracy, learning rate and the held-out score.
        notes: A sentence on each subset that was left out, and each checkpoint that was damaged.
    """

    params: dict[str, Any]
    history: dict[str, Any]
    notes: list[str]


def train_lpips(
    sets: Sets,
    *,
    held_out: Sets = (),
    trunk: Params | None = None,
    params: Params | None = None,
    optimizer: Any = None,
    checkpoints: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: Callable[[int, float], object] | None = None,
    **options: Unpack[RunOptions],
) -> TrainedLPIPS:
    """Train LPIPS on people's choices, as its authors did: see `jaxloss.judgments.training_step`.

    All devices work on each batch, those of all processes where `jax.distributed` runs. Stopped by Ctrl-C, or killed,
    and resumed with the same arguments, it ends with the same parameters to the bit on the same machine.

    Args:
        sets: Two-alternative choices to train on: a folder, without its subsets `val` if it has others; or subsets of
            `jaxloss.datasets.find_trials`.
        held_out: Others, on which the metric is scored before the first and after each epoch; of a folder not `train`.
        trunk: Parameters of the network to begin with; by default published ones, or random ones for "scratch".
        params: Of LPIPS to begin with, instead: heads, too. Needed for a function of your own.
        optimizer: Of Optax; by default Adam with the published rates.
        checkpoints: Folder, of this training alone; by default nothing is saved.
        resume: Whether to go on from the newest checkpoint there, if there is one.
        progress: Called as `progress(step, loss)` when a step is computed, a few behind the one that is queued.
        net, variant, dropout, clamp_trunk, dtype: As for `training_step`.
        epochs, decay_epochs, learning_rate: As for `learning_rate_schedule`.
        batch: Trials per step, of all devices together.
        side: Pixels to which the images are resized; None leaves them as they are.
        seed: Of the first heads, the order of the trials, and the dropout.
        save_every: Steps between two checkpoints, one more follows each epoch.

    Returns:
        Parameters, history and notes.

    Raises:
        InputError: Before the work begins, if an argument, a file or a checkpoint cannot be used; later, if an image
            cannot be read, a checkpoint cannot be written, or the training diverges.
    """
    chosen = take_options("train_lpips", RunDefaults, options)
    chosen.check()
    (training, left_out), (testing, _) = choice_sets(sets, "val"), choice_sets(held_out, "train")
    _check_sets(training, testing)
    params_key, key = jax.random.split(jax.random.key(chosen.seed))
    begin = _first_params(params_key, chosen, trunk) if params is None else params
    settings = {**chosen.settings(), **_describe(training, testing, begin)}
    saver = None if checkpoints is None else Checkpoints(checkpoints, settings)
    if saver is not None:
        saver.prepare(resume=resume)
    loop = Loop(chosen, training, testing, optimizer)
    course, notes = loop.begin(key, begin), left_out
    restored = saver.restore(course.progress) if saver is not None and resume else None
    if restored is not None:
        course = Course(restored.tree, restored.step, tuple(restored.record["curve"]))
        notes = left_out + restored.notes
    course = loop.train(course, saver, progress)
    trained = jax.tree.map(jnp.asarray, jax.device_get(dict(course.progress.state.params)))
    return TrainedLPIPS(trained, {"settings": settings, "curve": list(course.curve)}, notes)


def choice_sets(sets: Sets, part: str) -> tuple[list[TrialSet], list[str]]:
    """Of a folder those of choices, without those of a part, `"train"` or `"val"`, of which there are notes."""
    if not isinstance(sets, str | os.PathLike):
        for trials in sets:
            if trials.kind != "2afc":
                raise InputError(f"{trials.name}: holds no two-alternative choices, from which LPIPS learns.")
        return list(sets), []
    found = [trials for trials in find_trials(sets) if trials.kind == "2afc"]
    if not found:
        raise InputError(f"{os.fspath(sets)}: there are no two-alternative choices, from which LPIPS learns.")
    kept, others = leave_out(part, found)
    return kept, [f"{name} is left out: name its own folder to take it." for name in others]


def _check_sets(training: Sequence[TrialSet], held_out: Sequence[TrialSet]) -> None:
    if not sum(map(len, training)):
        raise InputError("there are no choices to train on.")
    if held_out and sum(map(len, held_out)) < LEAST_HELD_OUT:
        raise InputError(f"there are fewer than {LEAST_HELD_OUT} held-out choices, of which nothing can be said.")
    learned = {os.path.realpath(path) for trials in training for path in trials.images["reference"]}
    for trials in held_out:
        if any(os.path.realpath(path) in learned for path in trials.images["reference"]):
            raise InputError(f"{trials.name} is trained on, too. Hold out choices that are not.")


def _first_params(key: Array, options: RunDefaults, trunk: Params | None) -> dict[str, Any]:
    if callable(options.net):
        raise InputError("a network of your own needs params to begin with: init_lpips(key, net=net, trunk=...).")
    pretrained = VARIANTS[options.variant].pretrained
    if trunk is not None and not pretrained:
        raise InputError(f"{options.variant!r} begins with a random network. To go on from one, choose 'tune'.")
    if trunk is None and pretrained and options.net not in PUBLISHED_NETS:
        raise InputError(f"{options.net!r} needs a trunk: jaxloss weights convert makes one of its authors' file.")
    if trunk is None and pretrained:
        trunk = load_params(LPIPS_NETS[options.net].backbone)
    try:
        return init_lpips(key, net=options.net, trunk=trunk)
    except ValueError as error:  # the trunk is another network's
        raise InputError(str(error)) from error


def _describe(training: Sequence[TrialSet], held_out: Sequence[TrialSet], params: Params) -> dict[str, Any]:
    """The data and the first parameters, by names, counts and digests."""
    said = hashlib.sha256(b"".join(trials.judgments.tobytes() for trials in (*training, *held_out))).hexdigest()
    names = {"training": training, "held_out": held_out}
    counts = {name: [[trials.name, len(trials)] for trials in sets] for name, sets in names.items()}
    return {**counts, "judgments": said, "first_params": digest_of(params)}
