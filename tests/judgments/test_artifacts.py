"""Artifacts of networks: what they are shown, what a step descends, and the distortion made of them."""

import functools
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.backbones._features import BACKBONES
from jaxloss.judgments import (
    ArtifactSpec,
    ArtifactState,
    artifact_distortion,
    artifact_step,
    corrupt,
    init_artifacts,
    restore,
)
from jaxloss.judgments._artifact_networks import run_discriminator, run_generator
from jaxloss.judgments._artifacts import CONTENT_LAYERS, CORRUPTIONS, STYLE_WEIGHTS
from tests.networks import random_params, thinned


KEY = jax.random.key(0)
SPEC = ArtifactSpec("denoising", "white noise", 0.1, depth=1, width=4, layers=1, learning_rate=0.02)
LAYERS = (*CONTENT_LAYERS["vgg16"], *STYLE_WEIGHTS)


@functools.cache
def params() -> Any:
    return jax.jit(functools.partial(init_artifacts, spec=SPEC))(KEY).params


def test_corruptions(crop_photograph: Any) -> None:
    x = crop_photograph(2, 13, 18)
    levels = {"downsampling": 3.0, "white noise": 0.1, "pink noise": 0.1}
    specs = {kind: ArtifactSpec("denoising", kind, levels.get(kind, 0.0)) for kind in CORRUPTIONS}
    shown = jax.jit(lambda key, x: {kind: corrupt(key, x, spec=spec) for kind, spec in specs.items()})
    found = {kind: np.asarray(z) for kind, z in shown(KEY, x).items()}
    assert all(z.shape == x.shape and 0 <= z.min() and z.max() <= 1 for z in found.values())
    np.testing.assert_array_equal(found["none"], x)
    gray = x @ np.array([0.299, 0.587, 0.114], np.float32)
    np.testing.assert_allclose(found["color removal"], gray[..., None].repeat(3, -1), atol=1e-6)
    errors = {kind: (z - x).std() for kind, z in found.items()}
    assert 0.07 < errors["white noise"] < 0.11 and 0.07 < errors["pink noise"] < 0.11
    steps = [np.abs(np.diff(z - x, axis=1)).mean() for z in (found["pink noise"], found["white noise"])]
    assert steps[0] < 0.9 * steps[1]  # neighbors are alike
    assert np.abs(np.diff(found["downsampling"], axis=1)).mean() < 0.9 * np.abs(np.diff(x, axis=1)).mean()


def test_distortion_is_the_image_at_0_and_the_network_s_at_1(crop_photograph: Any) -> None:
    x = crop_photograph(2, 11, 14)

    @jax.jit
    def distort(keys: jax.Array, x: jax.Array, strengths: jax.Array) -> Any:
        function = functools.partial(artifact_distortion, params=params(), spec=SPEC)
        across = jax.vmap(lambda key, strength: function(key, x, strength=strength))
        slope = jax.grad(lambda strength: function(keys[0], x, strength=strength).sum())(strengths[1])
        all_of_it = restore(corrupt(keys[1], x, spec=SPEC), params=params(), spec=SPEC)
        return across(keys, strengths), slope, all_of_it

    keys = jnp.stack([KEY, jax.random.key(1), jax.random.key(2), KEY])
    images, slope, all_of_it = jax.device_get(distort(keys, x, jnp.array([0.0, 1.0, 0.5, 0.0])))
    np.testing.assert_array_equal(images[0], x)
    np.testing.assert_array_equal(images[3], x)
    np.testing.assert_allclose(images[1], all_of_it, atol=1e-6)
    assert 0 < np.abs(images[2] - x).mean() < np.abs(images[1] - x).mean()
    assert images.min() >= 0 and images.max() <= 1 and np.isfinite(slope) and slope != 0


def test_training_lowers_the_loss_and_keys_decide(crop_photograph: Any) -> None:
    x = jnp.asarray(crop_photograph(2, 16, 16))
    spec = SPEC._replace(depth=0, dropout=0.2, adversarial=0.01, discriminator_depth=1)
    start = jax.jit(functools.partial(init_artifacts, spec=spec))
    step = jax.jit(functools.partial(artifact_step, spec=spec))

    def train(seed: int) -> tuple[ArtifactState, list[float]]:
        state, losses = start(KEY), []
        for number in range(15):
            state, loss = step(jax.random.key(seed + number), state, x)
            losses.append(float(loss))
        return jax.device_get(state), losses

    (first, losses), (again, _), (other, _) = train(0), train(0), train(100)
    assert np.mean(losses[-5:]) < 0.8 * losses[0]
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert (first.params["last"]["kernel"] != other.params["last"]["kernel"]).any()
    moved = jax.tree.map(lambda a, b: (a != b).any(), first.discriminator, jax.device_get(start(KEY).discriminator))
    assert all(jax.tree.leaves(moved))


def test_loss_is_the_sum_of_its_terms() -> None:
    """Written down once more with the public losses, on a thin network of features."""
    spec = ArtifactSpec(
        "style", depth=0, width=4, layers=1, l1=0.5, features=0.3, style=2.0, adversarial=0.1, discriminator_depth=1
    )
    network: Any = random_params(thinned(BACKBONES["vgg16"], LAYERS))
    x, style = jax.random.uniform(KEY, (2, 8, 8, 3)), jax.random.uniform(jax.random.key(1), (8, 12, 3))

    @jax.jit
    def terms(key: jax.Array, x: jax.Array, style: jax.Array, network: Any) -> dict[str, jax.Array]:
        state = init_artifacts(key, spec=spec, features=network, style=style)
        look = functools.partial(jaxloss.extract_features, net="vgg16", params=network, layers=LAYERS, data_range=1.0)
        made = run_generator(state.params, x, spec)
        found, wanted, pattern = look(made), look(x), look(jnp.broadcast_to(style, (2, *style.shape)))
        return {
            "loss": artifact_step(key, state, x, spec=spec, features=network)[1],
            "l1": abs(made - x).mean(),
            "features": jaxloss.perceptual_loss(found, wanted, weights={"relu2_2": 1.0}).mean(),
            "style": jaxloss.style_loss(found, pattern, weights=STYLE_WEIGHTS).mean(),
            "adversarial": ((run_discriminator(state.discriminator, made, spec) - 1) ** 2 / 2).mean(),
        }

    with mock.patch.dict(BACKBONES, {"vgg16": thinned(BACKBONES["vgg16"], LAYERS)}):
        found = {name: float(value) for name, value in terms(KEY, x, style, network).items()}
    loss = found.pop("loss")
    assert min(found.values()) > 0
    np.testing.assert_allclose(loss, sum(getattr(spec, name) * value for name, value in found.items()), rtol=1e-4)


def test_what_a_spec_asks_for_must_be_given() -> None:
    x, spec = jnp.zeros((1, 8, 8, 3)), ArtifactSpec("style", style=1.0, l1=0.0)
    with pytest.raises(ValueError, match="init_artifacts: expected an image whose style is taken, got none"):
        init_artifacts(KEY, spec=spec)
    with pytest.raises(ValueError, match="expected features, the parameters of vgg16, got none"):
        init_artifacts(KEY, spec=spec, style=x[0])
    spec = SPEC._replace(features=1.0)
    state = jax.eval_shape(functools.partial(init_artifacts, spec=spec), KEY)
    with pytest.raises(ValueError, match=r"parameters of alexnet, got none. Give features=load_params\('alexnet'\)"):
        jax.eval_shape(functools.partial(artifact_step, spec=spec), KEY, state, x)


def test_images_must_have_colors() -> None:
    gray = jnp.zeros((8, 8, 1))
    for call in (
        functools.partial(restore, params={}, spec=SPEC),
        functools.partial(corrupt, KEY, spec=SPEC),
        functools.partial(artifact_distortion, KEY, params={}, spec=SPEC, strength=0.5),
    ):
        with pytest.raises(ValueError, match=r"expected x of shape \[\.\.\., H, W, 3\], got \(8, 8, 1\)"):
            call(gray)
    with pytest.raises(ValueError, match="restore: expected params of the spec, with first of"):
        restore(jnp.zeros((8, 8, 3)), params={}, spec=SPEC)
