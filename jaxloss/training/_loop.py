"""The loop of a training of LPIPS over steps and epochs: what is done when, on all devices."""

import contextlib
import functools
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .._files import InputError
from .._types import Array, ArrayLike, Params
from ..datasets import TrialSet, batches, batches_per_epoch
from ..judgments import (
    Choices,
    TrainingState,
    agreement,
    bootstrap_interval,
    init_training,
    learning_rate_schedule,
    training_step,
)
from ..judgments._training import BETA1, TrainingDefaults, checked_choices, pair_distances
from ._checkpoints import Checkpoints
from ._options import RunDefaults


AHEAD = 4  # batches that are queued beyond the one that is worked on: they wait in the devices' memory

Rate = Callable[[ArrayLike], Array]
Report = Callable[[int, float], object]  # steps done, and the loss of the last of them


class Progress(NamedTuple):
    """What a step changes.

    Attributes:
        state: Of the training.
        totals: Loss and accuracy of all trials of the epoch so far, and how many these are, `[3]`.
    """

    state: TrainingState
    totals: Array


class Course(NamedTuple):
    """How far a training is; all of it is in the checkpoints.

    Attributes:
        progress: What the last step left.
        steps: Number of steps done.
        curve: A row for the beginning, and one for each epoch that is over.
    """

    progress: Progress
    steps: int
    curve: tuple[dict[str, Any], ...]


class Loop:
    """A training on subsets of choices, scored on others, on all devices of all processes."""

    def __init__(
        self, options: RunDefaults, training: Sequence[TrialSet], held_out: Sequence[TrialSet], optimizer: Any
    ) -> None:
        """By default the optimizer is Adam with the published rates."""
        self.options, self.training, self.held_out = options, training, held_out
        self.epoch = batches_per_epoch(training, batch=options.batch)
        self.steps = self.epoch * options.all_epochs
        self.rate, published = _adam(self.epoch, options.epochs, options.decay_epochs, options.learning_rate)
        if optimizer is not None:
            self.rate = None
        self.chosen = options.of_steps(published if optimizer is None else optimizer)
        mesh = Mesh(np.array(jax.devices()), ("batch",))
        self.rows, self.everywhere = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (["batch"], []))

    def begin(self, key: Array, params: Params) -> Course:
        return Course(_begin(key, params, options=self.chosen, everywhere=self.everywhere), 0, ())

    def train(self, course: Course, saver: Checkpoints | None, report: Report | None) -> Course:
        """To the end of the last epoch."""
        trials, queued = self._batches(course.steps), deque()
        try:
            with _patient() as stop:
                while True:
                    if course.steps == self.epoch * len(course.curve):
                        course = self._end_epoch(course, stop)
                        _save(saver, course)
                    elif course.steps % self.options.save_every == 0:
                        _save(saver, course)
                    if course.steps == self.steps:
                        break
                    stop()
                    progress, loss = _step(
                        course.progress, self._placed(next(trials)), options=self.chosen, everywhere=self.everywhere
                    )
                    course = course._replace(progress=progress, steps=course.steps + 1)
                    queued.append((course.steps, loss))
                    _report(queued, AHEAD, report)
        except KeyboardInterrupt:
            # A step that was interrupted has overwritten its state; and the other processes were perhaps not stopped.
            if jax.process_count() == 1 and not any(z.is_deleted() for z in jax.tree.leaves(course.progress)):
                _save(saver, course)
            raise
        _report(queued, 0, report)
        return course

    def _batches(self, start: int) -> Iterator[Choices]:
        seed, size = self.options.seed, (self.options.batch, self.options.side)
        return _choices(self.training, *size, seed=seed, start=start, epochs=None)

    def _placed(self, choices: Choices) -> Choices:
        """The rows of this process spread over its devices, as equal shares."""
        filled = _filled(choices, len(jax.local_devices()))
        return Choices(*(jax.make_array_from_process_local_data(self.rows, np.asarray(z)) for z in filled))

    def _end_epoch(self, course: Course, stop: Callable[[], None]) -> Course:
        """With the row of the epoch, and as the next one begins."""
        row: dict[str, Any] = {"epoch": len(course.curve), "steps": course.steps}
        if course.steps:
            loss, accuracy, count = np.asarray(course.progress.totals, float).tolist()
            if not np.isfinite(loss):
                raise InputError(f"the loss is {loss} in epoch {row['epoch']}. Choose a smaller learning rate.")
            row |= {"loss": loss / count, "accuracy": accuracy / count}
            if self.rate is not None:
                row["learning_rate"] = float(f"{self.rate(jnp.int32(course.steps - 1)):.6g}")
        if self.held_out:
            row["held_out"] = self._score(course.progress.state.params, stop)
        totals = jax.device_put(np.zeros(3, np.float32), self.everywhere)
        return Course(course.progress._replace(totals=totals), course.steps, (*course.curve, row))

    def _score(self, params: Params, stop: Callable[[], None]) -> dict[str, Any]:
        """In two-alternative choices, of all held-out trials together and of each subset."""
        shares = [self._shares(params, trials, stop) for trials in self.held_out]
        found = bootstrap_interval(np.mean, np.concatenate(shares))
        subsets = [[trials.name, float(share.mean())] for trials, share in zip(self.held_out, shares, strict=True)]
        return {"score": found.value, "low": found.low, "high": found.high, "subsets": subsets}

    def _shares(self, params: Params, trials: TrialSet, stop: Callable[[], None]) -> np.ndarray:
        """Of people who chose as the metric does, in each trial."""
        found: list[Array] = []
        for choices in _choices([trials], self.options.batch, self.options.side):
            stop()
            found.append(_measure(params, self._placed(choices), options=self.chosen, everywhere=self.everywhere))
            found[-min(AHEAD, len(found))].block_until_ready()
        first, second, weight = np.concatenate(jax.device_get(found), axis=1)
        d0, d1 = first[weight > 0], second[weight > 0]
        if not (np.isfinite(d0).all() and np.isfinite(d1).all()):
            raise InputError(f"distances of {trials.name} are no numbers. Choose a smaller learning rate.")
        return agreement(d0, d1, trials.judgments)


@functools.cache  # so that equal trainings share their programs
def _adam(per_epoch: int, epochs: int, decay_epochs: int, learning_rate: float) -> tuple[Rate, Any]:
    """The published rates, and the optimizer that has them."""
    import optax  # takes as long to import as JAX, and only trainings need it

    rate = learning_rate_schedule(per_epoch, epochs=epochs, decay_epochs=decay_epochs, learning_rate=learning_rate)
    return rate, optax.adam(rate, b1=BETA1)


@functools.partial(jax.jit, static_argnames=("options", "everywhere"))
def _begin(key: Array, params: Params, *, options: TrainingDefaults, everywhere: NamedSharding) -> Progress:
    state = init_training(key, params, variant=options.variant, optimizer=options.optimizer)
    return lax.with_sharding_constraint(Progress(state, jnp.zeros(3, jnp.float32)), everywhere)


@functools.partial(jax.jit, static_argnames=("options", "everywhere"), donate_argnums=0)
def _step(
    progress: Progress, choices: Choices, *, options: TrainingDefaults, everywhere: NamedSharding
) -> tuple[Progress, Array]:
    state, (loss, accuracy) = training_step(progress.state, choices, **options._asdict())
    count = jnp.asarray(choices.weight).sum()
    totals = progress.totals + jnp.stack([count * loss, count * accuracy, count])
    return lax.with_sharding_constraint((Progress(state, totals), loss), everywhere)


@functools.partial(jax.jit, static_argnames=("options", "everywhere"))
def _measure(params: Params, choices: Choices, *, options: TrainingDefaults, everywhere: NamedSharding) -> Array:
    """Distances of the first and second images, and the weights, `[3, n]`."""
    images, _, weight = checked_choices("train_lpips", choices)
    found = jnp.stack([*pair_distances("train_lpips", params, images, options), weight])
    return lax.with_sharding_constraint(found, everywhere)


def _choices(sets: Sequence[TrialSet], batch: int, side: int | None, **options: Any) -> Iterator[Choices]:
    return (choices for choices in batches(sets, batch=batch, side=side, **options) if isinstance(choices, Choices))


def _filled(choices: Choices, multiple: int) -> Choices:
    """With trials of weight 0 more, so that their number is a multiple."""
    fields = {field: np.asarray(values) for field, values in choices._asdict().items()}
    fill = -len(fields["weight"]) % multiple
    more = {field: np.concatenate([values, np.repeat(values[-1:], fill, axis=0)]) for field, values in fields.items()}
    return Choices(**{**more, "weight": np.pad(fields["weight"], (0, fill))})


def _save(saver: Checkpoints | None, course: Course) -> None:
    if saver is not None:
        saver.save(course.steps, course.progress, {"curve": course.curve})


def _report(queued: deque[tuple[int, Array]], left: int, report: Report | None) -> None:
    """Wait for the oldest steps until only so many are left, and tell of them."""
    while len(queued) > left:
        steps, loss = queued.popleft()
        value = float(loss)
        if report is not None:
            report(steps, value)


@contextlib.contextmanager
def _patient() -> Iterator[Callable[[], None]]:
    """Ctrl-C waits until what this gives is called, so that no step is lost halfway; a second one does not wait."""
    pressed: list[int] = []

    def press(number: int, _: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    def stop() -> None:
        if pressed:
            raise KeyboardInterrupt

    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield stop  # somebody else handles it
        return
    signal.signal(signal.SIGINT, press)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
