"""One image spread over many devices: each has a strip of its rows, and asks its neighbors for those beyond."""

import jax.numpy as jnp
from jax import lax

from .._checks import check_image, error_text
from .._types import Array, Image, Map, Scores


def exchange_halo(image: Image, *, axis_name: str, above: int = 0, below: int = 0) -> Map:
    """A strip of an image whose rows are spread over devices, extended by rows of its neighbors; for `jax.shard_map`.

    Args:
        image: The strip of this device, `[..., h, W, C]`; all strips are equally high, in the order of the devices.
        axis_name: The axis of the mesh that the rows are spread over.
        above: How many of the rows above the strip, at most h.
        below: How many of those below it, at most h.

    Returns:
        `[..., above + h + below, W, C]`; zeros beyond the border of the whole image.

    Raises:
        ValueError: For more rows than a strip has.

    Gradient:
        Each row gets back what the neighbors have made of it.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> rows = jax.sharding.PartitionSpec("rows")
        >>> mesh = jax.sharding.Mesh(jax.devices()[:1], "rows")
        >>> extend = lambda strip: jaxloss.ops.exchange_halo(strip, axis_name="rows", below=1)
        >>> image = jnp.array([1.0, 2.0, 3.0]).reshape(3, 1, 1)
        >>> print(jax.jit(jax.shard_map(extend, mesh=mesh, in_specs=rows, out_specs=rows))(image).ravel())
        [1. 2. 3. 0.]
    """
    image = check_image("exchange_halo", "image", image)
    height, count = image.shape[-3], lax.axis_size(axis_name)
    for name, rows in (("above", above), ("below", below)):
        if not 0 <= rows <= height:
            way_out = "Spread the image over fewer devices."
            raise ValueError(error_text("exchange_halo", f"{name} from 0 to {height}, a strip's rows", rows, way_out))
    parts = [image]
    if above:
        last = lax.slice_in_dim(image, height - above, height, axis=-3)
        parts.insert(0, lax.ppermute(last, axis_name, [(i, i + 1) for i in range(count - 1)]))
    if below:
        first = lax.slice_in_dim(image, 0, below, axis=-3)
        parts.append(lax.ppermute(first, axis_name, [(i + 1, i) for i in range(count - 1)]))
    return jnp.concatenate(parts, axis=-3)


def mean_over_strips(values: Array, *, axis_name: str, rows: int) -> Scores:
    """Mean over height, width and channels of a field whose rows are spread over devices; for `jax.shard_map`.

    Args:
        values: The strip of this device, `[..., h, W, C]`; all strips are equally high, in the order of the devices.
        axis_name: The axis of the mesh that the rows are spread over.
        rows: How many rows the field has. What the last strips hold beyond them does not count, not even NaN: windows
            that leave the image.

    Returns:
        `[...]`, the same on all devices.

    Raises:
        ValueError: For more rows than all strips have.

    Gradient:
        `1 / (rows * W * C)` for each value that counts.

    Example:
        >>> import jax, jax.numpy as jnp, jaxloss
        >>> one, rows = jax.sharding.PartitionSpec(), jax.sharding.PartitionSpec("rows")
        >>> mesh = jax.sharding.Mesh(jax.devices()[:1], "rows")
        >>> mean = lambda strip: jaxloss.ops.mean_over_strips(strip, axis_name="rows", rows=2)
        >>> values = jnp.array([1.0, 2.0, 7.0]).reshape(3, 1, 1)
        >>> print(jax.jit(jax.shard_map(mean, mesh=mesh, in_specs=rows, out_specs=one))(values))
        1.5
    """
    values = check_image("mean_over_strips", "values", values)
    height, width, channels = values.shape[-3:]
    total = height * lax.axis_size(axis_name)
    if not 0 < rows <= total:
        way_out = "It is the height of the whole image, less the rows that a window has beyond its first."
        raise ValueError(error_text("mean_over_strips", f"rows from 1 to {total}", rows, way_out))
    row = lax.axis_index(axis_name) * height + jnp.arange(height)
    counted = jnp.where((row < rows)[:, None, None], values, jnp.zeros_like(values))
    return lax.psum(counted.sum(axis=(-3, -2, -1)), axis_name) / (rows * width * channels)
