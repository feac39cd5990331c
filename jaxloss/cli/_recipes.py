"""`jaxloss recipes`: the published inpainting objectives, term by term."""

from collections.abc import Iterable, Mapping
from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from .._checks import suggestion
from .._files import InputError
from ..losses.inpainting._recipes import INPAINTING_RECIPES, Discriminator, Recipe, Term
from ._terminal import show, table


RANGES = {"imagenet": "ImageNet", "lpips": "LPIPS", "symmetric": "[-1, 1]", "unit": "[0, 1]"}


def list_recipes(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of them in full: pconv.")] = None,
) -> None:
    """List the published objectives of image inpainting: terms, weights, layers, normalization, range, source."""
    show(recipes_table() if name is None else recipe_description(name))


def recipes_table() -> Group:
    """All recipes, one line for each term."""
    return Group(*(part for name, recipe in INPAINTING_RECIPES.items() for part in _summary(name, recipe)))


def recipe_description(name: str) -> Group:
    """One recipe in full."""
    if name not in INPAINTING_RECIPES:
        raise InputError(f"no recipe is called {name!r}. {suggestion(name, INPAINTING_RECIPES)}")
    recipe = INPAINTING_RECIPES[name]
    lines = {"training": recipe.training}
    lines |= {"discriminator": _discriminator(recipe.discriminator)} if recipe.discriminator else {}
    lines |= {"note": recipe.note} if recipe.note else {}
    return Group(*_summary(name, recipe), *_paragraphs({**lines, "call": _call(name, recipe)}))


def _summary(name: str, recipe: Recipe) -> Iterable[Text | Table]:
    sources = dict.fromkeys(source for term in recipe.terms for source in term.source.split("; "))
    yield from _paragraphs({name: f"{recipe.title} ({recipe.paper})", "source": "; ".join(sources)})
    rows = table("weight", "term", "of", "with", "range", right=["weight"])
    for column, width in zip(rows.columns, (8, 18, 19, 10, 8), strict=True):
        column.min_width = width
    for term in recipe.terms:
        rows.add_row(*_cells(term))
    yield rows


def _cells(term: Term) -> tuple[str, ...]:
    weight = "required" if term.weight is None else f"{term.weight:g}"
    region = "" if term.region == "all" else f", {term.region} only"
    sees_images = term.kind not in ("adversarial", "feature_matching")
    value_range = RANGES[term.preprocess] if sees_images else "-"
    return weight, term.name, f"{' + '.join(term.images)}{region}", _method(term), value_range


def _method(term: Term) -> str:
    """Distance, normalization, network and layers in words."""
    options = term.options
    match term.kind:
        case "adversarial":
            return f"GAN {options['kind']}"
        case "feature_matching":
            over = "mean over layers" if options["average"] else "sum over layers"
            return f"{options['distance']}, {over} of the discriminator"
        case "lpips":
            return term.net
        case "total_variation":
            return "l1"
        case "style":
            distance = f"{options['distance']} of Gram / {options['normalization']}"
        case _:
            distance = options["distance"]
    return f"{distance}; {term.net}: {_layers(options['weights'])}" if term.net else distance


def _layers(weights: Mapping[str, float] | None) -> str:
    if weights is None:
        return "all it returns"
    return ", ".join(layer if weight == 1 else f"{weight:g} {layer}" for layer, weight in weights.items())


def _discriminator(row: Discriminator) -> str:
    parts = [f"{row.network}; GAN {row.kind}, times {row.scale:g}"]
    parts += [f"outputs {' and '.join(row.heads)}"] if len(row.heads) > 1 else []
    parts += ["known pixels count as real"] if row.known_is_real else []
    if row.r1_gamma is not None:
        every = f" in every {row.r1_every}th step, times {row.r1_every}" if row.r1_every > 1 else ""
        parts.append(f"r1_penalty with gamma={row.r1_gamma:g}{every}")
    return "; ".join(parts)


def _call(name: str, recipe: Recipe) -> str:
    kinds = {term.kind for term in recipe.terms}
    params = ", ".join(f'"{net}": ...' for net in recipe.networks)
    more = ", discriminator_logits=..." if "adversarial" in kinds else ""
    more += ", discriminator_features=(..., ...)" if "feature_matching" in kinds else ""
    required = [term.name for term in recipe.terms if term.weight is None]
    weights = ", ".join(f'"{term}": ...' for term in required)
    more += f", weights={{{weights}}}" if required else ""
    more += ', nets={"resnet50_dilated": ...}' if "resnet50_dilated" in recipe.networks else ""
    return f'inpainting_loss(output, target, mask, recipe="{name}", params={{{params}}}, data_range=1.0{more})'


def _paragraphs(lines: Mapping[str, str]) -> Iterable[Text]:
    return (Text.assemble((f"{heading}: ", "bold"), text) for heading, text in lines.items())
