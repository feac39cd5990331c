import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxloss.ops import rgb_to_y


def test_luma_is_pillows(photograph):
    pixels = (photograph * 255).round().astype(np.uint8)
    expected = np.asarray(Image.fromarray(pixels).convert("L"), np.float32)
    # Pillow rounds to integers.
    np.testing.assert_allclose(255 * rgb_to_y(jnp.asarray(photograph))[..., 0], expected, atol=0.51)


def test_gray_images_raise():
    with pytest.raises(ValueError, match="3 channels"):
        rgb_to_y(jnp.zeros((4, 4, 1)))
