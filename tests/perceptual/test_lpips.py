"""LPIPS: its values at known pairs, its laws and its gradients; `tests/parity` holds it against the original.

Its laws hold for any network, here for one of two layers; tests/contract has them for thin ones of the three rows.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

import jaxloss
from jaxloss.backbones._features import BACKBONES
from jaxloss.backbones._layers import smallest_side, used_layers
from jaxloss.backbones._lpips_nets import LPIPS_NETS, PUBLISHED_NETS
from jaxloss.registry import METRICS
from tests.backbones._reference import activations
from tests.networks import thinned, through_thin_networks, tiny_params


Pair = tuple[np.ndarray, np.ndarray]
SHIPPED = ("alex", "vgg")
THIN_ALEX = thinned(BACKBONES["alexnet"], LPIPS_NETS["alex"].layers)
THIN_PARAMS = tiny_params("lpips-alex")


def small(params: Any, images: Any) -> dict[str, Any]:
    """Two layers with ReLU, of arrays of JAX or NumPy; their order is not that of the alphabet."""
    first = images[:, ::2, ::2] @ params["first"]
    first = (first + abs(first)) / 2
    second = first[:, 1::2, ::2] @ params["second"]
    return {"near": first, "far": (second + abs(second)) / 2}


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def own_params(**heads: int) -> dict[str, Any]:
    return {"trunk": {}, "heads": {layer: np.linspace(0.5, 1.5, c, dtype=np.float32) for layer, c in heads.items()}}


PARAMS: dict[str, Any] = {
    "trunk": {"first": normal(3, 8), "second": normal(8, 6)},
    "heads": own_params(near=8, far=6)["heads"],
    "preprocessing": THIN_PARAMS["preprocessing"],
}

# Of the original with the same weights: the example images of its repository, ex_ref against ex_p0 and ex_p1.
KNOWN = {"alex": (0.721881, 0.137566), "vgg": (0.568613, 0.421664), "squeeze": (0.711048, 0.147902)}


class Scores(NamedTuple):
    score: jax.Array
    components: dict[str, jax.Array]
    map: jax.Array
    from_features: jax.Array
    features: dict[str, jax.Array]


@functools.partial(jax.jit, static_argnames="weighting")
def program(
    x: Any, y: Any, params: Any = PARAMS, mask: Any = None, data_range: Any = 1.0, weighting: str = "learned"
) -> Scores:
    """All of them in one program; the data range is traced."""
    params = {**params, "heads": {layer: params["heads"][layer] for layer in ("near", "far")}}  # a jit sorts by keys
    images: dict[str, Any] = dict(params=params, data_range=data_range, mask=mask, net=small)
    f_x, f_y = (jaxloss.lpips_features(z, **images) for z in (x, y))
    components = jaxloss.lpips_components(x, y, weighting=weighting, **images)
    assert list(components) == list(f_x) == ["near", "far"]
    backwards = dict(reversed(f_y.items()))  # the order of the layers does not matter
    return Scores(
        jaxloss.lpips(x, y, weighting=weighting, **images),
        components,
        jaxloss.lpips_map(x, y, weighting=weighting, **images),
        jaxloss.lpips_from_features(f_x, backwards, params=params, mask=mask, weighting=weighting),
        f_x,
    )


def scores(*arguments: Any, **options: Any) -> Scores:
    """As arrays of NumPy, with which nothing has to be compiled."""
    return jax.tree.map(np.asarray, program(*arguments, **options))


def lpips(x: Any, y: Any, params: Any, mask: Any = None) -> jax.Array:
    return jaxloss.lpips(x, y, params=params, mask=mask, data_range=1.0, net=small)


@jax.jit
def gradient_program(x: Any, y: Any, params: Any, mask: Any) -> tuple[jax.Array, jax.Array, dict[str, Any]]:
    return jax.grad(lambda x, y, params: lpips(x, y, params, mask).sum(), argnums=(0, 1, 2))(x, y, params)


def gradients(x: Any, y: Any, params: Any, mask: Any = None) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    return jax.tree.map(np.asarray, gradient_program(x, y, params, mask))


@functools.partial(jax.jit, static_argnames="dtype")
def thin_alex(x: Any, y: Any, params: Any, dtype: Any = None) -> jax.Array:
    return through_thin_networks(jaxloss.lpips)(x, y, params=params, data_range=1.0, dtype=dtype)


@pytest.fixture
def pair(crop_photograph, rng: np.random.Generator) -> Pair:
    y = crop_photograph(2, 40, 48)
    return np.clip(y + 0.1 * rng.standard_normal(y.shape, np.float32), 0, 1), y


@pytest.mark.parametrize("net", KNOWN)
def test_known_values(net: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if net not in SHIPPED:
        monkeypatch.setenv("JAXLOSS_WEIGHTS", str(shared_data / "weights"))
    y, *x = (read(shared_data / "lpips" / "imgs" / f"{name}.png") for name in ("ex_ref", "ex_p0", "ex_p1"))
    score = jax.jit(functools.partial(jaxloss.lpips, net=net, data_range=1.0))
    params = jaxloss.load_params(f"lpips-{net}")
    np.testing.assert_allclose(score(np.stack(x), np.stack([y, y]), params=params), KNOWN[net], rtol=0, atol=1e-5)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float32) / 255


Network = Callable[[Any, np.ndarray], dict[str, np.ndarray]]


def formula(network: Network, x: np.ndarray, y: np.ndarray, params: Any, learned: bool = True) -> dict[str, np.ndarray]:
    """Written out in float64, `[h, w]` for each layer."""
    params = jax.tree.map(np.float64, params)
    offset, scale = params["preprocessing"]["offset"], params["preprocessing"]["scale"]
    seen = [network(params["trunk"], (z.astype(np.float64) - offset) / scale) for z in (x, y)]
    distances = {}
    for layer, head in params["heads"].items():
        a, b = (z[layer] / (np.sqrt((z[layer] ** 2).sum(-1, keepdims=True)) + 1e-10) for z in seen)
        distances[layer] = (a - b) ** 2 @ (head if learned else np.ones_like(head))
    return distances


SYMMETRIC = {"offset": np.full(3, 0.5, np.float32), "scale": np.full(3, 0.5, np.float32)}
both_versions = pytest.mark.parametrize("preprocessing", [PARAMS["preprocessing"], SYMMETRIC], ids=["0.1", "0.0"])


@both_versions
def test_formula_with_alexnet(preprocessing: Any, pair: Pair) -> None:
    """A thin one, on the package's own engine."""
    params = {**THIN_PARAMS, "preprocessing": preprocessing}
    expected = formula(lambda trunk, image: activations(THIN_ALEX, trunk, image), pair[0][0], pair[1][0], params)
    total = sum(distance.mean() for distance in expected.values())
    assert thin_alex(*pair, params)[0] == pytest.approx(total, rel=1e-5)


@both_versions
@pytest.mark.parametrize("weighting", ["learned", "none"])
def test_formula(weighting: str, preprocessing: Any, pair: Pair) -> None:
    """Of the score, of its layers, and of the map."""
    x, y = pair
    params = {**PARAMS, "preprocessing": preprocessing}

    def network(trunk: Any, image: np.ndarray) -> dict[str, np.ndarray]:
        return {layer: z[0] for layer, z in small(trunk, image[None]).items()}

    expected = formula(network, x[0], y[0], params, weighting == "learned")
    means = {layer: distance.mean() for layer, distance in expected.items()}
    found = scores(x, y, params, weighting=weighting)
    assert found.score[0] == pytest.approx(sum(means.values()), rel=1e-5)
    assert {layer: float(part[0]) for layer, part in found.components.items()} == pytest.approx(means, rel=1e-5)
    resize = jax.jit(functools.partial(jax.image.resize, shape=(40, 48), method="linear", antialias=False))
    enlarged = [resize(np.float32(d)) for d in expected.values()]
    np.testing.assert_allclose(found.map[0, ..., 0], sum(enlarged, jnp.zeros(())), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.from_features, found.score, rtol=1e-6)


def test_laws(pair: Pair) -> None:
    x, y = pair
    found, exchanged, same = scores(x, y), scores(y, x), scores(x, x.copy())
    assert same.score.tolist() == same.from_features.tolist() == [0, 0] and (same.map == 0).all()
    np.testing.assert_array_equal(found.score, exchanged.score)
    assert (found.score > 0).all() and (found.map >= 0).all()
    np.testing.assert_allclose(scores(255 * x, 255 * y, data_range=255.0).score, found.score, rtol=1e-4)
    lengths = [np.linalg.norm(z, axis=-1) for z in found.features.values()]
    assert all(np.isclose(z, 1, atol=1e-5).any() for z in lengths)
    assert all((np.isclose(z, 1, atol=1e-5) | (z == 0)).all() for z in lengths)


@pytest.mark.parametrize("net", PUBLISHED_NETS)
def test_registry_knows_the_least_side(net: str) -> None:
    (row,) = (row for row in METRICS.values() if row.params == f"lpips-{net}")
    backbone, layers = LPIPS_NETS[net]
    assert row.smallest == smallest_side(used_layers(BACKBONES[backbone], layers))
    assert row.options.get("net", "alex") == net


def test_map_shows_where(pair: Pair) -> None:
    y = pair[1]
    x = y.copy()
    x[:, :8, :8] = 1 - x[:, :8, :8]
    seen = scores(x, y).map
    assert seen.shape == (2, 40, 48, 1)
    assert (seen[:, :8, :8].mean(axis=(1, 2, 3)) > 3 * seen[:, 32:, 32:].mean(axis=(1, 2, 3))).all()


def test_masks(pair: Pair, rng: np.random.Generator) -> None:
    """Masked pixels have no influence; one mask serves a batch."""
    x, y = pair
    mask = np.zeros(x.shape[:-1], np.float32)
    mask[:, 10:30, 12:40] = 1
    noisy = np.where(mask[..., None] > 0, x, rng.random(x.shape, np.float32))
    found = scores(x, y, mask=mask)
    np.testing.assert_array_equal(scores(noisy, y, mask=mask).score, found.score)
    np.testing.assert_allclose(found.from_features, found.score, rtol=1e-6)
    assert not np.allclose(found.score, scores(x, y).score, rtol=0.01)
    np.testing.assert_allclose(scores(x, y, mask=np.ones_like(mask)).score, scores(x, y).score, rtol=1e-5)
    shared = jax.jit(jaxloss.lpips_from_features)(found.features, found.features, params=PARAMS, mask=mask[0] > 0)
    assert shared.tolist() == [0, 0]
    gradient, *_ = gradients(x, y, PARAMS, mask)
    assert (gradient[mask == 0] == 0).all() and (gradient[mask > 0] != 0).any()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_gradients_are_finite(dtype: Any, pair: Pair) -> None:
    y = pair[1]
    black, white = np.zeros_like(y), np.ones_like(y)
    for x in ((y, y), (black, black), (white, white), (black, y), (1 - y, y)):
        *both, of_params = gradients(x[0].astype(dtype), x[1].astype(dtype), PARAMS)
        assert all(np.isfinite(z).all() for z in jax.tree.leaves(of_params))
        assert all(np.isfinite(gradient).all() and gradient.dtype == dtype for gradient in both)
        if x[0] is x[1]:
            assert all((gradient == 0).all() for gradient in both)
        else:
            assert all((gradient != 0).any() for gradient in both)
            # Preprocessing is a constant of the network, which nothing trains.
            assert all((z == 0).all() for z in jax.tree.leaves(of_params["preprocessing"]))
            assert all((z != 0).any() for z in jax.tree.leaves(of_params["heads"]))


def test_gradient_where_nothing_is_active(pair: Pair) -> None:
    """The original divides 0 by 0 in its backward pass. No ReLU, whose own gradient would hide a NaN."""

    def silent(params: Any, images: jax.Array) -> Mapping[str, jax.Array]:
        return {"relu1": jnp.tile(images[..., :1] - jax.lax.stop_gradient(images[..., :1]), 64)}

    def score(x: jax.Array) -> jax.Array:
        return jaxloss.lpips(x, pair[1], params=own_params(relu1=64), net=silent, data_range=1.0).sum()

    value, gradient = jax.jit(jax.value_and_grad(score))(pair[0])
    assert value == 0 and (gradient == 0).all()


def test_gradient_where_one_image_is_silent(pair: Pair) -> None:
    """It is 0 there, not that of a vector of almost no length; and almost no length is that of the original."""

    def level(params: Any, images: jax.Array) -> Mapping[str, jax.Array]:
        return {"relu1": images - 0.5}

    def score(x: jax.Array) -> jax.Array:
        return jaxloss.lpips(x, pair[1], params=own_params(relu1=3), net=level, data_range=1.0).sum()

    value, gradient = jax.jit(jax.value_and_grad(score))(np.full_like(pair[1], 0.5))
    assert value > 0 and (gradient == 0).all()
    options: dict[str, Any] = {"params": own_params(all=1), "net": lambda params, z: {"all": z}, "data_range": 1.0}
    features = jax.jit(lambda x: jaxloss.lpips_features(x, **options))(np.full((1, 1, 1), 1e-10, np.float32))
    np.testing.assert_allclose(features["all"], 0.5, rtol=1e-5)


def test_own_network_and_own_preprocessing() -> None:
    """Without preprocessing it sees images in [0, 1]; with it, as many channels as that has."""
    params = own_params(all=3, some=2)
    gray = {**own_params(all=1), "preprocessing": {"offset": np.float32(0.1), "scale": np.float32(0.5)}}

    @jax.jit
    def images_seen(x: jax.Array) -> list[jax.Array]:
        seen = []

        def mean(params: Any, images: jax.Array) -> Mapping[str, jax.Array]:
            seen.append(images)
            return {"all": images, "some": images[..., :2], "unused": images}

        components = jaxloss.lpips_components(x, 2 * x, params=params, net=mean, data_range=255.0)
        assert list(components) == ["all", "some"]
        jaxloss.lpips_features(x[..., :1], params=gray, net=mean, data_range=255.0)
        return seen

    seen = images_seen(np.full((2, 4, 4, 3), 51, np.float32))
    assert [z.shape for z in seen] == [(2, 4, 4, 3), (2, 4, 4, 3), (2, 4, 4, 1)]
    for images, value in zip(seen, (0.2, 0.4, 0.2), strict=True):
        np.testing.assert_allclose(images, value, rtol=1e-6)


def test_second_order(pair: Pair) -> None:
    """Hessian-vector products: grad of grad is the derivative of grad."""
    x, y, direction = pair[0][0], pair[1][0], np.sign(pair[0][1] - 0.5)

    @jax.jit
    def hessian_products(x: jax.Array, params: Any) -> tuple[jax.Array, jax.Array]:
        gradient = jax.grad(lambda x: lpips(x, y, params))
        return jax.jvp(gradient, (x,), (direction,))[1], jax.grad(lambda x: jnp.vdot(gradient(x), direction))(x)

    forward, reverse = hessian_products(x, PARAMS)
    np.testing.assert_allclose(forward, reverse, atol=1e-4 * float(abs(forward).max()))
    assert float(abs(forward).max()) > 0


def test_empty_batch() -> None:
    nothing = np.ones((2, 0, 40, 48, 3), np.float32)
    assert thin_alex(nothing, nothing, THIN_PARAMS).shape == (2, 0)


def test_transforms_agree(pair: Pair) -> None:
    x, y = pair
    batch, axes = scores(x, y).score, (0, 0, None)
    np.testing.assert_allclose(jax.jit(jax.vmap(lpips, axes))(x, y, PARAMS), batch, rtol=1e-5)
    np.testing.assert_allclose(jax.pmap(lpips, in_axes=axes)(x, y, PARAMS), batch, rtol=1e-5)
    np.testing.assert_allclose(jax.jit(lpips)(x[None], y[None], PARAMS), batch[None], rtol=1e-5)


def test_params_are_an_argument(pair: Pair, tmp_path: Path) -> None:
    """A tree of arrays, which can be mapped and saved; none of it is in the executable, which runs with others."""
    other = jax.tree.map(lambda z: 0.9 * z, PARAMS)
    flat = {"/".join(part.key for part in path): z for path, z in jax.tree.leaves_with_path(other)}
    safetensors.numpy.save_file(flat, tmp_path / "mine.safetensors")
    assert not np.allclose(scores(*pair).score, scores(*pair, other).score, rtol=1e-3)
    analysis = program.lower(*pair, PARAMS).compile().memory_analysis()
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(PARAMS))
    assert analysis is not None and analysis.argument_size_in_bytes > size > 200


def test_reduced_precision_is_on_request(pair: Pair) -> None:
    exact, reduced = (thin_alex(*pair, THIN_PARAMS, dtype=dtype) for dtype in (None, jnp.bfloat16))
    assert exact.dtype == reduced.dtype == jnp.float32
    assert 0 < float(abs(reduced / exact - 1).max()) < 0.05


OLD_PARAMS = {**THIN_PARAMS, "heads": {"0.0": THIN_PARAMS["heads"], "0.1": THIN_PARAMS["heads"]}}
UNPREPROCESSED = {"trunk": THIN_PARAMS["trunk"], "heads": THIN_PARAMS["heads"]}
OTHER_HEADS = {**THIN_PARAMS, "heads": {"relu1": np.ones(1, np.float32)}}
BAD_INPUT: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "weighting": ({"weighting": "linear"}, ValueError, "weighting one of"),
    "net": ({"net": "resnet"}, ValueError, "net one of .*squeeze"),
    "typo": ({"weigthing": "none"}, TypeError, "options out of .*, got 'weigthing'. Did you mean 'weighting'"),
    "version": ({"version": "0.0"}, TypeError, r"no version, .*load_params\('lpips-alex', version='0.0'\)"),
    "old heads": ({"params": OLD_PARAMS}, ValueError, r"heads of one version, .* those of \['0.0', '0.1'\]"),
    "no preprocessing": ({"params": UNPREPROCESSED}, ValueError, "'heads' and 'preprocessing', got"),
    "heads": ({"params": OTHER_HEADS}, ValueError, "heads of shapes .*belong together"),
    "size": ({"x": np.ones((20, 40, 3), np.float32)}, ValueError, r"images of at least 31 x 31 pixels"),
    "channels": ({"x": np.ones((40, 40, 1), np.float32)}, ValueError, r"x of shape \[..., H, W, 3\]"),
    "dtype": ({"x": np.ones((40, 40, 3), np.uint8)}, TypeError, "floating"),
    "data range": ({"data_range": 0.0}, ValueError, "data_range > 0"),
    "precision": ({"precision": "float32"}, ValueError, r"precision one of \['default', 'high', 'highest'\]"),
    "strips": ({"strip_rows": 0}, ValueError, "strip_rows >= 1, got 0"),
    "own network": ({"strip_rows": 8, "net": small}, ValueError, "strip_rows with a network known by name"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_INPUT)
@pytest.mark.parametrize("name", ["lpips", "lpips_components", "lpips_map", "lpips_features"])
def test_bad_input(name: str, case: str) -> None:
    change, error, words = BAD_INPUT[case]
    if name == "lpips_features" and case in ("weighting", "typo", "heads", "old heads"):
        return
    arguments: dict[str, Any] = {
        "x": np.ones((40, 40, 3), np.float32),
        "params": THIN_PARAMS,
        "data_range": 1.0,
        **change,
    }
    images = [arguments.pop("x")] * (1 if name == "lpips_features" else 2)
    function = through_thin_networks(getattr(jaxloss, name))
    with pytest.raises(error, match=f"^{name}: expected .*{words}"):
        jax.eval_shape(lambda *images: function(*images, **arguments), *images)


def test_bad_input_of_features() -> None:
    x, params = np.ones((40, 40, 3), np.float32), own_params(relu1=64)
    options: Any = {"weighting": "none"}
    with pytest.raises(TypeError, match=r"^lpips_features: expected options out of \['net', .*\], got 'weighting'"):
        jaxloss.lpips_features(x, params=THIN_PARAMS, data_range=1.0, **options)
    one = {"relu1": jnp.ones((4, 4, 1))}
    other = {"relu1": jnp.ones((3, 4, 1))}
    with pytest.raises(ValueError, match="features of equal layers and shapes"):
        jaxloss.lpips_from_features(one, other, params=params)
    compare = functools.partial(jaxloss.lpips_from_features, one, one)
    with pytest.raises(ValueError, match=r"heads of shapes \{'relu1': \(1,\)\}, got .*\(64,\).* belong together"):
        compare(params=params)
    with pytest.raises(ValueError, match="belong together"):
        jaxloss.lpips_from_features({"relu1_1": one["relu1"]}, {"relu1_1": one["relu1"]}, params=params)
    for options, words in (({"version": "0.0"}, "no version"), ({"net": "alex"}, r"options out of \['weighting'\]")):
        with pytest.raises(TypeError, match=f"^lpips_from_features: expected {words}"):
            compare(params=params, **options)
    with pytest.raises(ValueError, match=r"^lpips_from_features: expected heads of one version"):
        compare(params=OLD_PARAMS)
