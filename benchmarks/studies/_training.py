"""A training in chunks that can be stopped and continued: its size, its progress, its loop and its checkpoints."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.training._checkpoints import Checkpoints

from .._results import Record


State = TypeVar("State")


@dataclass(frozen=True, kw_only=True)
class TrainingSize:
    """How long a network is trained, and on how much at once; how large it is, a study adds.

    Attributes:
        crop: Side of the crops in pixels.
        batch: Crops per step.
        steps: Number of steps.
        learning_rate: Of Adam at its highest.
        chunk: Steps between two looks at the progress, which are also those between two checkpoints.
    """

    crop: int
    batch: int
    steps: int
    learning_rate: float
    chunk: int


class Progress(NamedTuple, Generic[State]):
    """How far a training is; all of it is in the checkpoint.

    Attributes:
        state: What a step changes.
        steps: Number of steps done.
        curve: `[chunks, 3 + n]`: steps done, mean loss of the chunk, PSNR of what was held out after it, and means of
            the n numbers that a step tells beside its loss.
        seconds: What they took.
    """

    state: State
    steps: int
    curve: np.ndarray
    seconds: float

    @property
    def record(self) -> Record:
        """What the file of results tells of the training."""
        curve = [
            [int(steps), _rounded(loss), round(psnr, 3), *map(_rounded, others)]
            for steps, loss, psnr, *others in self.curve.tolist()
        ]
        return {"seconds": round(self.seconds, 1), "curve": curve}

    def describe(self, form: str) -> str:
        """A line; `form` is the format of the PSNR and the numbers after it."""
        text = f"{self.steps} steps"
        if len(self.curve):
            _, loss, *numbers = self.curve[-1]
            text += f" in {self.seconds:.0f} s, loss {loss:.4g}, {form.format(*numbers)}"
        return text


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")


def first(state: State, others: int = 0) -> Progress[State]:
    """Of a training that begins, and whose steps tell so many numbers beside their loss."""
    return Progress(state, 0, np.zeros((0, 3 + others)), 0.0)


# The state and the index of the step -> those of the next step, and the loss, or `[1 + n]`: the loss and other numbers.
Step = Callable[[State, jax.Array], tuple[State, jax.Array, jax.Array]]


def advance(
    progress: Progress[State], step: Step[State], psnr: Callable[[State], float], *, steps: int, chunk: int
) -> Iterator[Progress[State]]:
    """The progress after each chunk. The chunks lie the same whether or not the training was stopped at one's end."""
    while progress.steps < steps:
        began = time.perf_counter()
        count = min(chunk, steps - progress.steps)
        state, index, values = progress.state, jnp.int32(progress.steps), []
        # The steps are only queued here, and wait for nothing but the device. No `lax.scan`: XLA's convolutions on a
        # CPU take 2.5 times as long inside a loop of its own.
        for _ in range(count):
            state, index, value = step(state, index)
            values.append(value)
        loss, *others = np.ravel(jnp.stack(values).mean(axis=0))
        row = progress.steps + count, loss, psnr(state), *others
        seconds = progress.seconds + time.perf_counter() - began
        progress = Progress(state, progress.steps + count, np.vstack([progress.curve, row]), seconds)
        yield progress


def save(folder: Path, progress: Progress[Any], settings: Record) -> None:
    """Whole or not at all."""
    record = {"curve": progress.curve.tolist(), "seconds": progress.seconds}
    _checkpoints(folder, progress, settings).save(progress.steps, progress.state, record)


def load(folder: Path, fresh: Progress[State], settings: Record) -> tuple[Progress[State], list[str]]:
    """What `save` wrote under the same settings, or what is fresh if there is nothing; and notes on what is damaged."""
    found = _checkpoints(folder, fresh, settings).restore(fresh.state)
    if found is None:
        return fresh, []
    curve = np.reshape(np.array(found.record["curve"], np.float64), (-1, fresh.curve.shape[1]))
    # Arrays as those of a fresh state are: for others the steps would be compiled once more.
    state = jax.tree.map(jnp.asarray, jax.device_get(found.tree))
    return Progress(state, found.step, curve, found.record["seconds"]), found.notes


def _checkpoints(folder: Path, progress: Progress[Any], settings: Record) -> Checkpoints:
    return Checkpoints(folder, {**settings, "columns of the curve": progress.curve.shape[1]})
