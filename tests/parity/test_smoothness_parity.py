"""Total variation, focal frequency loss and Barron's loss against the libraries that have them."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss import TOTAL_VARIATION_CONVENTIONS
from tests.parity._pairs import add_noise, blur, compress, invert_one_channel
from tests.parity._peers import Peer, foreign_code, peer


Load = Callable[..., np.ndarray]
Loss = Callable[[Any, Any], jax.Array]


def total_variation(row: str) -> Loss:
    options: dict[str, Any] = dict(TOTAL_VARIATION_CONVENTIONS[row])
    return jax.jit(lambda x, y: jaxloss.total_variation(x, **options))


def root_of_piq(x: Any, y: Any) -> jax.Array:
    return jaxloss.ops.safe_sqrt(total_variation("piq_l2_squared")(x, y))


# Total variation is that of the first image of the pair.
PEERS: dict[str, tuple[Loss, Peer]] = {
    "tensorflow": (
        total_variation("tensorflow"),
        Peer("tensorflow", "tensorflow", lambda tf, x, y: tf.image.total_variation(tf.convert_to_tensor(x))),
    ),
    "torchmetrics": (
        total_variation("torchmetrics"),
        Peer("torchmetrics.functional.image", "torch", lambda m, x, y: m.total_variation(x)),
    ),
    "kornia": (
        total_variation("kornia"),
        Peer("kornia.losses", "torch", lambda k, x, y: k.total_variation(x).sum()),
    ),
    "kornia_mean": (
        total_variation("means"),
        Peer("kornia.losses", "torch", lambda k, x, y: k.total_variation(x, reduction="mean").mean()),
    ),
    "piq": (root_of_piq, Peer("piq", "torch", lambda piq, x, y: piq.total_variation(x))),
    "piq_l1": (
        total_variation("piq_l1"),
        Peer("piq", "torch", lambda piq, x, y: piq.total_variation(x, norm_type="l1")),
    ),
    "piq_l2_squared": (
        total_variation("piq_l2_squared"),
        Peer("piq", "torch", lambda piq, x, y: piq.total_variation(x, norm_type="l2_squared")),
    ),
    "torch_autograd": (
        total_variation("chambolle"),
        Peer("torch", "torch", lambda torch, x, y: chambolle_in_torch(torch, x)),
    ),
    "gradient_loss": (
        jax.jit(jaxloss.gradient_loss),
        Peer(
            "torch.nn.functional",
            "torch",
            lambda nn, x, y: sum(nn.l1_loss(x.diff(dim=axis), y.diff(dim=axis)) for axis in (-2, -1)),
        ),
    ),
    "charbonnier": (
        jax.jit(lambda x, y: jaxloss.barron_loss(x, y, alpha=1.0, scale=1.0)),
        Peer("kornia.losses", "torch", lambda k, x, y: k.charbonnier_loss(x, y, reduction="mean")),
    ),
    "cauchy": (
        jax.jit(lambda x, y: jaxloss.barron_loss(x, y, alpha=0.0, scale=1.0)),
        Peer("kornia.losses", "torch", lambda k, x, y: k.cauchy_loss(x, y, reduction="mean")),
    ),
    "geman_mcclure": (
        jax.jit(lambda x, y: jaxloss.barron_loss(x, y, alpha=-2.0, scale=1.0)),
        Peer("kornia.losses", "torch", lambda k, x, y: k.geman_mcclure_loss(x, y, reduction="mean")),
    ),
    "welsch": (
        jax.jit(lambda x, y: jaxloss.barron_loss(x, y, alpha=-np.inf, scale=1.0)),
        Peer("kornia.losses", "torch", lambda k, x, y: k.welsch_loss(x, y, reduction="mean")),
    ),
}


def chambolle_in_torch(torch: Any, x: Any) -> Any:
    """Lengths of forward differences, 0 across the border; off 0, where torch's square root has no derivative."""
    down, right = torch.zeros_like(x), torch.zeros_like(x)
    down[..., :-1, :], right[..., :-1] = x.diff(dim=-2), x.diff(dim=-1)
    squared = down**2 + right**2
    return torch.sqrt(squared[squared > 0]).sum()


@pytest.mark.parametrize("name", PEERS)
def test_score_and_gradient(name: str, load: Load) -> None:
    loss, other = PEERS[name]
    y = load("kodim08", 97, 131)
    for distort in (add_noise, blur):
        x = distort(y)
        value, gradient = jax.value_and_grad(loss)(x, y)
        assert value == pytest.approx(other.value(x, y), rel=1e-5)
        theirs = other.gradient(x, y)
        assert np.linalg.norm(gradient - theirs) < 1e-4 * np.linalg.norm(theirs)


FOCAL = [
    ({}, {}),
    ({"alpha": 0.5, "log_matrix": True}, {"alpha": 0.5, "log_matrix": True}),
    ({"patch_factor": 4}, {"patch_factor": 4}),
    ({"normalize": "image", "patch_factor": 2}, {"batch_matrix": True, "patch_factor": 2}),
]


@pytest.mark.parametrize(("ours", "theirs"), FOCAL, ids=str)
def test_focal_frequency_loss(ours: dict[str, Any], theirs: dict[str, Any], load: Load) -> None:
    """In float64, where theirs does not lose what is small beside the mean of the image."""
    y = load("kodim08", 96, 132).astype(np.float64)
    other = Peer("focal_frequency_loss", "torch", lambda f, x, y: f.FocalFrequencyLoss(**theirs)(x, y))
    with jax.enable_x64(True):
        loss = jax.jit(jax.value_and_grad(lambda x, y: jaxloss.focal_frequency_loss(x, y, **ours)))
        for distort in (add_noise, compress, invert_one_channel):
            x = np.asarray(distort(y.astype(np.float32)), np.float64)
            value, gradient = loss(x, y)
            np.testing.assert_allclose(value, other.value(x, y), rtol=1e-10)
            np.testing.assert_allclose(gradient, other.gradient(x, y), rtol=1e-6, atol=1e-12)


def test_focal_frequency_loss_of_average_spectra(load: Load) -> None:
    """The transform is linear: the average of the spectra is the spectrum of the average."""
    torch, authors = peer("torch"), peer("focal_frequency_loss")
    y = np.stack([load(name, 64, 48) for name in ("kodim08", "kodim03")])
    x = np.stack([add_noise(image) for image in y])
    with foreign_code():
        tensors = (torch.from_numpy(np.moveaxis(z, -1, 1).copy()).double() for z in (x, y))
        expected = float(authors.FocalFrequencyLoss(ave_spectrum=True)(*tensors))
    np.testing.assert_allclose(jaxloss.focal_frequency_loss(x.mean(0), y.mean(0)), expected, rtol=1e-5)


@pytest.mark.parametrize("alpha", [-8.0, -2.0, 0.5, 1.0, 1.5])
def test_barron_loss_and_all_its_derivatives(alpha: float, load: Load) -> None:
    """Against the author's formula in torch, with its derivatives by the image, by alpha and by the scale."""
    torch = peer("torch")
    y = load("kodim08", 40, 48).astype(np.float64)
    x = add_noise(y.astype(np.float32)).astype(np.float64)
    with foreign_code():
        variables = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (x, alpha, 0.2)]
        image, shape, scale = variables
        b = abs(shape - 2)
        field = b / shape * ((((image - torch.from_numpy(y)) / scale) ** 2 / b + 1) ** (shape / 2) - 1)
        field.mean().backward()
    with jax.enable_x64(True):
        loss = jax.value_and_grad(lambda x, a, c: jaxloss.barron_loss(x, y, alpha=a, scale=c), argnums=(0, 1, 2))
        value, gradients = jax.jit(loss)(x, alpha, 0.2)
    np.testing.assert_allclose(value, field.mean().item(), rtol=1e-10)
    for gradient, variable in zip(gradients, variables, strict=True):
        np.testing.assert_allclose(gradient, variable.grad.numpy(), rtol=1e-7, atol=1e-14)
