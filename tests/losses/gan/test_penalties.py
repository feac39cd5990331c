"""Gradient penalties: closed forms of simple critics, derivatives of second order, and where they run."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import jaxloss
from tests.integration.test_sharding import COLLECTIVE


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
    return {"kernel": jnp.float32(kernel), "head": jnp.float32(head)}


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
        np.testing.assert_allclose(penalty(quadratic(slopes), image), 5 * squares, rtol=1e-5)
        np.testing.assert_allclose(penalty(quadratic(slopes), image, gamma=0.3), 0.15 * squares, rtol=1e-5)


def test_gradient_penalty_equals_the_closed_form(images: Any) -> None:
    """With |∇| = |x̂|, the length of the mixed images; their α, one for each image, is read off a critic that sums."""
    real, fake = (np.float64(z) for z in images)
    sums = np.sqrt(jaxloss.gradient_penalty(KEY, quadratic(jnp.ones(SHAPE)), *images, weight=1.0)) + 1
    alpha = np.asarray(jax.random.uniform(KEY, (8, 1, 1, 1)))
    mixed = (1 - alpha) * real + alpha * fake
    lengths = np.sqrt((mixed**2).sum(axis=(1, 2, 3)))
    assert lengths.min() > 1
    np.testing.assert_allclose(sums, lengths, rtol=1e-5)
    np.testing.assert_allclose(
        jaxloss.gradient_penalty(KEY, quadratic(jnp.ones(SHAPE)), *images), 10 * (lengths - 1) ** 2, rtol=1e-5
    )


def test_images_are_mixed_between_both_ends() -> None:
    """α is spread over [0, 1), differs from image to image and key to key, and is the share of the generated one."""
    ones, zeros = jnp.ones((4096, 1, 1, 1)), jnp.zeros((4096, 1, 1, 1))
    # A critic x²/2 - x has slope x - 1 at x, so that the root of the penalty is | |x - 1| - 1 | = x in [0, 1].
    mixed = [
        np.sqrt(jaxloss.gradient_penalty(key, lambda x: (x**2 / 2 - x)[:, 0, 0, 0], zeros, ones, weight=1.0))
        for key in jax.random.split(KEY)
    ]
    for values in mixed:
        np.testing.assert_allclose(np.quantile(values, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.03)
        assert values.min() < 0.01 and values.max() > 0.99
    assert np.abs(np.corrcoef(np.stack(mixed))[0, 1]) < 0.1


@every_penalty
def test_derivatives_with_respect_to_parameters(name: str, params: Params, images: Any) -> None:
    """Second derivatives of the critic, under jit, against central differences in double precision."""
    with jax.enable_x64(True):
        wide, real, fake = jax.tree.map(lambda z: jnp.asarray(z, jnp.float64), (params, *images))
        direction = jax.tree.map(lambda z: jnp.cos(jnp.arange(z.size, dtype=z.dtype)).reshape(z.shape), wide)

        @jax.jit
        def mean(t: jax.Array) -> jax.Array:
            moved = jax.tree.map(lambda z, d: z + t * d, wide, direction)
            return PENALTIES[name](bind(moved), real, fake).mean()

        slope, curvature = jax.grad(mean)(0.0), jax.grad(jax.grad(mean))(0.0)
        np.testing.assert_allclose(slope, (mean(1e-5) - mean(-1e-5)) / 2e-5, rtol=1e-6)
        np.testing.assert_allclose(curvature, (mean(1e-3) - 2 * mean(0.0) + mean(-1e-3)) / 1e-6, rtol=1e-3)
        assert abs(slope) > 1e-3


@every_penalty
def test_flat_critic_has_a_finite_gradient(name: str, images: Any) -> None:
    """A norm of 0, where the root has no derivative: a critic that starts at 0, and one of dead units."""

    def penalty(scale: jax.Array, *images: jax.Array) -> jax.Array:
        return PENALTIES[name](lambda x: scale * (x**2).sum(axis=(1, 2, 3)), *images).sum()

    value, gradients = jax.value_and_grad(penalty, (0, 1, 2))(0.0, *images)
    assert value == (80 if name == "gradient_penalty" else 0)
    assert all((z == 0).all() for z in gradients)


@every_penalty
def test_each_image_for_itself(name: str, params: Params, images: Any) -> None:
    """Batch, loop and vmap agree; any number of leading axes."""
    critic, penalty = bind(params), PENALTIES[name]
    expected = jax.jit(lambda *z: penalty(critic, *z))(*images)
    assert expected.shape == (8,) and np.ptp(expected) > 1e-3
    if name != "gradient_penalty":
        np.testing.assert_allclose(
            [penalty(lambda x: critic(x[None])[0], *z) for z in zip(*images, strict=True)], expected, 1e-5
        )
        vmapped = jax.vmap(lambda x, y: penalty(lambda z: critic(z[None])[0], x, y))(*images)
        np.testing.assert_allclose(vmapped, expected, rtol=1e-5)

    def flat(x: jax.Array) -> jax.Array:
        return critic(x.reshape(SHAPE)).reshape(*x.shape[:-3], 3, 3)

    nested = penalty(flat, *(z.reshape(2, 4, *SHAPE[1:]) for z in images))
    np.testing.assert_allclose(nested.reshape(8), expected, rtol=1e-5)


@every_penalty
def test_ensemble_of_critics(name: str, params: Params, images: Any) -> None:
    """vmap over what the critic holds."""
    ensemble = jax.tree.map(lambda z: jnp.stack([z, 2 * z]), params)
    penalties = jax.vmap(lambda p: PENALTIES[name](bind(p), *images))(ensemble)
    np.testing.assert_allclose(penalties[0], PENALTIES[name](bind(params), *images), rtol=1e-5)
    assert np.abs(penalties[1] - penalties[0]).min() > 1e-3


@every_penalty
def test_weight_may_be_traced(name: str, params: Params, images: Any) -> None:
    """As that of a schedule, in one trace."""
    penalty = jax.jit(lambda weight: PENALTIES[name](bind(params), *images, **{WEIGHT[name]: weight}))
    expected = 0.3 * PENALTIES[name](bind(params), *images)
    for weight in (jnp.float32(3), jnp.bfloat16(3)):
        np.testing.assert_allclose(penalty(weight), expected, rtol=1e-5)
    np.testing.assert_array_equal(penalty(0.0), np.zeros(8, np.float32))


@every_penalty
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16], ids=["float16", "bfloat16"])
def test_half_precision(name: str, dtype: Any, images: Any) -> None:
    """The critic sees the dtype of the images; squares, which float16 has up to 65504, are float32."""
    seen = []

    def critic(x: jax.Array) -> jax.Array:
        seen.append(x.dtype)
        return jnp.sum(40 * x, axis=(1, 2, 3), dtype=x.dtype)

    penalty = PENALTIES[name](critic, *(jnp.asarray(z).astype(dtype) for z in images))
    assert set(seen) == {jnp.dtype(dtype)} and penalty.dtype == jnp.float32
    count = np.prod(SHAPE[1:])
    exact = 10 * (40 * np.sqrt(count) - 1) ** 2 if name == "gradient_penalty" else 5 * 1600 * count
    np.testing.assert_allclose(penalty, exact, rtol=1e-5)


@every_penalty
@pytest.mark.usefixtures("float64")
def test_double_precision_is_kept(name: str, images: Any) -> None:
    slopes = jnp.ones(SHAPE, jnp.float64)
    assert PENALTIES[name](quadratic(slopes), *(np.float64(z) for z in images)).dtype == jnp.float64
    assert PENALTIES[name](quadratic(jnp.float32(slopes)), *images).dtype == jnp.float32


@every_penalty
@pytest.mark.parametrize("axis_type", [AxisType.Auto, AxisType.Explicit], ids=["auto", "explicit"])
def test_sharded_batch_needs_no_collective(name: str, axis_type: Any, params: Params, images: Any) -> None:
    mesh = jax.make_mesh((8,), ("batch",), axis_types=(axis_type,))
    sharded = jax.device_put(images, NamedSharding(mesh, PartitionSpec("batch")))
    with jax.set_mesh(mesh):
        penalty = jax.jit(lambda *z: PENALTIES[name](bind(params), *z)).lower(*sharded).compile()
        result = penalty(*sharded)
    program = penalty.as_text() or ""
    assert "num_partitions=8" in program and COLLECTIVE.findall(program) == []
    assert result.sharding.spec[0] == "batch"
    np.testing.assert_allclose(result, PENALTIES[name](bind(params), *images), rtol=1e-5)


@every_penalty
def test_sharded_training_gradient(name: str, params: Params, images: Any) -> None:
    """The gradient of the mean with respect to the parameters is that of one device."""

    def mean(params: Params, *images: jax.Array) -> jax.Array:
        return PENALTIES[name](bind(params), *images).mean()

    mesh = jax.make_mesh((8,), ("batch",), axis_types=(AxisType.Auto,))
    sharded = jax.device_put(images, NamedSharding(mesh, PartitionSpec("batch")))
    gradient, expected = jax.jit(jax.grad(mean))(params, *sharded), jax.grad(mean)(params, *images)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), gradient, expected)
    assert np.abs(expected["kernel"]).max() > 1e-3


@pytest.mark.parametrize("name", ["r1_penalty", "r2_penalty"])
def test_shard_map(name: str, params: Params, images: Any) -> None:
    """With its check of which values vary from device to device, and the gradient summed over the devices."""
    mesh, batch = jax.make_mesh((8,), ("batch",), axis_types=(AxisType.Auto,)), PartitionSpec("batch")

    def total(params: Params, *images: jax.Array) -> jax.Array:
        spread = jax.shard_map(
            lambda p, *z: PENALTIES[name](bind(p), *z),
            mesh=mesh,
            in_specs=(PartitionSpec(), batch, batch),
            out_specs=batch,
        )
        return spread(params, *images).sum()

    gradient = jax.jit(jax.grad(total))(params, *images)
    expected = jax.grad(lambda p: PENALTIES[name](bind(p), *images).sum())(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), gradient, expected)


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
