"""What the tests of the inpainting objectives share: arguments for every recipe, and one program for each."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxloss import INPAINTING_RECIPES, InpaintingLoss, inpainting_loss
from jaxloss.losses.inpainting import Recipe
from tests.networks import through_thin_networks, tiny_params


Arrays = Mapping[str, np.ndarray]

CMT_WEIGHTS = {"l1": 2.0, "perceptual": 0.5, "adversarial": 0.25}
STAGES = ("stage1", "stage2", "stage3", "stage4")
# Layers that the recipes look at. One convolution makes each, in place of a network that takes seconds to compile.
LAYERS = {
    "vgg16": ("pool1", "pool2", "pool3"),
    "vgg19": (
        *(f"relu{block}_1" for block in range(1, 6)),
        *("relu2_2", "relu3_4", "relu4_4", "relu5_2", "conv4_4", "conv5_4"),
    ),
    "resnet50_dilated": STAGES,
}


def tiny_network(params: Mapping[str, Any], images: jax.Array) -> dict[str, jax.Array]:
    """A user's function in place of each network: features of different numbers at every layer."""
    layout = ("NHWC", "HWIO", "NHWC")
    return {
        layer: jnp.tanh(lax.conv_general_dilated(images, kernel, (2, 2), "SAME", dimension_numbers=layout))
        for layer, kernel in ((layer, jnp.asarray(kernel, images.dtype)) for layer, kernel in params.items())
    }


NETS = dict.fromkeys(LAYERS, tiny_network)


@functools.cache
def params_of(net: str) -> Any:
    if net.startswith("lpips"):
        return tiny_params(net)
    rng = np.random.default_rng(0)
    return {layer: rng.standard_normal((3, 3, 3, 4), np.float32) / 5 for layer in LAYERS[net]}


@dataclasses.dataclass(frozen=True)
class Example:
    """Arguments of `inpainting_loss` for any recipe."""

    output: np.ndarray
    target: np.ndarray
    mask: np.ndarray
    logits: Arrays
    features: tuple[Arrays, Arrays]

    def options(self, recipe: str) -> dict[str, Any]:
        row = INPAINTING_RECIPES[recipe]
        return {
            "recipe": recipe,
            "params": {net: params_of(net) for net in row.networks},
            "data_range": 1.0,
            "discriminator_logits": self.logits,
            "discriminator_features": self.features,
            "nets": NETS,
            "weights": CMT_WEIGHTS if recipe == "cmt" else None,
        }

    def arrays(self, recipe: str | Recipe) -> tuple[Any, ...]:
        """The arguments of `objective`."""
        row = recipe if isinstance(recipe, Recipe) else INPAINTING_RECIPES[recipe]
        return self.output, self.target, self.mask, self.logits, self.features, {z: params_of(z) for z in row.networks}


def objective(
    recipe: str | Recipe, without: tuple[str, ...] = (), nets: Mapping[str, Any] = NETS
) -> Callable[..., InpaintingLoss]:
    """`inpainting_loss` as a function of arrays alone; of parameters, too, which are slow to compile as constants."""
    weights = {**(CMT_WEIGHTS if recipe == "cmt" else {}), **dict.fromkeys(without, 0.0)}

    def loss(
        output: Any, target: Any, mask: Any, logits: Any, features: Any, params: Any, data_range: Any = 1.0
    ) -> InpaintingLoss:
        given = {"discriminator_logits": logits, "discriminator_features": features, "params": params}
        options = {"recipe": recipe, "data_range": data_range, "nets": nets, "weights": weights}
        return inpainting_loss(output, target, mask, **options, **given)

    return through_thin_networks(loss)


@functools.cache
def program(recipe: str) -> Callable[..., tuple[InpaintingLoss, Any]]:
    """The loss, and the gradient of its total by output, logits and features; compiled once for all tests."""
    loss = objective(recipe)

    @jax.jit
    def evaluate(
        output: Any, target: Any, mask: Any, logits: Any, features: Any, params: Any, data_range: Any
    ) -> tuple[InpaintingLoss, Any]:
        def total(output: Any, logits: Any, features: Any) -> tuple[jax.Array, InpaintingLoss]:
            found = loss(output, target, mask, logits, features, params, data_range)
            return found.total.sum(), found

        gradients, found = jax.grad(total, argnums=(0, 1, 2), has_aux=True)(output, logits, features)
        return found, gradients

    return evaluate


def evaluate(scene: Example, recipe: str, data_range: float = 1.0) -> InpaintingLoss:
    return jax.tree.map(np.asarray, program(recipe)(*scene.arrays(recipe), np.float32(data_range))[0])


def gradients(scene: Example, recipe: str) -> tuple[np.ndarray, Arrays, tuple[Arrays, Arrays]]:
    """By output, logits and features."""
    return jax.tree.map(np.asarray, program(recipe)(*scene.arrays(recipe), np.float32(1.0))[1])


def example(photographs: np.ndarray, rng: np.random.Generator) -> Example:
    """Photographs `[n, H, W, 3]`, noisy ones as the output, a hole of a different size in each."""
    count, height, width, _ = photographs.shape
    output = np.clip(photographs + 0.2 * rng.standard_normal(photographs.shape, np.float32), 0, 1)
    mask = np.ones((count, height, width), np.float32)
    for i in range(count):
        mask[i, 5 : height // 2 + i, 9 : width // 2 + 2 * i] = 0
    logits = {head: 3 * rng.standard_normal((count, 5, 6, 1), np.float32) for head in ("output", "stage1")}
    shapes = {"block1": (count, 8, 9, 4), "block2": (count, 4, 5, 8)}
    pair = tuple({name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()} for _ in range(2))
    return Example(output, photographs, mask, logits, (pair[0], pair[1]))
