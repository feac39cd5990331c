"""What the tests of the inpainting objectives share: arguments for every recipe."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import jaxloss
from jaxloss import INPAINTING_RECIPES, inpainting_loss
from jaxloss.backbones._features import BACKBONES
from jaxloss.backbones._layers import used_layers
from jaxloss.losses.inpainting import Recipe
from tests.networks import random_params


Arrays = Mapping[str, np.ndarray]

CMT_WEIGHTS = {"l1": 2.0, "perceptual": 0.5, "adversarial": 0.25}
RESNET = ("stage1", "stage2", "stage3", "stage4")


def resnet(params: Any, images: jax.Array) -> dict[str, jax.Array]:
    """In place of the dilated ResNet50 of LaMa: four stages of one convolution."""
    features = {}
    for stage in RESNET:
        images = jnp.tanh(
            lax.conv_general_dilated(images, params[stage], (2, 2), "SAME", None, None, ("NHWC", "HWIO", "NHWC"))
        )
        features[stage] = images
    return features


@functools.cache
def params_of(net: str) -> Any:
    """Shipped weights; of VGG19, which is not shipped, random ones."""
    if net == "vgg19":
        return random_params(used_layers(BACKBONES["vgg19"], ("conv5_4",)))
    if net == "resnet50_dilated":
        rng = np.random.default_rng(0)
        return {
            stage: rng.standard_normal((3, 3, 3 if i == 0 else 8, 8), np.float32) / 5 for i, stage in enumerate(RESNET)
        }
    with jax.ensure_compile_time_eval():  # kept for all tests, also by one that asks for it while tracing
        return jaxloss.load_params(net)


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
            "nets": {"resnet50_dilated": resnet},
            "weights": CMT_WEIGHTS if recipe == "cmt" else None,
        }

    def arrays(self, recipe: str | Recipe) -> tuple[Any, ...]:
        """The arguments of `objective`."""
        row = recipe if isinstance(recipe, Recipe) else INPAINTING_RECIPES[recipe]
        return self.output, self.target, self.mask, self.logits, self.features, {z: params_of(z) for z in row.networks}


def objective(recipe: str | Recipe, *without: str) -> Callable[..., Any]:
    """`inpainting_loss` as a function of arrays alone; of parameters, too, which are slow to compile as constants."""
    weights = {**(CMT_WEIGHTS if recipe == "cmt" else {}), **dict.fromkeys(without, 0.0)}

    def loss(output: Any, target: Any, mask: Any, logits: Any, features: Any, params: Any) -> Any:
        given = {"discriminator_logits": logits, "discriminator_features": features, "params": params}
        nets = {"resnet50_dilated": resnet}
        return inpainting_loss(output, target, mask, recipe=recipe, data_range=1.0, nets=nets, weights=weights, **given)

    return loss


@functools.cache
def compiled(recipe: str | Recipe, *without: str) -> Callable[..., Any]:
    """For all tests: operation by operation, each would take several times as long."""
    return jax.jit(objective(recipe, *without))


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
