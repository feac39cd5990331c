"""Adversarial losses and gradient penalties against torch: its own losses, and its derivatives of derivatives."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from tests.parity._peers import foreign_code, peer


Arrays = Mapping[str, np.ndarray]
LOGITS = (3, 4, 5, 1)


def torch_tensors(*arrays: np.ndarray) -> list[Any]:
    """Leaves that gradients are wanted of."""
    return [peer("torch").tensor(array, requires_grad=True) for array in arrays]


def cross_entropy(logits: Any, target: float) -> Any:
    torch = peer("torch")
    return torch.nn.BCEWithLogitsLoss(reduction="none")(logits, torch.full_like(logits, target))


def squares(logits: Any, target: float) -> Any:
    torch = peer("torch")
    return torch.nn.MSELoss(reduction="none")(logits, torch.full_like(logits, target))


def hinge(logits: Any, sign: float) -> Any:
    return peer("torch").relu(1 - sign * logits)


# kind -> the losses of discriminator and generator in the logits r and f, as training code in torch writes them.
TORCH: dict[str, tuple[Callable, Callable]] = {
    "minimax": (
        lambda r, f: cross_entropy(r, 1) + cross_entropy(f, 0),
        lambda r, f: -cross_entropy(f, 0),
    ),
    "non_saturating": (
        lambda r, f: cross_entropy(r, 1) + cross_entropy(f, 0),
        lambda r, f: cross_entropy(f, 1),
    ),
    "least_squares": (lambda r, f: 0.5 * (squares(r, 1) + squares(f, 0)), lambda r, f: 0.5 * squares(f, 1)),
    "hinge": (lambda r, f: hinge(r, 1) + hinge(f, -1), lambda r, f: -f),
    "wasserstein": (lambda r, f: f - r, lambda r, f: -f),
    "relativistic": (lambda r, f: cross_entropy(r - f, 1), lambda r, f: cross_entropy(f - r, 1)),
    "r3gan": (lambda r, f: cross_entropy(r - f, 1), lambda r, f: cross_entropy(f - r, 1)),
    "relativistic_average": (
        lambda r, f: (cross_entropy(r - f.mean(), 1) + cross_entropy(f - r.mean(), 0)) / 2,
        lambda r, f: (cross_entropy(r - f.mean(), 0) + cross_entropy(f - r.mean(), 1)) / 2,
    ),
    "relativistic_average_least_squares": (
        lambda r, f: (squares(r - f.mean(), 1) + squares(f - r.mean(), -1)) / 2,
        lambda r, f: (squares(r - f.mean(), -1) + squares(f - r.mean(), 1)) / 2,
    ),
    "relativistic_average_hinge": (
        lambda r, f: (hinge(r - f.mean(), 1) + hinge(f - r.mean(), -1)) / 2,
        lambda r, f: (hinge(r - f.mean(), -1) + hinge(f - r.mean(), 1)) / 2,
    ),
}


@pytest.fixture
def logits(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Of real and of generated images, a few of them sure."""
    real, fake = (rng.normal(shift, 2, LOGITS).astype(np.float32) for shift in (0.5, -0.5))
    real[0, 0, :2, 0], fake[0, 0, :2, 0] = (40, -40), (40, 40)
    return real, fake


def assert_same(ours: Callable, theirs: Callable, arrays: tuple[np.ndarray, ...], rtol: float = 1e-5) -> None:
    """Values, and what a gradient that differs from place to place makes of them."""
    values, pull_back = jax.vjp(ours, *arrays)
    weight = np.cos(np.arange(values.size, dtype=np.float32)).reshape(values.shape)
    with foreign_code():
        leaves = torch_tensors(*arrays)
        expected = theirs(*leaves)
        expected.backward(peer("torch").from_numpy(weight))
    np.testing.assert_allclose(values, expected.detach().numpy(), rtol=rtol, atol=1e-6)
    for gradient, leaf in zip(pull_back(weight), leaves, strict=True):
        theirs_gradient = np.zeros_like(gradient) if leaf.grad is None else leaf.grad.numpy()
        scale = np.abs(theirs_gradient).max()
        np.testing.assert_allclose(gradient, theirs_gradient, rtol=rtol, atol=1e-6 * max(scale, 1))


@pytest.mark.parametrize("kind", TORCH)
def test_losses(kind: str, logits: tuple[np.ndarray, np.ndarray]) -> None:
    assert jaxloss.GAN_LOSSES.keys() == TORCH.keys()
    discriminator, generator = TORCH[kind]
    assert_same(lambda r, f: jaxloss.discriminator_loss(r, f, kind=kind), discriminator, logits)
    assert_same(lambda r, f: jaxloss.generator_loss(f, r, kind=kind), generator, logits)


def test_steps_of_basicsr(logits: tuple[np.ndarray, np.ndarray]) -> None:
    """ESRGAN's, with what it detaches."""

    def discriminator(r: Any, f: Any) -> Any:
        return (cross_entropy(r - f.detach().mean(), 1) + cross_entropy(f - r.detach().mean(), 0)) / 2

    def generator(r: Any, f: Any) -> Any:
        return TORCH["relativistic_average"][1](r.detach(), f)

    kind = "relativistic_average"
    assert_same(lambda r, f: jaxloss.discriminator_loss(r, f, kind=kind, detach_means=True), discriminator, logits)
    assert_same(lambda r, f: jaxloss.generator_loss(f, jax.lax.stop_gradient(r), kind=kind), generator, logits)


def test_losses_of_probabilities(logits: tuple[np.ndarray, np.ndarray]) -> None:
    """CTN, T-former and CoordFill: BCELoss on a sigmoid, the same where it does not saturate."""
    nn, real, fake = peer("torch").nn, logits[0][1:], logits[1][1:]

    def probabilities(r: Any, f: Any) -> Any:
        loss, (r, f) = nn.BCELoss(reduction="none"), (r.sigmoid(), f.sigmoid())
        return loss(r, r.new_ones(r.shape)) + loss(f, f.new_zeros(f.shape))

    assert_same(jaxloss.discriminator_loss, probabilities, (real, fake), rtol=2e-5)


def test_value_on_probabilities(rng: np.random.Generator) -> None:
    """Minus BCELoss: its value also at 0 and 1, its gradient between them."""
    nn = peer("torch").nn

    def value(r: Any, f: Any) -> Any:
        loss = nn.BCELoss(reduction="none")
        return -loss(r, r.new_ones(r.shape)) - loss(f, f.new_zeros(f.shape))

    inner = rng.uniform(1e-3, 1 - 1e-3, (2, 50)).astype(np.float32)
    assert_same(jaxloss.gan_value, value, (inner[0], inner[1]))
    real, fake = np.array([0, 1, 0, 1e-30], np.float32), np.array([1, 0, 0, 1 - 2**-24], np.float32)
    np.testing.assert_allclose(jaxloss.gan_value(real, fake), value(*torch_tensors(real, fake)).detach(), rtol=1e-5)


@pytest.fixture
def params(rng: np.random.Generator) -> Arrays:
    """A small convolutional critic, kernels `[h, w, in, out]`."""
    shapes = {"first": (3, 3, 3, 6), "second": (3, 3, 6, 8), "last": (1, 1, 8, 1)}
    return {name: rng.normal(0, 1 / np.sqrt(np.prod(shape[:3])), shape) for name, shape in shapes.items()}


def jax_critic(params: Any, images: jax.Array) -> jax.Array:
    """Patch logits `[n, h, w, 1]`, of piecewise linear and of curved units."""

    def convolve(images: jax.Array, kernel: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(images, kernel, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    hidden = jax.nn.leaky_relu(convolve(images, params["first"]), 0.2)
    return convolve(jnp.tanh(convolve(hidden, params["second"])), params["last"])


def torch_critic(params: Any, images: Any) -> Any:
    nn = peer("torch").nn.functional

    def convolve(images: Any, kernel: Any) -> Any:
        return nn.conv2d(images, kernel.permute(3, 2, 0, 1), stride=2)

    hidden = nn.leaky_relu(convolve(images.permute(0, 3, 1, 2), params["first"]), 0.2)
    return convolve(convolve(hidden, params["second"]).tanh(), params["last"]).permute(0, 2, 3, 1)


def torch_slope(params: Any, images: Any) -> Any:
    """The gradient of the critic, `[n, H * W * C]`, which has a gradient itself."""
    images = images.detach().requires_grad_(True)
    logits = torch_critic(params, images)
    return peer("torch").autograd.grad(logits.sum(), images, create_graph=True)[0].flatten(1)


KEY = jax.random.key(7)


def torch_gradient_penalty(params: Any, real: Any, fake: Any) -> Any:
    dtype = real.numpy().dtype
    with jax.enable_x64(dtype == np.float64):
        alpha = np.asarray(jax.random.uniform(KEY, (len(real), 1, 1, 1), dtype))
    mixed = real + peer("torch").tensor(alpha) * (fake - real)
    return 10 * (torch_slope(params, mixed).norm(2, dim=1) - 1) ** 2


def torch_r3gan(params: Any, real: Any, fake: Any) -> Any:
    """A whole step of the discriminator, gamma = 2."""
    loss = peer("torch").nn.functional.softplus(-(torch_critic(params, real) - torch_critic(params, fake)))
    penalties = torch_slope(params, real).square().sum(1) + torch_slope(params, fake).square().sum(1)
    return loss.mean((1, 2, 3)) + 2 / 2 * penalties


def r3gan(params: Any, real: Any, fake: Any) -> jax.Array:
    def critic(images: jax.Array) -> jax.Array:
        return jax_critic(params, images)

    loss = jaxloss.discriminator_loss(critic(real), critic(fake), kind="r3gan").mean(axis=(1, 2, 3))
    return loss + jaxloss.r1_penalty(critic, real, gamma=2.0) + jaxloss.r2_penalty(critic, fake, gamma=2.0)


PENALTIES: dict[str, tuple[Callable[..., jax.Array], Callable[..., Any]]] = {
    "gradient_penalty": (
        lambda p, x, y: jaxloss.gradient_penalty(KEY, lambda z: jax_critic(p, z), x, y),
        torch_gradient_penalty,
    ),
    "r1_penalty": (
        lambda p, x, y: jaxloss.r1_penalty(lambda z: jax_critic(p, z), x),
        lambda p, x, y: 5 * torch_slope(p, x).square().sum(1),
    ),
    "r2_penalty": (
        lambda p, x, y: jaxloss.r2_penalty(lambda z: jax_critic(p, z), y),
        lambda p, x, y: 5 * torch_slope(p, y).square().sum(1),
    ),
    "r3gan": (r3gan, torch_r3gan),
}


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_penalties(name: str, dtype: type, params: Arrays, rng: np.random.Generator) -> None:
    """The penalty of each image, and the gradient of their mean with respect to each kernel of the critic."""
    torch, (ours, theirs) = peer("torch"), PENALTIES[name]
    real, fake = rng.random((2, 5, 17, 19, 3)).astype(dtype)
    kernels = {key: kernel.astype(dtype) for key, kernel in params.items()}
    with jax.enable_x64(dtype is np.float64):
        values = jax.jit(ours)(kernels, real, fake)
        gradients = jax.jit(jax.grad(lambda kernels: ours(kernels, real, fake).mean()))(kernels)
    with foreign_code():
        leaves = dict(zip(kernels, torch_tensors(*kernels.values()), strict=True))
        expected = theirs(leaves, torch.from_numpy(real), torch.from_numpy(fake))
        expected.mean().backward()
    tolerance = 1e-5 if dtype is np.float32 else 1e-11
    np.testing.assert_allclose(values, expected.detach(), rtol=tolerance)
    assert values.dtype == dtype and values.shape == (5,)
    for key, leaf in leaves.items():
        gradient, reference = np.asarray(gradients[key]), leaf.grad.numpy()
        length = np.linalg.norm(reference)
        assert length > 1e-3 and np.linalg.norm(gradient - reference) < tolerance * length, key
