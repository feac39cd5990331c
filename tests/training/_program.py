"""A training of a tiny network in processes of its own: to be killed, or as one of several.

`python -m tests.training._program FOLDER EPOCHS [PROCESS PROCESSES PORT]` goes on where it was.
"""

import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxloss.training import train_lpips
from tests.judgments._networks import features, first_params


def train(folder: Path, epochs: int) -> dict[str, Any]:
    """Its parameters by name; `train` and `val` are in the folder, checkpoints go there."""
    options: dict[str, Any] = dict(side=None, batch=4, epochs=epochs, decay_epochs=0, learning_rate=0.02, save_every=1)
    places: dict[str, Any] = dict(held_out=folder / "val", checkpoints=folder / "checkpoints", resume=True)
    trained = train_lpips(folder / "train", net=features, params=first_params(), variant="tune", **options, **places)
    leaves = jax.tree_util.tree_leaves_with_path(trained.params)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


if __name__ == "__main__":
    place, count, *several = sys.argv[1:]
    if several:
        process, processes, port = map(int, several)
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(f"localhost:{port}", processes, process)
    found = train(Path(place), int(count))
    if jax.process_index() == 0:
        np.savez(Path(place) / "params.npz", **found)
