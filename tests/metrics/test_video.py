import functools

import jax
import numpy as np
import pytest

import jaxloss


@pytest.mark.parametrize("function", [jaxloss.xpsnr, jaxloss.xpsnr_planes])
def test_number_of_channels(function) -> None:
    image = jax.ShapeDtypeStruct((48, 48, 4), np.float32)
    with pytest.raises(ValueError, match=rf"^{function.__name__}: expected 1 channel \(gray\) or 3 \(RGB, or YUV\)"):
        jax.eval_shape(lambda x: function(x, x, data_range=1.0), image)


def test_luma_of_a_video_is_its_first_plane(rng: np.random.Generator) -> None:
    x, y = rng.random((2, 48, 52, 3), np.float32)
    score = jax.jit(functools.partial(jaxloss.xpsnr, data_range=1.0, yuv=True))
    np.testing.assert_allclose(score(x, y), score(x[..., :1], y[..., :1]), rtol=1e-6)
