"""A training of a tiny network to be killed: `python -m tests.training._killed FOLDER` goes on where it was."""

import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxloss.training import train_lpips
from tests.judgments._networks import features, first_params


def train(folder: Path) -> dict[str, Any]:
    """Its parameters by name; `train` and `val` are in the folder, checkpoints go there."""
    options: dict[str, Any] = dict(variant="tune", side=None, batch=4, epochs=10, decay_epochs=10, learning_rate=0.02)
    places: dict[str, Any] = dict(held_out=folder / "val", checkpoints=folder / "checkpoints", resume=True)
    trained = train_lpips(folder / "train", net=features, params=first_params(), save_every=1, **options, **places)
    leaves = jax.tree_util.tree_leaves_with_path(trained.params)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


if __name__ == "__main__":
    np.savez(Path(sys.argv[1]) / "params.npz", **train(Path(sys.argv[1])))
