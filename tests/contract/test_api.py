"""The rules of the public functions: signatures, names, addresses, docstrings, and the registry that lists them."""

import importlib
import inspect
import pkgutil
import re
import statistics
import textwrap
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss import _types
from jaxloss.registry import METRICS, Metric
from tests.contract.cases import every_row


Function = Callable[..., Any]
EMPTY = inspect.Parameter.empty

# What a function may be given by position: what it computes with. All else is chosen by keyword.
DATA = (_types.Image, _types.Mask, _types.Array, _types.ArrayLike, _types.FeatureMap, _types.Features, _types.Scores)
SECTION = re.compile(r"^(Args|Returns|Raises|Gradient|Agrees with|Example|Reference):$", re.MULTILINE)
LONGEST_MEDIAN = 26  # lines of the docstrings of arithmetic


def rooms() -> Iterator[types.ModuleType]:
    """The package and its rooms."""
    yield jaxloss
    for module in pkgutil.walk_packages(jaxloss.__path__, "jaxloss."):
        if not any(part.startswith("_") for part in module.name.split(".")[1:]):
            yield importlib.import_module(module.name)


ROOMS = {module.__name__: module for module in rooms()}


def public(module: types.ModuleType) -> dict[str, Any]:
    """What a room gathers in its `__init__`; a public module that is one file has what it defines."""
    own = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    own = {name: value for name, value in own.items() if not isinstance(value, types.ModuleType)}
    if hasattr(module, "__path__"):
        return own
    return {name: value for name, value in own.items() if getattr(value, "__module__", "") == module.__name__}


def functions(room: str) -> dict[str, Function]:
    return {name: value for name, value in public(ROOMS[room]).items() if inspect.isfunction(value)}


def home(function: Function) -> str:
    """The room that it is written in."""
    return function.__module__.split(".")[1]


ARITHMETIC = functions("jaxloss") | functions("jaxloss.ops")
DOCUMENTED = (
    ARITHMETIC
    | functions("jaxloss.sde")
    | functions("jaxloss.sets")
    | functions("jaxloss.judgments")
    | functions("jaxloss.judgments.distortions")
    | {f"streaming.{name}": function for name, function in functions("jaxloss.streaming").items()}  # sets merge, too
)
every_function = pytest.mark.parametrize("function", DOCUMENTED.values(), ids=list(DOCUMENTED))


def parameters(function: Function) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def positional(function: Function) -> list[inspect.Parameter]:
    return [p for p in parameters(function) if p.kind is p.POSITIONAL_OR_KEYWORD]


def options_of(function: Function) -> list[str]:
    """The names that `**options` stands for."""
    for p in parameters(function):
        if p.kind is p.VAR_KEYWORD:
            (options,) = typing.get_args(p.annotation)
            return list(typing.get_type_hints(options))
    return []


def takes_a_pair(function: Function) -> bool:
    return [(p.name, p.annotation) for p in positional(function)] == [("x", _types.Image), ("y", _types.Image)]


PAIRS = {name: f for name, f in ARITHMETIC.items() if takes_a_pair(f)}


def sections(function: Function) -> dict[str, str]:
    """The docstring's text by section; the text before the first under ''."""
    first, *rest = SECTION.split(inspect.getdoc(function) or "")
    return {"": first, **dict(zip(rest[::2], rest[1::2], strict=True))}


def is_array(annotation: object) -> bool:
    """Of JAX, or what holds nothing else: something with a derivative."""
    if typing.get_origin(annotation) in (dict, tuple, list):
        return any(map(is_array, typing.get_args(annotation)))
    return annotation is jax.Array or getattr(annotation, "array_type", None) is jax.Array


def test_what_is_looked_at_is_found() -> None:
    assert {"jaxloss.ops", "jaxloss.sde", "jaxloss.evaluate", "jaxloss.images", "jaxloss.registry"} <= ROOMS.keys()
    assert {"ssim", "lpips", "mix_loss", "separable_filter", "simulate"} <= DOCUMENTED.keys()
    assert {"ssim", "lpips_map", "ssim_gradient"} <= PAIRS.keys() and "total_variation" not in PAIRS
    assert is_array(_types.Scores) and is_array(_types.FeatureArrays) and not is_array(np.ndarray)
    assert options_of(jaxloss.ssim_map)[:2] == ["window", "window_size"]


@every_function
def test_data_comes_first_and_the_rest_by_keyword(function: Function) -> None:
    assert inspect.Parameter.POSITIONAL_ONLY not in {p.kind for p in parameters(function)}
    if is_array(inspect.signature(function).return_annotation):
        first, *others = positional(function)
        assert first.default is EMPTY
        if home(function) not in ("sde", "weights"):
            assert [p.name for p in others if p.default is not EMPTY and p.default is not None] == []


@pytest.mark.parametrize("function", PAIRS.values(), ids=list(PAIRS))
def test_pair_functions_need_only_what_cannot_be_guessed(function: Function) -> None:
    needed = {p.name for p in parameters(function)[2:] if p.default is EMPTY and p.kind is p.KEYWORD_ONLY}
    assert needed <= {"data_range", "params"}


@every_row
def test_row_describes_its_function(row: Metric) -> None:
    assert set(row.needs) <= {"data_range", "params"}
    assert ("params" in row.needs) == bool(row.params)
    assert row.lowest <= row.perfect <= row.highest
    assert row.kind == "metric" or (row.better, row.perfect) == ("lower", 0)
    assert bool(row.options) == bool(row.variant)
    assert re.fullmatch(r"[A-Z][\w-]+ \d{4}", row.paper), row.paper
    assert row.agrees_with and row.example_side <= row.smallest
    if row.map is not None:
        assert ARITHMETIC[row.map.__name__] is row.map
        assert inspect.signature(row.map).return_annotation is _types.Map
    if row.mask:
        assert inspect.signature(row.function).parameters["mask"].default is None


def test_registry_lists_every_metric_and_loss() -> None:
    """That is: all that returns one number for each pair of images. And every map of one is found."""
    scores = {name for name, f in PAIRS.items() if inspect.signature(f).return_annotation is _types.Scores}
    assert {name for name, row in METRICS.items() if not row.variant} == scores
    assert all(row.function is ARITHMETIC[name.removesuffix(f"_{row.variant}")] for name, row in METRICS.items())
    maps = {name for name, f in PAIRS.items() if inspect.signature(f).return_annotation is _types.Map}
    assert {row.map.__name__ for row in METRICS.values() if row.map} == maps


def test_public_objects_have_one_address() -> None:
    addresses: dict[int, list[str]] = {}
    for name, module in ROOMS.items():
        for attribute, value in public(module).items():
            addresses.setdefault(id(value), []).append(f"{name}.{attribute}")
    assert [names for names in addresses.values() if len(names) > 1 and len(set(names)) > 1] == []
    found = {name for names in addresses.values() for name in names}
    assert {"jaxloss.registry.Metric", "jaxloss.InputError", "jaxloss.load_params", "jaxloss.sde.Curve"} <= found


@every_function
def test_functions_go_by_their_own_name(function: Function) -> None:
    ids = {name for name, other in DOCUMENTED.items() if other is function}
    assert {name.removeprefix("streaming.") for name in ids} == {function.__name__}
    assert function.__name__ == function.__name__.lower()


@every_function
def test_docstring_has_its_sections(function: Function) -> None:
    text = sections(function)
    if function.__name__.endswith("_map") and list(text) == [""]:
        return  # the map of a metric may refer to it in a sentence
    expected = ["", "Args", "Returns"] if parameters(function) else ["", "Returns"]
    if is_array(inspect.signature(function).return_annotation) and home(function) != "weights":
        expected.append("Gradient")
    expected.append("Example")
    if home(function) in ("metrics", "losses", "perceptual", "closed_forms"):
        expected.append("Reference")
    assert [name for name in text if name in expected] == expected
    for name, body in text.items():
        assert body.strip(), f"the section {name!r} is empty"
    if home(function) in ("metrics", "losses", "perceptual", "closed_forms"):
        assert "https://" in text["Reference"], "a reference has an address"


@every_function
def test_docstring_names_every_argument(function: Function) -> None:
    """Several may share a line; options of a family are named, or said to be those of another function."""
    if "Args" not in sections(function):
        return
    args = textwrap.dedent(sections(function)["Args"].strip("\n"))
    named = [name for names in re.findall(r"^(\w+(?:, \w+)*): \S", args, re.MULTILINE) for name in names.split(", ")]
    given = [p.name for p in parameters(function) if p.kind is not p.VAR_KEYWORD]
    options = options_of(function)
    assert sorted(named) == sorted([*given, "options"] if "options" in named else [*given, *options])


@every_function
def test_docstring_example_prints_a_value(function: Function) -> None:
    example = sections(function).get("Example")
    if example is None:
        return
    name = function.__name__  # called, or handed to jit, grad or partial
    assert re.search(rf"\b{name}\(|\(jaxloss\.{name}[,)]", example)
    assert re.search(r"^ +>>> print\(.*\n +(?!>>>)\S", example, re.MULTILINE)


def test_docstrings_do_not_drown_the_code() -> None:
    lines = {name: len((inspect.getdoc(f) or "").splitlines()) for name, f in ARITHMETIC.items()}
    assert statistics.median(lines.values()) <= LONGEST_MEDIAN, sorted(lines.items(), key=lambda item: item[1])[-20:]
