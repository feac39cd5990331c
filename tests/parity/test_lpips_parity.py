"""LPIPS against the original, `lpips` 0.1.4 on PyTorch, with the same weights."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import jaxloss
from benchmarks.peers import _lpips
from tests.parity._peers import foreign_code, peer


Load = Callable[..., np.ndarray]
NETS = ("alex", "vgg", "squeeze")
VERSIONS = ("0.0", "0.1")
WEIGHTINGS = ("learned", "none")

every_net = pytest.mark.parametrize("net", NETS)
every_version = pytest.mark.parametrize("version", VERSIONS)
every_weighting = pytest.mark.parametrize("weighting", WEIGHTINGS)


pytestmark = pytest.mark.usefixtures("the_original", "real_squeezenet")


@pytest.fixture
def the_original() -> None:
    """Before anything of ours is computed for nothing."""
    for library in ("torchvision", "lpips"):
        peer(library)


@functools.cache
def params_of(net: str, version: str = "0.1") -> dict[str, Any]:
    return jaxloss.load_params(f"lpips-{net}", version=version)


def original(*arguments: Any) -> Any:
    with foreign_code():
        return _lpips.original(*arguments)


def tensor(image: np.ndarray) -> Any:
    return peer("torch").from_numpy(2 * np.moveaxis(image, -1, 0)[None] - 1)


def theirs(x: np.ndarray, y: np.ndarray, *arguments: Any, **options: Any) -> Any:
    with foreign_code(), peer("torch").no_grad():
        return original(*arguments)(tensor(x), tensor(y), **options)


def assert_close(ours: Any, reference: Any) -> None:
    """Both bounds at once: 1e-5 absolute, and 1e-4 relative to the largest."""
    error = np.abs(np.asarray(ours) - np.asarray(reference)).max()
    assert error < 1e-5 and error < 1e-4 * np.abs(np.asarray(reference)).max()


@pytest.fixture
def pair(load: Load, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    y = load("chelsea", 97, 130)
    return np.clip(0.9 * y + 0.05 * rng.standard_normal(y.shape, np.float32), 0, 1), y


@functools.partial(jax.jit, static_argnames=("net", "weighting"))
def score_layers_and_map(
    x: jax.Array, y: jax.Array, params: dict[str, Any], net: str, weighting: str
) -> tuple[jax.Array, list[jax.Array], jax.Array]:
    options: dict[str, Any] = dict(params=params, net=net, data_range=1.0, weighting=weighting)
    layers = list(jaxloss.lpips_components(x, y, **options).values())
    return jaxloss.lpips(x, y, **options), layers, jaxloss.lpips_map(x, y, **options)[..., 0]


@every_net
@every_weighting
@every_version
def test_value_layers_and_map(net: str, version: str, weighting: str, pair: tuple[np.ndarray, np.ndarray]) -> None:
    score, components, score_map = score_layers_and_map(*pair, params_of(net, version), net, weighting)
    total, layers = theirs(*pair, net, version, weighting, retPerLayer=True)
    assert_close(score, total.item())
    assert_close(components, [layer.item() for layer in layers])
    assert_close(score_map, theirs(*pair, net, version, weighting, True)[0, 0])


SIZES = [
    ("alex", "chelsea", 64, 64), ("alex", "coffee", 127, 96), ("alex", "kodim08", 512, 768),
    *((net, *size) for net in NETS for size in [("astronaut", 65, 67), ("kodim03", 200, 301)]),
]  # fmt: skip


@pytest.mark.parametrize(("net", "name", "rows", "columns"), SIZES)
def test_sizes(net: str, name: str, rows: int, columns: int, load: Load, rng: np.random.Generator) -> None:
    y = load(name, rows, columns)
    x = np.clip(y + 0.1 * rng.standard_normal(y.shape, np.float32), 0, 1)
    ours = jax.jit(functools.partial(jaxloss.lpips, net=net, data_range=1.0))(x, y, params=params_of(net))
    assert_close(ours, theirs(x, y, net, "0.1", "learned").item())


@functools.cache  # versions share a program
def gradient(net: str) -> Callable[..., jax.Array]:
    return jax.jit(jax.grad(lambda x, y, params: jaxloss.lpips(x, y, params=params, net=net, data_range=1.0)))


@every_net
@every_version
def test_gradient(net: str, version: str, pair: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = pair
    torch = peer("torch")
    variable = torch.from_numpy(np.moveaxis(x, -1, 0)[None].copy()).requires_grad_()
    with foreign_code():
        original(net, version, "learned")(2 * variable - 1, tensor(y)).sum().backward()
    reference = np.moveaxis(variable.grad.numpy()[0], 0, -1)
    assert np.isfinite(reference).all()
    ours = gradient(net)(x, y, params_of(net, version))
    assert np.linalg.norm(ours - reference) < 1e-4 * np.linalg.norm(reference)
