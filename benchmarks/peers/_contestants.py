"""What the rows of the table enter into races, and what the comparison in tests/parity computes."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import numpy as np

from ._frameworks import FRAMEWORKS, Entrant
from ._libraries import LIBRARIES, import_library, missing
from ._rows import Peer
from .table import PEERS


def peers_of(metric: str, x: np.ndarray, y: np.ndarray, dtype: str = "float32") -> dict[str, Entrant]:
    """All installed peers that race in a metric, by name and memory layout; x and y are batches `[N, H, W, C]`."""
    racers = [peer for peer in PEERS if peer.race and peer.metric == metric and not missing(peer.library)]
    return {peer.library + layout: entrant for peer, layout, entrant in entrants(racers, x, y, dtype)}


def entrants(peers: list[Peer], x: np.ndarray, y: np.ndarray, dtype: str) -> Iterator[tuple[Peer, str, Entrant]]:
    """Of each peer in each memory layout, the usual one first; those of a framework share their data."""
    layouts = {}
    for peer in peers:
        name = LIBRARIES[peer.library].framework
        if name not in layouts:
            layouts[name] = FRAMEWORKS[name].pairs(x, y, dtype)
        for layout, pair in layouts[name].items():
            yield peer, layout, FRAMEWORKS[name].enter(score_of(peer), *pair)


@cache  # one function object per peer, so that JAX compiles it once per shape
def score_of(peer: Peer) -> Callable[[Any, Any], Any]:
    return partial(peer.call, import_library(peer.library))
