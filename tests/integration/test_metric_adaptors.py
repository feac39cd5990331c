"""The adaptors to clu.metrics and to Flax NNX that the guide shows: over batches, devices and padding."""

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import streaming


GUIDE = Path(streaming.__file__ or "").with_name("README.md")
SECTION = "## In clu and in Flax NNX"


@pytest.fixture(scope="module")
def guide() -> dict[str, Any]:
    """What the section defines, run with two images."""
    y = jnp.asarray(np.random.default_rng(1).random((2, 16, 16, 1)), jnp.float32)
    namespace = {"jax": jax, "jaxloss": jaxloss, "streaming": streaming, "x": 0.9 * y, "y": y}
    blocks = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text().split(SECTION)[1], re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec"), namespace)
    return namespace


def test_clu_metric(guide: dict[str, Any], rng: np.random.Generator) -> None:
    """Within a collection, `reduce` over the states of devices, and what pads the last batch."""
    psnr, ssim = rng.random((2, 4, 8)).astype(np.float32)
    mask = np.ones((4, 8), bool)
    psnr[3, 6:], mask[3, 6:] = np.nan, False
    kind = guide["Evaluation"]
    of_batch = jax.jit(lambda psnr, ssim, mask: kind.single_from_model_output(psnr=psnr, ssim=ssim, mask=mask))
    parts = [of_batch(*batch) for batch in zip(psnr, ssim, mask, strict=True)]
    total = kind.empty()
    for part in parts:
        total = total.merge(part)
    reduced = jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts).reduce()
    expected = {"psnr": psnr[mask].mean(dtype=np.float64), "ssim": ssim[mask].mean(dtype=np.float64)}
    for found in (total.compute(), reduced.compute()):
        np.testing.assert_allclose([found[name] for name in expected], list(expected.values()), rtol=1e-7)


def test_nnx_metric(guide: dict[str, Any], rng: np.random.Generator) -> None:
    scores = rng.random((2, 8)).astype(np.float32)
    metric = guide["NnxScore"]("lpips")
    step = guide["nnx"].jit(lambda metric, scores, mask: metric.update(lpips=scores, mask=mask))
    for batch in scores:
        step(metric, batch, np.arange(8) < 5)
    found = metric.compute()
    np.testing.assert_allclose(found.mean, scores[:, :5].mean(dtype=np.float64), rtol=1e-7)
    assert found.n == 10
    metric.reset()
    assert metric.compute().n == 0
