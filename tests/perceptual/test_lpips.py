"""LPIPS: its values at known pairs, its laws and its gradients; `tests/parity` holds it against the original."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import jaxloss
from jaxloss.backbones._features import BACKBONES
from jaxloss.backbones._layers import smallest_side, used_layers
from jaxloss.perceptual._lpips_distances import LPIPS_TRUNKS, WEIGHTINGS
from jaxloss.registry import METRICS


Pair = tuple[np.ndarray, np.ndarray]
SHIPPED = ("alex", "vgg")

# Of the original with the same weights: the example images of its repository, ex_ref against ex_p0 and ex_p1.
KNOWN = {"alex": (0.721881, 0.137566), "vgg": (0.568613, 0.421664), "squeeze": (0.711048, 0.147902)}


@functools.cache
def params_of(net: str) -> dict[str, Any]:
    return jaxloss.load_params(f"lpips-{net}")


STATIC = ("net", "version", "weighting", "dtype")


@functools.partial(jax.jit, static_argnames=STATIC)
def score(x: Any, y: Any, params: Any, mask: Any = None, **options: Any) -> jax.Array:
    """Compiled whole, and once for all tests; parameters are arguments, for constants are slow to compile."""
    return jaxloss.lpips(x, y, params=params, mask=mask, data_range=1.0, **options)


@jax.jit
def gradients(x: Any, y: Any, params: Any, mask: Any = None) -> tuple[jax.Array, jax.Array]:
    return jax.grad(lambda x, y: score(x, y, params, mask).sum(), argnums=(0, 1))(x, y)


def alex(x: Any, y: Any, **options: Any) -> jax.Array:
    return score(x, y, params_of("alex"), **options)


@pytest.fixture
def pair(crop_photograph, rng: np.random.Generator) -> Pair:
    y = crop_photograph(2, 64, 72)
    return np.clip(y + 0.1 * rng.standard_normal(y.shape, np.float32), 0, 1), y


@pytest.mark.parametrize("net", KNOWN)
def test_known_values(net: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if net not in SHIPPED:
        monkeypatch.setenv("JAXLOSS_WEIGHTS", str(shared_data / "weights"))
    reference, *distorted = (
        read(shared_data / "lpips" / "imgs" / f"{name}.png") for name in ("ex_ref", "ex_p0", "ex_p1")
    )
    for image, expected in zip(distorted, KNOWN[net], strict=True):
        assert score(image, reference, params_of(net), net=net) == pytest.approx(expected, abs=1e-5)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float32) / 255


def test_formula(pair: Pair) -> None:
    """Written out in float64 from the features of the network."""
    x, y = pair[0][0], pair[1][0]
    params = params_of("alex")
    expected = 0.0
    layers = LPIPS_TRUNKS["alex"].layers
    options: dict[str, Any] = dict(net="alexnet", layers=layers, data_range=1.0, preprocess="lpips")
    extract = jax.jit(functools.partial(jaxloss.extract_features, **options))
    features = [extract(z, params=params["trunk"]) for z in (x, y)]
    for layer in layers:
        a, b = (np.asarray(f[layer], np.float64) for f in features)
        a, b = (z / (np.sqrt((z**2).sum(-1, keepdims=True)) + 1e-10) for z in (a, b))
        expected += ((a - b) ** 2 @ np.asarray(params["heads"]["0.1"][layer], np.float64)).mean()
    assert alex(x, y) == pytest.approx(expected, rel=1e-5)


def test_laws(pair: Pair) -> None:
    """Operation by operation and compiled."""
    x, y = pair
    eager = functools.partial(jaxloss.lpips, params=params_of("alex"))
    assert eager(x, x, data_range=1.0).tolist() == alex(x, x.copy()).tolist() == [0, 0]
    np.testing.assert_array_equal(alex(x, y), alex(y, x))
    assert (alex(x, y) > 0).all()
    np.testing.assert_allclose(eager(255 * x, 255 * y, data_range=255.0), alex(x, y), rtol=1e-4)


@pytest.mark.parametrize("net", LPIPS_TRUNKS)
def test_registry_knows_the_least_side(net: str) -> None:
    (row,) = (row for row in METRICS.values() if row.params == f"lpips-{net}")
    trunk = LPIPS_TRUNKS[net]
    assert row.smallest == smallest_side(used_layers(BACKBONES[trunk.net], trunk.layers))
    assert row.options.get("net", "alex") == net


def test_layers_add_up(pair: Pair) -> None:
    components = jaxloss.lpips_components(*pair, params=params_of("alex"), data_range=1.0)
    assert tuple(components) == LPIPS_TRUNKS["alex"].layers
    assert all(score.shape == (2,) for score in components.values())
    np.testing.assert_allclose(sum(components.values(), jnp.zeros(2)), alex(*pair), rtol=1e-6)


def test_features_of_a_reference_are_reusable(pair: Pair) -> None:
    params = params_of("alex")
    features = functools.partial(jax.jit(functools.partial(jaxloss.lpips_features, data_range=1.0)), params=params)
    compare = functools.partial(jax.jit(jaxloss.lpips_from_features), params=params)
    x, y = pair
    np.testing.assert_allclose(compare(features(x), features(y)), alex(x, y), rtol=1e-6)
    mask = np.zeros(x.shape[:-1], np.float32)
    mask[:, 8:40] = 1
    masked = compare(features(x, mask=mask), features(y, mask=mask), mask=mask)
    np.testing.assert_allclose(masked, alex(x, y, mask=mask), rtol=1e-6)
    shared = compare(features(x, mask=mask), features(y, mask=mask), mask=mask[0] > 0)
    np.testing.assert_allclose(shared, masked, rtol=1e-6)
    backwards = dict(reversed(features(x).items()))  # a jit sorts dictionaries by their keys
    eager = functools.partial(jaxloss.lpips_from_features, params=params)
    np.testing.assert_allclose(eager(backwards, features(y)), alex(x, y), rtol=1e-6)
    with pytest.raises(ValueError, match="features of equal layers and shapes"):
        eager(features(x), {layer: z[:, 1:] for layer, z in features(y).items()})


def test_map_shows_where(pair: Pair) -> None:
    y = pair[1][0]
    x = y.copy()
    x[:16, :16] = 1 - x[:16, :16]
    field = jax.jit(functools.partial(jaxloss.lpips_map, data_range=1.0))(x, y, params=params_of("alex"))
    assert field.shape == (64, 72, 1)
    assert field[:16, :16].mean() > 10 * field[48:, 48:].mean() >= 0


def test_versions_and_weightings_differ(pair: Pair) -> None:
    kinds = [{"version": version, "weighting": weighting} for version in ("0.1", "0.0") for weighting in WEIGHTINGS]
    usual, *others = jax.jit(lambda params: [score(*pair, params, **kind) for kind in kinds])(params_of("alex"))
    np.testing.assert_allclose(usual, alex(*pair), rtol=1e-6)
    assert (usual > 0).all() and len(others) == 3
    for other in others:
        assert (other > 0).all() and not np.allclose(other, usual, rtol=0.01)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("images", ["identical", "black", "white", "black against photograph", "inverted"])
def test_gradients_are_finite(images: str, dtype: Any, pair: Pair) -> None:
    y = jnp.asarray(pair[1])
    x = {
        "identical": (y, y),
        "black": (jnp.zeros_like(y), jnp.zeros_like(y)),
        "white": (jnp.ones_like(y), jnp.ones_like(y)),
        "black against photograph": (jnp.zeros_like(y), y),
        "inverted": (1 - y, y),
    }[images]
    both = gradients(*(z.astype(dtype) for z in x), params_of("alex"))
    assert all(jnp.isfinite(gradient).all() and gradient.dtype == dtype for gradient in both)
    if images == "identical":
        assert all((gradient == 0).all() for gradient in both)


def test_gradient_where_nothing_is_active(pair: Pair) -> None:
    """The original divides 0 by 0 in its backward pass. No ReLU, whose own gradient would hide a NaN."""

    def silent(params: Any, images: jax.Array) -> Mapping[str, jax.Array]:
        return {"relu1": jnp.tile(images[..., :1] - jax.lax.stop_gradient(images[..., :1]), 64)}

    heads = {"0.1": {"relu1": params_of("alex")["heads"]["0.1"]["relu1"]}}
    params = {"trunk": {}, "heads": heads}
    value, gradient = jax.jit(jax.value_and_grad(lambda x: score(x, pair[1], params, net=silent).sum()))(pair[0])
    assert value == 0 and (gradient == 0).all()


def test_second_order(pair: Pair) -> None:
    """Hessian-vector products: grad of grad is the derivative of grad."""
    x, y, direction = pair[0][0], pair[1][0], np.sign(pair[0][1] - 0.5)

    @jax.jit
    def products(x: jax.Array, params: Any) -> tuple[jax.Array, jax.Array]:
        gradient = jax.grad(lambda x: score(x, y, params))
        return jax.jvp(gradient, (x,), (direction,))[1], jax.grad(lambda x: jnp.vdot(gradient(x), direction))(x)

    forward, reverse = products(x, params_of("alex"))
    np.testing.assert_allclose(forward, reverse, atol=1e-4 * float(abs(forward).max()))
    assert float(abs(forward).max()) > 0


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_empty_batch(net: str) -> None:
    nothing = jnp.ones((2, 0, 64, 64, 3))
    assert jaxloss.lpips(nothing, nothing, params=params_of(net), net=net, data_range=1.0).shape == (2, 0)


def test_transforms_agree(pair: Pair) -> None:
    x, y = pair
    params, batch, axes = params_of("alex"), alex(x, y), (0, 0, None)
    np.testing.assert_allclose(jax.jit(jax.vmap(score, axes))(x, y, params), batch, rtol=1e-5)
    np.testing.assert_allclose(jnp.stack([alex(*images) for images in zip(x, y, strict=True)]), batch, rtol=1e-5)
    np.testing.assert_allclose(jax.pmap(score, in_axes=axes)(x, y, params), batch, rtol=1e-5)
    np.testing.assert_allclose(alex(x[None], y[None]), batch[None], rtol=1e-5)


def test_params_are_an_argument(pair: Pair) -> None:
    """No weights in the executable: it runs with those of another network of the same shapes."""
    score = jax.jit(functools.partial(jaxloss.lpips, data_range=1.0)).lower(*pair, params=params_of("alex")).compile()
    other = jax.tree.map(lambda z: 0.9 * z, params_of("alex"))
    assert not np.allclose(score(*pair, params=params_of("alex")), score(*pair, params=other), rtol=1e-3)
    analysis = score.memory_analysis()
    weights = sum(leaf.nbytes for leaf in jax.tree.leaves(other["trunk"]))
    assert analysis is not None and analysis.argument_size_in_bytes > weights > 1e6


def test_masked_pixels_have_no_influence(pair: Pair, rng: np.random.Generator) -> None:
    x, y = pair
    mask = np.zeros(x.shape[:-1], np.float32)
    mask[:, 16:48, 20:60] = 1
    noisy = np.where(mask[..., None] > 0, x, rng.random(x.shape, np.float32))
    np.testing.assert_array_equal(alex(noisy, y, mask=mask), alex(x, y, mask=mask))
    gradient, _ = gradients(x, y, params_of("alex"), mask)
    assert (gradient[mask == 0] == 0).all() and (gradient[mask > 0] != 0).any()
    np.testing.assert_allclose(alex(x, y, mask=np.ones_like(mask)), alex(x, y), rtol=1e-5)


def test_reduced_precision_is_on_request(pair: Pair) -> None:
    exact, reduced = alex(*pair), alex(*pair, dtype=jnp.bfloat16)
    assert exact.dtype == reduced.dtype == jnp.float32
    assert 0 < float(abs(reduced / exact - 1).max()) < 0.05


def test_bad_input(pair: Pair) -> None:
    x, y = pair
    with pytest.raises(ValueError, match=r"version one of .*0\.1"):
        alex(x, y, version="0.2")
    with pytest.raises(ValueError, match="weighting one of"):
        alex(x, y, weighting="linear")
    with pytest.raises(ValueError, match=r"net one of .*squeeze"):
        alex(x, y, net="resnet")
    with pytest.raises(ValueError, match="belong together"):
        jaxloss.lpips_from_features(
            {"relu1_1": jnp.ones((4, 4, 8))}, {"relu1_1": jnp.ones((4, 4, 8))}, params=params_of("alex")
        )
    one = {"relu1": jnp.ones((4, 4, 1))}
    with pytest.raises(ValueError, match=r"heads of shapes \{'relu1': \(1,\)\}, got .*\(64,\)"):
        jaxloss.lpips_from_features(one, one, params=params_of("alex"))
    with pytest.raises(ValueError, match=r"images of at least \d+ x \d+ pixels"):
        alex(x[:, :20], y[:, :20])
    with pytest.raises(ValueError, match=r"x of shape \[..., H, W, 3\]"):
        alex(x[..., :1], y[..., :1])
    with pytest.raises(TypeError, match="floating"):
        alex((255 * x).astype(np.uint8), y)
