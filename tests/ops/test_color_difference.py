import jax
import numpy as np
import pytest

from jaxloss.ops import color_difference


# L, a, b of either color, and their difference: table 1 of Sharma, Wu, Dalal 2005.
SHARMA = """
50.0000 2.6772 -79.7751 50.0000 0.0000 -82.7485 2.0425
50.0000 3.1571 -77.2803 50.0000 0.0000 -82.7485 2.8615
50.0000 2.8361 -74.0200 50.0000 0.0000 -82.7485 3.4412
50.0000 -1.3802 -84.2814 50.0000 0.0000 -82.7485 1.0000
50.0000 -1.1848 -84.8006 50.0000 0.0000 -82.7485 1.0000
50.0000 -0.9009 -85.5211 50.0000 0.0000 -82.7485 1.0000
50.0000 0.0000 0.0000 50.0000 -1.0000 2.0000 2.3669
50.0000 -1.0000 2.0000 50.0000 0.0000 0.0000 2.3669
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0009 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0010 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0011 7.2195
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0012 7.2195
50.0000 -0.0010 2.4900 50.0000 0.0009 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0010 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0011 -2.4900 4.7461
50.0000 2.5000 0.0000 50.0000 0.0000 -2.5000 4.3065
50.0000 2.5000 0.0000 73.0000 25.0000 -18.0000 27.1492
50.0000 2.5000 0.0000 61.0000 -5.0000 29.0000 22.8977
50.0000 2.5000 0.0000 56.0000 -27.0000 -3.0000 31.9030
50.0000 2.5000 0.0000 58.0000 24.0000 15.0000 19.4535
50.0000 2.5000 0.0000 50.0000 3.1736 0.5854 1.0000
50.0000 2.5000 0.0000 50.0000 3.2972 0.0000 1.0000
50.0000 2.5000 0.0000 50.0000 1.8634 0.5757 1.0000
50.0000 2.5000 0.0000 50.0000 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""


@pytest.mark.usefixtures("float64")
def test_sharmas_pairs():
    """All 34, in both orders, to the digits that were published; and the distance, which is NumPy's."""
    table = np.array([line.split() for line in SHARMA.strip().splitlines()], float)
    lab, other, expected = table[:, :3], table[:, 3:6], table[:, 6]
    assert len(table) == 34
    difference = jax.jit(color_difference, static_argnames="formula")
    for pair in ((lab, other), (other, lab)):
        np.testing.assert_allclose(difference(*pair), expected, atol=6e-5)
    distance = difference(lab, other, formula="cie76")
    np.testing.assert_allclose(distance, np.linalg.norm(lab - other, axis=1), rtol=1e-12)


def test_gradients_are_finite():
    """Also of equal and of gray colors, of hues on either side of red, and where squares of a chroma underflow."""
    colors = np.array(
        [[0, 0, 0], [50, 0, 0], [50, 0, 1e-25], [50, 1e-6, 0], [50, 20, 0], [50, 20, -1e-30], [50, -20, 0], [9, 0, -9]],
        np.float32,
    )
    lab, other = np.repeat(colors, len(colors), 0), np.tile(colors, (len(colors), 1))
    equal, apart = (lab == other).all(axis=1), (np.abs(lab - other) > 1e-9).any(axis=1)
    for formula in ("ciede2000", "cie76"):
        gradient = jax.jit(jax.grad(lambda *z, name=formula: color_difference(*z, formula=name).sum(), argnums=(0, 1)))
        for side, slope in zip((lab, other), map(np.asarray, gradient(lab, other)), strict=True):
            assert np.isfinite(slope).all() and not slope[equal].any()
            colored = np.hypot(side[:, 1], side[:, 2]) > 1
            assert slope[apart & colored].any(axis=1).all()


def test_bad_input_raises():
    for lab, other in ((np.zeros((4, 3)), np.zeros(3)), (np.zeros((4, 2)), np.zeros((4, 2)))):
        with pytest.raises(ValueError, match=r"color_difference: expected colors of equal shape \[..., 3\]"):
            color_difference(lab, other)
    with pytest.raises(ValueError, match="formula one of"):
        color_difference(np.zeros(3), np.zeros(3), formula="cmc")
