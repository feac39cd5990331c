"""Maximum mean discrepancy of two sets of features, and the kernel distance from subsets of them."""

from collections.abc import Callable
from typing import NamedTuple, TypedDict

import jax
import jax.numpy as jnp
from jax import lax

from .._checks import as_scalar, check_choice, check_positive, error_text
from .._types import Array, FeatureSet, Scalar, ScalarArray
from ._features import centered, check_features, over_rows, squared_distances, squared_lengths


class MMDOptions(TypedDict, total=False):
    kernel: str
    sigma: Scalar
    degree: int
    gamma: Scalar | None
    offset: Scalar
    unbiased: bool
    scale: Scalar


MMD_CONVENTIONS: dict[str, MMDOptions] = {
    "cmmd": {"kernel": "gaussian", "sigma": 10.0, "unbiased": False, "scale": 1000.0},
    "kid": {"kernel": "polynomial", "degree": 3, "gamma": None, "offset": 1.0, "unbiased": True, "scale": 1.0},
}
"""Options with which `mmd` is that of CMMD (Jayasumana 2024) and of the subsets of KID (Bińkowski 2018)."""

KERNELS = ("gaussian", "polynomial")

# From a row [d], others [m, d] and their squared lengths [m] to what the kernel says of each pair, less a constant.
RowKernel = Callable[[Array, Array, Array], Array]


class KID(NamedTuple):
    """Kernel distance of two sets.

    Attributes:
        mean: Of the subsets; lower is better, and 0 is expected of sets from one distribution, so that it may be below.
        deviation: Standard deviation between subsets, as of all there are: divided by their number, not by one less.
    """

    mean: Array
    deviation: Array


def mmd(
    x: FeatureSet,
    y: FeatureSet,
    *,
    kernel: str = "gaussian",
    sigma: Scalar = 10.0,
    degree: int = 3,
    gamma: Scalar | None = None,
    offset: Scalar = 1.0,
    unbiased: bool = True,
    scale: Scalar = 1.0,
) -> ScalarArray:
    r"""Squared maximum mean discrepancy of two sets of features.

    $$\overline{k(x, x')} + \overline{k(y, y')} - 2 \overline{k(x, y)}, \quad
    k(a, b) = \exp(-|a - b|^2 / 2 \sigma^2) \text{ or } (\gamma\, a \cdot b + c)^p$$

    Gaussian kernels are averaged less their constant 1, which cancels: with the wide kernel of CMMD most digits would.
    Rows are taken in blocks: no matrix of all pairs is kept, nor for the gradient.

    Args:
        x: Features `[n, d]` of the images under test.
        y: Of the reference, `[m, d]`.
        kernel: `"gaussian"` or `"polynomial"`.
        sigma: Of the Gaussian kernel.
        degree, gamma, offset: p, gamma (1 / d by default) and c of the polynomial kernel.
        unbiased: Leave out the pairs of a row with itself.
        scale: Factor of the result.

    Returns:
        A number; lower is better. 0 or more where biased. CMMD's is `mmd(x, y, **MMD_CONVENTIONS["cmmd"])`, of
        embeddings of length 1.

    Raises:
        ValueError: Also for sets of one row, where unbiased.

    Gradient:
        Finite, by `sigma`, `gamma`, `offset` and `scale`, too.

    Example:
        >>> import jax, numpy as np
        >>> from jaxloss.sets import mmd
        >>> x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
        >>> print(f"{jax.jit(lambda x, y: mmd(x, y, sigma=1.0))(x + 1, x):.2f}")
        0.15

    Reference:
        Gretton et al., JMLR 2012, https://jmlr.org/papers/v13/gretton12a.html; Jayasumana et al., CVPR 2024,
        https://arxiv.org/abs/2401.09603.
    """
    x, y = check_features("mmd", 2 if unbiased else 1, "unbiased=False takes sets of one row.", x=x, y=y)
    check_choice("mmd", "kernel", kernel, KERNELS)
    if kernel == "gaussian":
        check_positive("mmd", "sigma", sigma)
        x, y = centered(x, y)
        row_kernel = _gaussian(as_scalar(sigma, x.dtype))
    else:
        row_kernel = _polynomial("mmd", x, degree, gamma, offset)
    return as_scalar(scale, x.dtype) * _discrepancy(row_kernel, x, y, unbiased=unbiased)


def kid(
    key: Array,
    x: FeatureSet,
    y: FeatureSet,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    degree: int = 3,
    gamma: Scalar | None = None,
    offset: Scalar = 1.0,
) -> KID:
    """Kernel Inception distance: the mean of the unbiased discrepancy, with a cubic kernel, of random subsets.

    Args:
        key: Of the subsets, from `jax.random.key`.
        x: Features `[n, d]` of the images under test.
        y: Of the reference, `[m, d]`.
        subsets: How many.
        subset_size: Rows of each, drawn without replacement.
        degree, gamma, offset: Of the kernel, see `mmd`.

    Returns:
        `KID` of mean and deviation. The mean over all pairs at once is `mmd(x, y, **MMD_CONVENTIONS["kid"])`.

    Raises:
        ValueError: If a set has fewer rows than a subset.

    Example:
        >>> import jax, numpy as np
        >>> from jaxloss.sets import kid
        >>> x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
        >>> found = jax.jit(lambda x, y: kid(jax.random.key(0), x, y, subsets=4, subset_size=50))(x + 1, x)
        >>> print(f"{found.mean:.1f}")
        11.8

    Reference:
        Bińkowski et al., ICLR 2018, https://arxiv.org/abs/1801.01401.
    """
    name = "kid"
    if subset_size < 2 or subsets < 1:
        got = f"{subsets} of {subset_size}"
        raise ValueError(error_text(name, "one subset or more of 2 rows or more", got, "100 of 1000 are usual."))
    x, y = check_features(name, subset_size, f"Or take a smaller subset_size than {subset_size}.", x=x, y=y)
    row_kernel = _polynomial(name, x, degree, gamma, offset)

    def of_subset(key: Array) -> Array:
        keys = jax.random.split(key)
        drawn = [jax.random.permutation(k, z.shape[0])[:subset_size] for k, z in zip(keys, (x, y), strict=True)]
        return _discrepancy(row_kernel, x[drawn[0]], y[drawn[1]], unbiased=True)

    found = lax.map(jax.checkpoint(of_subset), jax.random.split(key, subsets))
    return KID(found.mean(), found.std())


def _gaussian(sigma: Scalar) -> RowKernel:
    return lambda row, others, lengths: jnp.expm1(-squared_distances(row, others, lengths) / (2 * sigma**2))


def _polynomial(name: str, x: Array, degree: int, gamma: Scalar | None, offset: Scalar) -> RowKernel:
    if degree < 1:
        raise ValueError(error_text(name, "degree >= 1", degree, "KID has 3."))
    factor = 1 / x.shape[1] if gamma is None else as_scalar(gamma, x.dtype)
    constant = as_scalar(offset, x.dtype)
    return lambda row, others, lengths: (
        (factor * jnp.dot(others, row, precision=lax.Precision.HIGHEST) + constant) ** degree
    )


def _discrepancy(kernel: RowKernel, x: Array, y: Array, *, unbiased: bool) -> Array:
    def mean(a: Array, b: Array, *, but_itself: bool = False) -> Array:
        """Of all pairs of a row of a and one of b."""
        lengths, count = squared_lengths(b), b.shape[0]

        def row_mean(index: Array, row: Array) -> Array:
            values = kernel(row, b, lengths)
            if not but_itself:
                return values.mean()
            return jnp.where(jnp.arange(count) == index, 0, values).sum() / (count - 1)

        return over_rows(row_mean, a, count).mean()

    return mean(x, x, but_itself=unbiased) + mean(y, y, but_itself=unbiased) - 2 * mean(x, y)
