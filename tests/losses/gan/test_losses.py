"""The adversarial losses against the formulas of the papers, in probabilities where the papers have them."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType
from jax.typing import ArrayLike

import jaxloss
from tests.devices import BATCH, mesh, place


Formula = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Papers(NamedTuple):
    """Both losses in the logits r of real and f of generated images, in float64."""

    discriminator: Formula
    generator: Formula


def probability(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def surprise(logits: np.ndarray, target: int) -> np.ndarray:
    """Binary cross-entropy."""
    return -np.log(probability(logits) if target else 1 - probability(logits))


def margin(logits: np.ndarray) -> np.ndarray:
    return np.maximum(0, 1 - logits)


STANDARD = Papers(lambda r, f: surprise(r, 1) + surprise(f, 0), lambda r, f: surprise(f, 1))
RELATIVISTIC = Papers(lambda r, f: surprise(r - f, 1), lambda r, f: surprise(f - r, 1))
PAPERS = {
    "minimax": Papers(STANDARD.discriminator, lambda r, f: np.log(1 - probability(f))),
    "non_saturating": STANDARD,
    "least_squares": Papers(lambda r, f: 0.5 * (r - 1) ** 2 + 0.5 * f**2, lambda r, f: 0.5 * (f - 1) ** 2),
    "hinge": Papers(lambda r, f: margin(r) + margin(-f), lambda r, f: -f),
    "wasserstein": Papers(lambda r, f: -(r - f), lambda r, f: -f),
    "relativistic": RELATIVISTIC,
    "r3gan": RELATIVISTIC,
    "relativistic_average": Papers(
        lambda r, f: 0.5 * (surprise(r - np.mean(f), 1) + surprise(f - np.mean(r), 0)),
        lambda r, f: 0.5 * (surprise(r - np.mean(f), 0) + surprise(f - np.mean(r), 1)),
    ),
    "relativistic_average_least_squares": Papers(
        lambda r, f: 0.5 * ((r - np.mean(f) - 1) ** 2 + (f - np.mean(r) + 1) ** 2),
        lambda r, f: 0.5 * ((r - np.mean(f) + 1) ** 2 + (f - np.mean(r) - 1) ** 2),
    ),
    "relativistic_average_hinge": Papers(
        lambda r, f: 0.5 * (margin(r - np.mean(f)) + margin(-(f - np.mean(r)))),
        lambda r, f: 0.5 * (margin(-(r - np.mean(f))) + margin(f - np.mean(r))),
    ),
}
AVERAGES = [kind for kind in PAPERS if "average" in kind]

# Real and generated logits with which discriminator and generator are each sure and wrong, or undecided.
REAL = np.array([1e4, 1e4, -1e4, -1e4, 0, 1, -1], np.float32)
FAKE = np.array([-1e4, 1e4, 1e4, -1e4, 0, -1, 1], np.float32)


Values = dict[str, tuple[jax.Array, jax.Array]]  # kind -> what discriminator and generator minimize


def losses(
    real: ArrayLike,
    fake: ArrayLike,
    kinds: Iterable[str] = tuple(PAPERS),
    axis_name: str | None = None,
    detach_means: bool = False,
) -> Values:
    """Of all kinds: one program, since it is the compiling that takes time."""
    means = {"axis_name": axis_name, "detach_means": detach_means}
    return {
        kind: (
            jaxloss.discriminator_loss(real, fake, kind=kind, **means),
            jaxloss.generator_loss(fake, real, kind=kind, axis_name=axis_name),
        )
        for kind in kinds
    }


compiled_losses = jax.jit(losses, static_argnames="kinds")


def random_logits(rng: np.random.Generator, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(0.5, 2, shape).astype(np.float32), rng.normal(-0.5, 2, shape).astype(np.float32)


def test_every_kind_has_its_formula() -> None:
    assert jaxloss.GAN_LOSSES.keys() == PAPERS.keys()


@pytest.mark.parametrize("shape", [(), (7,), (2, 5, 4, 1)], ids=str)
def test_losses_equal_the_papers(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    real, fake = random_logits(rng, *shape)
    r, f = real.astype(np.float64), fake.astype(np.float64)
    for kind, (discriminator, generator) in compiled_losses(real, fake).items():
        assert discriminator.shape == generator.shape == shape
        expected = PAPERS[kind].discriminator(r, f), PAPERS[kind].generator(r, f)
        np.testing.assert_allclose(discriminator, expected[0], rtol=1e-5, atol=1e-6, err_msg=kind)
        np.testing.assert_allclose(generator, expected[1], rtol=1e-5, atol=1e-6, err_msg=kind)


def test_default_is_non_saturating(rng: np.random.Generator) -> None:
    real, fake = random_logits(rng, 5)
    np.testing.assert_allclose(jaxloss.discriminator_loss(real, fake), STANDARD.discriminator(real, fake), rtol=1e-5)
    np.testing.assert_allclose(jaxloss.generator_loss(fake), STANDARD.generator(real, fake), rtol=1e-5)


# Of a discriminator that is sure, and right, wrong about one, or about both.
SURE: dict[str, tuple[list[float], list[float]]] = {
    "minimax": ([0, 1e4, 2e4, 1e4], [0, -1e4, -1e4, 0]),
    "non_saturating": ([0, 1e4, 2e4, 1e4], [1e4, 0, 0, 1e4]),
    "hinge": ([0, 10001, 20002, 10001], [1e4, -1e4, -1e4, 1e4]),
    "wasserstein": ([-2e4, 0, 2e4, 0], [1e4, -1e4, -1e4, 1e4]),
    "relativistic": ([0, np.log(2), 2e4, np.log(2)], [2e4, np.log(2), 0, np.log(2)]),
    "relativistic_average": ([0, 5e3, 1e4, 5e3], [1e4, 5e3, 0, 5e3]),
    "relativistic_average_hinge": ([0, 5000.5, 10001, 5000.5], [10001, 5000.5, 0, 5000.5]),
}


def test_sure_logits_are_not_clamped() -> None:
    """The four logits average to 0."""
    found = compiled_losses(REAL[:4], FAKE[:4])
    for kind, expected in SURE.items():
        np.testing.assert_allclose(found[kind], expected, rtol=1e-6, err_msg=kind)


def test_derivatives_are_finite_at_sure_logits() -> None:
    @jax.jit
    def derivatives(real: jax.Array, fake: jax.Array) -> dict[str, list[Any]]:
        def total(player: int, kind: str) -> Callable[..., jax.Array]:
            return lambda r, f: losses(r, f, [kind])[kind][player].sum()

        functions = {kind: [total(player, kind) for player in (0, 1)] for kind in PAPERS}
        return {
            kind: [(jax.grad(z, (0, 1))(real, fake), jax.hessian(z, (0, 1))(real, fake)) for z in both]
            for kind, both in functions.items()
        }

    for kind, players in derivatives(REAL, FAKE).items():
        for first, second in players:
            assert all(np.isfinite(z).all() for z in jax.tree.leaves((first, second))), kind
            assert np.abs(first[1]).max() >= 0.3, f"{kind}: finite, but dead"


def test_players_pull_in_opposite_directions(rng: np.random.Generator) -> None:
    """The discriminator raises real logits and lowers the others; the generator raises its own."""
    real, fake = random_logits(rng, 9)

    @jax.jit
    def slopes(real: jax.Array, fake: jax.Array) -> dict[str, tuple[Any, Any]]:
        # By shifts, which are what every kind orders: least squares also pulls back what is beyond its target.
        def mean(r: Any, f: Any, kind: str, player: int) -> jax.Array:
            return losses(real + r, fake + f, [kind])[kind][player].mean()

        return {
            kind: (
                jax.grad(mean, (0, 1))(-3.0, 3.0, kind, 0),
                jax.grad(mean, 1)(0.0, -3.0, kind, 1),
            )
            for kind in PAPERS
        }

    for kind, ((slope_real, slope_fake), slope) in slopes(real, fake).items():
        assert slope_real < 0 < slope_fake and slope < 0, kind


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16], ids=["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(dtype: Any) -> None:
    real, fake = jnp.asarray(REAL).astype(dtype), jnp.asarray(FAKE).astype(dtype)
    found = compiled_losses(real, fake)
    jax.tree.map(np.testing.assert_array_equal, found, compiled_losses(*(z.astype(jnp.float32) for z in (real, fake))))
    mixed = jax.eval_shape(losses, real, fake.astype(jnp.float32))
    assert {z.dtype for z in jax.tree.leaves((found, mixed))} == {np.dtype("float32")}
    gradient = jax.eval_shape(jax.grad(lambda r: sum(z.sum() for z in jax.tree.leaves(losses(r, fake)))), real)
    assert gradient.dtype == dtype


@pytest.mark.usefixtures("float64")
def test_double_precision_is_kept(rng: np.random.Generator) -> None:
    real, fake = (z.astype(np.float64) for z in random_logits(rng, 2, 3))
    for kind, (discriminator, generator) in compiled_losses(real, fake).items():
        np.testing.assert_allclose(discriminator, PAPERS[kind].discriminator(real, fake), rtol=1e-12, err_msg=kind)
        np.testing.assert_allclose(generator, PAPERS[kind].generator(real, fake), rtol=1e-12, err_msg=kind)
    for first, second, dtype in (("float32", "float64", "float64"), ("float32", "float32", "float32")):
        shapes = jax.eval_shape(losses, real.astype(first), fake.astype(second))
        assert {z.dtype for z in jax.tree.leaves(shapes)} == {np.dtype(dtype)}


def test_detached_means(rng: np.random.Generator) -> None:
    """The value stays; the gradient is that of the logits alone, the means held."""
    real, fake = (jnp.asarray(z) for z in random_logits(rng, 6))
    # A logit less a held mean is a logit less a constant: its slope is half that of the kind that has no means.
    without_means = {
        "relativistic_average": lambda r, f: jax.nn.softplus(-r) + jax.nn.softplus(f),
        "relativistic_average_least_squares": lambda r, f: (r - 1) ** 2 + (f + 1) ** 2,
        "relativistic_average_hinge": lambda r, f: jax.nn.relu(1 - r) + jax.nn.relu(1 + f),
    }

    @jax.jit
    def evaluate(real: jax.Array, fake: jax.Array) -> dict[str, Any]:
        def mean(r: jax.Array, f: jax.Array, kind: str, detach: bool) -> jax.Array:
            return losses(r, f, [kind], detach_means=detach)[kind][0].mean()

        return {
            kind: (
                *(jax.value_and_grad(mean, (0, 1))(real, fake, kind, detach) for detach in (False, True)),
                jax.grad(lambda r, f, rule=rule: rule(r, f).mean() / 2, (0, 1))(real - fake.mean(), fake - real.mean()),
            )
            for kind, rule in without_means.items()
        }

    for plain, detached, held in evaluate(real, fake).values():
        np.testing.assert_allclose(plain[0], detached[0], rtol=1e-6)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), detached[1], held)
        assert np.abs(plain[1][0] - detached[1][0]).max() > 1e-3


def test_real_logits_have_a_gradient_unless_stopped(rng: np.random.Generator) -> None:
    """As in the papers' code; BasicSR's is one call away, and the gradient that trains the generator is the same."""
    real, fake = random_logits(rng, 6)

    def plain(f: jax.Array, r: jax.Array) -> jax.Array:
        return jaxloss.generator_loss(f, r, kind="relativistic_average").sum()

    ours = jax.jit(jax.grad(plain, (0, 1)))(fake, real)
    basicsr = jax.jit(jax.grad(lambda f, r: plain(f, jax.lax.stop_gradient(r)), (0, 1)))(fake, real)
    assert np.abs(ours[1]).max() > 0.01 and (basicsr[1] == 0).all()
    np.testing.assert_array_equal(ours[0], basicsr[0])


WAYS = {
    "vmap": lambda evaluate: jax.jit(jax.vmap(evaluate, axis_name="batch")),
    "pmap": lambda evaluate: jax.pmap(evaluate, axis_name="batch"),
    "shard_map": lambda evaluate: jax.jit(jax.shard_map(evaluate, mesh=mesh(), in_specs=BATCH, out_specs=BATCH)),
}


@pytest.mark.parametrize("way", WAYS)
def test_mean_over_a_mapped_axis(way: str, rng: np.random.Generator) -> None:
    """Value and gradient of the batch on one device; without the name of the axis each device has means of its own."""
    real, fake = random_logits(rng, 8, 3)

    def with_gradients(axis_name: str | None) -> Callable[..., object]:
        def evaluate(r: jax.Array, f: jax.Array) -> object:
            values, pull_back = jax.vjp(lambda r, f: losses(r, f, AVERAGES, axis_name=axis_name), r, f)
            each = jax.tree.map(jnp.ones_like, values)
            none = jax.tree.map(jnp.zeros_like, values)
            return values, {kind: pull_back({**none, kind: each[kind]}) for kind in AVERAGES}

        return evaluate

    expected = jax.jit(with_gradients(None))(real, fake)
    both = WAYS[way](lambda r, f: [with_gradients(axis_name)(r, f) for axis_name in ("batch", None)])
    spread, alone = both(real, fake)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), spread, expected)
    distances = jax.tree.map(lambda a, b: np.abs(np.asarray(a) - np.asarray(b)).max(), alone, expected)
    assert min(jax.tree.leaves(distances)) > 1e-3


@pytest.mark.parametrize("axis_type", [AxisType.Auto, AxisType.Explicit], ids=["auto", "explicit"])
def test_mean_over_a_sharded_batch(axis_type: AxisType, rng: np.random.Generator) -> None:
    """Under jit the mean is that of the whole batch, without the name of an axis."""
    logits = random_logits(rng, 8, 3)
    with jax.set_mesh(mesh(axis_type)):
        sharded = compiled_losses(*place(logits, axis_type), kinds=tuple(AVERAGES))
    assert all(z.sharding.spec[0] == "batch" for z in jax.tree.leaves(sharded))
    expected = compiled_losses(*logits, kinds=tuple(AVERAGES))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), sharded, expected)


def test_optax_has_the_single_terms(rng: np.random.Generator) -> None:
    """What the docstring says about Optax."""
    logits = random_logits(rng, 7)
    cross_entropy, squares, hinge = optax.sigmoid_binary_cross_entropy, optax.l2_loss, optax.hinge_loss

    @jax.jit
    def terms(real: jax.Array, fake: jax.Array) -> Values:
        one, zero = jnp.ones_like(real), jnp.zeros_like(real)
        return {
            "non_saturating": (cross_entropy(real, one) + cross_entropy(fake, zero), cross_entropy(fake, one)),
            "least_squares": (squares(real, one) + squares(fake, zero), squares(fake, one)),
            "hinge": (hinge(real, one) + hinge(fake, -one), -fake),
        }

    ours = compiled_losses(*logits)
    with jax.numpy_dtype_promotion("standard"):
        optaxs = terms(*logits)
    for kind, expected in optaxs.items():
        np.testing.assert_allclose(ours[kind], expected, rtol=1e-5)


def test_known_pixels_count_as_real(rng: np.random.Generator) -> None:
    """LaMa's target for generated images, as the docstring writes it."""
    real, fake = random_logits(rng, 2, 4, 4, 1)
    known = (rng.random((2, 4, 4, 1)) < 0.5).astype(np.float32)
    expected = surprise(real, 1) + known * surprise(fake, 1) + (1 - known) * surprise(fake, 0)
    np.testing.assert_allclose(jaxloss.discriminator_loss(real, (1 - 2 * known) * fake), expected, rtol=1e-5)


def test_value_equals_the_paper(rng: np.random.Generator) -> None:
    real, fake = rng.uniform(0.01, 0.99, (2, 3, 5)).astype(np.float32)
    expected = np.log(np.float64(real)) + np.log(1 - np.float64(fake))
    np.testing.assert_allclose(jaxloss.gan_value(real, fake), expected, rtol=1e-5)


def test_value_of_probabilities_is_the_loss_of_logits(rng: np.random.Generator) -> None:
    logits = random_logits(rng, 40)
    value = jax.jit(lambda r, f: jaxloss.gan_value(jax.nn.sigmoid(r), jax.nn.sigmoid(f)))(*logits)
    np.testing.assert_allclose(-value, PAPERS["minimax"].discriminator(*logits), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.usefixtures("float64")
def test_value_at_certainty(dtype: str) -> None:
    """Also next to it, down to where numbers end."""
    tiny, step = jnp.finfo(dtype).tiny, jnp.finfo(dtype).epsneg
    real, fake = np.array([0, 1, 0, tiny, 0.5], dtype), np.array([0, 1, 1, 0.5, 1 - step], dtype)
    values = jax.jit(jaxloss.gan_value)(real, fake)
    low = max(np.log(np.float64(tiny)), -100)
    expected = [-100, -100, -200, low + np.log(0.5), np.log(0.5) + np.log(np.float64(step))]
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    slope = jax.jit(jax.grad(lambda r, f: jaxloss.gan_value(r, f).sum(), (0, 1)))
    slopes = jax.tree.map(np.asarray, slope(real.astype(values.dtype), fake.astype(values.dtype)))
    assert all(np.isfinite(z).all() for z in slopes)
    assert [slopes[0][0], slopes[0][1], slopes[1][0], slopes[1][1]] == [0, 1, -1, 0]
    assert slopes[0][3] > 1e4 or dtype == "float64"


def test_value_of_nan_is_nan() -> None:
    assert np.isnan(jaxloss.gan_value(jnp.array([jnp.nan, 0.5]), jnp.array([0.5, jnp.nan]))).all()


LOGITS = np.zeros((4, 2, 2, 1), np.float32)
ERRORS = {
    "unknown kind": (
        lambda: jaxloss.discriminator_loss(LOGITS, LOGITS, kind="vanilla"),
        ValueError,
        "discriminator_loss: expected a kind of GAN_LOSSES, got 'vanilla'\\. There are: minimax, non_sat",
    ),
    "unknown kind of a generator": (
        lambda: jaxloss.generator_loss(LOGITS, kind="hindge"),
        ValueError,
        "generator_loss: expected a kind of GAN_LOSSES, got 'hindge'. Did you mean 'hinge'?",
    ),
    "shapes": (
        lambda: jaxloss.discriminator_loss(LOGITS, LOGITS[:1]),
        ValueError,
        r"discriminator_loss: expected real and fake of equal shape, got \(4, 2, 2, 1\) and \(1, 2, 2, 1\)\. Noth",
    ),
    "shapes of a generator": (
        lambda: jaxloss.generator_loss(LOGITS, LOGITS[0], kind="r3gan"),
        ValueError,
        r"generator_loss: expected fake and real of equal shape, got \(4, 2, 2, 1\) and \(2, 2, 1\)\. Noth",
    ),
    "integers": (
        lambda: jaxloss.discriminator_loss(LOGITS, LOGITS.astype(int)),
        TypeError,
        r"discriminator_loss: expected fake of a floating dtype, got int(32|64)\. .*fake\.astype",
    ),
    "integer probabilities": (
        lambda: jaxloss.gan_value(LOGITS > 0, LOGITS),
        TypeError,
        "gan_value: expected real of a floating dtype, got bool",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_error(case: str) -> None:
    call, error, message = ERRORS[case]
    with pytest.raises(error, match=message):
        jax.eval_shape(call)


@pytest.mark.parametrize("kind", [kind for kind in PAPERS if kind == "r3gan" or "relativistic" in kind])
def test_relativistic_kinds_need_real_logits(kind: str) -> None:
    message = rf"generator_loss: expected the logits of real images for kind='{kind}', got none\. Pass them second"
    with pytest.raises(ValueError, match=message):
        jaxloss.generator_loss(LOGITS, kind=kind)
