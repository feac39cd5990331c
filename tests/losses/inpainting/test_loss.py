"""The engine of inpainting objectives: what it computes, what it asks for, and its laws under JAX."""

import dataclasses
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss import INPAINTING_RECIPES, composite, inpainting_discriminator_loss, inpainting_loss
from jaxloss.losses.inpainting import Recipe, Term
from tests.devices import EVERYWHERE, place
from tests.losses.inpainting._example import LAYERS, Example, evaluate, example, gradients, objective
from tests.networks import tiny_params


# Through the package's own networks, thin ones; of which the first layers are enough.
OWN = Recipe(
    "all kinds of terms",
    "nobody 2026",
    (
        Term("hole", "pixel", 2.0, "", region="hole", preprocess="unit", options={"distance": "l1"}),
        Term("known", "pixel", 1.0, "", ("output", "composite"), "known", options={"distance": "mse"}),
        Term("perceptual", "perceptual", 0.5, "", net="vgg16", options={"weights": {"pool1": 1.0}, "distance": "l1"}),
        Term("style", "style", 3.0, "", net="vgg16", region="hole", options={"weights": {"relu1_2": 1.0}}),
        Term("lpips", "lpips", 1.0, "", ("composite",), preprocess="lpips", net="lpips-alex"),
        Term("total_variation", "total_variation", 0.1, "", ("composite",), preprocess="unit"),
        Term("adversarial", "adversarial", 0.1, "", options={"kind": "hinge"}),
        Term("feature_matching", "feature_matching", 1.0, "", options={"distance": "l1"}),
    ),
    "none",
)
OWN_PARAMS = {"vgg16": tiny_params("lpips-vgg")["trunk"], "lpips-alex": tiny_params("lpips-alex")}


@pytest.fixture
def scene(crop_photograph, rng: np.random.Generator) -> Example:
    return example(crop_photograph(2, 32, 36), rng)


def call(scene: Example, recipe: str, /, **changes: Any) -> Any:
    return inpainting_loss(scene.output, scene.target, scene.mask, **scene.options(recipe) | changes)


def compiled(scene: Example, recipe: str, /, **changes: Any) -> Any:
    return jax.jit(lambda arrays: call(Example(*arrays), recipe, **changes))(tuple(vars(scene).values()))


@pytest.mark.parametrize(("recipe", "count"), [("pconv", 3), ("pconv_nvidia", 2), ("transcnn_hae", 2), ("ctn", 4)])
def test_features_are_computed_once(recipe: str, count: int, scene: Example) -> None:
    """Of output, composite and target: perceptual and style losses share them, unless they see other images."""
    (net,) = INPAINTING_RECIPES[recipe].networks

    @jax.jit
    def views(scene: tuple[Any, ...]) -> list[jax.Array]:
        seen = []

        def network(params: Any, images: jax.Array) -> dict[str, jax.Array]:
            seen.append(images)
            return dict.fromkeys(LAYERS[net], images)

        call(Example(*scene), recipe, nets={net: network}, params={})
        return seen

    seen = list(map(np.asarray, views(tuple(vars(scene).values()))))
    assert len(seen) == count
    assert all(not np.allclose(a, b) for i, a in enumerate(seen) for b in seen[:i])


def test_terms_that_do_not_count_are_not_computed(scene: Example) -> None:
    weights = {"perceptual": 0.0, "style": 0, "hole": 2.0}
    nothing = {"discriminator_logits": None, "discriminator_features": None, "nets": None}
    loss = compiled(scene, "pconv", params={}, weights=weights, **nothing)
    assert loss.terms.keys() == {"valid", "hole", "total_variation"}
    expected = loss.terms["valid"] + 2 * loss.terms["hole"] + 0.1 * loss.terms["total_variation"]
    np.testing.assert_allclose(loss.total, expected, rtol=1e-6)


def test_a_term_of_weight_zero_can_be_given_one(scene: Example) -> None:
    weights = {"perceptual": 0, "style": 0, "total_variation": 0.5}
    loss = compiled(scene, "pconv_nvidia", params={}, weights=weights)
    np.testing.assert_allclose(loss.total, 5 * loss.terms["l1"] + 0.5 * loss.terms["total_variation"], rtol=1e-6)
    assert (loss.terms["total_variation"] > 0).all()


def test_weights_may_be_traced(scene: Example) -> None:
    @jax.jit
    def totals(weight: jax.Array) -> tuple[jax.Array, jax.Array]:
        loss = call(scene, "lama", weights={"l1": weight, "perceptual": 0.0})
        return loss.total, loss.terms["l1"]

    without, l1 = totals(jnp.float32(0))
    np.testing.assert_allclose(totals(jnp.float32(30))[0], without + 30 * l1, rtol=1e-5)
    assert (l1 > 0).all()


def test_unit_of_the_images(scene: Example) -> None:
    """What counts are values relative to the data range, be it traced or a number."""
    bytes_ = dataclasses.replace(scene, output=255 * scene.output, target=255 * scene.target)
    np.testing.assert_allclose(evaluate(bytes_, "lama", data_range=255.0).total, evaluate(scene, "lama").total, 1e-5)
    weights = {"perceptual": 0, "style": 0}
    plain, scaled = (
        compiled(s, "pconv", params={}, weights=weights, data_range=data_range).total
        for s, data_range in ((scene, 1), (bytes_, 255.0))
    )
    np.testing.assert_allclose(scaled, plain, rtol=1e-5)


def test_raw_output_and_composite(scene: Example) -> None:
    """Known pixels of the output have no part in a recipe that looks at the composite, and one in the others."""
    known = scene.mask[..., None] > 0
    changed = dataclasses.replace(scene, output=np.where(known, 0.5, scene.output))
    for recipe, same in (("coordfill", True), ("lama", False), ("pconv", False)):
        assert np.allclose(evaluate(scene, recipe).total, evaluate(changed, recipe).total, rtol=1e-6) == same, recipe


@pytest.mark.parametrize("recipe", INPAINTING_RECIPES)
def test_gradients_are_finite(recipe: str, scene: Example) -> None:
    """With nothing known, without a hole, and for an output that is the target."""
    ones, zeros = np.ones_like(scene.mask), np.zeros_like(scene.mask)
    assert (gradients(scene, recipe)[0] != 0).any()
    for output in (scene.output, scene.target):
        for mask in (scene.mask, ones, zeros):
            found = gradients(dataclasses.replace(scene, output=output, mask=mask), recipe)
            assert all(np.isfinite(z).all() for z in jax.tree.leaves(found))


def test_gradient_at_the_target(scene: Example) -> None:
    """Not under jit: a compiler may round the features of two equal images differently, and L1 has a corner there."""
    gradient = jax.grad(lambda x: call(dataclasses.replace(scene, output=x), "pconv_nvidia").total.sum())
    assert (np.asarray(gradient(scene.target)) == 0).all()


def test_gradient_of_lpips_and_of_what_the_discriminator_returns(scene: Example) -> None:
    sure = dict.fromkeys(scene.logits, np.full((2, 5, 6, 1), -1e4, np.float32))
    finished = dataclasses.replace(scene, output=scene.target, logits=sure)
    image, logits, (ours, theirs) = gradients(finished, "coordfill")
    assert (image == 0).all()
    np.testing.assert_allclose(logits["output"], -1 / 30)
    assert all((z != 0).all() for z in ours.values()) and all((z == 0).all() for z in theirs.values())


def test_transforms(crop_photograph, rng: np.random.Generator) -> None:
    """vmap, leading axes and a sharded batch give what the batch gives, and one mask serves all images."""
    loss = objective(OWN, nets={})
    scene = example(crop_photograph(8, 32, 36), rng)
    scene.mask[:4] = scene.mask[0]
    batch = scene.output, scene.target, scene.mask, scene.logits, scene.features

    @jax.jit
    def ways(batch: Any, params: Any) -> Any:
        def shaped(first: int, *leading: int) -> Any:
            some = slice(first, first + int(np.prod(leading)))
            return jax.tree.map(lambda z: z[some].reshape(*leading, *z.shape[1:]), batch)

        output, target, mask, *rest = shaped(0, 2, 2)
        shared = loss(output, target, mask[0, 0], *rest, params)
        mapped = jax.vmap(loss, in_axes=(0, 0, 0, 0, 0, None))(*shaped(4, 2, 1, 2), params)
        return shared, mapped, loss(*shaped(7), params)

    expected = jax.jit(loss)(*batch, OWN_PARAMS)
    assert expected.total.shape == (8,) and set(expected.terms) == {term.name for term in OWN.terms}
    shared, mapped, single = ways(batch, OWN_PARAMS)
    assert shared.total.shape == (2, 2) and mapped.total.shape == (2, 1, 2) and single.total.shape == ()
    expected = jax.tree.map(np.asarray, expected)
    for found, part in ((shared, slice(4)), (mapped, slice(4, None)), (single, slice(7, None))):
        jax.tree.map(lambda a, b, s=part: np.testing.assert_allclose(np.ravel(a), b[s], rtol=1e-4), found, expected)

    placed = place(batch)
    sharded = jax.jit(loss)(*placed, place(OWN_PARAMS, spec=EVERYWHERE))
    assert all(z.sharding.is_equivalent_to(placed[2].sharding, 1) for z in jax.tree.leaves(sharded))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), sharded, expected)


def test_dtypes(scene: Example) -> None:
    half = dataclasses.replace(scene, output=scene.output.astype(np.float16), target=scene.target.astype(np.float16))
    assert jax.eval_shape(lambda: call(half, "lama")).total.dtype == jnp.float32
    expected = evaluate(scene, "pconv")
    with jax.enable_x64(True):
        double = dataclasses.replace(scene, output=scene.output.astype(np.float64))
        found = jax.jit(objective("pconv"))(*double.arrays("pconv"))
        assert {z.dtype for z in jax.tree.leaves(found)} == {np.dtype(np.float64)}
    np.testing.assert_allclose(found.total, expected.total, rtol=1e-5)


BAD_ARGUMENTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "recipe": ("lama", {"recipe": "pconf"}, "a recipe of INPAINTING_RECIPES, got 'pconf'. Did you mean 'pconv'?"),
    "weights": (
        "lama",
        {"weights": {"style": 1.0}},
        "weights of terms of LaMa, got 'style'. There are: l1, adversarial, feature_matching, perceptual.",
    ),
    "cmt": ("cmt", {"weights": {"l1": 1.0}}, "got none of ['perceptual', 'adversarial']. Continuous Mask-aware Trans"),
    "nothing": ("pconv_nvidia", {"weights": {"l1": 0, "perceptual": 0, "style": 0}}, "a term of weight other than 0"),
    "params": (
        "pconv",
        {"params": {"vgg19": {}}, "nets": None},
        "params of 'vgg16', got those of ['vgg19']. params={'vgg16': l",
    ),
    "net": ("lama", {"nets": None}, "a function for the network 'resnet50_dilated', got []. It does not come with"),
    "logits": ("ctn", {"discriminator_logits": None}, "discriminator_logits of the 'output', got those of []"),
    "head": ("mat", {"discriminator_logits": np.ones((2, 1), np.float32)}, "the 'stage1', got those of ['output']"),
    "way out": ("mat", {"discriminator_logits": {}}, "To leave the term out: weights={'adversarial': 0.0}."),
    "reduced": ("lama", {"discriminator_logits": np.ones((), np.float32)}, "logits of shape [2, Ellipsis], got ()"),
    "features": ("lama", {"discriminator_features": None}, "(those of the output, those of the target), got none"),
    "one features": ("lama", {"discriminator_features": [{}]}, "(those of the output, those of the target), got 1 of"),
    "data range": ("pconv", {"data_range": 0.0}, "data_range > 0, got 0.0"),
}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_bad_argument(name: str, scene: Example) -> None:
    recipe, change, message = BAD_ARGUMENTS[name]
    with pytest.raises(ValueError, match=f"^inpainting_loss: expected .*{re.escape(message)}"):
        jax.eval_shape(lambda: call(scene, recipe, **change))


def test_what_is_missing_is_told_before_the_networks_run(scene: Example) -> None:
    def never(params: Any, images: Any) -> Any:
        raise AssertionError("the network ran")

    for argument in ("discriminator_logits", "discriminator_features"):
        with pytest.raises(ValueError, match=f"expected {argument}"):
            call(scene, "lama", nets={"resnet50_dilated": never}, **{argument: None})


def test_bad_images(scene: Example) -> None:
    for change, error, message in (
        ({"output": scene.output[:1]}, ValueError, "output and target of equal shape"),
        ({"mask": scene.mask[..., None]}, ValueError, "mask of shape"),
        ({"target": (255 * scene.target).astype(np.uint8)}, TypeError, "target of a floating dtype, got uint8"),
        ({"output": scene.output[..., :1], "target": scene.target[..., :1]}, ValueError, "images [..., H, W, 3]"),
    ):
        with pytest.raises(error, match=f"^inpainting_loss: expected {re.escape(message)}"):
            call(dataclasses.replace(scene, **change), "pconv")


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, x.astype(np.float64))


@pytest.mark.parametrize(
    ("recipe", "scale"), [("ctn", 0.5), ("tformer", 0.5), ("mat", 1), ("coordfill", 1), ("cmt", 1)]
)
def test_discriminator(recipe: str, scale: float, rng: np.random.Generator) -> None:
    real, fake = 5 * rng.standard_normal((2, 3, 4, 5, 1), np.float32)
    loss = inpainting_discriminator_loss(real, fake, recipe=recipe)
    np.testing.assert_allclose(loss, scale * (softplus(-real) + softplus(fake)), rtol=1e-5)


@pytest.mark.parametrize("size", [(16, 18), (5, 7), (8, 6), (40, 19)], ids=str)
def test_discriminator_of_lama_counts_known_pixels_as_real(size: tuple[int, int], rng: np.random.Generator) -> None:
    real, fake = 5 * rng.standard_normal((2, 3, *size, 1), np.float32)
    mask = (rng.random((3, 16, 18)) < 0.5).astype(np.float32)
    rows, columns = (np.floor(np.arange(n) * (m / n) + 1e-9).astype(int) for n, m in zip(size, (16, 18), strict=True))
    hole = 1 - mask[:, rows][:, :, columns][..., None]
    expected = softplus(-real) + hole * softplus(fake) + (1 - hole) * softplus(-fake)
    masks = mask, mask > 0, mask[0]
    evaluate = jax.jit(lambda masks: [inpainting_discriminator_loss(real, fake, recipe="lama", mask=z) for z in masks])
    of_each, of_bool, shared = evaluate(masks)
    for found in (of_each, of_bool):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(shared[0], expected[0], rtol=1e-5)


def test_discriminator_needs() -> None:
    logits, mask = np.zeros((2, 4, 4, 1), np.float32), np.ones((2, 8, 8), np.float32)
    name = "^inpainting_discriminator_loss: expected "
    with pytest.raises(ValueError, match=rf"{name}a recipe with a discriminator, as \['ctn', .*, got 'pconv'"):
        inpainting_discriminator_loss(logits, logits, recipe="pconv")
    with pytest.raises(ValueError, match=f"{name}the mask of the images, got none"):
        inpainting_discriminator_loss(logits, logits, recipe="lama")
    with pytest.raises(ValueError, match=rf"{name}logits \[..., h, w, c\] and mask .*, got \(2, 4, .* and \(3, 8, 8\)"):
        inpainting_discriminator_loss(logits, logits, recipe="lama", mask=np.ones((3, 8, 8), np.float32))
    gradient = jax.grad(lambda fake: inpainting_discriminator_loss(logits, fake, recipe="lama", mask=mask).sum())
    assert np.isfinite(jax.jit(gradient)(np.full_like(logits, 1e4))).all()


def test_composite_is_what_the_recipes_compare(scene: Example) -> None:
    """A recipe on the composite gives for the composite what it gives for the output."""
    finished = dataclasses.replace(scene, output=composite(scene.output, scene.target, scene.mask))
    np.testing.assert_allclose(evaluate(finished, "coordfill").total, evaluate(scene, "coordfill").total, rtol=1e-6)
