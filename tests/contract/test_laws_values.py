"""Laws of the scores: identity, symmetry, range, direction, unit."""

import functools
import re
from typing import Any

import jax
import numpy as np
import pytest

from jaxloss.registry import METRICS, Metric
from tests.contract.cases import (
    HEIGHT,
    NOISE,
    WIDTH,
    abstract,
    abstract_params,
    at,
    default,
    each,
    every_ranged_row,
    every_row,
    example,
    is_equal,
    outcome,
    outcome_of,
    params_of,
    program,
    shape_of,
    stack,
    unseen,
)
from tests.photographs import crop_sample


@functools.cache
def as_published(row: Metric) -> tuple[np.ndarray, np.ndarray]:
    """Scores of six pairs of equal images, and of others at the ends of the range, with the default options."""
    height, width = max(HEIGHT, row.smallest), max(WIDTH, row.smallest + 3)
    natural = crop_sample(2, height, width)
    flat = [np.full_like(natural[0], value) for value in (0.0, 0.3, 1.0)]
    equal = np.stack([*natural, 0.01 * natural[0], *flat])
    random = np.random.default_rng(0).random(natural.shape, np.float32)
    black, white = np.zeros_like(natural[:1]), np.ones_like(natural[:1])
    board = (np.indices((height, width)).sum(0) % 2).astype(np.float32)[None, ..., None] + black
    y = np.concatenate([natural, random, natural, board, black])
    x = np.concatenate([1 - natural, random[::-1], random, 1 - board, white])
    pairs = np.concatenate([equal, x]), np.concatenate([equal, y])
    if row.example or equal.shape[1:] != shape_of(row):
        call = jax.jit(lambda x, y, params: default(row)(x, y, **params))
        scores = np.asarray(call(*pairs, params_of(row)))
    else:  # the program of its example, which is as published, is there
        scores = outcome_of(row, *pairs).scores
    return scores[:6], scores[6:]


@every_row
def test_equal_images_score_perfect(row: Metric) -> None:
    """Exactly, but for the slack of the row: whatever the scale, and also for images without any structure."""
    equal, _ = as_published(row)
    faultless = equal[3:] if row.own_faults else equal  # the last three are flat
    for scores in (faultless, outcome(row).scores[is_equal(row)]):
        np.testing.assert_allclose(scores, np.float32(row.perfect), rtol=0, atol=row.slack)


@every_row
def test_scores_stay_in_range(row: Metric) -> None:
    """And natural or random images are perfect only where they are equal; some metrics are blind to flat ones."""
    _, others = as_published(row)
    assert (others >= row.lowest).all() and (others <= row.highest).all(), others
    seen = others[2:6] if "inversion" in row.blind_to else others[:6]
    assert (seen != row.perfect).all(), others


@each(row for row in METRICS.values() if row.blind_to)
def test_blindness(row: Metric) -> None:
    """What the registry says that it cannot tell from equal images, it cannot."""
    scores = outcome(row).scores[at(row, *unseen(row))]
    np.testing.assert_allclose(scores, row.perfect, rtol=1e-5)


@every_row
def test_other_images_score_worse(row: Metric) -> None:
    """The more noise, the further from perfect, in the direction that the registry says."""
    scores = outcome(row).scores[at(row, *(f"noise {amount}" for amount in NOISE))]
    assert (np.diff(scores if row.better == "lower" else -scores) > 0).all(), scores


@every_row
def test_symmetry(row: Metric) -> None:
    result = outcome(row)
    one, other = at(row, "related", "exchanged")
    assert np.isclose(result.scores[one], result.scores[other], rtol=1e-5, atol=1e-6) == row.symmetric
    if row.symmetric:
        np.testing.assert_allclose(result.by_x[one], result.by_y[other], rtol=1e-4, atol=1e-6)


@every_row
def test_images_of_a_batch_do_not_mix(row: Metric) -> None:
    """A score goes where its pair goes, and a gradient of one score is 0 at all other images."""
    x, y = stack(row)
    order = np.roll(np.arange(len(x)), 5)
    only = at(row, "related")
    cotangent = np.zeros(len(x), np.float32)
    cotangent[only] = 2
    result, expected = program(row)(x[order], y[order], cotangent=cotangent[order]), outcome(row)
    np.testing.assert_allclose(result.scores, expected.scores[order], rtol=1e-6, atol=1e-7)
    for gradient, whole in ((result.by_x, expected.by_x), (result.by_y, expected.by_y)):
        np.testing.assert_array_equal(gradient[cotangent[order] == 0], 0)
        np.testing.assert_allclose(gradient[cotangent[order] == 2], 2 * whole[only], rtol=1e-5, atol=1e-8)


@every_row
def test_one_number_per_image(row: Metric) -> None:
    """Whatever the leading axes, and also for no image at all; and as many slopes under `jax.jvp`."""
    params, image, none = abstract_params(row), abstract(row), abstract(row, 2, 0)

    def score(x: Any, y: Any, params: Any) -> Any:
        return example(row)(x, y, **params)

    one = jax.eval_shape(lambda *arguments: jax.jvp(score, arguments, arguments), image, image, params)
    assert [(number.shape, number.dtype) for number in one] == [((), np.float32)] * 2
    empty = jax.eval_shape(score, none, none, params)
    assert (empty.shape, empty.dtype) == ((2, 0), np.float32)


@every_row
@pytest.mark.usefixtures("float64")
def test_number_of_channels_and_least_size(row: Metric) -> None:
    """Of images as low or as narrow as the registry says; float32 stays float32 though x64 is on."""
    params, side = abstract_params(row), row.example_side

    def score(*shape: int) -> Any:
        image = jax.ShapeDtypeStruct(shape, np.float32)
        return jax.eval_shape(lambda x, y, params: example(row)(x, y, **params), image, image, params)

    taken = [n for n in (1, 2, 3, 5) if n in (row.channels or (n,)) and n >= row.least_channels]
    for number, channels in enumerate(taken if len(taken) > 1 else 2 * taken):
        size = (side, side + 9) if number % 2 else (side + 9, side)
        found = score(*size, channels)
        assert (found.shape, found.dtype) == ((), np.float32)
    for shape in ((*abstract(row).shape[:2], n) for n in (1, 2, 3, 5) if n not in taken):
        with pytest.raises(ValueError, match=rf"^{row.function.__name__}: expected .*, got .*{re.escape(str(shape))}"):
            score(*shape)


@every_ranged_row
def test_score_does_not_depend_on_the_unit(row: Metric) -> None:
    """Nor does the gradient, but for the unit; and another range gives another score."""
    x, y = stack(row)
    expected = outcome(row)
    names = {"related", "exchanged", "random", "noise 0.1", "texture, black"}
    some = at(row, *(names - unseen(row)))
    for data_range in (255.0, 1e-3):
        unit = np.float32(data_range)
        scaled = program(row)(unit * x, unit * y, data_range=data_range)
        np.testing.assert_allclose(scaled.scores[some], expected.scores[some], rtol=2e-5, atol=1e-6)
        for gradient, whole in ((scaled.by_x, expected.by_x), (scaled.by_y, expected.by_y)):
            np.testing.assert_allclose(unit * gradient[some], whole[some], rtol=1e-3, atol=1e-6)
    other = program(row)(x, y, data_range=255.0)
    assert (np.abs(other.scores[some] - expected.scores[some]) > 1e-5).all()
