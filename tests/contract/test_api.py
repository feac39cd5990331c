"""The rules of the public functions: signatures, names, addresses, docstrings, and the registry that lists them."""

import ast
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import jaxloss
import jaxloss.evaluate
import jaxloss.registry
import jaxloss.sde
from jaxloss import _types
from jaxloss.losses import _gradient_penalties
from jaxloss.ops import _filters
from jaxloss.perceptual import _feature_matching
from jaxloss.registry import METRICS, Metric
from jaxloss.sde import _curves
from tests.contract.cases import every_row


Function = Callable[..., Any]

_KINDS: tuple[Any, ...] = (
    _types.Array,
    _types.FeatureMap,
    _types.Features,
    _types.ArrayLike,
    _types.Image,
    _types.Map,
    _types.Mask,
    _types.Scores,
    _filters.Window,
    _feature_matching.LayerFeatures,
    _gradient_penalties.Critic,  # first as in `jax.grad`: what is differentiated
)
ARRAYS = {*_KINDS, *(kind | None for kind in _KINDS)}
# What the functions of jaxloss.sde take beside arrays: models, curves, and what was made of them.
MODEL_DATA = (jaxloss.sde.PerceptualLossModel, _curves.Curves, jaxloss.sde.Fit, Mapping[str, jaxloss.sde.Fit])
# They make constants on the host: there is no array that could come first, and nothing to differentiate.
WINDOWS = {"gaussian_window", "uniform_window"}
# Functions without a derivative worth a section; the conversion of integers is the other one.
STATISTICS = {"diagnose", "equal_volatility_test", "fit", "separate"}
NOT_DIFFERENTIABLE = WINDOWS | STATISTICS | {"to_float", "load_params", "under_condition"}
SECTION = re.compile(r"^(Args|Returns|Raises|Gradient|Agrees with|Example|Reference):$", re.MULTILINE)


def public_functions(module: types.ModuleType) -> dict[str, Function]:
    return {name: f for name, f in vars(module).items() if inspect.isfunction(f) and not name.startswith("_")}


METRICS, TOOLS = public_functions(jaxloss), public_functions(jaxloss.ops)
LOADERS = {"load_params": METRICS.pop("load_params")}
MODELS = public_functions(jaxloss.sde)
FUNCTIONS = METRICS | TOOLS | LOADERS | MODELS
# What takes one image, features or logits, or a mask beside the images, is not called `f(x, y)`.
FEATURES = {
    "extract_features", "lpips_features", "lpips_from_features", "perceptual_loss", "style_loss", "gram_matrix",
    "feature_matching_loss", "contextual_loss", "mrf_loss", "sample_positions",
}  # fmt: skip
PENALTIES = {"gradient_penalty", "r1_penalty", "r2_penalty"}
PLAYERS = {"discriminator_loss", "generator_loss", "gan_value", "inpainting_discriminator_loss", *PENALTIES}
ONE_IMAGE = {"total_variation"}
WITH_HOLES = {"composite", "hole_loss", "valid_loss", "inpainting_loss"}
OTHERS = FEATURES | PLAYERS | ONE_IMAGE | WITH_HOLES
PAIRS = {name: function for name, function in METRICS.items() if name not in OTHERS}
every_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
every_pair_function = pytest.mark.parametrize("function", PAIRS.values(), ids=list(PAIRS))


def parameters(function: Function) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def sections(function: Function) -> dict[str, str]:
    """The docstring's text by section; the text before the first under ''."""
    first, *rest = SECTION.split(inspect.getdoc(function) or "")
    return {"": first, **dict(zip(rest[::2], rest[1::2], strict=True))}


def raises(function: Function) -> bool:
    """Whether the function's own code raises or checks its arguments."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if isinstance(node, ast.Raise) or re.match("_?check_|prepare", called):
            return True
    return False


def test_functions_are_found() -> None:
    assert {"ssim", "psnr", "mix_loss", "ssim_map", "ssim_gradient"} <= METRICS.keys()
    assert {"separable_filter", "gaussian_window", "to_float"} <= TOOLS.keys()
    assert raises(jaxloss.mae) and raises(jaxloss.ops.gaussian_window) and not raises(jaxloss.ops.safe_sqrt)


@every_function
def test_arrays_come_first_and_the_rest_by_keyword(function: Function) -> None:
    if function.__name__ in WINDOWS | LOADERS.keys() | {"under_condition"}:
        return
    positional = [p for p in parameters(function) if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional != []
    data = {*ARRAYS, *MODEL_DATA} if function in MODELS.values() else ARRAYS
    assert [p.name for p in positional if p.annotation not in data] == []
    kinds = {p.kind for p in parameters(function)} - {inspect.Parameter.POSITIONAL_OR_KEYWORD}
    assert kinds <= {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}


@every_pair_function
def test_pair_functions_take_x_and_y(function: Function) -> None:
    positional = [p for p in parameters(function) if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [(p.name, p.annotation, p.default) for p in positional] == [
        ("x", _types.Image, inspect.Parameter.empty),
        ("y", _types.Image, inspect.Parameter.empty),
    ]
    for parameter in parameters(function)[2:]:
        required = parameter.default is parameter.empty and parameter.kind is parameter.KEYWORD_ONLY
        assert required == (parameter.name in ("data_range", "params")), parameter


@every_row
def test_row_describes_its_function(row: Metric) -> None:
    options = {p.name: p for p in parameters(row.function) if p.kind is p.KEYWORD_ONLY}
    assert set(row.needs) == {name for name, p in options.items() if p.default is p.empty}
    assert row.mask == ("mask" in options)
    if row.mask:
        assert options["mask"].default is None
    assert row.name.endswith("_loss") == (row.kind == "loss")
    assert row.lowest <= row.perfect <= row.highest
    assert row.perfect == (row.highest if row.better == "higher" else row.lowest)
    assert row.kind == "metric" or (row.better, row.perfect) == ("lower", 0)
    assert re.fullmatch(r"[A-Z][\w-]+ \d{4}", row.paper), row.paper
    assert row.agrees_with


@every_row
def test_row_knows_the_map(row: Metric) -> None:
    map_function = METRICS.get(f"{row.function.__name__}_map")
    assert row.map is map_function
    if map_function is not None:
        assert inspect.signature(map_function).return_annotation is _types.Map


def test_registry_lists_every_metric_and_loss() -> None:
    """That is: all that returns one number per image."""
    scores = {name for name, f in METRICS.items() if inspect.signature(f).return_annotation is _types.Scores}
    assert {name for name, row in METRICS.items() if not row.variant} == scores - OTHERS
    for name, row in METRICS.items():
        assert row.function is METRICS[name.removesuffix(f"_{row.variant}")] and row.name == name
        assert bool(row.options) == bool(row.variant)


def test_public_objects_have_one_address() -> None:
    """What a room gathers in its `__init__` is public there; other modules have what they define."""
    gathering = [jaxloss, jaxloss.ops, jaxloss.sde, jaxloss.evaluate]
    addresses: dict[int, list[str]] = {}
    for module in [*gathering, jaxloss.registry]:
        for name, value in vars(module).items():
            own = module in gathering or getattr(value, "__module__", "") == module.__name__
            if own and not name.startswith("_") and not isinstance(value, types.ModuleType):
                addresses.setdefault(id(value), []).append(f"{module.__name__}.{name}")
    assert ["jaxloss.registry.Metric"] in addresses.values()
    assert [names for names in addresses.values() if len(names) > 1] == []


def test_public_modules_are_the_rooms() -> None:
    modules = {name for name, value in vars(jaxloss).items() if isinstance(value, types.ModuleType)}
    rooms = {"ops", "metrics", "losses", "backbones", "perceptual", "weights", "sde", "registry", "evaluate"}
    assert {name for name in modules if not name.startswith("_")} - {"cli"} == rooms
    for room in ("metrics", "losses", "backbones", "perceptual"):
        assert [name for name in vars(getattr(jaxloss, room)) if not name.startswith("_")] == []


@every_function
def test_functions_go_by_their_own_name(function: Function) -> None:
    assert FUNCTIONS[function.__name__] is function
    assert function.__name__ == function.__name__.lower()


@every_function
def test_docstring_has_its_sections(function: Function) -> None:
    text = sections(function)
    expected = ["", "Args", "Returns"]
    expected += ["Raises"] if raises(function) or function in METRICS.values() else []
    expected += ["Gradient"] if function.__name__ not in NOT_DIFFERENTIABLE else []
    expected += ["Agrees with"] if function.__name__ in METRICS | LOADERS else []
    expected += ["Example", "Reference"] if function in METRICS.values() else ["Example"]
    order = [name for name in text if name in expected]
    assert order == expected
    optional = {"Raises", "Reference"} | ({"Agrees with"} if function in MODELS.values() else set())
    assert set(text) - set(expected) <= optional
    for name, body in text.items():
        assert body.strip(), f"the section {name!r} is empty"


@every_function
def test_docstring_names_every_argument(function: Function) -> None:
    args = textwrap.dedent(sections(function)["Args"].strip("\n"))
    named = re.findall(r"^(\w+): \S", args, re.MULTILINE)
    assert named == [p.name for p in parameters(function)]


@every_function
def test_docstring_example_prints_a_value(function: Function) -> None:
    example = sections(function)["Example"]
    room = "" if function in MODELS.values() else "jaxloss.ops." if function in TOOLS.values() else "jaxloss."
    assert f"{room}{function.__name__}(" in example
    assert re.search(r"^ +>>> print\(.*\n +(?!>>>)\S", example, re.MULTILINE)
