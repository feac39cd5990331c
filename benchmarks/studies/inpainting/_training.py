"""The objectives, the two players, and the steps of a training."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

import jaxloss
from jaxloss.images import Stack, random_crops
from jaxloss.losses.inpainting import Discriminator, Recipe, Term

from ..._command import CHANNELS
from .._training import Progress, TrainingSize, advance, first
from ._networks import InpaintingNetwork, PatchDiscriminator, compose, random_masks


class Contest(NamedTuple):
    """An objective, and the weights that differ from the published ones; 0 leaves a term out."""

    title: str
    recipe: Recipe
    weights: Mapping[str, float] = {}

    @property
    def adversarial(self) -> bool:
        """Whether there is a discriminator to train."""
        return any(term.kind == "adversarial" and self.weights.get(term.name) != 0 for term in self.recipe.terms)


def with_discriminator(recipe: Recipe, weight: float) -> Recipe:
    """A recipe that has no discriminator of its own, and an adversarial term on the composite."""
    options = {"kind": "non_saturating"}
    term = Term("adversarial", "adversarial", weight, "this benchmark", ("composite",), options=options)
    return dataclasses.replace(recipe, terms=(*recipe.terms, term), discriminator=Discriminator("patches"))


PCONV, COORDFILL = jaxloss.INPAINTING_RECIPES["pconv"], jaxloss.INPAINTING_RECIPES["coordfill"]
CONTESTS = {
    "pconv": Contest("pconv", PCONV),
    "pconv_adversarial": Contest("pconv and 0.1 adversarial", with_discriminator(PCONV, 0.1)),
    "coordfill": Contest("coordfill", COORDFILL),
    "coordfill_lpips": Contest(
        "coordfill without discriminator", COORDFILL, {"adversarial": 0.0, "feature_matching": 0.0}
    ),
}


@dataclass(frozen=True, kw_only=True)
class Size(TrainingSize):
    """The two networks, and how they are trained: crops have sides of multiples of 16 pixels.

    Attributes:
        width: Channels of the first stage of the U-Net.
        discriminator_width: Channels of the first block of the discriminator.
    """

    width: int
    discriminator_width: int


SIZES = {
    "small": Size(width=16, discriminator_width=16, crop=64, batch=4, steps=1500, learning_rate=1e-3, chunk=50),
    "full": Size(width=64, discriminator_width=64, crop=256, batch=16, steps=100_000, learning_rate=2e-4, chunk=200),
}


class State(NamedTuple):
    """What a step changes; the discriminator's parts are empty where there is none."""

    params: Any
    optimizer: Any
    discriminator: Any
    discriminator_optimizer: Any


def optimizer(size: Size) -> optax.GradientTransformation:
    return optax.adam(size.learning_rate, b1=0.5, b2=0.9)  # CTN's and T-former's moments


def apply_network(params: Any, images: jax.Array, mask: jax.Array, size: Size) -> Any:
    return InpaintingNetwork(size.width).apply({"params": params}, images, mask)


def apply_discriminator(variables: Any, images: jax.Array, size: Size, update: bool = False) -> Any:
    """Logits and features; with `update`, also the variables that the call changed."""
    module = PatchDiscriminator(size.discriminator_width)
    return module.apply(variables, images, update_stats=update, mutable=["batch_stats"] if update else False)


def start(size: Size, contest: str, key: jax.Array) -> Progress[State]:
    """Equal generators for all contests, and equal discriminators."""
    state = _first_state(key, adversarial=CONTESTS[contest].adversarial, size=size)
    return first(state, others=1)  # the loss of the discriminator


@partial(jax.jit, static_argnames=("adversarial", "size"))
def _first_state(key: jax.Array, *, adversarial: bool, size: Size) -> State:
    generator_key, discriminator_key = jax.random.split(key)
    image = jnp.zeros((1, size.crop, size.crop, CHANNELS))
    params = InpaintingNetwork(size.width).init(generator_key, image, image[..., 0])["params"]
    state = State(params, optimizer(size).init(params), {}, {})
    if adversarial:
        judge = PatchDiscriminator(size.discriminator_width).init(discriminator_key, image, update_stats=False)
        state = state._replace(discriminator=judge, discriminator_optimizer=optimizer(size).init(judge["params"]))
    return state


def networks(contest: str) -> dict[str, Any]:
    """Those that compute the features of the recipe's terms."""
    return {name: jaxloss.load_params(name) for name in CONTESTS[contest].recipe.networks}


@partial(jax.jit, static_argnames=("contest", "size"), donate_argnames="state")
def train_step(
    state: State, index: jax.Array, key: jax.Array, photographs: Stack, params: Any, *, contest: str, size: Size
) -> tuple[State, jax.Array, jax.Array]:
    """One step of each player; it takes its crops and holes by key and index, whatever came before."""
    crop_key, mask_key = jax.random.split(jax.random.fold_in(key, index))
    target = random_crops(crop_key, photographs, count=size.batch, side=size.crop)
    mask = random_masks(mask_key, size.batch, size.crop)
    optimize = optimizer(size).update

    def objective(generator: Any) -> tuple[jax.Array, jax.Array]:
        output = apply_network(generator, target, mask, size)
        loss = generator_loss(output, target, mask, state.discriminator, params, contest=contest, size=size)
        return loss.mean(), compose(output, target, mask)

    (value, composite), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)
    updates, optimizer_state = optimize(gradient, state.optimizer, state.params)
    state = state._replace(params=optax.apply_updates(state.params, updates), optimizer=optimizer_state)
    if not CONTESTS[contest].adversarial:
        return state, index + 1, jnp.stack([value, jnp.zeros_like(value)])

    def judge_objective(judge: Any) -> tuple[jax.Array, Any]:
        variables = {**state.discriminator, "params": judge}
        # Real and made images in one call, so that the spectral norms are estimated once per step.
        images = jnp.concatenate([target, composite])
        (logits, _), changed = apply_discriminator(variables, images, size, update=True)
        real, fake = jnp.split(logits, 2)
        recipe = CONTESTS[contest].recipe
        return jaxloss.inpainting_discriminator_loss(real, fake, recipe=recipe, mask=mask).mean(), changed

    judge = state.discriminator["params"]
    (judge_value, changed), gradient = jax.value_and_grad(judge_objective, has_aux=True)(judge)
    updates, optimizer_state = optimize(gradient, state.discriminator_optimizer, judge)
    judge = {"params": optax.apply_updates(judge, updates), **changed}
    state = state._replace(discriminator=judge, discriminator_optimizer=optimizer_state)
    return state, index + 1, jnp.stack([value, judge_value])


def generator_loss(
    output: jax.Array, target: jax.Array, mask: jax.Array, judge: Any, params: Any, *, contest: str, size: Size
) -> jax.Array:
    """`[n]`: the recipe's total; the discriminator sees the composite."""
    _, recipe, weights = CONTESTS[contest]
    logits, features = None, None
    if CONTESTS[contest].adversarial:
        logits, made = apply_discriminator(judge, compose(output, target, mask), size)
        features = made, apply_discriminator(judge, target, size)[1]
    loss = jaxloss.inpainting_loss(
        output, target, mask, recipe=recipe, params=params, data_range=1.0, weights=weights,
        discriminator_logits=logits, discriminator_features=features,
    )  # fmt: skip
    return loss.total


@partial(jax.jit, static_argnames="size")
def inpaint(params: Any, target: jax.Array, mask: jax.Array, *, size: Size) -> jax.Array:
    """`[n, H, W, 3]`, in [0, 1]: the known pixels, and what the network puts into the holes."""
    output = apply_network(params, target, mask, size)
    return compose(output.clip(0, 1), target, mask)


class Examples(NamedTuple):
    """Crops of photographs that are never trained on, `[n, H, W, 3]`, and their masks, `[n, H, W]`, 1 = known."""

    target: jax.Array
    mask: jax.Array

    def psnr(self, images: jax.Array) -> float:
        """Of the holes alone."""
        return float(_psnr(images, *self))


@jax.jit
def _psnr(images: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    return jaxloss.psnr(images, target, data_range=1.0, mask=1 - mask).mean()


@partial(jax.jit, static_argnames=("count", "side"))
def examples(key: jax.Array, photographs: Stack, count: int, side: int) -> Examples:
    crop_key, mask_key = jax.random.split(key)
    target = random_crops(crop_key, photographs, count=count, side=side, upright=True)
    return Examples(target, random_masks(mask_key, count, side))


def train(
    progress: Progress[State], key: jax.Array, photographs: Stack, probe: Examples, *, contest: str, size: Size
) -> Iterator[Progress[State]]:
    step = partial(train_step, key=key, photographs=photographs, params=networks(contest), contest=contest, size=size)
    return advance(
        progress, step, lambda state: probe.psnr(inpaint(state.params, *probe, size=size)),
        steps=size.steps, chunk=size.chunk,
    )  # fmt: skip
