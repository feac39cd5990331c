"""Batches spread over the eight virtual devices, and what a program sends between them: traced, or compiled."""

import re
from collections.abc import Iterator
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec


BATCH, EVERYWHERE = PartitionSpec("batch"), PartitionSpec()
COLLECTIVE = re.compile(r"\b(all-gather|all-reduce|all-to-all|collective-\w+|reduce-scatter)(-start)?\(")


def mesh(axis_type: AxisType = AxisType.Auto) -> Mesh:
    return jax.make_mesh((8,), ("batch",), axis_types=(axis_type,))


def place(arrays: Any, axis_type: AxisType = AxisType.Auto, spec: PartitionSpec = BATCH) -> Any:
    """The first axis over the devices; or with `EVERYWHERE` a copy on each."""
    return jax.device_put(arrays, NamedSharding(mesh(axis_type), spec))


def collectives(compiled: jax.stages.Compiled) -> list[str]:
    """What a program for eight devices exchanges."""
    program = compiled.as_text() or ""
    assert "num_partitions=8" in program
    return [match.group(1) for match in COLLECTIVE.finditer(program)]


def operations(program: Any) -> Iterator[Any]:
    """The equations of a traced program, and those of the programs that they have as parameters, each of these once."""

    def is_program(value: Any) -> bool:
        return hasattr(value, "eqns")

    known, waiting = set(), [program]
    while waiting:
        program = waiting.pop()
        if id(program) in known:
            continue
        known.add(id(program))
        for equation in program.eqns:
            yield equation
            waiting += filter(is_program, jax.tree.leaves(list(equation.params.values()), is_leaf=is_program))


# XLA gathers a batch for these, whatever their types say ...
REPLICATED = {"fft", "top_k"}
# ... and for these along the axis that is spread.
CUTTING = {"concatenate", "dynamic_slice", "pad", "slice", "split"}


def gathering(program: Any) -> list[str]:
    """Operations that bring together what is spread over an explicit mesh, where types say what is spread.

    Their results are on all devices, or XLA is known to gather their operands.
    """

    def spread(variables: Any) -> set[int]:
        """Sizes of the axes that are."""
        types = [variable.aval for variable in variables]
        return {n for z in types for n, axis in zip(z.shape, z.sharding.spec, strict=True) if axis}

    def gathers(equation: Any) -> bool:
        name, before, after = equation.primitive.name, spread(equation.invars), spread(equation.outvars)
        explicit = any(AxisType.Explicit in z.aval.sharding.mesh.axis_types for z in equation.outvars)
        whole = explicit and not after
        return bool(before) and (whole or name in REPLICATED or (name in CUTTING and before != after))

    return [str(equation) for equation in operations(program) if gathers(equation)]
