import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.ops._fft import fft2, ifft2, irfft2, rfft2
from tests.devices import collectives, place


@pytest.mark.parametrize("width", [6, 7])
def test_transforms_and_adjoints_are_those_of_jax(rng, width) -> None:
    """Linear: what the vector-Jacobian product is for one pair of planes, it is for all."""
    planes = rng.standard_normal((2, 4, width))
    spectra = rng.standard_normal((2, 4, width // 2 + 1)) + 1j * rng.standard_normal((2, 4, width // 2 + 1))
    waves = planes + 1j * rng.standard_normal(planes.shape)
    pairs = [
        (rfft2, jnp.fft.rfft2, planes),
        (functools.partial(irfft2, width=width), lambda z: jnp.fft.irfft2(z, (4, width)), spectra),
        (fft2, jnp.fft.fft2, waves),
        (ifft2, jnp.fft.ifft2, waves),
    ]

    @jax.jit
    def of_all(weights):
        def of(function, z, weight):
            out, pull_back = jax.vjp(function, jnp.asarray(z))
            mapped = jax.vmap(jax.vmap(function))(jnp.asarray(z)[:, None])
            return out, *pull_back(weight), jax.jvp(function, (z,), (z,))[1], mapped

        return [[of(f, z, w) for f in functions] for (*functions, z), w in zip(pairs, weights, strict=True)]

    with jax.enable_x64(True):
        outputs = [np.asarray(jaxs(z)) for _, jaxs, z in pairs]
        weights = [out * (1 + rng.random(out.shape)).astype(out.dtype) for out in outputs]
        for ours, jaxs in of_all(weights):
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12), ours, jaxs)
            assert [z.dtype for z in ours] == [z.dtype for z in jaxs]


def test_planes_stay_on_their_devices(rng) -> None:
    planes = rng.standard_normal((8, 6, 4), np.float32)

    def there_and_back(z):
        return irfft2(rfft2(z) * 2, 4) + ifft2(fft2(jax.lax.complex(z, z))).real

    (sharded,) = place((planes,))
    compiled = jax.jit(there_and_back).lower(sharded).compile()
    assert collectives(compiled) == []
    result = compiled(sharded)
    assert result.sharding.is_equivalent_to(sharded.sharding, 3)
    np.testing.assert_allclose(result, 3 * planes, rtol=1e-5, atol=1e-6)
