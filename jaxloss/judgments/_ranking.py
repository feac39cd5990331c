"""The ranking network G, which guesses from two distances what people will choose, and its loss."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._checks import error_text, one_dtype
from .._types import Array, ArrayLike, Params


# Inputs and outputs of each layer.
LAYERS = {"hidden1": (5, 32), "hidden2": (32, 32), "output": (32, 1)}
SLOPE = 0.2  # of the leaky ReLU
EPSILON = 0.1  # of the ratios


def init_ranking(key: Array) -> dict[str, Any]:
    """Random parameters of the ranking network, for `ranking_logits`.

    Args:
        key: From `jax.random.key`.

    Returns:
        `{"hidden1": {"kernel": [5, 32], "bias": [32]}, "hidden2": ..., "output": ...}`, float32, of torch's initial
        distribution: uniform between plus and minus the inverse root of a layer's inputs.

    Example:
        >>> import jax
        >>> from jaxloss.judgments import init_ranking
        >>> print({name: layer["kernel"].shape for name, layer in init_ranking(jax.random.key(0)).items()})
        {'hidden1': (5, 32), 'hidden2': (32, 32), 'output': (32, 1)}
    """
    # Drawn at once: each shape would be a program of its own.
    counts = [(inputs + 1) * outputs for inputs, outputs in LAYERS.values()]
    drawn = jax.random.uniform(key, (sum(counts),), jnp.float32, -1, 1)
    params = {}
    for (name, (inputs, outputs)), z in zip(LAYERS.items(), jnp.split(drawn, np.cumsum(counts)[:-1]), strict=True):
        bias, kernel = jnp.split(z / math.sqrt(inputs), [outputs])
        params[name] = {"kernel": kernel.reshape(inputs, outputs), "bias": bias}
    return params


def ranking_logits(params: Params, d0: ArrayLike, d1: ArrayLike) -> Array:
    r"""What the ranking network G makes of two distances: the sigmoid of it is the share of people for the second one.

    Two hidden layers of 32 with leaky ReLU 0.2, of the inputs

    $$d_0,\quad d_1,\quad d_0 - d_1,\quad \frac{d_0}{d_1 + 0.1},\quad \frac{d_1}{d_0 + 0.1}$$

    Args:
        params: Of `init_ranking`.
        d0: Distance of the first image to the reference, `[...]`, >= 0.
        d1: Of the second one.

    Returns:
        `[...]`, any number: above 0 where the second one is taken for the nearer one. float64 if a distance is, else
        float32.

    Raises:
        ValueError: If the shapes differ.
        TypeError: For integers.

    Gradient:
        Finite for distances >= 0.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments import init_ranking, ranking_logits
        >>> logits = ranking_logits(init_ranking(jax.random.key(0)), jnp.array([0.1, 0.5]), jnp.array([0.3, 0.2]))
        >>> print(logits.shape)
        (2,)

    Reference:
        Zhang et al., CVPR 2018, appendix B, https://arxiv.org/abs/1801.03924; as the authors' code has it.
    """
    d0, d1 = _of_one_shape("ranking_logits", d0=d0, d1=d1)
    x = jnp.stack([d0, d1, d0 - d1, d0 / (d1 + EPSILON), d1 / (d0 + EPSILON)], axis=-1)
    x = jax.nn.leaky_relu(_dense(params["hidden1"], x), SLOPE)
    x = jax.nn.leaky_relu(_dense(params["hidden2"], x), SLOPE)
    return _dense(params["output"], x)[..., 0]


def _dense(layer: Params, x: Array) -> Array:
    kernel, bias = (jnp.asarray(layer[part], x.dtype) for part in ("kernel", "bias"))
    return jnp.matmul(x, kernel, precision=lax.Precision.HIGHEST) + bias.reshape((1,) * (x.ndim - 1) + (-1,))


def _of_one_shape(name: str, **given: ArrayLike) -> list[Array]:
    shapes = [jnp.shape(values) for values in given.values()]
    if len(set(shapes)) > 1:
        way_out = "There are two distances and one judgment for each trial."
        raise ValueError(error_text(name, f"{' and '.join(given)} of one shape", shapes, way_out))
    return one_dtype(name, *given.values())


def ranking_loss(params: Params, d0: ArrayLike, d1: ArrayLike, judge: ArrayLike) -> Array:
    r"""Binary cross entropy between what the ranking network expects people to choose and what they chose.

    $$-h \log \sigma(G(d_0, d_1)) - (1 - h) \log(1 - \sigma(G(d_0, d_1)))$$

    It is computed from the logits: nothing overflows, and no gradient vanishes where the network is sure and wrong.

    Args:
        params: Of `init_ranking`.
        d0: Distance of the first image to the reference, `[n]`, >= 0.
        d1: Of the second one.
        judge: h, the share of people who found the second one nearer, `[n]`, in [0, 1].

    Returns:
        `[n]`, >= 0; lower is better, and log 2 for a network that says nothing.

    Raises:
        ValueError: If the shapes differ.
        TypeError: For integers.

    Gradient:
        Finite for distances >= 0; with respect to the logit it is `sigmoid(logit) - h`.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments import init_ranking, ranking_loss
        >>> params, d0, d1 = init_ranking(jax.random.key(0)), jnp.array([0.1, 0.5]), jnp.array([0.3, 0.2])
        >>> print(ranking_loss(params, d0, d1, jnp.array([0.0, 1.0])).shape)
        (2,)

    Reference:
        Zhang et al., CVPR 2018, https://arxiv.org/abs/1801.03924.
    """
    d0, d1, judge = _of_one_shape("ranking_loss", d0=d0, d1=d1, judge=judge)
    logits = ranking_logits(params, d0, d1)
    return jax.nn.softplus(logits) - judge * logits
