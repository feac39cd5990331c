"""Two players, and a training that can be stopped: with losses that need no network; those that do are traced."""

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.studies._training import Progress, load, save
from benchmarks.studies.inpainting._training import (
    CONTESTS,
    Examples,
    State,
    examples,
    inpaint,
    networks,
    start,
    train,
    train_step,
)
from jaxloss.images import Stack, stack_images
from tests.benchmarks.studies.inpainting._cheap import ADVERSARIAL, ALONE, TINY, small_networks as small_networks


KEY = jax.random.key(0)

pytestmark = pytest.mark.usefixtures("optax_promotion")


@pytest.fixture(scope="module")
def photographs(photograph: np.ndarray) -> Stack:
    pixels = np.rint(255 * photograph).astype(np.uint8)
    return stack_images([pixels[:64, :80], pixels[-48:, -64:]])


@pytest.fixture
def probe(optax_promotion: None, photographs: Stack) -> Examples:
    return examples(KEY, photographs, 2, TINY.crop)


def trained(photographs: Stack, probe: Examples, contest: str, progress: Progress[State]) -> Iterator[Progress[State]]:
    return train(progress, KEY, photographs, probe, contest=contest, size=TINY)


@pytest.mark.usefixtures("small_networks")
def test_generator_alone_learns(photographs: Stack, probe: Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONTESTS, "alone", ALONE)
    target, mask = jax.device_get(probe)
    progress = start(TINY, "alone", KEY)
    before = np.asarray(inpaint(progress.state.params, target, mask, size=TINY))
    np.testing.assert_array_equal(before[mask > 0], target[mask > 0])
    assert ((before >= 0) & (before <= 1)).all()
    *_, after = trained(photographs, probe, "alone", progress)
    assert after.curve[:, 0].tolist() == [2, 4, 6] and (after.curve[:, 3] == 0).all()
    assert after.state.discriminator == after.state.discriminator_optimizer == {}
    filled = np.asarray(inpaint(after.state.params, target, mask, size=TINY))
    assert np.abs(filled - target).mean() < np.abs(before - target).mean()


@pytest.mark.usefixtures("small_networks")
def test_both_players_learn_and_resume(
    photographs: Stack, probe: Examples, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A training that was stopped ends where the uninterrupted one does, to the last bit."""
    monkeypatch.setitem(CONTESTS, "adversarial", ADVERSARIAL)
    chunks = trained(photographs, probe, "adversarial", start(TINY, "adversarial", KEY))
    path, settings = tmp_path / "training", {"seed": 0}
    save(path, next(chunks), settings)
    *_, whole = chunks
    before = start(TINY, "adversarial", KEY).state
    for old, new in zip(*jax.device_get((before, whole.state)), strict=True):
        assert all((a != b).any() for a, b in zip(jax.tree.leaves(old), jax.tree.leaves(new), strict=True))
    assert set(whole.state.discriminator) == {"params", "batch_stats"}
    assert (whole.curve[:, 3] > 0.1).all()

    stopped, _ = load(path, start(TINY, "adversarial", jax.random.key(9)), settings)
    assert stopped.steps == 2
    *_, resumed = trained(photographs, probe, "adversarial", stopped)
    np.testing.assert_array_equal(resumed.curve, whole.curve)
    jax.tree.map(np.testing.assert_array_equal, resumed.state, whole.state)


@pytest.mark.usefixtures("small_networks")
def test_contests_start_equal() -> None:
    first, *others = (start(TINY, contest, KEY).state.params for contest in CONTESTS)
    for other in others:
        jax.tree.map(np.testing.assert_array_equal, first, other)


@pytest.mark.parametrize("contest", CONTESTS)
def test_every_contest_can_be_stepped(contest: str, photographs: Stack) -> None:
    """With its own networks and losses, whose programs would take minutes to compile: traced."""
    size = dataclasses.replace(TINY, crop=32)
    state = jax.eval_shape(lambda key: start(size, contest, key).state, KEY)
    step = partial(train_step, contest=contest, size=size)
    after, index, values = jax.eval_shape(step, state, jnp.int32(0), KEY, photographs, networks(contest))
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, state)
    assert index.shape == () and values.shape == (2,)
    assert bool(after.discriminator) == CONTESTS[contest].adversarial
