"""The table of peers where none is installed: every row can be read, and the names in races are unique."""

from collections import Counter

import numpy as np

from benchmarks._ours import our_function
from benchmarks.peers import LIBRARIES, PEERS, Peer, entrants
from benchmarks.peers._frameworks import FRAMEWORKS
from benchmarks.peers.table import flat_where_equal, unknown_in_flat_windows
from jaxloss.registry import METRICS


def test_rows_name_metrics_and_libraries() -> None:
    for peer in PEERS:
        assert peer.metric in METRICS and peer.library in LIBRARIES, peer
        assert LIBRARIES[peer.library].framework in FRAMEWORKS
        assert set(peer.precision) <= {"", "float32", "float64"} and any(peer.precision)
        assert callable(our_function(peer.metric))
    racers = Counter((peer.metric, peer.library) for peer in PEERS if peer.race)
    assert set(racers.values()) == {1}


def test_contestants_of_jax_and_numpy(monkeypatch, rng: np.random.Generator) -> None:
    """Scores of a batch, the gradient of their mean, and one set of arrays for the peers of a framework."""
    monkeypatch.setattr("benchmarks.peers._contestants.import_library", lambda name: name)
    x, y = rng.random((2, 3, 4, 5, 1), np.float32)

    def call(library: str, x, y):
        assert library in ("dm_pix", "scikit-image")
        return ((x - y) ** 2).mean((1, 2, 3))

    rows = [Peer("dm_pix", "mse", call), Peer("scikit-image", "mse", call), Peer("dm_pix", "mse", call)]
    one, two, three = (entrant for _, _, entrant in entrants(rows, x, y, "float32"))
    for entrant in (one, two):
        scores = entrant.value.function(*entrant.value.arguments)
        np.testing.assert_allclose(scores, ((x - y) ** 2).mean((1, 2, 3)), rtol=1e-6)
    assert two.value_and_grad is None and one.value_and_grad is not None
    score, gradient = one.value_and_grad.function(*one.value_and_grad.arguments)
    np.testing.assert_allclose(score, ((x - y) ** 2).mean(), rtol=1e-6)
    np.testing.assert_allclose(gradient, 2 * (x - y) / x.size, rtol=1e-5)
    assert one.value.arguments[0] is three.value.arguments[0]


def test_where_gradients_are_open_to_taste() -> None:
    gradient = np.ones((30, 30, 1))
    x, y = np.random.default_rng(0).random((2, 30, 30, 1))
    y[3, 4] = x[3, 4]
    assert np.argwhere(flat_where_equal(gradient, x, y) == 0).tolist() == [[3, 4, 0]]
    assert np.isfinite(unknown_in_flat_windows(gradient, x, y)).all()
    x[:11, :11] = 0.5
    unknown = np.isnan(unknown_in_flat_windows(gradient, x, y))
    assert unknown[:11, :11].all() and not unknown[12:, 12:].any()
