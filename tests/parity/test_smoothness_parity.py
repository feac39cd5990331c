"""Total variation, focal frequency loss and Barron's loss against the libraries that have them."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import jaxloss
from benchmarks.peers import Peer
from jaxloss import TOTAL_VARIATION_CONVENTIONS
from tests.parity._pairs import add_noise, blur, compress, invert_one_channel
from tests.parity._peers import foreign_code, outcome, peer, relative


Load = Callable[..., np.ndarray]
Loss = Callable[[Any, Any], jax.Array]


def total_variation(row: str) -> Loss:
    options: dict[str, Any] = dict(TOTAL_VARIATION_CONVENTIONS[row])
    return jax.jit(lambda x, y: jaxloss.total_variation(x, **options))


def root_of_piq(x: Any, y: Any) -> jax.Array:
    return jaxloss.ops.safe_sqrt(total_variation("piq_l2_squared")(x, y))


# Total variation is that of the first image of the pair.
PEERS: dict[str, tuple[Loss, Peer]] = {
    row: (loss, Peer(library, "total_variation", call))
    for row, loss, library, call in (
        ("tensorflow", total_variation("tensorflow"), "tensorflow", lambda tf, x, y: tf.image.total_variation(x)),
        ("torchmetrics", total_variation("torchmetrics"), "torchmetrics", lambda m, x, y: m.image.total_variation(x)),
        ("kornia", total_variation("kornia"), "kornia", lambda k, x, y: k.losses.total_variation(x).sum()),
        ("means", total_variation("means"), "kornia", lambda k, x, y: k.losses.total_variation(x, "mean").mean()),
        ("piq", root_of_piq, "piq", lambda piq, x, y: piq.total_variation(x)),
        ("piq_l1", total_variation("piq_l1"), "piq", lambda piq, x, y: piq.total_variation(x, norm_type="l1")),
        (
            "piq_l2_squared", total_variation("piq_l2_squared"), "piq",
            lambda piq, x, y: piq.total_variation(x, norm_type="l2_squared"),
        ),
        ("chambolle", total_variation("chambolle"), "torch", lambda _, x, y: chambolle_in_torch(x)),
    )
}  # fmt: skip


def chambolle_in_torch(x: Any) -> Any:
    """Lengths of forward differences, 0 across the border; off 0, where torch's square root has no derivative."""
    down, right = x.new_zeros(x.shape), x.new_zeros(x.shape)
    down[..., :-1, :], right[..., :-1] = x.diff(dim=-2), x.diff(dim=-1)
    squared = down**2 + right**2
    return squared[squared > 0].sqrt().sum()


@pytest.mark.parametrize("name", PEERS)
def test_total_variation(name: str, load: Load) -> None:
    loss, other = PEERS[name]
    y = load("kodim08", 97, 131)
    for distort in (add_noise, blur):
        x = distort(y)
        value, gradient = jax.value_and_grad(loss)(x, y)
        theirs = outcome(other, x, y)
        assert theirs.gradient is not None
        assert value == pytest.approx(theirs.score, rel=1e-5)
        assert relative(gradient, theirs.gradient) < 1e-4


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
    other = Peer("focal-frequency-loss", "focal_frequency_loss", lambda f, x, y: f.FocalFrequencyLoss(**theirs)(x, y))
    with jax.enable_x64(True):
        loss = jax.jit(jax.value_and_grad(lambda x, y: jaxloss.focal_frequency_loss(x, y, **ours)))
        for distort in (add_noise, compress, invert_one_channel):
            x = np.asarray(distort(y.astype(np.float32)), np.float64)
            value, gradient = loss(x, y)
            expected = outcome(other, x, y)
            assert expected.gradient is not None
            np.testing.assert_allclose(value, expected.score, rtol=1e-10)
            np.testing.assert_allclose(gradient, expected.gradient, rtol=1e-6, atol=1e-12)


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
