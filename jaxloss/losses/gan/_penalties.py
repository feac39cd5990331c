"""Penalties on the gradient of a critic with respect to its images."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ..._checks import as_scalar, check_image, error_text
from ..._types import Array, Image, Scalar
from ...ops._numerics import safe_sqrt


Critic = Callable[[Array], Array]


def gradient_penalty(key: Array, critic: Critic, real: Image, fake: Image, *, weight: Scalar = 10.0) -> Array:
    r"""The gradient penalty of WGAN-GP: the critic shall have slope 1 between real and generated images.

    $$\lambda \left(\lVert \nabla C(\hat{x}) \rVert_2 - 1\right)^2, \qquad
      \hat{x} = x + \alpha \, (G(z) - x), \quad \alpha \sim U[0, 1) \text{ for each image}$$

    Add its mean to `discriminator_loss(..., kind="wasserstein")`. The authors: $\lambda = 10$, 5 steps of the critic
    for each of the generator, Adam with learning rate 1e-4 and betas (0, 0.9) or (0.5, 0.9), and no batch
    normalization in the critic: it would make an image's logits depend on the others. BasicSR's
    `gradient_penalty_loss` is another function: its norm is over the channels of each pixel.

    Args:
        key: Random key; under `shard_map` and `pmap` one of its own for each device (`jax.random.fold_in`).
        critic: As in `r1_penalty`.
        real, fake: Real and generated images, `[n, H, W, C]`, as in `r1_penalty`.
        weight: $\lambda$; may be traced.

    Returns:
        `[n]`, >= 0; lower is better, 0 where the norm is 1.

    Gradient:
        As for `r1_penalty`. Where the gradient of the critic is 0, as that of a critic that starts at 0, it is 0.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> critic = lambda images: 2 * images.sum(axis=(1, 2, 3)) / 4  # a slope of 2 over 16 values
        >>> real, fake = jnp.ones((2, 4, 4, 1)), jnp.zeros((2, 4, 4, 1))
        >>> print(jaxloss.gradient_penalty(jax.random.key(0), critic, real, fake))
        [10. 10.]

    Reference:
        Gulrajani et al., "Improved training of Wasserstein GANs", NeurIPS 2017. https://arxiv.org/abs/1704.00028
    """
    name = "gradient_penalty"
    pair = check_image(name, "real", real), check_image(name, "fake", fake)
    if pair[0].shape != pair[1].shape:
        got, way_out = f"{pair[0].shape} and {pair[1].shape}", "They are mixed image by image: take as many of both."
        raise ValueError(error_text(name, "real and fake of equal shape [n, H, W, C]", got, way_out))
    wide = _widest(*pair)
    x, y = (image.astype(wide) for image in pair)
    alpha = jax.random.uniform(key, (*x.shape[:-3], 1, 1, 1), wide)
    dtype = _widest(jnp.asarray(real), jnp.asarray(fake))
    norm = safe_sqrt(_squared_slope(name, critic, x + alpha * (y - x), dtype))
    return as_scalar(weight, wide) * (norm - 1) ** 2


def _widest(*images: Array) -> jnp.dtype:
    return max((image.dtype for image in images), key=lambda dtype: dtype.itemsize)


def r1_penalty(critic: Critic, real: Image, *, gamma: Scalar = 10.0) -> Array:
    r"""The zero-centered gradient penalty on real images: the discriminator shall be flat on the data.

    $$\frac{\gamma}{2} \lVert \nabla D(x) \rVert_2^2$$

    Add its mean to the loss of the discriminator. Published weights:

    | method | gamma |
    |---|---|
    | StyleGAN2, MAT | 10; every 16th step, times 16 ("lazy regularization") |
    | StyleGAN2-ADA | 0.0002 · resolution² / batch size |
    | R3GAN, with `r2_penalty`, every step | falls from 0.05 to 0.005 (CIFAR-10), 2 to 0.2 (FFHQ 64), 150 to 15 |
    | | (FFHQ 256), 0.5 to 0.05 (ImageNet 32), 1 to 0.1 (ImageNet 64) |
    | GAN_stability: 10, without the ½ | 20 |
    | LaMa: 0.001, without the ½ | 0.002 |

    A discriminator with several outputs has one penalty for each (MAT): `lambda images: discriminator(images)[0]`.

    Args:
        critic: Function from images `[n, H, W, C]` to logits `[n, ...]`, which are summed for each image. Any number
            of leading axes, none too, if the critic takes them. An image's logits must not depend on the others.
        real: Real images, `[n, H, W, C]`, floating. The critic gets them in their own dtype; norms are float32 or
            float64.
        gamma: $\gamma$; may be traced, as that of a schedule.

    Returns:
        `[n]`, >= 0; lower is better, 0 where the discriminator is flat.

    Raises:
        ValueError: If the logits do not begin with the leading axes of the images.
        TypeError: For a critic that returns something else than one array of logits.

    Gradient:
        With respect to the images and to the parameters that the critic holds: the second derivative of the critic.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> critic = lambda images: 2 * images.sum(axis=(1, 2, 3)) / 4  # a slope of 2 over 16 values
        >>> print(jaxloss.r1_penalty(critic, jnp.ones((2, 4, 4, 1))))
        [20. 20.]

    Reference:
        Mescheder et al., "Which training methods for GANs do actually converge?", ICML 2018.
        https://arxiv.org/abs/1801.04406. Karras et al. 2020 (StyleGAN2), https://arxiv.org/abs/1912.04958
    """
    return _zero_centered("r1_penalty", critic, "real", real, gamma)


def r2_penalty(critic: Critic, fake: Image, *, gamma: Scalar = 10.0) -> Array:
    r"""The zero-centered gradient penalty on generated images.

    $$\frac{\gamma}{2} \lVert \nabla D(G(z)) \rVert_2^2$$

    `r1_penalty` on generated images, with which R3GAN adds it in every step, at the same weight.

    Args:
        critic, gamma: As in `r1_penalty`.
        fake: Generated images, `[n, H, W, C]`.

    Returns:
        `[n]`, >= 0; lower is better, 0 where the discriminator is flat.

    Gradient:
        As for `r1_penalty`. In a step of the discriminator differentiate with respect to its parameters only, or pass
        `jax.lax.stop_gradient(fake)`.

    Example:
        >>> import jax.numpy as jnp, jaxloss
        >>> critic = lambda images: (images**2).sum(axis=(1, 2, 3))
        >>> print(jaxloss.r2_penalty(critic, jnp.full((1, 4, 4, 1), 0.5), gamma=1.0))  # 16 slopes of 1
        [8.]

    Reference:
        Mescheder et al. 2018, https://arxiv.org/abs/1801.04406. Huang et al., "The GAN is dead; long live the GAN! A
        modern GAN baseline", NeurIPS 2024. https://arxiv.org/abs/2501.05441
    """
    return _zero_centered("r2_penalty", critic, "fake", fake, gamma)


def _zero_centered(name: str, critic: Critic, argument: str, image: Image, gamma: Scalar) -> Array:
    wide = check_image(name, argument, image)
    return as_scalar(gamma, wide.dtype) / 2 * _squared_slope(name, critic, wide, jnp.asarray(image).dtype)


def _squared_slope(name: str, critic: Critic, image: Array, dtype: jnp.dtype) -> Array:
    """Squared norm of the gradient of the sum of each image's logits, `[...]`, in the dtype of `image`.

    The critic sees images of `dtype`. One pass back from all logits has the gradients of all images at once: no image
    has a part in the logits of another.
    """
    logits, pull_back = jax.vjp(lambda image: critic(image.astype(dtype)), image)
    leading = image.shape[:-3]
    if not isinstance(logits, jax.Array) or not jnp.issubdtype(logits.dtype, jnp.floating):
        got = f"dtype {logits.dtype}" if isinstance(logits, jax.Array) else f"a {type(logits).__name__}"
        way_out = "Of several outputs choose one: lambda images: critic(images)[0]."
        raise TypeError(error_text(name, "a critic that returns one floating array of logits", got, way_out))
    if logits.shape[: len(leading)] != leading:
        axes = "".join(f"{side}, " for side in leading)
        expected = f"a critic that returns logits [{axes}...] for images [{axes}H, W, C]"
        raise ValueError(error_text(name, expected, logits.shape, "It must not reduce over the images."))
    (slope,) = pull_back(jnp.ones_like(logits))
    return (slope**2).sum(axis=(-3, -2, -1))
