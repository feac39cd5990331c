import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops._fourier import frequencies, log_gabor, phase_congruency


def congruency(image: np.ndarray, epsilon: float) -> np.ndarray:
    """Kovesi's `phasecong2` with the choices of FSIM: whole complex filters, one after the other."""
    height, width = image.shape
    v, u = (np.fft.ifftshift(np.arange(n) - n // 2) / (n - n % 2) for n in (height, width))
    radius, angle = np.hypot(u[None], v[:, None]), np.arctan2(-v[:, None], u[None])
    low_pass = 1 / (1 + (radius / 0.45) ** 30)
    radius[0, 0] = 1
    total_energy, total_amplitude = 0.0, 0.0
    for orientation in range(4):
        turned = angle - orientation * np.pi / 4
        distance = np.abs(np.arctan2(np.sin(turned), np.cos(turned)))
        spread = np.exp(-(distance**2) / (2 * (np.pi / 4 / 1.2) ** 2))
        filters = []
        for scale in range(4):
            radial = np.exp(-(np.log(radius * 6 * 2**scale) ** 2) / (2 * np.log(0.55) ** 2)) * low_pass
            radial[0, 0] = 0
            filters.append(radial * spread)
        responses = [np.fft.ifft2(np.fft.fft2(image) * z) for z in filters]
        total = sum(responses)
        mean = total / (np.abs(total) + epsilon)
        energy = sum((z * mean.conj()).real - np.abs((z * mean.conj()).imag) for z in responses)
        power = np.median(np.abs(responses[0]) ** 2) / np.log(2) / (filters[0] ** 2).sum()
        kernels = [np.fft.ifft2(z).real * np.sqrt(height * width) for z in filters]
        squares = sum((z**2).sum() for z in kernels)
        products = sum((kernels[i] * kernels[j]).sum() for i in range(4) for j in range(i + 1, 4))
        tau = np.sqrt((2 * power * squares + 4 * power * products) / 2)
        threshold = (tau * np.sqrt(np.pi / 2) + 2 * np.sqrt((2 - np.pi / 2) * tau**2)) / 1.7
        total_energy = total_energy + np.maximum(energy - threshold, 0)
        total_amplitude = total_amplitude + sum(np.abs(z) for z in responses)
    return np.asarray(total_energy / total_amplitude)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("shape", [(24, 30), (23, 18), (3, 4)])
def test_phase_congruency_equals_kovesi_s_code(rng, shape):
    """At even and odd sizes, of several images and of several lots of them."""
    lots = 255 * rng.random((2, 2, *shape))
    results = jax.jit(lambda lots: phase_congruency(list(lots), floor=1e-4))(lots)
    for images, result in zip(lots, results, strict=True):
        np.testing.assert_allclose(result, [congruency(image, 1e-4) for image in images], rtol=1e-9, atol=1e-12)


def test_edges_are_congruent_and_nothing_else():
    """Whatever their contrast; and images without structure have none."""
    flat, edge = np.zeros((2, 32, 32), np.float32)
    edge[:, 16:] = 1
    images = [edge, np.float32(0.01) * edge, flat]
    strong, weak, flat = map(np.asarray, jax.jit(lambda images: phase_congruency(images, floor=1e-6))(images))
    np.testing.assert_allclose(strong, weak, atol=1e-3)
    beside = np.isin(np.arange(32), (0, 15, 16, 31))  # the transform takes the last column for a neighbor of the first
    assert strong[:, beside].min() > 0.7 > strong[:, ~beside].max()
    np.testing.assert_array_equal(flat, 0)


def test_log_gabor():
    """1 at its center, the same an octave above and below, and 0 at frequency 0."""
    radius = jnp.array([0.0, 0.125, 0.25, 0.5])
    expected = np.exp(-(np.log(2) ** 2) / (2 * 0.6**2))
    np.testing.assert_allclose(log_gabor(radius, 0.25, 0.6), [0, expected, 1, expected], rtol=1e-6)
    np.testing.assert_array_equal(frequencies(4), [0, 0.25, -0.5, -0.25])
    np.testing.assert_array_equal(frequencies(5), [0, 0.25, 0.5, -0.5, -0.25])
