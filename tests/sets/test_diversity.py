"""Scores of one set against float64, at once and streamed."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.sets import (
    inception_score,
    inception_score_of,
    init_inception_score,
    merge,
    update_inception_score,
    vendi_score,
)
from tests.sets._numpy import features, inception_score as slow_inception_score, vendi


LOGITS = 2 * np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
ENDS = [5, 11, 17, 22, 28, 34]  # of seven parts of 40, as torch-fidelity has them
PROBABILITIES = np.exp(LOGITS.astype(np.float64)) / np.exp(LOGITS.astype(np.float64)).sum(1, keepdims=True)


def test_inception_score() -> None:
    """In parts of unequal size; of classes that are sure, whose logarithms are infinite, and of those that are not."""
    evaluate = jax.jit(functools.partial(inception_score, splits=7))
    np.testing.assert_allclose(evaluate(LOGITS), slow_inception_score(np.split(PROBABILITIES, ENDS)), rtol=1e-5)
    with np.errstate(divide="ignore"):
        sure = np.log(np.resize(np.eye(6, dtype=np.float32), LOGITS.shape))
    assert 5 < evaluate(sure).mean < 6
    np.testing.assert_allclose(evaluate(0 * LOGITS), (1, 0), atol=1e-6)


def test_streamed_inception_score_is_that_of_all() -> None:
    update = jax.jit(lambda state, logits, mask: update_inception_score(state, logits, mask=mask))
    states = []
    for start in (0, 16, 32):
        batch = np.full((16, 6), np.nan, np.float32)
        part = LOGITS[start : start + 16]
        batch[: len(part)] = part
        states.append(update(init_inception_score(6), batch, np.arange(16) < len(part)))
    found = inception_score_of(functools.reduce(merge, states))
    np.testing.assert_allclose(found, slow_inception_score([PROBABILITIES])[0], rtol=1e-6)
    with pytest.raises(ValueError, match=r"a state of shape \[classes \+ 2\], got \(8,\) and logits of shape \(4, 5\)"):
        update_inception_score(states[0], jnp.ones((4, 5)))


@pytest.mark.parametrize("order", [1.0, 2.0, 0.5, math.inf])
def test_vendi_score(order: float) -> None:
    """More rows than dimensions."""
    x = features(1, 20, 4)
    found = jax.jit(functools.partial(vendi_score, order=order))(x)
    np.testing.assert_allclose(found, vendi(x, order), rtol=1e-5)


@pytest.mark.usefixtures("float64")
def test_vendi_score_counts_what_differs() -> None:
    """Fewer rows than dimensions, a row that is there twice; the gradient is finite there, and right elsewhere."""
    evaluate = jax.jit(jax.value_and_grad(vendi_score))
    value, slope = evaluate(np.eye(7)[[0, 1, 2, 2]])
    np.testing.assert_allclose(value, np.exp(1.5 * np.log(2)), rtol=1e-6)
    assert np.isfinite(slope).all()
    x = features(1, 4, 7).astype(np.float64) + 0.1
    value, slope = evaluate(x)
    np.testing.assert_allclose(value, vendi(x, 1.0), rtol=1e-10)
    direction = np.random.default_rng(0).normal(size=x.shape)
    after, before = evaluate(x + 1e-5 * direction)[0], evaluate(x - 1e-5 * direction)[0]
    np.testing.assert_allclose((slope * direction).sum(), (after - before) / 2e-5, rtol=1e-6)


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"at least 10 rows of logits, got 4. Or take fewer splits than 10"):
        inception_score(LOGITS[:4])
    with pytest.raises(ValueError, match="splits >= 1, got 0"):
        inception_score(LOGITS, splits=0)
    with pytest.raises(ValueError, match="classes >= 1, got 0"):
        init_inception_score(0)
    with pytest.raises(ValueError, match=r"mask of shape \(40,\), got \(4,\)"):
        update_inception_score(init_inception_score(6), LOGITS, mask=np.ones(4, bool))
    with pytest.raises(ValueError, match="order >= 0, got -1"):
        vendi_score(LOGITS, order=-1.0)
