"""Train the weights of LPIPS on synthetic judgments, and see what networks without labels are worth.

The judgments are not people's: an imaginary observer of a known rule gives them, on crops of photographs. All metrics
are scored on crops of photographs that were held out. Ctrl-C leaves checkpoints, from which --resume goes on.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxloss
from jaxloss import InputError
from jaxloss.cli._judge_tables import verdict_json
from jaxloss.cli._terminal import progress
from jaxloss.datasets import TrialSet, batches_per_epoch, find_trials, synthesize
from jaxloss.evaluate import Verdict, judge, metric_from_file, plot_verdicts
from jaxloss.images import random_crops, read_photographs, save_picture, stack_images
from jaxloss.judgments import gaussian_trunk, init_lpips, kmeans_trunk
from jaxloss.training import plot_training, train_lpips

from ..._command import Parser, positive, print_table
from ..._results import FOLDER, ROOT, Record, append, describe_run, start_file
from .._command import say
from ._summary import GAUSSIAN, HEADINGS, KMEANS, LIN, PICTURES, PUBLISHED, UNTRAINED, UNWEIGHTED, WORDS, rows


NET = "alex"
CROPS, CROP_SIDE = 800, 128  # that k-means looks at

Networks = dict[str, Mapping[str, Any]]  # name to parameters of LPIPS


class Judgments(NamedTuple):
    """A synthetic set, and what its `synthetic.json` says of it."""

    training: list[TrialSet]
    held_out: list[TrialSet]
    about: Record


def main() -> None:
    parser = Parser("studies.judgments", __doc__)
    parser.add_argument("--images", type=Path, required=True, metavar="FOLDER", help="of color photographs")
    parser.add_argument("--count", type=positive, default=4000, help="choices to train on (default: %(default)s)")
    parser.add_argument("--held-out-count", type=positive, default=2000, help="to score on (default: %(default)s)")
    parser.add_argument("--epochs", type=positive, default=5, help="and as many with a falling rate")
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="of Adam (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints of the same command")
    build = ROOT / "build" / "judgments"
    where = f"of images, checkpoints and parameters (default: {build.relative_to(ROOT)})"
    parser.add_argument("--build", type=Path, default=build, metavar="FOLDER", help=where)
    parser.add_argument("--output", type=Path, default=FOLDER / "judgments.jsonl", help="pictures lie beside it")
    options = parser.parse_args()
    try:
        run(options)
    except (InputError, OSError) as error:
        parser.error(" ".join(str(error).split()))
    except KeyboardInterrupt:
        say("Stopped. The same command with --resume goes on.")
        raise SystemExit(130) from None


def run(options: argparse.Namespace) -> None:
    judgments = judgments_of(options)
    networks = unlabeled(options, judgments.about["photographs"]["train"])
    labeled, history = trained(options, judgments)
    networks |= labeled
    metrics = [save(options.build, name, params) for name, params in networks.items()]
    verdicts = [judge(judgments.held_out, metrics=metrics, versus=versus)[0][0] for versus in (UNTRAINED, GAUSSIAN)]
    settings = {
        "set": judgments.about, "epochs": options.epochs, "learning_rate": options.learning_rate, "seed": options.seed,
    }  # fmt: skip
    start_file(options.output, describe_run("judgments", settings, ("optax", "orbax-checkpoint", "grain")))
    records = json.loads(verdict_json(verdicts))
    for record in (*records, history):
        append(options.output, record)
    print_table("Agreement with an imaginary observer, percent", HEADINGS, rows(records), WORDS)
    draw(options.output, verdicts[:1], history)


def draw(output: Path, verdicts: Sequence[Verdict], history: Record) -> None:
    for name, picture in zip(PICTURES, (plot_verdicts(verdicts), plot_training(history)), strict=True):
        save_picture(picture, output.with_name(f"{output.stem}_{name}.png"))


def judgments_of(options: argparse.Namespace) -> Judgments:
    """Written once for a folder; a training that is resumed finds them there."""
    folder = options.build / "set"
    if not folder.exists():
        options.build.mkdir(parents=True, exist_ok=True)
        synthesize(
            options.images, folder, count=options.count, held_out_count=options.held_out_count, seed=options.seed
        )
    about = json.loads((folder / "synthetic.json").read_text(encoding="utf-8"))
    wanted = {"2afc/train/synthetic": options.count, "2afc/val/synthetic": options.held_out_count}
    if about["seed"] != options.seed or not wanted.items() <= about["trials"].items():
        raise InputError(f"{folder}: judgments of other numbers or another seed. Name another folder with --build.")
    train, held_out = ([trials for trials in find_trials(folder) if trials.name == name] for name in wanted)
    return Judgments(train, held_out, about)


def trained(options: argparse.Namespace, judgments: Judgments) -> tuple[Networks, Record]:
    """On the network that was trained to classify: heads before and after the training, published, and none."""
    key = jax.random.key(options.seed)
    published = jaxloss.load_params(f"lpips-{NET}")
    begin = init_lpips(key, net=NET, trunk=published["trunk"])
    steps = 2 * options.epochs * batches_per_epoch(judgments.training, batch=50)
    began = time.perf_counter()
    with progress("Training", steps) as report:
        found = train_lpips(
            judgments.training,
            held_out=judgments.held_out,
            params=begin,
            checkpoints=options.build / "checkpoints",
            resume=options.resume,
            progress=report,
            epochs=options.epochs,
            decay_epochs=options.epochs,
            learning_rate=options.learning_rate,
            seed=options.seed,
        )
    history = {**found.history, "seconds": round(time.perf_counter() - began, 1)}
    not_negative = {**begin, "heads": jax.tree.map(lambda z: jnp.maximum(z, 0), begin["heads"])}
    return {
        UNTRAINED: not_negative, LIN: found.params, UNWEIGHTED: unweighted(published["trunk"]), PUBLISHED: published,
    }, history  # fmt: skip


def unlabeled(options: argparse.Namespace, names: Sequence[str]) -> Networks:
    """Networks that no label has taught anything, without heads; k-means sees the photographs to train with."""
    key = jax.random.key(options.seed)
    photographs, _ = read_photographs(options.images, CROP_SIDE)
    stack = stack_images(photo.pixels for photo in photographs if photo.name in names)
    crop = jax.jit(random_crops, static_argnames=("count", "side"))
    crops = crop(key, stack, count=CROPS, side=CROP_SIDE)
    return {
        GAUSSIAN: unweighted(gaussian_trunk(key, net=NET)),
        KMEANS: unweighted(kmeans_trunk(key, crops, net=NET)),
    }


def unweighted(trunk: Mapping[str, Any]) -> Mapping[str, Any]:
    """Parameters of LPIPS whose heads are all 1."""
    params = jaxloss.load_params(f"lpips-{NET}")
    return {**params, "trunk": trunk, "heads": jax.tree.map(np.ones_like, jax.device_get(params["heads"]))}


def save(folder: Path, name: str, params: Mapping[str, Any]) -> Any:
    """To a file, for `jaxloss compare --params` and its like, and the row of the metric."""
    path = folder / f"{name}.safetensors"
    jaxloss.save_params(path, params, net=NET)
    return metric_from_file(path)


if __name__ == "__main__":
    main()
