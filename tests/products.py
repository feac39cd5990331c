"""What a function multiplies on accelerators, and in which precision: read off programs lowered without a device."""

import dis
import functools
import importlib
import inspect
import re
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive


ACCELERATORS = ("cuda", "tpu")
PRODUCT = re.compile(r"stablehlo\.(?:convolution|dot_general|dot)\b.*")
# Of both operands: `#stablehlo<precision HIGHEST>` of a convolution, `precision = [HIGHEST, HIGHEST]` of a product.
FULL = re.compile(r"precision HIGHEST>, #stablehlo<precision HIGHEST>|precision = \[HIGHEST, HIGHEST\]")

# What JAX, Flax and Optax call whatever multiplies matrices or convolves.
MULTIPLYING = frozenset(
    """batch_matmul conv conv_general_dilated conv_general_dilated_local conv_general_dilated_patches conv_transpose
    conv_with_general_padding convolve corrcoef correlate cov dot dot_general dot_product_attention einsum fftconvolve
    inner matmul matvec multivariate_normal orthogonal polyfit ragged_dot resize scale_and_translate scaled_matmul
    tensordot vdot vecdot vecmat Conv ConvLocal ConvTranspose Dense DenseGeneral Einsum lbfgs""".split()
) | {name for name in dir(jnp.linalg) if not name.startswith("_")} - set(
    "cross diagonal norm outer trace vector_norm".split()
)
LIBRARIES = {"jax", "flax", "optax"}


def products(function: Callable[..., Any], *arguments: Any, platforms: Sequence[str] = ACCELERATORS) -> list[str]:
    """The convolutions and products of matrices of `function(*arguments)`, lines of StableHLO, for each platform.

    Arguments are arrays or `jax.ShapeDtypeStruct`, in any tree; the function may be jitted.
    """
    lowered = jax.jit(function).trace(*arguments).lower(lowering_platforms=tuple(platforms))
    return PRODUCT.findall(lowered.as_text())


def products_without_precision(
    function: Callable[..., Any], *arguments: Any, platforms: Sequence[str] = ACCELERATORS
) -> list[str]:
    """Those of them that an accelerator would round: a TPU to bfloat16, an NVIDIA GPU to TF32."""
    return without_precision(products(function, *arguments, platforms=platforms))


def without_precision(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if not FULL.search(line)]


def may_multiply(function: Callable[..., Any]) -> bool:
    """Whether its code, or that of anything of its package that it refers to, names a product of JAX's or has a `@`.

    Functions that do not name JAX are thought to multiply by NumPy, and so is a `@` in a module that does not import
    it. What tables, partials and classes hold is looked at, too.
    """
    package = _package(inspect.unwrap(function).__module__)
    seen: dict[int, Any] = {}
    waiting: list[Any] = [function]
    while waiting:
        value = inspect.unwrap(waiting.pop())
        if id(value) in seen:
            continue
        seen[id(value)] = value
        home = _package(getattr(value, "__module__", None))
        if home in LIBRARIES and getattr(value, "__name__", "") in MULTIPLYING:
            return True
        if isinstance(value, types.FunctionType) and home == package:
            if _names_a_product(value):
                return True
            waiting += _referred(value)
        elif isinstance(value, functools.partial):
            waiting += [value.func, *value.args, *value.keywords.values()]
        elif isinstance(value, dict | tuple | list):
            waiting += value.values() if isinstance(value, dict) else value
        elif inspect.isclass(value) and home == package:
            waiting += [part for part in vars(value).values() if inspect.isroutine(part)]
    return False


def _package(module: str | None) -> str:
    return (module or "").split(".")[0]


def _names_a_product(function: types.FunctionType) -> bool:
    modules = {name: value for name, value in function.__globals__.items() if isinstance(value, types.ModuleType)}
    libraries = {name for name, value in modules.items() if _package(value.__name__) in LIBRARIES}
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    if names & (libraries | LIBRARIES) and names & MULTIPLYING - function.__globals__.keys():
        return True
    steps = (step for code in _codes(function.__code__) for step in dis.get_instructions(code))
    return libraries != set() and any(step.argrepr in ("@", "@=") for step in steps)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Of a function and of those within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _referred(function: types.FunctionType) -> Iterator[Any]:
    """The globals that it names, what it closes over, and what it imports only when it is called."""
    yield from (cell.cell_contents for cell in function.__closure__ or ())
    for code in _codes(function.__code__):
        steps = list(dis.get_instructions(code))
        imports = (
            importlib.import_module("." * level.argval + step.argval, function.__module__.rpartition(".")[0])
            for level, _, step in zip(steps, steps[1:], steps[2:], strict=False)
            if step.opname == "IMPORT_NAME" and level.argval > 0
        )
        for scope in (function.__globals__, *map(vars, imports)):
            for value in (scope[name] for name in code.co_names if name in scope):
                yield value
                if isinstance(value, Primitive):  # what it is lowered to stands beside it
                    yield from filter(inspect.isfunction, list(scope.values()))
