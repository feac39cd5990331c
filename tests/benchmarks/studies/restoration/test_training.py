"""The network, and a training that can be stopped: with one loss; steps of the others are traced."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.studies._training import load, save
from benchmarks.studies.restoration._tasks import TASKS, stack_pairs
from benchmarks.studies.restoration._training import LOSSES, Probe, restore, start, train, train_step
from jaxloss.images import Photograph
from tests.benchmarks.studies.restoration._photos import TINY, photos as photos, pixels as pixels


KEY = jax.random.key(0)


def probe_of(photo: Photograph, task: str) -> Probe:
    original = jnp.asarray(photo.pixels / 255, jnp.float32)
    return Probe(jax.jit(TASKS[task].anew)(KEY, original), original)


def test_residual_network_starts_as_identity(photos: list[Photograph]) -> None:
    image = jnp.asarray(photos[1].pixels / 255, jnp.float32)
    np.testing.assert_allclose(restore(start(TINY, KEY).state.params, image, size=TINY), image, rtol=0, atol=1e-7)
    plain = replace(TINY, residual=False)
    assert np.abs(restore(start(plain, KEY).state.params, image, size=plain) - image).mean() > 0.05


@pytest.mark.usefixtures("optax_promotion")
def test_training_lowers_the_loss_and_goes_on_where_it_stopped(photos: list[Photograph], tmp_path: Path) -> None:
    """Of a plain network, which starts far from its goal; the residual one starts as the identity."""
    size = replace(TINY, residual=False, width=4, learning_rate=1e-2, steps=37, chunk=15)
    stacked, probe = stack_pairs(photos, TASKS["demosaicking"]), probe_of(photos[0], "demosaicking")
    go_on = partial(train, key=KEY, pairs=stacked, probe=probe, task="demosaicking", loss="l1", size=size)

    path, settings = tmp_path / "folder" / "training", {"steps": 37}
    chunks = go_on(start(size, KEY))
    save(path, next(chunks), settings)
    *_, whole = chunks
    assert [int(step) for step, _, _ in whole.curve] == [15, 30, 37]
    before, after = (
        np.abs(restore(state.params, probe.degraded, size=size) - probe.original).mean()
        for state in (start(size, KEY).state, whole.state)
    )
    assert after < 0.5 * before

    stopped, _ = load(path, start(size, jax.random.key(9)), settings)
    assert stopped.steps == 15
    *_, resumed = go_on(stopped)
    assert resumed.steps == 37
    np.testing.assert_array_equal(resumed.curve, whole.curve)
    jax.tree.map(np.testing.assert_array_equal, resumed.state, whole.state)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.usefixtures("optax_promotion")
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_can_be_stepped(photos: list[Photograph], loss: str) -> None:
    size, pairs = replace(TINY, crop=36), stack_pairs(photos, TASKS["jpeg"])
    state = start(size, KEY).state
    step = partial(train_step, task="jpeg", loss=loss, size=size)
    after, index, value = jax.eval_shape(step, state, jnp.int32(0), KEY, pairs)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, state)
    assert index.shape == value.shape == ()
