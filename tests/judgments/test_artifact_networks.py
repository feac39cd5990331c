"""Encoder-decoders after a spec: images of any size, every kind of stage, and what they start from."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.judgments import ARTIFACT_TASKS, ArtifactSpec, random_artifact_spec
from jaxloss.judgments._artifact_networks import (
    _doubled,
    _extended,
    _normalized,
    check_generator,
    discriminator_table,
    generator_table,
    init_table,
    run_discriminator,
    run_generator,
)


KEY = jax.random.key(0)


def test_images_of_any_size_keep_it() -> None:
    for seed, task in enumerate(2 * list(ARTIFACT_TASKS)):
        size = [(1, 1), (7, 18), (24, 24)][seed % 3]
        images = jax.ShapeDtypeStruct((2, *size, 3), jnp.float32)
        spec = random_artifact_spec(seed, task=task)
        params = jax.eval_shape(partial(init_table, table=generator_table(spec)), KEY)
        assert jax.eval_shape(partial(run_generator, spec=spec), params, images) == images
        params = jax.eval_shape(partial(init_table, table=discriminator_table(spec)), KEY)
        rows, columns = (-(-side // 2**spec.discriminator_depth) for side in size)
        assert jax.eval_shape(partial(run_discriminator, spec=spec), params, images).shape == (2, rows, columns, 1)


def test_training_starts_from_gray_or_from_the_image() -> None:
    spec = ArtifactSpec("denoising", width=4, depth=1, skips=True, first_stride=2)
    x = jax.random.uniform(KEY, (1, 9, 10, 3))

    @jax.jit
    def both(key: jax.Array, x: jax.Array) -> list[jax.Array]:
        params = init_table(key, generator_table(spec))
        return [run_generator(params, x, spec._replace(residual=residual)) for residual in (False, True)]

    gray, image = both(KEY, x)
    assert 0 < abs(gray - 0.5).max() < 0.2 and 0 < abs(image - x).max() < 0.2
    np.testing.assert_allclose(image - x, gray - 0.5, atol=1e-6)


def test_first_kernels_have_he_s_deviation() -> None:
    params = jax.jit(partial(init_table, table=generator_table(ArtifactSpec("denoising", width=64, depth=1))))(KEY)
    for name, inputs in {"first": 25 * 3, "down1": 9 * 64, "up1": 9 * 128}.items():
        np.testing.assert_allclose(params[name]["kernel"].std(), (2 / inputs) ** 0.5, rtol=0.05)
        assert not params[name]["bias"].any()


def test_stages_against_numpy(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)

    @jax.jit
    def stages(x: jax.Array) -> dict[str, jax.Array]:
        doubled = {kind: _doubled(x, kind) for kind in ("nearest", "bilinear", "transposed")}
        normalized = {kind: _normalized(x, kind) for kind in ("none", "instance", "pixel")}
        return {**doubled, **normalized, "extended": _extended(_extended(x, 1, 2, 1), 2, 0, 3)}

    found = {name: np.asarray(z) for name, z in stages(jnp.asarray(x)).items()}
    np.testing.assert_array_equal(found["nearest"], x.repeat(2, 1).repeat(2, 2))
    np.testing.assert_allclose(found["bilinear"][:, 1:-1:2, 2:-1:2].shape, (2, 2, 3, 5))
    np.testing.assert_allclose(found["bilinear"].mean(), x.mean(), atol=1e-6)
    np.testing.assert_array_equal(found["transposed"][:, ::2, ::2], 2 * x)
    assert np.count_nonzero(found["transposed"]) == x.size and found["transposed"].shape == (2, 6, 8, 5)
    np.testing.assert_array_equal(found["none"], x)
    np.testing.assert_allclose(
        found["instance"], (x - x.mean((1, 2), keepdims=True)) / x.std((1, 2), keepdims=True), atol=1e-4
    )
    np.testing.assert_allclose(found["pixel"], x / np.sqrt((x**2).mean(-1, keepdims=True)), atol=1e-3)
    np.testing.assert_array_equal(found["extended"], np.pad(x, ((0, 0), (2, 1), (0, 3), (0, 0)), "edge"))


def test_parameters_of_another_network_are_refused() -> None:
    spec = ArtifactSpec("denoising", width=4, depth=1)
    params = jax.eval_shape(partial(init_table, table=generator_table(spec)), KEY)
    check_generator("test", params, spec)
    for other in (spec._replace(width=8), spec._replace(depth=2), spec._replace(skips=True)):
        with pytest.raises(ValueError, match=r"^test: expected params of the spec, with (first|down2|up1) of"):
            check_generator("test", params, other)
