"""Partial convolution as a layer of Flax linen."""

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.initializers import lecun_normal, zeros_init
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from .._types import Array, ArrayLike, Image
from ..ops._partial_conv import Padding, PerAxis, partial_conv


class PartialConv(nn.Module):
    """`jaxloss.ops.partial_conv` with parameters of its own, `"kernel"` and `"bias"`.

    Called with images or features `[..., H, W, C]` and a mask, `[..., H, W]` or `[H, W]`, 1 = known, it returns the
    output and the mask of the next layer.

    Attributes:
        features: Channels of the output.
        kernel_size: Of the window, one number or (height, width).
        strides: Steps of the window.
        padding: `"SAME"`, `"VALID"`, pixels on all sides, or `[(top, bottom), (left, right)]`.
        dilation: Distance between the taps of the kernel.
        multi_channel: Whether the mask tells channels apart, `[..., H, W, C]`.
        use_bias: Whether a bias is added.
        kernel_init: Initializer of the kernel.
        bias_init: Initializer of the bias.
        param_dtype: Of the parameters; the arithmetic is in float32, or float64 if the images are.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.backbones import PartialConv
        >>> layer, x, mask = PartialConv(8, 3, strides=2), jnp.ones((1, 6, 6, 3)), jnp.zeros((1, 6, 6))
        >>> variables = jax.jit(layer.init)(jax.random.key(0), x, mask)
        >>> output, known = jax.jit(layer.apply)(variables, x, mask)
        >>> print(output.shape, known.shape)
        (1, 3, 3, 8) (1, 3, 3)
    """

    features: int
    kernel_size: PerAxis
    strides: PerAxis = 1
    padding: Padding = "SAME"
    dilation: PerAxis = 1
    multi_channel: bool = False
    use_bias: bool = True
    kernel_init: Initializer = lecun_normal()
    bias_init: Initializer = zeros_init()
    param_dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Image, mask: ArrayLike | None = None) -> tuple[Array, Array]:
        size = (self.kernel_size, self.kernel_size) if isinstance(self.kernel_size, int) else self.kernel_size
        kernel = self.param("kernel", self.kernel_init, (*size, x.shape[-1], self.features), self.param_dtype)
        bias = self.param("bias", self.bias_init, (self.features,), self.param_dtype) if self.use_bias else None
        return partial_conv(
            x,
            mask,
            kernel,
            bias,
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation,
            multi_channel=self.multi_channel,
        )
