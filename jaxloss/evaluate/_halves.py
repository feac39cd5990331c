"""A function of two images in two halves: what it computes of the reference alone, and the rest.

They are made of the operations that JAX records of it, so that no metric has to be written in halves.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
from jax.extend.core import ClosedJaxpr, JaxprEqn, Literal, Var, jaxpr_as_fun

from .._types import Array


Function = Callable[..., Any]  # of x, y and others, which both halves are given


class Halves(NamedTuple):
    """Operations by what they depend on: not on x; on x, or on neither image, which both halves have.

    Attributes:
        program: All of them.
        first: The former.
        second: The latter.
        kept: What the first half hands to the second.
        outputs: Of the function, as it returns them.
    """

    program: ClosedJaxpr
    first: list[JaxprEqn]
    second: list[JaxprEqn]
    kept: list[Var]
    outputs: Any


def first_half(function: Function, x: Array, y: Array, *others: Any) -> list[Array]:
    """What `function(x, y, *others)` needs to know of y. Of x only shape and dtype matter."""
    program, first, _, kept, _ = _halves(function, x, y, *others)
    _, *inputs = program.jaxpr.invars
    part = program.jaxpr.replace(invars=inputs, outvars=kept, eqns=first)
    return jaxpr_as_fun(ClosedJaxpr(part, program.consts))(*jax.tree.leaves((y, others)))


def second_half(function: Function, x: Array, y: Array, known: list[Array], *others: Any) -> Any:
    """`function(x, y, *others)`, where `known` is the `first_half`. Of y only shape and dtype matter."""
    program, _, second, kept, outputs = _halves(function, x, y, *others)
    image, _, *inputs = program.jaxpr.invars
    part = program.jaxpr.replace(invars=[image, *kept, *inputs], eqns=second)
    found = jaxpr_as_fun(ClosedJaxpr(part, program.consts))(x, *known, *jax.tree.leaves(others))
    return jax.tree.unflatten(jax.tree.structure(outputs), found)


def _halves(function: Function, *arguments: Any) -> Halves:
    program, outputs = jax.make_jaxpr(function, return_shape=True)(*arguments)
    x, y, *_ = program.jaxpr.invars
    of_x, of_y = {x}, {y: None}
    first, second = [], []
    for operation in program.jaxpr.eqns:
        given = _variables(operation.invars)
        if given & of_x:
            of_x.update(operation.outvars)
        else:
            first.append(operation)
            of_y |= dict.fromkeys(operation.outvars if given & of_y.keys() else ())
        if given & of_x or not given & of_y.keys():
            second.append(operation)
    needed = _variables(v for operation in second for v in operation.invars) | _variables(program.jaxpr.outvars)
    return Halves(program, first, second, [variable for variable in of_y if variable in needed], outputs)


def _variables(given: Iterable[Var | Literal]) -> set[Var]:
    return {variable for variable in given if isinstance(variable, Var)}
