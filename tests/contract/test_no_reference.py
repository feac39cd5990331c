"""The laws of metrics without a reference: what the registry says of them, scores, gradients, dtypes and errors."""

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import _types, load_params
from jaxloss.registry import NO_REFERENCE, NoReference
from tests.photographs import crop_sample
from tests.products import PRODUCT, without_precision


SIDE = 26  # of images, at the least, in one axis 3 less than in the other
rows = [pytest.param(row, id=row.name, marks=pytest.mark.xdist_group(row.name)) for row in NO_REFERENCE.values()]
every_row = pytest.mark.parametrize("row", rows)


def params_of(row: NoReference) -> dict[str, Any]:
    return {"params": load_params(row.params)} if row.params else {}


def example(row: NoReference, **more: Any) -> Callable[..., Any]:
    """With options that make it small and smooth."""
    return functools.partial(row.function, **{"data_range": 1.0, **row.example, **more})


def images(row: NoReference) -> np.ndarray:
    """Photographs, noise, and those at which careless gradients are not finite."""
    natural = crop_sample(2, SIDE, SIDE + 3)
    noise = np.random.default_rng(0).random(natural.shape[1:], np.float32)
    flat = [np.full_like(noise, value) for value in (0.0, 0.5, 1.0)]
    half, dot = natural[0].copy(), flat[0].copy()
    half[: SIDE // 2] = 1
    dot[5, 6] = 1
    return np.stack([*natural, noise, *flat, half, dot])


@functools.cache
def outcome(row: NoReference) -> tuple[np.ndarray, np.ndarray]:
    """Scores and gradients of `images(row)`, then of the same in another unit."""

    @jax.jit
    def evaluate(x: Any, data_range: Any, params: Any) -> Any:
        scores, pull_back = jax.vjp(lambda x: example(row)(x, data_range=data_range, **params), x)
        return scores, *pull_back(jnp.ones_like(scores))

    x, params = images(row), params_of(row)
    found = [evaluate(unit * x, np.float32(unit), params) for unit in (np.float32(1), np.float32(255))]
    scores, gradients = zip(*found, strict=True)
    return np.concatenate(scores), np.concatenate([gradients[0], 255 * gradients[1]])


def test_registry_lists_every_metric_of_one_image() -> None:
    """All of the room that score single images in their data range."""
    found = set()
    for name, function in vars(jaxloss).items():
        if inspect.isfunction(function) and ".metrics." in function.__module__:
            signature = inspect.signature(function)
            data = [p.annotation for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
            if data == [_types.Image] and signature.return_annotation is _types.Scores:
                found.add(name)
    assert found == set(NO_REFERENCE) and len(found) > 1


@every_row
def test_row_describes_its_function(row: NoReference) -> None:
    assert getattr(jaxloss, row.name) is row.function
    assert re.fullmatch(r"[A-Z][\w-]+ \d{4}", row.paper) and row.agrees_with
    assert row.example_side <= row.smallest
    needed = [p.name for p in inspect.signature(row.function).parameters.values() if p.default is p.empty]
    assert needed == ["x", "data_range", *(["params"] if row.params else [])]
    assert row.misfit((row.smallest, row.smallest, 3)) == ""
    assert f"{row.smallest} x {row.smallest} pixels" in row.misfit((row.smallest - 1, row.smallest, 3))
    assert "1 or 3 channels" in row.misfit((row.smallest, row.smallest, 2))


@every_row
def test_gradients_are_finite(row: NoReference) -> None:
    """Of what has structure not 0, of what has none 0; whatever the score."""
    _, gradients = outcome(row)
    assert np.flatnonzero(~np.isfinite(gradients).all(axis=(1, 2, 3))).tolist() == []
    moved = (gradients != 0).any(axis=(1, 2, 3))
    assert moved[:3].all() and moved[6]


@every_row
def test_score_does_not_depend_on_the_unit(row: NoReference) -> None:
    scores, gradients = (np.split(z, 2) for z in outcome(row))
    np.testing.assert_allclose(scores[1][:3], scores[0][:3], rtol=1e-3)
    np.testing.assert_allclose(gradients[1][:3], gradients[0][:3], atol=1e-2 * np.abs(gradients[0][:3]).max())
    assert len(set(scores[0][:3].tolist())) == 3


@every_row
def test_double_precision_and_derivatives(row: NoReference) -> None:
    """Batch, leading axes and a map are one; forward mode, reverse mode and finite differences agree."""
    x = images(row)[:3].astype(np.float64)
    u, step = np.random.default_rng(1).normal(size=x.shape), 1e-7
    params = jax.tree.map(lambda z: np.asarray(z).astype(np.float64), params_of(row))

    @jax.jit
    def evaluate(x: Any, params: Any) -> Any:
        score = jax.vmap(lambda x: example(row)(x, **params))
        value, slope = jax.jvp(score, (x,), (u,))
        (gradient,) = jax.vjp(score, x)[1](jnp.ones_like(value))
        return value, slope, (gradient * u).sum(axis=(1, 2, 3))

    with jax.enable_x64(True):
        three = [tuple(map(np.asarray, evaluate(x + t * u, params))) for t in (-step, 0, step)]
    (before, *_), (value, slope, pairing), (after, *_) = three
    assert value.dtype == np.float64
    np.testing.assert_allclose(slope, pairing, rtol=1e-8)
    np.testing.assert_allclose(slope, (after - before) / (2 * step), rtol=1e-4, atol=1e-4 * np.abs(slope).max())
    np.testing.assert_allclose(outcome(row)[0][:3], value, rtol=1e-3)


@every_row
def test_shapes_and_dtypes(row: NoReference) -> None:
    params = jax.tree.map(lambda z: jax.ShapeDtypeStruct(z.shape, z.dtype), params_of(row))
    for leading in ((), (2, 0), (2, 3)):
        for dtype in (jnp.float32, jnp.bfloat16, jnp.float16):
            x = jax.ShapeDtypeStruct((*leading, SIDE, SIDE, 1), dtype)
            score = jax.eval_shape(lambda x, params: example(row)(x, **params), x, params)
            assert (score.shape, score.dtype) == (leading, np.float32)


@every_row
def test_row_exports_for_all_platforms(row: NoReference) -> None:
    """With its gradient, without what belongs to a kind of device, and what it multiplies in full precision."""
    x = jax.ShapeDtypeStruct((2, SIDE, SIDE, 1), np.float32)
    params = jax.tree.map(lambda z: jax.ShapeDtypeStruct(z.shape, z.dtype), params_of(row))
    gradient = jax.jit(jax.grad(lambda x, params: example(row)(x, **params).sum()))
    text = jax.export.export(gradient, platforms=("cpu", "cuda", "tpu", "rocm"))(x, params).mlir_module()
    assert "custom_call" not in text and without_precision(PRODUCT.findall(text)) == []


def bad_calls(row: NoReference) -> dict[str, tuple[tuple[int, ...], Any, dict[str, Any], tuple[str, ...]]]:
    side = row.example_side
    return {
        "integers": ((SIDE, SIDE, 3), jnp.uint8, {}, ("floating", "to_float")),
        "no channels": ((SIDE, SIDE), jnp.float32, {}, ("[..., H, W, C]", "image[..., None]")),
        "two channels": ((SIDE, SIDE, 2), jnp.float32, {}, ("1 channel (gray) or 3 (RGB)",)),
        "small": ((side - 1, SIDE, 3), jnp.float32, {}, (f"at least {side} x {side} pixels",)),
        "data range": ((SIDE, SIDE, 3), jnp.float32, {"data_range": 0.0}, ("data_range > 0", "255.0 for [0, 255]")),
    }


@every_row
def test_errors(row: NoReference) -> None:
    for shape, dtype, options, words in bad_calls(row).values():
        with pytest.raises((TypeError, ValueError)) as caught:
            jax.eval_shape(
                functools.partial(example(row, **options), **params_of(row)), jax.ShapeDtypeStruct(shape, dtype)
            )
        assert str(caught.value).startswith(f"{row.name}: expected ") and all(w in str(caught.value) for w in words)
    image = np.zeros((SIDE, SIDE, 3), np.float32)
    for needed in ("data_range", *params_of(row)):
        with pytest.raises(TypeError, match=needed):
            row.function(image, **{k: v for k, v in {"data_range": 1.0, **params_of(row)}.items() if k != needed})
