"""Batches spread over the eight virtual devices, and what a compiled program sends between them."""

import re
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
