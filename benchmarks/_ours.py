"""The metrics of the registry, called as their peers are."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from jaxloss import load_params, lpips, lpips_features, lpips_from_features
from jaxloss.registry import METRICS

from ._summary import OURS
from .peers import Entrant, jax_entrant


KEPT = f"{OURS} (reference kept)"


def our_function(metric: str) -> Callable[..., Any]:
    """Of two batches, and of parameters where the metric has them: as an argument, they are no part of the program."""
    row = METRICS[metric]
    options = {**row.options, **({"data_range": 1.0} if "data_range" in row.needs else {})}
    if not row.params:
        return partial(row.function, **options)
    return lambda x, y, params, **more: row.function(x, y, params=params, **options, **more)


def our_params(metric: str) -> tuple[Any, ...]:
    """What `our_function` takes besides the images."""
    weights = METRICS[metric].params
    return (load_params(weights),) if weights else ()


def our_entrants(metric: str, x: jax.Array, y: jax.Array) -> dict[str, Entrant]:
    """And, where a metric can keep what it knows of a reference, a second one that does."""
    params = our_params(metric)
    entrants = {OURS: jax_entrant(our_function(metric), x, y, *params)}
    row = METRICS[metric]
    if row.function is lpips:
        features = partial(lpips_features, data_range=1.0, **row.options)

        def kept(x: jax.Array, reference: Any, params: Any) -> jax.Array:
            return lpips_from_features(features(x, params=params), reference, params=params)

        entrants[KEPT] = jax_entrant(kept, x, jax.jit(features)(y, params=params[0]), *params)
    return entrants
