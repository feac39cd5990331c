"""Gradient penalties: closed forms of simple critics, derivatives of second order, and where they run."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType

import jaxloss
from tests.devices import BATCH, EVERYWHERE, collectives, mesh, place


Params = Mapping[str, Any]
Penalty = Callable[..., jax.Array]

KEY = jax.random.key(3)
SHAPE = (8, 6, 5, 3)
# (critic, real, fake, options) -> penalty, one signature for the three.
PENALTIES: dict[str, Penalty] = {
    "gradient_penalty": lambda critic, x, y, **options: jaxloss.gradient_penalty(KEY, critic, x, y, **options),
    "r1_penalty": lambda critic, x, y, **options: jaxloss.r1_penalty(critic, x, **options),
    "r2_penalty": lambda critic, x, y, **options: jaxloss.r2_penalty(critic, y, **options),
}
every_penalty = pytest.mark.parametrize("name", PENALTIES)
WEIGHT = {"gradient_penalty": "weight", "r1_penalty": "gamma", "r2_penalty": "gamma"}


@pytest.fixture
def images(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.random(SHAPE, np.float32), rng.random(SHAPE, np.float32)


@pytest.fixture
def params(rng: np.random.Generator) -> Params:
    """A smooth critic of one strided convolution and one layer: patch logits `[n, 3, 3]`."""
    kernel, head = rng.normal(0, 0.5, (3, 3, 3, 4)), rng.normal(0, 1, 4)
    return {"kernel": np.float32(kernel), "head": np.float32(head)}


def network(params: Params, images: jax.Array) -> jax.Array:
    kernel = params["kernel"].astype(images.dtype)
    layers = ("NHWC", "HWIO", "NHWC")
    hidden = jax.lax.conv_general_dilated(images, kernel, (2, 2), "SAME", dimension_numbers=layers)
    return jnp.tanh(hidden) @ params["head"].astype(images.dtype)


def bind(params: Params) -> Callable[[jax.Array], jax.Array]:
    return lambda images: network(params, images)


def quadratic(slopes: jax.typing.ArrayLike) -> Callable[[jax.Array], jax.Array]:
    """Logits of which the gradient at x is slopes * x."""
    return lambda images: (jnp.asarray(slopes) * images**2).sum(axis=(-3, -2, -1)) / 2


def test_zero_centered_penalties_equal_the_closed_form(rng: np.random.Generator, images: Any) -> None:
    slopes = rng.normal(size=SHAPE).astype(np.float32)
    for image, penalty in zip(images, (jaxloss.r1_penalty, jaxloss.r2_penalty), strict=True):
        squares = (np.float64(slopes * image) ** 2).sum(axis=(1, 2, 3))
        found = jax.jit(lambda z, p=penalty: [p(quadratic(slopes), z, **more) for more in ({}, {"gamma": 0.3})])(image)
        np.testing.assert_allclose(found, [5 * squares, 0.15 * squares], rtol=1e-5)


def test_gradient_penalty_equals_the_closed_form(images: Any) -> None:
    """With |∇| = |x̂|, the length of the mixed images; their α, one for each image, is read off a critic that sums."""
    real, fake = (np.float64(z) for z in images)
    critic, given = quadratic(np.ones(SHAPE, np.float32)), ({"weight": 1.0}, {})
    light, heavy = jax.jit(lambda *z: [jaxloss.gradient_penalty(KEY, critic, *z, **more) for more in given])(*images)
    sums = np.sqrt(light) + 1
    alpha = np.asarray(jax.random.uniform(KEY, (8, 1, 1, 1)))
    mixed = (1 - alpha) * real + alpha * fake
    lengths = np.sqrt((mixed**2).sum(axis=(1, 2, 3)))
    assert lengths.min() > 1
    np.testing.assert_allclose(sums, lengths, rtol=1e-5)
    np.testing.assert_allclose(heavy, 10 * (lengths - 1) ** 2, rtol=1e-5)


def test_images_are_mixed_between_both_ends() -> None:
    """α is spread over [0, 1), differs from image to image and key to key, and is the share of the generated one."""
    zeros, ones = (np.full((4096, 1, 1, 1), level, np.float32) for level in (0, 1))

    # A critic x²/2 - x has slope x - 1 at x, so that the root of the penalty is | |x - 1| - 1 | = x in [0, 1].
    @jax.jit
    def penalty(key: jax.Array) -> jax.Array:
        return jaxloss.gradient_penalty(key, lambda x: (x**2 / 2 - x)[:, 0, 0, 0], zeros, ones, weight=1.0)

    mixed = [np.sqrt(penalty(key)) for key in jax.random.split(KEY)]
    for values in mixed:
        np.testing.assert_allclose(np.quantile(values, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.03)
        assert values.min() < 0.01 and values.max() > 0.99
    assert np.abs(np.corrcoef(np.stack(mixed))[0, 1]) < 0.1


def all_penalties(params: Params, *images: Any, weight: Any = None) -> dict[str, jax.Array]:
    """Of one critic: one program, since it is the compiling that takes time."""
    given: dict[str, dict[str, Any]] = {name: {} if weight is None else {WEIGHT[name]: weight} for name in PENALTIES}
    return {name: penalty(bind(params), *images, **given[name]) for name, penalty in PENALTIES.items()}


def test_derivatives_with_respect_to_parameters(params: Params, images: Any) -> None:
    """Second derivatives of the critic, under jit, against central differences in double precision."""
    with jax.enable_x64(True):
        wide, real, fake = jax.tree.map(np.float64, (params, *images))
        direction = jax.tree.map(lambda z: np.cos(np.arange(z.size, dtype=z.dtype)).reshape(z.shape), wide)

        @jax.jit
        def means(t: jax.Array) -> tuple[jax.Array, ...]:
            """Of each penalty, with first and second derivatives."""

            def mean(t: jax.Array) -> jax.Array:
                moved = jax.tree.map(lambda z, d: z + t * d, wide, direction)
                return jnp.stack([z.mean() for z in all_penalties(moved, real, fake).values()])

            slope = jax.jacrev(mean)
            return mean(t), slope(t), jax.jacfwd(slope)(t), jax.jacrev(slope)(t)

        value, slope, *curvatures = map(np.asarray, means(0.0))
        (above, *_), (below, *_) = means(1e-5), means(-1e-5)
        np.testing.assert_allclose(slope, (above - below) / 2e-5, rtol=1e-6)
        (above, *_), (below, *_) = means(1e-3), means(-1e-3)
        for curvature in curvatures:
            np.testing.assert_allclose(curvature, (above - 2 * value + below) / 1e-6, rtol=1e-3)
        assert np.abs(slope).min() > 1e-3


@every_penalty
def test_flat_critic_has_a_finite_gradient(name: str, images: Any) -> None:
    """A norm of 0, where the root has no derivative: a critic that starts at 0, and one of dead units."""

    @jax.jit
    def evaluate(scale: jax.Array, *images: jax.Array) -> Any:
        def penalty(scale: jax.Array, *images: jax.Array) -> jax.Array:
            return PENALTIES[name](lambda x: scale * (x**2).sum(axis=(1, 2, 3)), *images).sum()

        return jax.value_and_grad(penalty, (0, 1, 2))(scale, *images)

    value, gradients = evaluate(0.0, *images)
    assert value == (80 if name == "gradient_penalty" else 0)
    assert all((z == 0).all() for z in gradients)


def test_each_image_for_itself(params: Params, images: Any) -> None:
    """Batch, loop and vmap agree; any number of leading axes; vmap over what the critic holds."""
    ensemble = jax.tree.map(lambda z: np.stack([z, 2 * z]), params)

    @jax.jit
    def ways(params: Params, ensemble: Params, *images: jax.Array) -> dict[str, dict[str, jax.Array]]:
        def single(image: jax.Array) -> jax.Array:
            return network(params, image[None])[0]

        def flat(x: jax.Array) -> jax.Array:
            return network(params, x.reshape(SHAPE)).reshape(*x.shape[:-3], 3, 3)

        zero_centered = {name: penalty for name, penalty in PENALTIES.items() if name != "gradient_penalty"}
        nested = [z.reshape(2, 4, *SHAPE[1:]) for z in images]
        return {
            "batch": all_penalties(params, *images),
            "one by one": {n: jax.lax.map(lambda z, p=p: p(single, *z), images) for n, p in zero_centered.items()},
            "vmap": {n: jax.vmap(lambda *z, p=p: p(single, *z))(*images) for n, p in zero_centered.items()},
            "nested": {name: penalty(flat, *nested).reshape(8) for name, penalty in PENALTIES.items()},
            "ensemble": jax.vmap(lambda p: all_penalties(p, *images))(ensemble),
        }

    found = ways(params, ensemble, *images)
    expected, pairs = found.pop("batch"), found.pop("ensemble")
    for name, values in expected.items():
        assert values.shape == (8,) and np.ptp(values) > 1e-3
        np.testing.assert_allclose(pairs[name][0], values, rtol=1e-5)
        assert np.abs(pairs[name][1] - values).min() > 1e-3
    for way, results in found.items():
        for name, values in results.items():
            np.testing.assert_allclose(values, expected[name], rtol=1e-5, err_msg=f"{way} {name}")


def test_weight_may_be_traced(params: Params, images: Any) -> None:
    """As that of a schedule, in one trace."""

    @jax.jit
    def evaluate(weight: jax.Array) -> tuple[Any, ...]:
        return all_penalties(params, *images), all_penalties(params, *images, weight=weight)

    for weight in (jnp.float32(3), jnp.bfloat16(3), 0.0):
        plain, weighted = evaluate(weight)
        for name in PENALTIES:
            np.testing.assert_allclose(weighted[name], plain[name] * (float(weight) / 10), rtol=1e-5)


@every_penalty
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16], ids=["float16", "bfloat16"])
def test_half_precision(name: str, dtype: Any, images: Any) -> None:
    """The critic sees the dtype of the images; squares, which float16 has up to 65504, are float32."""
    seen = []

    def critic(x: jax.Array) -> jax.Array:
        seen.append(x.dtype)
        return jnp.sum(40 * x, axis=(1, 2, 3), dtype=x.dtype)

    penalty = jax.jit(lambda *z: PENALTIES[name](critic, *z))(*(jnp.asarray(z).astype(dtype) for z in images))
    assert set(seen) == {jnp.dtype(dtype)} and penalty.dtype == jnp.float32
    count = np.prod(SHAPE[1:])
    exact = 10 * (40 * np.sqrt(count) - 1) ** 2 if name == "gradient_penalty" else 5 * 1600 * count
    np.testing.assert_allclose(penalty, exact, rtol=1e-5)


@every_penalty
@pytest.mark.usefixtures("float64")
def test_double_precision_is_kept(name: str, images: Any) -> None:
    slopes = jnp.ones(SHAPE, jnp.float64)
    double, single = (
        jax.eval_shape(lambda *z, s=s: PENALTIES[name](quadratic(s), *z), *arrays)
        for s, arrays in ((slopes, tuple(np.float64(z) for z in images)), (jnp.float32(slopes), images))
    )
    assert double.dtype == jnp.float64 and single.dtype == jnp.float32


@pytest.mark.parametrize("axis_type", [AxisType.Auto, AxisType.Explicit], ids=["auto", "explicit"])
def test_sharded_batch_needs_no_collective(axis_type: Any, params: Params, images: Any) -> None:
    sharded = place(images, axis_type)
    with jax.set_mesh(mesh(axis_type)):
        penalties = jax.jit(lambda *z: all_penalties(params, *z)).lower(*sharded).compile()
        result = penalties(*sharded)
    assert collectives(penalties) == []
    assert all(z.sharding.spec[0] == "batch" for z in result.values())
    expected = jax.jit(all_penalties)(params, *images)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), result, expected)


def test_training_gradient_of_a_sharded_batch(params: Params, images: Any) -> None:
    """The gradient of the mean with respect to the parameters is that of one device; so it is in `shard_map`.

    With its check of which values vary from device to device, and the gradient summed over the devices.
    """

    def mapped(params: Params, *images: jax.Array) -> dict[str, jax.Array]:
        def zero_centered(params: Params, *images: jax.Array) -> dict[str, jax.Array]:
            return {name: PENALTIES[name](bind(params), *images) for name in ("r1_penalty", "r2_penalty")}

        specs: Any = EVERYWHERE, BATCH, BATCH
        return jax.shard_map(zero_centered, mesh=mesh(), in_specs=specs, out_specs=BATCH)(params, *images)

    def gradient(penalties: Callable[..., Any]) -> Callable[..., Any]:
        return jax.jit(jax.jacrev(lambda *z: jax.tree.map(jnp.mean, penalties(*z))))

    expected = gradient(all_penalties)(params, *images)
    assert min(np.abs(z["kernel"]).max() for z in expected.values()) > 1e-3
    for found in (gradient(all_penalties)(params, *place(images)), gradient(mapped)(params, *images)):
        for name, leaves in found.items():
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), leaves, expected[name])


IMAGES = np.zeros((4, 6, 5, 3), np.float32)
CRITIC = quadratic(1.0)


@every_penalty
@pytest.mark.parametrize(
    ("critic", "error", "message"),
    [
        (
            lambda x: x.mean(),
            ValueError,
            r"logits \[4, \.\.\.\] for images \[4, H, W, C\], got \(\)\. It must not",
        ),
        (
            lambda x: (CRITIC(x), x),
            TypeError,
            "one floating array of logits, got a tuple. Of several outputs choose one",
        ),
        (lambda x: CRITIC(x) > 0, TypeError, "one floating array of logits, got dtype bool"),
    ],
    ids=["mean", "tuple", "bool"],
)
def test_critic_must_return_logits(name: str, critic: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"^{name}: expected a critic that returns {message}.*\.$"):
        PENALTIES[name](critic, IMAGES, IMAGES)


@every_penalty
def test_images_must_be_images(name: str) -> None:
    argument = "fake" if name == "r2_penalty" else "real"
    with pytest.raises(TypeError, match=f"^{name}: expected {argument} of a floating dtype, got int"):
        PENALTIES[name](CRITIC, IMAGES.astype(int), IMAGES.astype(int))
    with pytest.raises(ValueError, match=rf"^{name}: expected {argument} of shape \[\.\.\., H, W, C\]"):
        PENALTIES[name](CRITIC, IMAGES[0, 0], IMAGES[0, 0])


def test_mixed_images_must_fit() -> None:
    message = (
        r"^gradient_penalty: expected real and fake of equal shape .*, got \(4, 6, 5, 3\) and \(1, 6, 5, 3\)\. They"
    )
    with pytest.raises(ValueError, match=message):
        jaxloss.gradient_penalty(KEY, CRITIC, IMAGES, IMAGES[:1])
