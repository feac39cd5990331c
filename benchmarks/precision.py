"""What scores and gradients of networks lose where an accelerator rounds what it multiplies.

Emulated: the operands of every convolution are rounded, in the gradient, too, and sums are in float32. Errors are the
largest over all images, relative to float64 in norm. SqueezeNet does not come with the package: it is downloaded once.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxloss
from jaxloss.images import read_image, sample_photograph

from ._command import Parser, names_from, positive, print_table, progress
from ._results import Record, append, describe_run, start_file
from ._rounding import BFLOAT16, SIX_PASSES, TF32, THREE_PASSES, Rounding, rounded_convolutions


Arrays = tuple[np.ndarray, np.ndarray]
Subject = Callable[..., jax.Array]

DEFAULT = "float32"
REDUCED = "dtype=bfloat16"
ROUNDINGS: dict[str, Rounding | None] = {
    DEFAULT: None,
    "six passes of bfloat16": SIX_PASSES,
    "three passes of bfloat16": THREE_PASSES,
    "TF32": TF32,
    "bfloat16": BFLOAT16,
    REDUCED: None,
}
NOTES = (
    "Emulated on a CPU: the operands of each convolution are rounded, those of its gradient too; sums are in float32. "
    "Errors are relative to float64, in norm, the largest over the images. x is the photograph y with so much noise. "
    "float32 is what this package asks for, by `Precision.HIGHEST`; a TPU makes it of six passes of bfloat16. Three "
    "passes are a TPU's `HIGH`. TF32 is an NVIDIA GPU's default, and its `HIGH`; bfloat16 is a TPU's default. "
    "`dtype=bfloat16` is an option of this package, which keeps features in bfloat16, too. Gradients that are off by "
    "more than 2e-5 in full precision are so in a few spots, where a ReLU or a maximum has switched."
)
FEATURES = "relu3_3"


def lpips(net: str) -> Subject:
    def evaluate(x: jax.Array, y: jax.Array, params: Any, **options: Any) -> jax.Array:
        return jaxloss.lpips(x, y, params=params, net=net, data_range=1.0, **options)

    return evaluate


def features(x: jax.Array, y: jax.Array, params: Any, **options: Any) -> jax.Array:
    layers = {"net": "vgg16", "layers": [FEATURES], "params": params["trunk"]}
    return jaxloss.extract_features(x, data_range=1.0, **layers, **options)[FEATURES]


def partial_conv(x: jax.Array, y: jax.Array, params: Any) -> jax.Array:
    """The first layer of VGG16 on a photograph with a hole."""
    side = x.shape[-3]
    mask = jnp.ones(x.shape[-3:-1], x.dtype).at[side // 4 : side // 2, side // 4 : side // 2].set(0)
    return jaxloss.ops.partial_conv(x, mask, **params["trunk"]["conv1_1"])[0]


SUBJECTS: dict[str, tuple[Subject, str]] = {
    **{f"lpips {net}": (lpips(net), f"lpips-{net}") for net in ("alex", "vgg", "squeeze")},
    f"features, vgg16 {FEATURES}": (features, "lpips-vgg"),
    "partial_conv": (partial_conv, "lpips-vgg"),
}


def main() -> None:
    parser = Parser("precision", __doc__)
    parser.add_argument("images", nargs="*", type=Path, metavar="IMAGE", help="besides the package's sample")
    parser.add_argument("--subjects", type=names_from(SUBJECTS), default=list(SUBJECTS), help="default: all")
    parser.add_argument("--side", type=positive, default=256, help="of the crops, in pixels (default: %(default)s)")
    parser.add_argument("--noise", type=float, nargs="*", default=[0.005, 0.05], help="default: %(default)s")
    parser.add_output("precision.jsonl")
    options = parser.parse_args()
    try:
        photographs = [sample_photograph(), *(read_image(path).pixels for path in options.images)]
        params = {name: jaxloss.load_params(SUBJECTS[name][1]) for name in options.subjects}
    except (jaxloss.InputError, OSError) as error:
        parser.error(str(error))
    names = ["sample", *(path.name for path in options.images)]
    for name, photograph in zip(names, photographs, strict=True):
        if min(photograph.shape[:2]) < options.side or photograph.shape[2] != 3:
            parser.error(f"{name}: expected a color photograph of {options.side} x {options.side} pixels or more.")
    crops = np.stack([center(photograph, options.side) for photograph in photographs])
    start_file(options.output, describe_run("precision", {"images": names, "side": options.side}, ("flax",)))
    records = []
    for name in progress(options.subjects):
        for record in measure(name, params[name], crops, options.noise):
            records.append(record)
            append(options.output, record)
    print_table("Relative errors", headings(records), rows(records), words=("what", "operands"))


def center(photograph: np.ndarray, side: int) -> np.ndarray:
    top, left = ((length - side) // 2 for length in photograph.shape[:2])
    return photograph[top : top + side, left : left + side].astype(np.float32)


def measure(name: str, params: Any, crops: np.ndarray, noises: Sequence[float]) -> Iterator[Record]:
    """Each rounding at each level of noise."""
    function, _ = SUBJECTS[name]
    noise = np.random.default_rng(0).standard_normal(crops.shape).astype(np.float32)
    pairs = {amount: (np.clip(crops + np.float32(amount) * noise, 0, 1), crops) for amount in noises}
    truth = {amount: exact(function, params, pair) for amount, pair in pairs.items()}
    for label, rounding in ROUNDINGS.items():
        if label == REDUCED and function is partial_conv:
            continue  # always in single precision
        reduced = {"dtype": jnp.bfloat16} if label == REDUCED else {}
        with nullcontext() if rounding is None else rounded_convolutions(rounding):
            program = value_and_gradient(functools.partial(function, **reduced))
            found = {amount: one_by_one(program, params, pair) for amount, pair in pairs.items()}
        for amount in noises:
            value, gradient = (map(relative, *sides) for sides in zip(found[amount], truth[amount], strict=True))
            differences = [abs(a - b).max() for a, b in zip(found[amount][0], truth[amount][0], strict=True)]
            yield {
                "subject": name,
                "rounding": label,
                "noise": amount,
                "value": max(value),
                "gradient": max(gradient),
                "largest_difference": float(max(differences)),
            }


def value_and_gradient(function: Subject) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """What it returns, and the gradient by x of its sum, or of half its square where it returns features."""

    @jax.jit
    def evaluate(x: jax.Array, y: jax.Array, params: Any) -> tuple[jax.Array, jax.Array]:
        value, pull_back = jax.vjp(lambda x: function(x, y, params), x)
        (gradient,) = pull_back(jnp.ones_like(value) if value.ndim == 0 else value)
        return value, gradient

    return evaluate


def one_by_one(program: Callable[..., Any], params: Any, pair: Arrays) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Values and gradients of each image."""
    results = (jax.device_get(program(x, y, params)) for x, y in zip(*pair, strict=True))
    values, gradients = zip(*results, strict=True)
    return [np.asarray(z, np.float64) for z in values], [np.asarray(z, np.float64) for z in gradients]


def exact(function: Subject, params: Any, pair: Arrays) -> tuple[list[np.ndarray], list[np.ndarray]]:
    with jax.enable_x64(True):
        doubles = jax.tree.map(lambda z: jnp.asarray(z, jnp.float64), (params, pair))
        return one_by_one(value_and_gradient(function), *doubles)


def relative(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def headings(records: Sequence[Record]) -> list[str]:
    noises = dict.fromkeys(record["noise"] for record in records)
    return ["what", "operands", *(f"{part}, noise {noise:g}" for noise in noises for part in ("value", "gradient"))]


def rows(records: Sequence[Record]) -> Iterator[list[str]]:
    """One for each subject and rounding."""
    for subject, label in dict.fromkeys((record["subject"], record["rounding"]) for record in records):
        alike = [r for r in records if (r["subject"], r["rounding"]) == (subject, label)]
        yield [subject, label, *(share(record[part]) for record in alike for part in ("value", "gradient"))]


def share(error: float) -> str:
    """Two digits, as a percentage where it is one to speak of."""
    return f"{error:.2g}" if error < 1e-4 else f"{100 * error:.2g} %"


if __name__ == "__main__":
    main()
