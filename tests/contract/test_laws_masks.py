"""Laws of the mask: 1 counts, 0 does not exist, and weights are relative."""

import functools

import jax
import numpy as np

from jaxloss.registry import METRICS, Metric
from tests.contract.cases import (
    Outcome,
    abstract,
    abstract_params,
    at,
    every_masked_row,
    example,
    outcome,
    pairs,
    program,
    shape_of,
)


JUNK = {"black": 0.0, "large": 7.0, "nan": np.nan, "inf": np.inf}


def blot(row: Metric) -> np.ndarray:
    """A mask with a hole wider than a window at the border and single missing pixels elsewhere, `[H, W]`."""
    height, width, _ = shape_of(row)
    mask = np.ones((height, width), np.float32)
    mask[: height // 2, width // 2 :] = 0
    mask[-2:, ::5] = 0
    return mask


@functools.cache
def masked(row: Metric) -> dict[str, Outcome]:
    """Of two pairs under each mask, by name: of one program."""
    names = ("related", "noise 0.3")
    x, y = (np.stack(side) for side in zip(*(pairs(row)[name] for name in names), strict=True))
    hole = np.stack([blot(row)] * 2)
    weights = (hole * np.random.default_rng(2).random(hole.shape)).astype(np.float32)
    inside = hole[..., None] > 0
    cases = {
        "ones": (x, y, np.ones_like(hole)),
        "blot": (x, y, hole),
        "turned": (x, y, hole[:, ::-1, ::-1]),
        "weights": (x, y, weights),
        "half": (x, y, 0.5 * weights),
    }
    instead = {
        "empty": (x, y, hole * np.array([0, 1], np.float32)[:, None, None]),
        **{
            name: (np.where(inside, x, np.float32(value)), np.where(inside, y, -np.float32(value)), hole)
            for name, value in JUNK.items()
        },
    }

    def outcomes(cases: dict[str, tuple[np.ndarray, ...]]) -> dict[str, Outcome]:
        result = program(row, masked=True)(*(np.concatenate(z) for z in zip(*cases.values(), strict=True)))
        return {name: Outcome(*(z[2 * i : 2 * i + 2] for z in result)) for i, name in enumerate(cases)}

    results = outcomes(cases)
    # In the place of the blot, for the rounding of a Fourier transform may depend on the place in a batch.
    return results | {name: outcomes({**cases, "blot": case})["blot"] for name, case in instead.items()}


@every_masked_row
def test_mask_of_ones_changes_nothing(row: Metric) -> None:
    expected = outcome(row)
    some = at(row, "related", "noise 0.3")
    ones = masked(row)["ones"]
    np.testing.assert_allclose(ones.scores, expected.scores[some], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ones.by_x, expected.by_x[some], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(ones.by_y, expected.by_y[some], rtol=1e-3, atol=1e-6)


@every_masked_row
def test_mask_changes_something(row: Metric) -> None:
    results = masked(row)
    scores = [results[name].scores for name in ("ones", "blot", "turned", "weights")]
    assert all((np.abs(a - b) > 1e-6).all() for i, a in enumerate(scores) for b in scores[:i]), scores


@every_masked_row
def test_pixels_outside_have_no_influence(row: Metric) -> None:
    """Whatever they are: on the score and on the gradient, which is 0 there and nearly nowhere else."""
    results, inside = masked(row), blot(row)[..., None] > 0
    for name in JUNK:
        for expected, result in zip(results["blot"], results[name], strict=True):
            np.testing.assert_array_equal(result, expected)
    for gradient in results["blot"][1:]:
        np.testing.assert_array_equal(np.where(inside, 0, gradient), 0)
        assert np.count_nonzero(gradient) > 0.9 * inside.sum() * gradient.shape[0] * gradient.shape[-1]


@every_masked_row
def test_weights_are_relative(row: Metric) -> None:
    for result, half in zip(masked(row)["weights"], masked(row)["half"], strict=True):
        np.testing.assert_allclose(half, result, rtol=1e-5, atol=1e-7)


@every_masked_row
def test_empty_mask_scores_nan_with_a_gradient_of_zero(row: Metric) -> None:
    """No pixel has no score; and the image without pixels does not spoil the gradient of the others."""
    result, expected = masked(row)["empty"], masked(row)["blot"]
    np.testing.assert_array_equal(result.scores, [np.nan, expected.scores[1]])
    for gradient, whole in zip(result[1:], expected[1:], strict=True):
        np.testing.assert_array_equal(gradient[0], 0)
        np.testing.assert_array_equal(gradient[1], whole[1])


@every_masked_row
def test_a_mask_may_be_bool_and_serve_a_batch(row: Metric) -> None:
    """What becomes of it is tested with `check_mask`, through which every mask goes."""
    height, width, _ = shape_of(row)
    score = jax.eval_shape(
        lambda x, mask, params: example(row)(x, x, mask=mask, **params),
        abstract(row, 2, 3),
        jax.ShapeDtypeStruct((3, height, width), np.bool_),
        abstract_params(row),
    )
    assert (score.shape, score.dtype) == ((2, 3), np.float32)


def test_filled_up_images_score_as_they_are_where_pixels_count_by_themselves() -> None:
    """What `jaxloss.evaluate` relies on. Elsewhere windows and networks look across the border."""
    rows = [row for row in METRICS.values() if row.pixelwise]
    assert rows and all(row.mask for row in rows)
    for row in rows:
        sides = [pairs(row)["noise 0.1"][side] for side in (0, 1)]
        mask = np.pad(np.ones(shape_of(row)[:2], np.float32), ((0, 7), (0, 13)))
        filled = [np.pad(side, ((0, 7), (0, 13), (0, 0))) for side in sides]
        np.testing.assert_allclose(example_score(row, *filled, mask=mask), example_score(row, *sides), rtol=1e-5)


def example_score(row: Metric, x: np.ndarray, y: np.ndarray, **mask: np.ndarray) -> float:
    ranged = {"data_range": 1.0} if "data_range" in row.needs else {}
    return float(jax.jit(example(row, **ranged))(x, y, **mask))
