"""Objectives of image inpainting: one engine for the rows of `INPAINTING_RECIPES`, and its discriminator's side."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ..._checks import NUMBERS, as_scalar, check_positive, error_text, suggestion
from ..._types import Array, ArrayLike, Image, Mask, Params, Scalar, Scores
from ...backbones._features import FeatureFunction
from ...perceptual._feature_matching import LayerFeatures
from ..gan._losses import discriminator_loss
from ._masked import blend, check_images
from ._recipes import INPAINTING_RECIPES, Recipe
from ._terms import KINDS, Scene, check_terms, features_of


class InpaintingLoss(NamedTuple):
    """An objective, and the summands of which it is made.

    Attributes:
        total: `[...]`, the sum of weight * term.
        terms: `{name: [...]}`, each before its weight.
    """

    total: Scores
    terms: dict[str, Scores]


def inpainting_loss(
    output: Image,
    target: Image,
    mask: Mask,
    *,
    recipe: str | Recipe,
    params: Mapping[str, Params],
    data_range: Scalar,
    discriminator_logits: ArrayLike | Mapping[str, ArrayLike] | None = None,
    discriminator_features: Sequence[LayerFeatures] | None = None,
    weights: Mapping[str, Scalar] | None = None,
    nets: Mapping[str, FeatureFunction] | None = None,
) -> InpaintingLoss:
    r"""A published objective of image inpainting: what its generator minimizes.

    $$L = \sum_t w_t L_t$$

    over the terms of a row of `INPAINTING_RECIPES`, which says for each of them the weight, the layers, the
    normalization, the range of the images, whether it looks at the raw output or at the composite, and the source of
    all that. `jaxloss recipes` prints the rows. The discriminator's side is `inpainting_discriminator_loss`.

    Args:
        output, target, mask: See `jaxloss.losses.inpainting`; three channels, RGB.
        recipe: A key of `INPAINTING_RECIPES`, or a `Recipe` of your own: `dataclasses.replace` changes one.
        params: Of each network that the recipe uses, by name: `{"vgg16": load_params("vgg16")}`; `{}` for none.
        data_range: Largest minus smallest possible pixel value. The range that a recipe wants is made here.
        discriminator_logits: Of what the generator made, `[..., *any]`: the mean of an image's logits counts. For
            discriminators of several outputs (MAT) a mapping of them, `{"output": ..., "stage1": ...}`. Whether the
            discriminator should see the raw output or the composite is in the row.
        discriminator_features: For feature matching, the discriminator's features of what the generator made, and those
            of the target: a pair of mappings or sequences of arrays `[..., h, w, c]`. The latter get no gradient.
        weights: `{name of a term: number}` in place of the published ones; may be traced. The number 0 leaves a term
            out: it is not computed, and what it needs need not be passed. Recipes without published weights (CMT) have
            to be given all of them.
        nets: `{name: function}`: networks that do not come with jaxloss (LaMa's `"resnet50_dilated"`), or in place of
            those that do: `function(params[name], images)`, as the `net` of `extract_features`.

    Returns:
        `total`, `[...]`, and `terms`, `{name: [...]}`, each before its weight: `total` is the sum of weight * term of
        the published code. Features are computed once for all terms that look at the same images with the same network.
        Every term but the adversarial one is 0 for output = target (total variation: that of the target).

    Raises:
        ValueError: If something that a term needs is missing.

    Gradient:
        Finite everywhere. It reaches the output, the logits and the features of the output.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> target = jax.random.uniform(jax.random.key(0), (32, 32, 3))
        >>> mask = jnp.ones((32, 32)).at[8:24, 8:24].set(0)
        >>> options = {"recipe": "pconv", "params": {}, "data_range": 1.0}
        >>> weights = {"perceptual": 0.0, "style": 0.0}  # for which params={"vgg16": load_params("vgg16")}
        >>> loss = jaxloss.inpainting_loss(0.9 * target, target, mask, weights=weights, **options)
        >>> print(list(loss.terms))
        ['valid', 'hole', 'total_variation']

    Reference:
        The paper of each row; the first: Liu et al., ECCV 2018. https://arxiv.org/abs/1804.07723
    """
    name = "inpainting_loss"
    row = _find(name, recipe)
    factors = _factors(name, row, weights or {})
    terms = [term for term in row.terms if term.name in factors]
    check_positive(name, "data_range", data_range)
    x, y, known = check_images(name, output, target, mask)
    x, y = (image / as_scalar(data_range, image.dtype) for image in (x, y))
    images = {"output": x, "composite": blend(x, y, known), "target": y}
    logits = discriminator_logits
    heads = logits if isinstance(logits, Mapping) else {} if logits is None else {"output": logits}
    pair = () if discriminator_features is None else discriminator_features
    scene = Scene(name, images, known, params, nets or {}, {}, heads, pair)
    check_terms(scene, terms)
    scene = scene._replace(features=features_of(scene, terms))
    values = {term.name: KINDS[term.kind](scene, term) for term in terms}
    weighted = [as_scalar(factors[term], value.dtype) * value for term, value in values.items()]
    return InpaintingLoss(jnp.stack(weighted).sum(axis=0), values)


def inpainting_discriminator_loss(
    real: ArrayLike, fake: ArrayLike, *, recipe: str | Recipe, mask: Mask | None = None
) -> Array:
    r"""What the discriminator of a published inpainting method minimizes, for each pair of logits.

    $$s \, (\mathrm{softplus}(-r) + \mathrm{softplus}(f))$$

    for all rows: with s = 1/2 for CTN and T-former and 1 for the others. LaMa counts what it kept of a generated image
    as real: $\mathrm{softplus}(-r) + (1 - m) \, \mathrm{softplus}(f) + m \, \mathrm{softplus}(-f)$.

    The penalty on the gradient is a function of its own: `INPAINTING_RECIPES[name].discriminator.r1_gamma` is the
    `gamma` of `r1_penalty`, due in each `r1_every`-th step, times that number. Of several outputs (MAT) each has its
    loss: call this for each of `discriminator.heads` and add.

    Args:
        real, fake: See `jaxloss.losses.gan`; for LaMa `[..., h, w, c]`, those of patches.
        recipe: A key of `INPAINTING_RECIPES`, or a `Recipe`, with a discriminator.
        mask: `[..., H, W]` or `[H, W]` of the images, 1 = known, 0 = hole. LaMa needs it, and takes the nearest pixel
            for each logit, as torch does; other rows do not look at it.

    Returns:
        Shape of the logits, >= 0: the caller takes the mean; lower is better for the discriminator. That of the
        published code; for CTN, T-former and CoordFill, binary cross-entropy of probabilities, where it does not
        saturate.

    Raises:
        ValueError: If the recipe has no discriminator, or the mask is missing.

    Gradient:
        Finite for all logits.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> logits = jnp.zeros((1, 1, 2, 1))
        >>> print(jaxloss.inpainting_discriminator_loss(logits, logits, recipe="ctn")[0, 0, :, 0])
        [0.6931 0.6931]
        >>> mask, fake = jnp.array([[1.0, 0.0]]), logits + 5
        >>> print(jaxloss.inpainting_discriminator_loss(logits, fake, recipe="lama", mask=mask).ravel().tolist())
        [0.6999, 5.6999]

    Reference:
        The paper of each row; LaMa: Suvorov et al., "Resolution-robust large mask inpainting with Fourier
        convolutions", WACV 2022. https://arxiv.org/abs/2109.07161
    """
    name = "inpainting_discriminator_loss"
    row = _find(name, recipe).discriminator
    if row is None:
        adversarial = [key for key, row in INPAINTING_RECIPES.items() if row.discriminator]
        raise ValueError(error_text(name, f"a recipe with a discriminator, as {adversarial}", repr(recipe), "Omit it."))
    losses = discriminator_loss(real, fake, kind=row.kind)
    if row.known_is_real:
        known = _nearest(name, mask, jnp.shape(fake)).astype(losses.dtype)
        known = known[..., None]
        # A logit of the opposite sign is that of the opposite class.
        losses = (1 - known) * losses + known * discriminator_loss(real, -jnp.asarray(fake), kind=row.kind)
    return row.scale * losses


def _nearest(name: str, mask: Mask | None, shape: tuple[int, ...]) -> Array:
    """The mask at the size of the logits, `[..., h, w]`, as torch's nearest interpolation: no half pixels."""
    if mask is None:
        raise ValueError(error_text(name, "the mask of the images", "none", "Known pixels count as real: mask=mask."))
    mask = jnp.asarray(mask)
    leading = mask.shape[:-2]
    if len(shape) < 3 or mask.ndim < 2 or leading not in ((), shape[:-3]):
        way_out = "A mask has no channel axis, logits of patches have one: logits[..., None]."
        got = f"{shape} and {mask.shape}"
        raise ValueError(error_text(name, "logits [..., h, w, c] and mask [..., H, W]", got, way_out))
    for axis, size in ((-2, shape[-3]), (-1, shape[-2])):
        mask = jnp.take(mask, np.arange(size) * mask.shape[axis] // size, axis=axis)
    return mask.reshape((1,) * (len(shape) - 1 - mask.ndim) + mask.shape)


def _find(name: str, recipe: str | Recipe) -> Recipe:
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in INPAINTING_RECIPES:
        way_out = suggestion(recipe, INPAINTING_RECIPES)
        raise ValueError(error_text(name, "a recipe of INPAINTING_RECIPES", repr(recipe), way_out))
    return INPAINTING_RECIPES[recipe]


def _factors(name: str, row: Recipe, weights: Mapping[str, Scalar]) -> Mapping[str, Scalar]:
    """Weights of the terms that count: a number of 0, unlike a traced one, takes a term out."""
    names = [term.name for term in row.terms]
    for term in weights:
        if term not in names:
            raise ValueError(error_text(name, f"weights of terms of {row.title}", repr(term), suggestion(term, names)))
    chosen = {term.name: weights.get(term.name, term.weight) for term in row.terms}
    missing = [term for term, weight in chosen.items() if weight is None]
    if missing:
        way_out = f"{row.title} did not publish them: weights={{{missing[0]!r}: 1.0, ...}}, 0.0 to leave a term out."
        raise ValueError(error_text(name, f"weights of {list(chosen)}", f"none of {missing}", way_out))
    factors = {term: weight for term, weight in chosen.items() if weight is not None}
    factors = {term: weight for term, weight in factors.items() if not (isinstance(weight, NUMBERS) and weight == 0)}
    if not factors:
        raise ValueError(error_text(name, "a term of weight other than 0", dict(chosen), "Leave one in."))
    return factors
