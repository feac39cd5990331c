"""Scores of one set without a reference: Inception score, of what a classifier says, and Vendi score, of features."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import xlogy

from .._checks import error_text
from .._types import Array, Counted, FeatureSet, ScalarArray
from ..ops._compensated import Sums, merge, zero_sums
from ..ops._numerics import safe_divide, safe_power, safe_sqrt
from ._features import check_features


class InceptionScore(NamedTuple):
    """From 1 to the number of classes; higher is better.

    Attributes:
        mean: Of the splits.
        deviation: Standard deviation between them, as of all there are: divided by their number, not by one less.
    """

    mean: Array
    deviation: Array


def inception_score(logits: FeatureSet, *, splits: int = 10) -> InceptionScore:
    r"""Inception score: images should be of one class each, and of all classes together.

    $$\exp \mathrm{E}_x \mathrm{KL}(p(y | x) \,\|\, p(y))$$

    Args:
        logits: `[n, classes]`, before the softmax, in random order. Of probabilities p, `log(p)`.
        splits: The score is that of each of so many parts of the set.

    Returns:
        `InceptionScore` of mean and deviation.

    Raises:
        ValueError: If there are fewer rows than splits.

    Example:
        >>> import jax, numpy as np
        >>> from jaxloss.sets import inception_score
        >>> logits = 30 * np.eye(4, dtype=np.float32)  # sure of each
        >>> print(f"{jax.jit(lambda x: inception_score(x, splits=1))(logits).mean:.4f}")
        4.0000

    Reference:
        Salimans et al., NeurIPS 2016, https://arxiv.org/abs/1606.03498.
    """
    name = "inception_score"
    if splits < 1:
        raise ValueError(error_text(name, "splits >= 1", splits, "10 are usual."))
    (logits,) = check_features(name, splits, f"Or take fewer splits than {splits}.", logits=logits)
    terms, count = _terms(logits), logits.shape[0]
    sizes = np.diff(np.arange(splits + 1) * count // splits)
    member = jnp.arange(splits)[:, None] == np.repeat(np.arange(splits), sizes)[None]
    sums = jnp.dot(member.astype(terms.dtype), terms, precision=lax.Precision.HIGHEST)
    scores = jax.vmap(_score)(sums / sizes.astype(terms.dtype)[:, None])
    return InceptionScore(scores.mean(), scores.std())


def init_inception_score(classes: int) -> Sums:
    """The state of an empty set, for `update_inception_score`.

    Args:
        classes: Length of a row of logits.

    Returns:
        `Sums` of `[classes + 2]`: of the probabilities, of their negative entropies, and of rows.

    Raises:
        ValueError: If `classes` is not positive.

    Example:
        >>> from jaxloss.sets import init_inception_score
        >>> print(init_inception_score(1000).high.shape)
        (1002,)
    """
    if classes < 1:
        raise ValueError(error_text("init_inception_score", "classes >= 1", classes, "It is the length of a row."))
    return zero_sums(classes + 2)


def update_inception_score(state: Sums, logits: FeatureSet, *, mask: Counted | None = None) -> Sums:
    """The state with a batch more.

    Args:
        state: Of `init_inception_score`, or of an earlier batch.
        logits: `[n, classes]`, see `inception_score`.
        mask: `[n]`, which rows count.

    Returns:
        The state of all.

    Raises:
        ValueError: Also if the classes are not those of the state.

    Example:
        >>> import numpy as np
        >>> from jaxloss.sets import inception_score_of, init_inception_score, update_inception_score
        >>> state = update_inception_score(init_inception_score(4), 30 * np.eye(4, dtype=np.float32))
        >>> print(f"{inception_score_of(state):.4f}")
        4.0000
    """
    name = "update_inception_score"
    (logits,) = check_features(name, 0, logits=logits)
    if state.high.shape != (logits.shape[1] + 2,):
        got = f"{state.high.shape} and logits of shape {logits.shape}"
        way_out = "Begin with init_inception_score(classes)."
        raise ValueError(error_text(name, "a state of shape [classes + 2]", got, way_out))
    counted = np.ones(logits.shape[0], bool) if mask is None else jnp.asarray(mask, bool)
    if counted.shape != logits.shape[:1]:
        way_out = "One for each row of logits."
        raise ValueError(error_text(name, f"mask of shape {logits.shape[:1]}", counted.shape, way_out))
    return _add(state, logits, counted)


def inception_score_of(state: Sums) -> ScalarArray:
    """Inception score of all that a state has seen, as one split; within `jit` as well.

    Args:
        state: Of `update_inception_score`.

    Returns:
        A number from 1 to that of classes; higher is better.

    Gradient:
        Finite.

    Example:
        >>> import numpy as np
        >>> from jaxloss.sets import inception_score_of, init_inception_score, update_inception_score
        >>> state = update_inception_score(init_inception_score(4), np.zeros((4, 4), np.float32))
        >>> print(f"{inception_score_of(state):.4f}")
        1.0000
    """
    return _score_of_sums(state.high)


def vendi_score(x: FeatureSet, *, order: float = 1.0) -> ScalarArray:
    r"""Vendi score: how many different images there are, as the exponential of an entropy of their similarities.

    $$\exp\left(-\sum_i \lambda_i \log \lambda_i\right), \quad \text{eigenvalues } \lambda_i \text{ of } K / n, \quad
    K_{ij} = \cos(x_i, x_j)$$

    They are the squared singular values of the rows of length 1: no matrix of all pairs is built.

    Args:
        x: Features `[n, d]`.
        order: q of Rényi's entropy; the larger, the less rare images count. `math.inf` asks only for the largest
            eigenvalue.

    Returns:
        A number from 1, all alike, to the smaller of n and d; higher is more diverse.

    Raises:
        ValueError: If `order` is negative.

    Gradient:
        Finite for orders of 1 or more. A row of zeros, which is like no other, has a gradient of 0.

    Example:
        >>> import jax, numpy as np
        >>> from jaxloss.sets import vendi_score
        >>> print(f"{jax.jit(lambda x: vendi_score(x))(np.eye(4, dtype=np.float32)):.4f}")
        4.0000

    Reference:
        Friedman, Dieng, TMLR 2023, https://arxiv.org/abs/2210.02410.
    """
    (x,) = check_features("vendi_score", 1, x=x)
    if not order >= 0:
        raise ValueError(error_text("vendi_score", "order >= 0", order, "1 is Shannon's entropy."))
    rows = safe_divide(x, safe_sqrt((x * x).sum(axis=1, keepdims=True))) / x.shape[0] ** 0.5
    shares = _singular_values(rows) ** 2
    if math.isinf(order):
        return 1 / shares.max()
    if order == 1:
        return jnp.exp(-xlogy(shares, jnp.where(shares > 0, shares, 1)).sum())
    floor = jnp.finfo(x.dtype).eps * max(x.shape)  # what is none but by rounding, which order 0 would count
    return safe_power(jnp.where(shares > floor, shares, 0), order).sum() ** (1 / (1 - order))


@jax.custom_jvp
def _singular_values(x: Array) -> Array:
    return jnp.linalg.svd(x, full_matrices=False, compute_uv=False)


@_singular_values.defjvp
def _singular_values_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    u, s, v = jnp.linalg.svd(primals[0], full_matrices=False)
    return s, (jnp.dot(u.T, tangents[0], precision=lax.Precision.HIGHEST) * v).sum(axis=1)


def _terms(logits: Array) -> Array:
    """Of each row its probabilities and the negative of their entropy, `[n, classes + 1]`."""
    probabilities = jax.nn.softmax(logits)
    logarithms = jnp.where(probabilities > 0, jax.nn.log_softmax(logits), 0)
    return jnp.concatenate([probabilities, (probabilities * logarithms).sum(axis=1, keepdims=True)], axis=1)


def _score(means: Array) -> Array:
    marginal = means[:-1]
    return jnp.exp(means[-1] - xlogy(marginal, jnp.where(marginal > 0, marginal, 1)).sum())


@jax.jit  # one program for those who call it without
def _add(state: Sums, logits: Array, counted: Array) -> Sums:
    terms = jnp.where(counted[:, None], _terms(logits), 0).sum(axis=0)
    total = jnp.append(terms, counted.sum().astype(terms.dtype)).astype(state.high.dtype)
    return merge(state, Sums(total, jnp.zeros_like(total)))


@jax.jit
def _score_of_sums(sums: Array) -> Array:
    return _score(sums[:-1] / sums[-1])
