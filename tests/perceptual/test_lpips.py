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
from jaxloss.perceptual._lpips_distances import LPIPS_TRUNKS
from jaxloss.registry import REGISTRY


Pair = tuple[np.ndarray, np.ndarray]
SHIPPED = ("alex", "vgg")

# Of the original with the same weights: the example images of its repository, ex_ref against ex_p0 and ex_p1.
KNOWN = {"alex": (0.721881, 0.137566), "vgg": (0.568613, 0.421664), "squeeze": (0.711048, 0.147902)}


@functools.cache
def params_of(net: str) -> dict[str, Any]:
    return jaxloss.load_params(f"lpips-{net}")


@functools.cache
def compiled(net: str) -> Any:
    return jax.jit(functools.partial(jaxloss.lpips, net=net, data_range=1.0))


def alex(x: Any, y: Any, **options: Any) -> jax.Array:
    return jaxloss.lpips(x, y, params=params_of("alex"), data_range=1.0, **options)


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
        assert compiled(net)(image, reference, params=params_of(net)) == pytest.approx(expected, abs=1e-5)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float32) / 255


def test_formula(pair: Pair) -> None:
    """Written out in float64 from the features of the network."""
    x, y = pair[0][0], pair[1][0]
    params = params_of("alex")
    expected = 0.0
    layers = LPIPS_TRUNKS["alex"].layers
    options: dict[str, Any] = dict(net="alexnet", params=params["trunk"], layers=layers, data_range=1.0)
    features = [jaxloss.extract_features(z, preprocess="lpips", **options) for z in (x, y)]
    for layer in layers:
        a, b = (np.asarray(f[layer], np.float64) for f in features)
        a, b = (z / (np.sqrt((z**2).sum(-1, keepdims=True)) + 1e-10) for z in (a, b))
        expected += ((a - b) ** 2 @ np.asarray(params["heads"]["0.1"][layer], np.float64)).mean()
    assert alex(x, y) == pytest.approx(expected, rel=1e-5)


def test_laws(pair: Pair) -> None:
    x, y = pair
    score = compiled("alex")
    assert alex(x, x).tolist() == score(x, x.copy(), params=params_of("alex")).tolist() == [0, 0]
    np.testing.assert_array_equal(score(x, y, params=params_of("alex")), score(y, x, params=params_of("alex")))
    assert (alex(x, y) > 0).all()
    np.testing.assert_allclose(rescaled(x, y), alex(x, y), rtol=1e-4)


def rescaled(x: np.ndarray, y: np.ndarray) -> jax.Array:
    return jaxloss.lpips(255 * x, 255 * y, params=params_of("alex"), data_range=255.0)


@pytest.mark.parametrize("net", LPIPS_TRUNKS)
def test_registry_knows_the_least_side(net: str) -> None:
    (row,) = (row for row in REGISTRY.values() if row.weights == f"lpips-{net}")
    trunk = LPIPS_TRUNKS[net]
    assert row.smallest == smallest_side(used_layers(BACKBONES[trunk.net], trunk.layers))
    assert row.options.get("net", "alex") == net


def test_layers_add_up(pair: Pair) -> None:
    components = jaxloss.lpips_components(*pair, params=params_of("alex"), data_range=1.0)
    assert tuple(components) == LPIPS_TRUNKS["alex"].layers
    assert all(score.shape == (2,) for score in components.values())
    np.testing.assert_allclose(sum(components.values(), jnp.zeros(2)), alex(*pair), rtol=1e-6)


def test_features_of_a_reference_are_reusable(pair: Pair) -> None:
    features = functools.partial(jaxloss.lpips_features, params=params_of("alex"), data_range=1.0)
    compare = functools.partial(jaxloss.lpips_from_features, params=params_of("alex"))
    x, y = pair
    np.testing.assert_allclose(compare(features(x), features(y)), alex(x, y), rtol=1e-6)
    mask = np.zeros(x.shape[:-1], np.float32)
    mask[:, 8:40] = 1
    masked = compare(features(x, mask=mask), features(y, mask=mask), mask=mask)
    np.testing.assert_allclose(masked, alex(x, y, mask=mask), rtol=1e-6)
    shared = compare(features(x, mask=mask), features(y, mask=mask), mask=mask[0] > 0)
    np.testing.assert_allclose(shared, masked, rtol=1e-6)
    backwards = dict(reversed(features(x).items()))  # a jit sorts dictionaries by their keys
    np.testing.assert_allclose(compare(backwards, features(y)), alex(x, y), rtol=1e-6)
    with pytest.raises(ValueError, match="features of equal layers and shapes"):
        compare(features(x), features(y[:, :-16]))


def test_map_shows_where(pair: Pair) -> None:
    y = pair[1][0]
    x = y.copy()
    x[:16, :16] = 1 - x[:16, :16]
    field = jaxloss.lpips_map(x, y, params=params_of("alex"), data_range=1.0)
    assert field.shape == (64, 72, 1)
    assert field[:16, :16].mean() > 10 * field[48:, 48:].mean() >= 0


@pytest.mark.parametrize("version", ["0.0", "0.1"])
@pytest.mark.parametrize("weighting", ["learned", "none"])
def test_versions_and_weightings_differ(pair: Pair, version: str, weighting: str) -> None:
    score = alex(*pair, version=version, weighting=weighting)
    assert (score > 0).all()
    assert (version, weighting) == ("0.1", "learned") or not np.allclose(score, alex(*pair), rtol=0.01)


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
    gradients = jax.grad(lambda x, y: alex(x, y).sum(), argnums=(0, 1))(*(z.astype(dtype) for z in x))
    assert all(jnp.isfinite(gradient).all() and gradient.dtype == dtype for gradient in gradients)
    if images == "identical":
        assert all((gradient == 0).all() for gradient in gradients)


def test_gradient_where_nothing_is_active(pair: Pair) -> None:
    """The original divides 0 by 0 in its backward pass."""

    def silent(params: Any, images: jax.Array) -> Mapping[str, jax.Array]:
        return {"relu1": jax.nn.relu(jnp.tile(images[..., :1], 64) * params)}

    heads = {"0.1": {"relu1": params_of("alex")["heads"]["0.1"]["relu1"]}}
    score = functools.partial(
        jaxloss.lpips, params={"trunk": jnp.zeros(()), "heads": heads}, net=silent, data_range=1.0
    )
    value, gradient = jax.value_and_grad(lambda x: score(x, jnp.asarray(pair[1])).sum())(jnp.asarray(pair[0]))
    assert value == 0 and (gradient == 0).all()


def test_second_order(pair: Pair) -> None:
    """Hessian-vector products: grad of grad is the derivative of grad."""
    x, y, direction = pair[0][0], pair[1][0], np.sign(pair[0][1] - 0.5)
    gradient = jax.grad(lambda x: alex(x, y))
    forward = jax.jvp(gradient, (x,), (direction,))[1]
    reverse = jax.grad(lambda x: jnp.vdot(gradient(x), direction))(x)
    np.testing.assert_allclose(forward, reverse, atol=1e-4 * float(abs(forward).max()))
    assert float(abs(forward).max()) > 0


def test_transforms_agree(pair: Pair) -> None:
    x, y = pair
    batch = alex(x, y)
    np.testing.assert_allclose(jax.vmap(alex)(x, y), batch, rtol=1e-5)
    np.testing.assert_allclose(jnp.stack([alex(*images) for images in zip(x, y, strict=True)]), batch, rtol=1e-5)
    np.testing.assert_allclose(jax.pmap(alex)(x, y), batch, rtol=1e-5)
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
    gradient = jax.grad(lambda x: alex(x, y, mask=mask).sum())(x)
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
    with pytest.raises(ValueError, match=r"images of at least \d+ x \d+ pixels"):
        alex(x[:, :20], y[:, :20])
    with pytest.raises(ValueError, match=r"x of shape \[..., H, W, 3\]"):
        alex(x[..., :1], y[..., :1])
    with pytest.raises(TypeError, match="floating"):
        alex((255 * x).astype(np.uint8), y)
