"""The training of LPIPS against the original's, `lpips.Trainer` on PyTorch: same parameters, trials and dropout.

In double precision: where a gradient is close to 0, Adam makes a whole step of its rounding error.
"""

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from benchmarks.peers import _lpips
from jaxloss.backbones._lpips_nets import LPIPS_NETS
from jaxloss.judgments import Choices, init_training, ranking_logits, ranking_loss, training_step
from jaxloss.judgments._training import kept_differences
from tests.parity._peers import foreign_code, peer
from tests.parity.conftest import LoadPhotograph


STEPS, COUNT, SIDE = 3, 6, 64
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "kodim03", "kodim04", "kodim08")

pytestmark = pytest.mark.usefixtures("the_original", "real_squeezenet", "float64")


@pytest.fixture
def the_original() -> None:
    """Before anything of ours is computed for nothing."""
    for library in ("torchvision", "lpips"):
        peer(library)


@pytest.fixture
def choices(load: LoadPhotograph, rng: np.random.Generator) -> Choices:
    """Photographs with noise and with less contrast, in float64."""
    reference = np.stack([load(name, SIDE, SIDE) for name in PHOTOGRAPHS]).astype(np.float64)
    strengths = rng.uniform(0.02, 0.2, (COUNT, 1, 1, 1))
    noisy = np.clip(reference + strengths * rng.standard_normal(reference.shape), 0, 1)
    return Choices(reference, noisy, 0.4 + 0.5 * reference, rng.random(COUNT), np.ones(COUNT))


def original(net: str, variant: str) -> Any:
    """Their trainer in double precision, with our trunk and heads and a ranking network of its own."""
    torch, lpips = peer("torch"), peer("lpips")
    torch.manual_seed(0)
    trainer = lpips.Trainer()
    trainer.initialize("lpips", net, use_gpu=False, is_train=True, pnet_rand=True, pnet_tune=variant == "tune")
    trunk = _lpips.convolutions(jaxloss.load_params(f"lpips-{net}")["trunk"])
    for module, layer in zip(convolutions_of(trainer.net.net), trunk, strict=True):
        module.weight.data.copy_(torch.from_numpy(np.asarray(layer["kernel"]).transpose(3, 2, 0, 1).copy()))
        module.bias.data.copy_(torch.from_numpy(np.asarray(layer["bias"]).copy()))
    trainer.net.double()
    trainer.rankLoss.double()
    return trainer


def convolutions_of(module: Any) -> list[Any]:
    return [inner for inner in module.modules() if isinstance(inner, peer("torch").nn.Conv2d)]


def kernels(module: Any) -> list[np.ndarray]:
    return [inner.weight.detach().numpy().transpose(2, 3, 1, 0) for inner in convolutions_of(module)]


def first_parameters(trainer: Any, net: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of LPIPS and of the ranking network, in our form."""
    trunk = jax.tree.map(lambda z: jnp.asarray(z, jnp.float64), jaxloss.load_params(f"lpips-{net}")["trunk"])
    lins = zip(LPIPS_NETS[net].layers, kernels(trainer.net.lins), strict=True)
    heads = {layer: jnp.asarray(kernel.ravel()) for layer, kernel in lins}
    shift, scale = (z.numpy().ravel() for z in (trainer.net.scaling_layer.shift, trainer.net.scaling_layer.scale))
    preprocessing = {"offset": jnp.asarray((1 + shift) / 2), "scale": jnp.asarray(scale / 2)}
    dense = zip(("hidden1", "hidden2", "output"), convolutions_of(trainer.rankLoss.net), strict=True)
    ranking = {
        name: {"kernel": jnp.asarray(kernel[0, 0]), "bias": jnp.asarray(module.bias.detach().numpy())}
        for (name, module), kernel in zip(dense, kernels(trainer.rankLoss.net), strict=True)
    }
    return {"trunk": trunk, "heads": heads, "preprocessing": preprocessing}, ranking


def drop_alike(trainer: Any, key: jax.Array, shapes: dict[str, tuple[int, ...]]) -> None:
    """Their dropout leaves out what ours does in each step."""
    torch = peer("torch")

    class Dropout(torch.nn.Module):
        def __init__(self, masks: Iterator[np.ndarray]) -> None:
            super().__init__()
            self.masks = masks

        def forward(self, x: Any) -> Any:
            return 2 * torch.from_numpy(np.moveaxis(next(self.masks), -1, 1).copy()) * x

    shapes = {layer: (COUNT, 2, *shape) for layer, shape in shapes.items()}
    kept = [kept_differences(jax.random.fold_in(key, step), shapes, 0.5) for step in range(STEPS)]
    for lin, layer in zip(trainer.net.lins, shapes, strict=True):
        lin.model[0] = Dropout(iter([np.asarray(step[layer][:, pair]) for step in kept for pair in (0, 1)]))


def tensor(images: Any) -> Any:
    return peer("torch").from_numpy(2 * np.moveaxis(np.asarray(images), -1, 1) - 1)


def train(trainer: Any, choices: Choices) -> tuple[float, float]:
    """One step of theirs: loss and accuracy."""
    judge = peer("torch").from_numpy(np.asarray(choices.judge)).reshape(-1, 1, 1, 1)
    images = {"ref": choices.reference, "p0": choices.first, "p1": choices.second}
    trainer.set_input({**{name: tensor(pixels) for name, pixels in images.items()}, "judge": judge})
    trainer.optimize_parameters()
    return trainer.loss_total.item(), trainer.acc_r.mean()


def assert_close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def assert_same_layers(layers: Iterable[Any], module: Any) -> None:
    theirs = zip(convolutions_of(module), kernels(module), strict=True)
    for layer, (convolution, kernel) in zip(layers, theirs, strict=True):
        assert_close(layer["kernel"], kernel)
        assert_close(layer["bias"], convolution.bias.detach())


@pytest.mark.parametrize("net", ["alex", "squeeze"])
@pytest.mark.parametrize("variant", ["lin", "tune"])
def test_three_steps(net: str, variant: str, choices: Choices) -> None:
    """With the original's quirk: it clamps the network's own kernels of 1 x 1, too, which SqueezeNet has."""
    options: dict[str, Any] = dict(variant=variant)
    with foreign_code():
        trainer = original(net, variant)
        params, ranking = first_parameters(trainer, net)
        state = init_training(jax.random.key(0), params, **options)._replace(ranking=ranking)
        look = functools.partial(jaxloss.lpips_features, params=params, net=net, data_range=1.0)
        features = jax.eval_shape(look, choices.reference)
        drop_alike(trainer, state.key, {layer: features[layer].shape[1:] for layer in LPIPS_NETS[net].layers})
    step = jax.jit(functools.partial(training_step, net=net, clamp_trunk=True, **options))
    for _ in range(STEPS):
        state, metrics = step(state, choices)
        with foreign_code():
            assert_close(metrics, train(trainer, choices))
        heads = np.concatenate([state.params["heads"][layer] for layer in LPIPS_NETS[net].layers])
        assert heads.min() == 0
        assert_close(heads, np.concatenate([kernel.ravel() for kernel in kernels(trainer.net.lins)]))
    assert_same_layers(_lpips.convolutions(state.params["trunk"]), trainer.net.net)
    dense = [{**layer, "kernel": layer["kernel"][None, None]} for layer in state.ranking.values()]
    assert_same_layers(dense, trainer.rankLoss.net)
    assert min(layer["kernel"].min() for layer in dense) < 0
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), state.params["trunk"], params["trunk"])
    assert (max(jax.tree.leaves(moved)) > 2e-4) == (variant == "tune" or net == "squeeze")


def test_ranking_network_and_loss(rng: np.random.Generator) -> None:
    with foreign_code():
        trainer = original("alex", "lin")
        _, ranking = first_parameters(trainer, "alex")
        d0, d1, judge = rng.uniform(0, [[1], [1], [1]], (3, 50))
        tensors = [peer("torch").from_numpy(column.reshape(-1, 1, 1, 1)) for column in (d0, d1, 2 * judge - 1)]
        loss = trainer.rankLoss(*tensors).item()
        shares = trainer.rankLoss.logit.detach().numpy().ravel()
    assert_close(jax.nn.sigmoid(ranking_logits(ranking, d0, d1)), shares)
    assert_close(ranking_loss(ranking, d0, d1, judge).mean(), loss)
