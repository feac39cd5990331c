"""Training of LPIPS on two-alternative choices: its state, one step of it, and the published learning rates."""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypedDict, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from .._checks import check_choice, check_image, error_text, one_dtype, take_options
from .._types import Array, ArrayLike, Params
from ..backbones._features import FeatureFunction
from ..backbones._lpips_nets import LPIPS_NETS
from ..ops._numerics import safe_divide
from ..ops._pooling import masked_mean
from ..perceptual._lpips_distances import Activations, activations_of, unit_difference, weighted_squares
from ._ranking import init_ranking, ranking_loss
from ._trials import Choices


class Variant(NamedTuple):
    """What is trained.

    Attributes:
        trained: Parts of the parameters of LPIPS.
        pretrained: Whether the trunk is one that was trained on something else before.
    """

    trained: tuple[str, ...]
    pretrained: bool


VARIANTS = {
    "lin": Variant(("heads",), pretrained=True),
    "tune": Variant(("heads", "trunk"), pretrained=True),
    "scratch": Variant(("heads", "trunk"), pretrained=False),
}

LEARNING_RATE, BETA1 = 1e-4, 0.5  # of Adam, as published


class TrainingState(NamedTuple):
    """What a step of the training changes, and its key; a pytree.

    Attributes:
        params: Of LPIPS: `{"trunk", "heads", "preprocessing"}`.
        ranking: Of the ranking network.
        optimizer: State of the Optax optimizer.
        step: Number of steps done, int32.
        key: The randomness of all steps.
    """

    params: Params
    ranking: Params
    optimizer: Any
    step: Array
    key: Array


class TrainingMetrics(NamedTuple):
    """Of the trials of one step, before it.

    Attributes:
        loss: Mean binary cross entropy.
        accuracy: Share of people who chose as the distances say, in [0, 1].
    """

    loss: Array
    accuracy: Array


class OptimizerOptions(TypedDict, total=False):
    """What is trained, and how; see `training_step`."""

    variant: str
    optimizer: Any  # an Optax transformation; importing Optax takes as long as JAX


class TrainingOptions(OptimizerOptions, total=False):
    """All options of `training_step`."""

    net: str | FeatureFunction
    dropout: float
    clamp_trunk: bool
    dtype: DTypeLike | None


class TrainingDefaults(NamedTuple):
    """The authors' choice for each option."""

    variant: str = "lin"
    optimizer: Any = None
    net: str | FeatureFunction = "alex"
    dropout: float = 0.5
    clamp_trunk: bool = False
    dtype: DTypeLike | None = None

    def check(self, name: str) -> None:
        check_choice(name, "variant", self.variant, VARIANTS)
        if not callable(self.net):
            check_choice(name, "net", self.net, LPIPS_NETS)
        if not 0 <= self.dropout < 1:
            way_out = "It is the share of squared differences that are left out; 0 leaves out none."
            raise ValueError(error_text(name, "dropout in [0, 1)", self.dropout, way_out))

    @property
    def transformation(self) -> Any:
        import optax  # takes as long to import as JAX, and only trainings need it

        return optax.adam(LEARNING_RATE, b1=BETA1) if self.optimizer is None else self.optimizer


def learning_rate_schedule(
    steps_per_epoch: int, *, epochs: int = 5, decay_epochs: int = 5, learning_rate: float = LEARNING_RATE
) -> Callable[[ArrayLike], Array]:
    """The published learning rates, for an optimizer of Optax: constant, then lower by equal steps after each epoch.

    With the defaults 1e-4 in epochs 1 to 6, then 8e-5, 6e-5, 4e-5 and 2e-5.

    Args:
        steps_per_epoch: Batches in an epoch.
        epochs: After which the rate begins to fall, at the end of one more.
        decay_epochs: How many there are after these; in the last one the rate is `learning_rate / decay_epochs`.
        learning_rate: In the first epochs.

    Returns:
        Number of steps done, an integer array, to the learning rate, float32.

    Raises:
        ValueError: If there are no steps or no epochs, or the rate is not positive.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss.judgments import learning_rate_schedule
        >>> schedule = learning_rate_schedule(100)
        >>> print([round(float(schedule(jnp.int32(100 * epoch - 1))), 6) for epoch in (1, 6, 7, 10)])
        [0.0001, 0.0001, 8e-05, 2e-05]
    """
    least = {"steps_per_epoch": (steps_per_epoch, 1), "epochs": (epochs, 0), "decay_epochs": (decay_epochs, 0)}
    for argument, (value, smallest) in least.items():
        if value < smallest:
            expected = f"{argument} >= {smallest}"
            raise ValueError(error_text("learning_rate_schedule", expected, value, "Choose a larger number."))
    if not learning_rate > 0:
        way_out = f"The published one is {LEARNING_RATE:g}."
        raise ValueError(error_text("learning_rate_schedule", "learning_rate > 0", learning_rate, way_out))

    def rate(step: ArrayLike) -> Array:
        lowered = jnp.clip(jnp.asarray(step) // steps_per_epoch - epochs, 0, decay_epochs)
        return learning_rate * (1 - lowered.astype(jnp.float32) / max(decay_epochs, 1))

    return rate


def init_training(key: Array, params: Params, **options: Unpack[OptimizerOptions]) -> TrainingState:
    """The state that a training of LPIPS begins with.

    Args:
        key: From `jax.random.key`; of the ranking network's first parameters and of the dropout in all steps.
        params: Of LPIPS to begin with, which are copied: `init_lpips(key, net="alex", trunk=load_params("alexnet"))`
            has random heads on a trained network, as the published variants "lin" and "tune" begin with;
            `init_lpips(key, net="alex")` is random throughout, for "scratch"; or any that `lpips` takes.
        variant, optimizer: As for `training_step`, where they must be the same.

    Returns:
        The state, for `training_step`.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments import init_training
        >>> state = init_training(jax.random.key(0), {"trunk": {}, "heads": {"rows": jnp.ones(3)}})
        >>> print(state.step, list(state.ranking))
        0 ['hidden1', 'hidden2', 'output']
    """
    chosen = _take("init_training", options, OptimizerOptions.__annotations__)
    # Copied, for a step may be given its state to overwrite, and the parameters are the caller's. With a type of their
    # own, or a step would be compiled once more for what it returns.
    params = jax.tree.map(lambda array: jnp.array(array, jnp.result_type(array), copy=True), dict(params))
    step_key, ranking_key = jax.random.split(key)
    ranking = init_ranking(ranking_key)
    optimizer = chosen.transformation.init(_trained(params, ranking, chosen.variant))
    return TrainingState(params, ranking, optimizer, jnp.zeros((), jnp.int32), step_key)


def training_step(
    state: TrainingState, choices: Choices, **options: Unpack[TrainingOptions]
) -> tuple[TrainingState, TrainingMetrics]:
    r"""One step of the training of LPIPS on people's choices.

    The ranking network G looks at the distances of both images to the reference, and the mean cross entropy between
    what it expects and what people chose is lowered. Afterwards negative weights of the heads are set to 0; those of G
    are free. For jit, with the options bound and the state donated; under a mesh with the trials spread over its
    devices and the state on each of them.

    Args:
        state: Of `init_training`.
        choices: Trials; those of weight 0 have no influence.
        variant: `"lin"` (default): the network stays as it is, and nothing is differentiated by its parameters;
            `"tune"`: it is trained, too; `"scratch"`: the same from random parameters. The preprocessing stays.
        optimizer: Of Optax; by default Adam with the rate 1e-4 and b1 = 0.5. For the published rates
            `optax.adam(learning_rate_schedule(steps_per_epoch), b1=0.5)`.
        net: As for `lpips`: `"alex"`, `"vgg"`, `"squeeze"` or a function of your own.
        dropout: Share of the squared differences that are left out at random before the heads, others for each pair and
            step; the rest is scaled up.
        clamp_trunk: Whether negative weights of the network's own 1 x 1 kernels become 0, too, as the authors' code
            does to SqueezeNet in passing.
        dtype: Of the network's arithmetic, such as `jnp.bfloat16`; all else is float32 or float64.

    Returns:
        The next state, and loss and accuracy of these trials before the step.

    Raises:
        ValueError: For trials of different shapes, an unknown variant or network, or dropout outside of [0, 1).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.judgments import Choices, init_training, training_step
        >>> def edges(trunk, images):
        ...     return {"rows": jax.nn.relu(images[:, 1:] - images[:, :-1])}
        >>> reference, first, second = jnp.linspace(0.0, 1.0, 1152).reshape(3, 2, 8, 8, 3)
        >>> choices = Choices(reference, first, second, judge=jnp.array([0.0, 1.0]), weight=jnp.ones(2))
        >>> state = jax.jit(init_training)(jax.random.key(1), {"trunk": {}, "heads": {"rows": jnp.ones(3)}})
        >>> step = jax.jit(lambda state, choices: training_step(state, choices, net=edges), donate_argnums=0)
        >>> state, metrics = step(state, choices)
        >>> print(state.step, metrics.loss.shape)
        1 ()

    Reference:
        Zhang et al., CVPR 2018, appendix B, https://arxiv.org/abs/1801.03924.
    """
    import optax

    name = "training_step"
    chosen = _take(name, options, TrainingDefaults._fields)
    images, judge, weight = checked_choices(name, choices)

    def mean_loss(trained: dict[str, Any]) -> tuple[Array, Array]:
        params, ranking = _joined(state.params, trained)
        d0, d1 = pair_distances(name, params, images, chosen, key=jax.random.fold_in(state.key, state.step))
        loss = ranking_loss(ranking, d0, d1, judge)
        accuracy = jnp.where(d1 < d0, judge, 1 - judge)
        return _weighted_mean(loss, weight), _weighted_mean(accuracy, weight)

    trained = _trained(state.params, state.ranking, chosen.variant)
    (loss, accuracy), gradient = jax.value_and_grad(mean_loss, has_aux=True)(trained)
    with jax.numpy_dtype_promotion("standard"):  # Adam mixes its integer count with floats
        updates, optimizer = chosen.transformation.update(gradient, state.optimizer, trained)
    params, ranking = _joined(state.params, optax.apply_updates(trained, updates))
    params = {**params, "heads": jax.tree.map(_not_negative, params["heads"])}
    if chosen.clamp_trunk:
        trunk = jax.tree.map(lambda z: _not_negative(z) if _is_pointwise(z) else z, params["trunk"])
        params = {**params, "trunk": trunk}
    return TrainingState(params, ranking, optimizer, state.step + 1, state.key), TrainingMetrics(loss, accuracy)


def _take(name: str, given: Mapping[str, object], known: Collection[str]) -> TrainingDefaults:
    options = take_options(name, TrainingDefaults, given, known)
    options.check(name)
    return options


def _trained(params: Params, ranking: Params, variant: str) -> dict[str, Any]:
    """What is differentiated by and handed to the optimizer; nothing else is."""
    return {"ranking": ranking, **{part: params[part] for part in VARIANTS[variant].trained}}


def _joined(params: Params, trained: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of LPIPS with those parts that are trained, and of the ranking network."""
    parts = dict(trained)
    ranking = parts.pop("ranking")
    return {**params, **parts}, ranking


def checked_choices(name: str, choices: Choices) -> tuple[Array, Array, Array]:
    """The reference, first and second image of each trial, `[n, 3, H, W, C]`; judgments and weights, `[n]`."""
    images = [check_image(name, field, getattr(choices, field)) for field in ("reference", "first", "second")]
    shapes = [image.shape for image in images]
    if len(set(shapes)) > 1 or len(shapes[0]) != 4:
        way_out = "Resize the images of all trials to one shape."
        raise ValueError(error_text(name, "images of one shape [n, H, W, 3]", shapes, way_out))
    count = shapes[0][:1]
    for field in ("judge", "weight"):
        if jnp.shape(getattr(choices, field)) != count:
            got = jnp.shape(getattr(choices, field))
            raise ValueError(error_text(name, f"{field} of shape {count}", got, "There is one for each trial."))
    *images, judge, weight = one_dtype(name, *images, choices.judge, choices.weight)
    return jnp.stack(images, axis=1), judge, weight


def pair_distances(
    name: str, params: Params, images: Array, options: TrainingDefaults, *, key: Array | None = None
) -> tuple[Array, Array]:
    """Of the first and second images to the references, `[n]` each: `lpips`, and with a key its dropout."""
    seen = activations_of(name, images, params=params, data_range=1.0, net=options.net, dtype=options.dtype)
    # One pass of the network for all three: the reference is looked at once for both pairs.
    differences = {
        layer: unit_difference(Activations(*(z[:, 1:] for z in both)), Activations(*(z[:, :1] for z in both)))
        for layer, both in seen.items()
    }
    if key is not None and options.dropout:
        kept = kept_differences(key, {layer: d.shape for layer, d in differences.items()}, options.dropout)
        differences = {layer: jnp.where(kept[layer], d, jnp.zeros_like(d)) for layer, d in differences.items()}
        # What is left is scaled up by way of the heads, which are smaller.
        params = {**params, "heads": {layer: z / (1 - options.dropout) for layer, z in params["heads"].items()}}
    squares = weighted_squares(name, differences, params, "learned")
    d = jnp.stack([masked_mean(z) for z in squares.values()]).sum(axis=0)
    return d[:, 0], d[:, 1]


def kept_differences(key: Array, shapes: Mapping[str, tuple[int, ...]], dropout: float) -> dict[str, Array]:
    """Which ones dropout leaves, `{layer: [n, 2, h, w, c]}`: each by itself, for every pair, position and channel."""
    trials = next(iter(shapes.values()))[:2]
    ends = np.cumsum([math.prod(shape[2:]) for shape in shapes.values()])
    # Drawn at once: the generator takes long to compile. Devices that share the trials draw the same ones together.
    drawn = jnp.split(jax.random.bernoulli(key, 1 - dropout, (*trials, ends[-1])), ends[:-1], axis=-1)
    return {layer: keep.reshape(shape) for keep, (layer, shape) in zip(drawn, shapes.items(), strict=True)}


def _weighted_mean(values: Array, weight: Array) -> Array:
    return safe_divide((weight * values).sum(), weight.sum())


def _not_negative(z: Array) -> Array:
    return jnp.maximum(z, 0)


def _is_pointwise(z: Array) -> bool:
    """Whether it is a kernel of 1 x 1 pixels."""
    return z.ndim == 4 and z.shape[:2] == (1, 1)
