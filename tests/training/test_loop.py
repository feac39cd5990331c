"""Parts of the loop: batches that eight devices share, interruptions, and numbers that are none."""

import signal
from collections import deque
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.training._loop import Course, Loop, Progress, _filled, _patient, _report
from jaxloss.training._options import RunDefaults
from tests.judgments._networks import features, random_choices
from tests.training._sets import write_sets


def test_batches_are_filled_with_trials_without_weight() -> None:
    choices = random_choices(5)
    assert all(map(np.array_equal, _filled(choices, 5), choices))
    filled = _filled(choices, 8)
    np.testing.assert_array_equal(filled.weight, [1, 1, 1, 1, 1, 0, 0, 0])
    for more, values in zip(filled[:4], choices[:4], strict=True):
        np.testing.assert_array_equal(more, np.asarray(values)[[0, 1, 2, 3, 4, 4, 4, 4]])


def test_interruption_waits_and_a_second_one_does_not() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # of a process in the background it is ignored
    try:
        with _patient() as stop:
            stop()
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                stop()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_handlers_of_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    caught: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: caught.append(number))
    try:
        with _patient() as stop:
            signal.raise_signal(signal.SIGINT)
            stop()
    finally:
        signal.signal(signal.SIGINT, before)
    assert caught == [signal.SIGINT]


def test_oldest_steps_are_told_first() -> None:
    told: list[tuple[int, float]] = []
    queued = deque((step, jnp.float32(step / 2)) for step in (1, 2, 3))
    _report(queued, 1, lambda *numbers: told.append(numbers))
    assert told == [(1, 0.5), (2, 1.0)] and len(queued) == 1
    _report(queued, 0, None)
    assert not queued


def test_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    training, _ = write_sets(tmp_path, 3, 3)
    loop = Loop(RunDefaults(net=features, side=None, batch=2), training, [], None)
    assert (loop.epoch, loop.steps) == (2, 20)
    state: Any = None  # the loss is looked at first
    course = Course(Progress(state, jnp.array([jnp.nan, 1, 3])), 2, ({"epoch": 0, "steps": 0},))
    with pytest.raises(InputError, match=r"^the loss is nan in epoch 1\. Choose a smaller learning rate\.$"):
        loop._end_epoch(course, lambda: None)
