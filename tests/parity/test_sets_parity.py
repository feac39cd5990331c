"""Metrics of sets against pytorch-fid, torch-fidelity and prdc on the same features; and FID of 2048 of them."""

import sys
import types
from typing import Any

import jax
import numpy as np
import pytest

from jaxloss import sets
from tests.parity._peers import foreign_code, peer
from tests.sets._numpy import features


ROWS = 97  # of a batch, which the shards are no multiples of


@pytest.fixture
def fidelity() -> Any:
    peer("torchvision")  # which it imports, and which has to be prepared
    return peer("torch_fidelity")


def peers_options(fidelity: Any, **options: Any) -> dict[str, Any]:
    return {**fidelity.defaults.DEFAULTS, "verbose": False, **options}


def of_shards(data: np.ndarray, rng: np.random.Generator) -> sets.Sums:
    """Moments from 64 uneven shards, in batches of one size."""
    update = jax.jit(lambda state, x, mask: sets.update_moments(state, x, mask=mask))
    join, total = jax.jit(sets.merge), sets.init_moments(data.shape[1])
    for shard in np.split(data, np.sort(rng.choice(np.arange(1, len(data)), 63, replace=False))):
        state = sets.init_moments(data.shape[1])
        for start in range(0, len(shard), ROWS):
            batch = np.zeros((ROWS, data.shape[1]), np.float32)
            part = shard[start : start + ROWS]
            batch[: len(part)] = part
            state = update(state, batch, np.arange(ROWS) < len(part))
        total = join(total, state)
    return total


@pytest.mark.parametrize("dimension", [64, pytest.param(2048, marks=pytest.mark.full)])
def test_frechet_distance(fidelity: Any, dimension: int, rng: np.random.Generator) -> None:
    """From float32 features in shards, and, what takes minutes where they are long, of all at once in float64."""
    x, y = (features(seed, 3 * dimension // 2, dimension, shift=0.2 * seed) for seed in (0, 1))
    found = sets.frechet_score(of_shards(x, rng), of_shards(y, rng))
    torch = peer("torch")
    with foreign_code():
        statistics = [fidelity.metric_fid.fid_features_to_statistics(torch.tensor(z).double()) for z in (x, y)]
        scores = [fidelity.metric_fid.fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]]
        normal = [statistics[i][name] for i in (0, 1) for name in ("mu", "sigma")]
        if dimension < 2048:
            scores.append(peer("pytorch_fid.fid_score").calculate_frechet_distance(*normal))
    np.testing.assert_allclose(found, scores, rtol=1e-6)
    if dimension < 2048:
        with jax.enable_x64(True):
            at_once = jax.jit(sets.frechet_distance)(x.astype(np.float64), y.astype(np.float64))
        np.testing.assert_allclose(at_once, scores, rtol=1e-6)


@pytest.mark.usefixtures("float64")
def test_kernel_distances(fidelity: Any, rng: np.random.Generator) -> None:
    x, y = (z.astype(np.float64) for z in (features(0, 50, 16), features(1, 50, 16, shift=0.2)))
    torch, metric = peer("torch"), fidelity.metric_kid
    with foreign_code():
        options = peers_options(fidelity, kid_subsets=2, kid_subset_size=50)
        theirs = metric.kid_features_to_metric(torch.tensor(x), torch.tensor(y), **options)
        rbf = peers_options(fidelity, kid_kernel="rbf", kid_kernel_rbf_sigma=10.0)
        gaussian = metric.kernel_mmd(x, y, **rbf)
    found = jax.jit(lambda x, y: sets.kid(jax.random.key(0), x, y, subsets=2, subset_size=50))(x, y)
    np.testing.assert_allclose(found.mean, theirs["kernel_inception_distance_mean"], rtol=1e-6)
    np.testing.assert_allclose(jax.jit(sets.mmd)(x, y), gaussian, rtol=1e-6)


@pytest.mark.usefixtures("float64")
def test_inception_score(fidelity: Any) -> None:
    logits = features(0, 95, 20).astype(np.float64)
    torch = peer("torch")
    with foreign_code():
        theirs = fidelity.metric_isc.isc_features_to_metric(torch.tensor(logits), splits=10, shuffle=False)
    np.testing.assert_allclose(jax.jit(sets.inception_score)(logits), list(theirs.values()), rtol=1e-6)


def test_precision_recall(fidelity: Any) -> None:
    x, y = features(0, 80, 8), features(1, 70, 8, shift=0.5)
    torch = peer("torch")
    with foreign_code():
        options = peers_options(fidelity)
        theirs = fidelity.metric_prc.prc_features_to_metric(torch.tensor(x), torch.tensor(y), **options)
    found = jax.jit(sets.precision_recall)(x, y)
    np.testing.assert_allclose(found, [theirs["precision"], theirs["recall"]], rtol=1e-6)
    assert 0 < min(found) < 1


def test_density_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of scikit-learn prdc asks for nothing but distances, which SciPy has."""
    distance = peer("scipy.spatial.distance")
    metrics: Any = types.ModuleType("sklearn.metrics")
    metrics.pairwise_distances = lambda x, y, metric, n_jobs: distance.cdist(x, y, metric)
    package: Any = types.ModuleType("sklearn")
    package.metrics = metrics
    monkeypatch.setitem(sys.modules, "sklearn", package)
    monkeypatch.setitem(sys.modules, "sklearn.metrics", metrics)
    x, y = features(0, 80, 8), features(1, 70, 8, shift=0.5)
    with foreign_code():
        theirs = peer("prdc").compute_prdc(real_features=y, fake_features=x, nearest_k=5)
    found = jax.jit(sets.density_coverage)(x, y)
    np.testing.assert_allclose(found, [theirs["density"], theirs["coverage"]], rtol=1e-6)
    precision, recall = jax.jit(lambda x, y: sets.precision_recall(x, y, neighbors=5))(x, y)
    np.testing.assert_allclose([precision, recall], [theirs["precision"], theirs["recall"]], rtol=1e-6)
