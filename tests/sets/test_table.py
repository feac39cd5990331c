"""The rows say what their functions do."""

import inspect
import math
import re

import jax
import jax.numpy as jnp
import pytest

from jaxloss import sets
from jaxloss.sets import SETS, SetMetric


every_row = pytest.mark.parametrize("row", SETS.values(), ids=list(SETS))


def test_registry_has_every_metric_of_sets() -> None:
    others = re.compile(r"init_|update_|merge$|sum_over|statistics|host_|_of|frechet_score|inception_[fl]|prepare_")
    functions = {name for name, value in vars(sets).items() if inspect.isfunction(value)}
    assert set(SETS) == {name for name in functions if not others.search(name)}


@every_row
def test_row_describes_its_function(row: SetMetric) -> None:
    assert getattr(sets, row.name) is row.function
    assert re.fullmatch(r"\w+ \d{4}", row.paper) and row.agrees_with
    assert math.isnan(row.perfect) or row.lowest <= row.perfect <= row.highest
    assert row.random == (row.name == "kid")
    assert row.reference == (row.name not in ("inception_score", "vendi_score"))
    features = jax.ShapeDtypeStruct((1000, 3), jnp.float32)
    data = row.reference * [features] + [features]
    found = jax.eval_shape(row.function, *row.random * [jax.random.key(0)], *data)
    assert {z.shape for z in jax.tree.leaves(found)} == {()}
    if row.streaming:
        state = jax.eval_shape(row.streaming.update, row.streaming.init(3), features)
        assert isinstance(state, sets.Sums) and state.high.shape == row.streaming.init(3).high.shape
