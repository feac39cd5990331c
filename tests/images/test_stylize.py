"""Style transfer: what is minimized is the losses of the package, it is minimized, and mistakes are told at once."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import pytest

import jaxloss
from jaxloss import InputError
from jaxloss.images import _stylize, distort, stylize
from tests.painting import PARAMS, thin_network
from tests.products import FULL, products


SIZE = 32


@pytest.fixture(autouse=True, scope="module")
def thin() -> Iterator[None]:
    with thin_network():
        yield


@pytest.fixture(scope="module")
def content(photograph: np.ndarray) -> np.ndarray:
    return photograph[:96, :72]


@pytest.fixture(scope="module")
def style(photograph: np.ndarray) -> np.ndarray:
    return distort(photograph[120:220, 90:250], "pixelation")


def losses_of(content: np.ndarray, style: np.ndarray, **options: Any) -> list[float]:
    seen: list[float] = []
    stylize(content, style, progress=lambda _, loss: seen.append(loss), **{"size": SIZE, **options})
    return seen


@pytest.mark.parametrize(("optimizer", "start"), [("lbfgs", "noise"), ("adam", "content")])
def test_loss_falls(content: np.ndarray, style: np.ndarray, optimizer: str, start: str) -> None:
    with jax.numpy_dtype_promotion("standard"):  # Adam mixes its integer count with floats
        losses = losses_of(content, style, optimizer=optimizer, start=start, steps=12)
    assert len(losses) == 12
    assert losses[-1] < 0.5 * losses[0]


def test_products_are_in_full_precision() -> None:
    """Of the optimizer and of the images' scaling, too; the rest is public functions."""
    picture = jax.ShapeDtypeStruct((4, 5, 3), np.float32)
    descent = _stylize._transformation("lbfgs")
    for function, *arguments in (
        (descent.update, picture, jax.eval_shape(descent.init, picture), picture),
        (lambda image: _stylize.resized(image, 8, 8), picture),
    ):
        found = products(function, *arguments)
        assert found != [] and all(FULL.search(line) for line in found)


def test_picture_is_the_same_every_time(content: np.ndarray, style: np.ndarray) -> None:
    pictures = [stylize(content, style, size=SIZE, steps=3, start="noise", seed=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert np.abs(pictures[0] - pictures[2]).mean() > 0.05


@pytest.mark.parametrize(
    ("shape", "size", "expected"), [((96, 72, 3), 32, (32, 24, 3)), ((64, 80, 1), 32, (26, 32, 3))]
)
def test_picture_has_the_proportions_of_the_content(
    photograph: np.ndarray, style: np.ndarray, shape: tuple[int, int, int], size: int, expected: tuple[int, int, int]
) -> None:
    height, width, channels = shape
    picture = stylize(photograph[:height, :width, :channels], style, size=size, steps=1)
    assert (picture.shape, picture.dtype) == (expected, np.float32)
    assert 0 <= picture.min() < picture.max() <= 1


def test_picture_moves_from_content_to_style(content: np.ndarray, style: np.ndarray) -> None:
    """In the eyes of the network, more with more weight of the style; and it is still nearer to the content."""
    pictures = [stylize(content, style, size=SIZE, steps=15, style_weight=weight) for weight in (0.0, 50.0, 1e3)]
    distances = [terms(picture, content, style) for picture in pictures]
    contents, styles = zip(*distances, strict=True)
    assert contents[0] < contents[1] < contents[2] < terms(_scaled(style, content), content, style)[0]
    assert styles[0] > styles[1] > styles[2]


def _scaled(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    height, width = (round(side * SIZE / max(like.shape[:2])) for side in like.shape[:2])
    return np.asarray(jax.image.resize(image, (height, width, 3), "lanczos3")).clip(0, 1)


def terms(picture: np.ndarray, content: np.ndarray, style: np.ndarray) -> tuple[float, float]:
    """The two distances, by the public functions, from their definition."""
    from_content, from_style = _terms(picture, _scaled(content, content), _scaled(style, style))
    return float(from_content), float(from_style)


@jax.jit
def _terms(*images: jax.Array) -> tuple[jax.Array, jax.Array]:
    style_layers = [f"relu{block}_1" for block in range(1, 6)]
    features = [
        jaxloss.extract_features(image, net="vgg16", params=PARAMS, layers=["relu4_2", *style_layers], data_range=1.0)
        for image in images
    ]
    from_style = jaxloss.style_loss(features[0], features[2], **jaxloss.STYLE_CONVENTIONS["gatys_pytorch"])
    return ((features[0]["relu4_2"] - features[1]["relu4_2"]) ** 2).mean(), from_style


def test_loss_is_the_sum_of_its_weighted_terms(content: np.ndarray, style: np.ndarray) -> None:
    start = np.clip(_scaled(content, content), _stylize.MARGIN, 1 - _stylize.MARGIN)
    weights = {"content_weight": 3.0, "style_weight": 700.0, "smoothness": 20.0}
    from_content, from_style = terms(start, content, style)
    variation = sum(np.abs(np.diff(start.astype(np.float64), axis=axis)).mean() for axis in (0, 1))
    expected = 3 * from_content + 700 * from_style + 20 * variation
    assert losses_of(content, style, steps=1, **weights) == pytest.approx([expected], rel=1e-4)


def test_equal_images_stay_what_they_are(content: np.ndarray) -> None:
    picture = stylize(content, content, size=SIZE, steps=20, smoothness=0.0)
    assert np.abs(picture - _scaled(content, content)).mean() < 0.01


@pytest.mark.parametrize(
    "options", [{"style_weight": 1e7, "smoothness": 0.0}, {"style_weight": 0.0, "smoothness": 1e5, "optimizer": "adam"}]
)
def test_extreme_weights_leave_the_picture_finite(
    content: np.ndarray, style: np.ndarray, options: dict[str, Any]
) -> None:
    with jax.numpy_dtype_promotion("standard"):  # Adam mixes its integer count with floats
        losses = losses_of(content, style, steps=40, start="noise", **options)
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


def test_step_is_compiled_once(content: np.ndarray, style: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    stylize(content, style, size=SIZE, steps=1)
    monkeypatch.setattr(_stylize, "extract_features", lambda *_, **__: pytest.fail("It is traced again."))
    stylize(content, style[::-1], size=SIZE, steps=2, style_weight=5.0, smoothness=0.0, start="noise", seed=3)


def test_overflow_is_told(content: np.ndarray, style: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"the loss is inf at step 1\. Choose smaller weights\."):
        losses_of(content, style, steps=2, start="noise", style_weight=3e38, content_weight=3e38)


def test_black_and_white_can_be_left(style: np.ndarray) -> None:
    edge = np.zeros((32, 24, 1), np.float32)
    edge[:, 12:] = 1
    picture = stylize(edge, style, size=SIZE, steps=15)
    assert (np.abs(picture - edge) > 2 * _stylize.MARGIN).mean() > 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be 1 or more, got 0."),
        ({"size": 15}, "size must be 16 or more, got 15."),
        ({"size": 20}, "content is 15 x 20 pixels when it is scaled to size 20; the network needs 16 x 16."),
        ({"style_weight": -1.0}, "style_weight must be a finite number, 0 or more, got -1.0."),
        ({"smoothness": float("nan")}, "smoothness must be a finite number, 0 or more, got nan."),
        ({"content_weight": 0.0, "style_weight": 0.0}, "content_weight and style_weight are both 0"),
        ({"optimizer": "sgd"}, "optimizer must be one of lbfgs, adam, got 'sgd'."),
        ({"start": "style"}, "start must be one of content, noise, got 'style'."),
    ],
)
def test_options_are_checked_first(
    content: np.ndarray, style: np.ndarray, monkeypatch: pytest.MonkeyPatch, options: dict[str, float], message: str
) -> None:
    monkeypatch.setattr(_stylize, "load_params", lambda _: pytest.fail("The work has begun."))
    with pytest.raises(InputError) as error:
        losses_of(content, style, **options)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda image: image[..., 0], "shape"),
        (lambda image: np.concatenate([image, image[..., :1]], axis=-1), r"style must be of shape \[H, W, 3\]"),
        (lambda image: image[None], r"style must be of shape \[H, W, 3\]"),
        (lambda image: 255 * image, r"style must have values in \[0, 1\], got \[\d+, 2"),
        (lambda image: image * np.nan, r"style must have values in \[0, 1\], got \[nan, nan\]"),
        (lambda image: image[:4], "style is 32 x 1 pixels when it is scaled to size 32"),
    ],
)
def test_images_are_checked_first(
    content: np.ndarray,
    style: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[np.ndarray], np.ndarray],
    message: str,
) -> None:
    monkeypatch.setattr(_stylize, "load_params", lambda _: pytest.fail("The work has begun."))
    with pytest.raises(ValueError, match=message):
        losses_of(content, change(style))


def test_integers_are_a_type_error(content: np.ndarray, style: np.ndarray) -> None:
    with pytest.raises(TypeError, match="to_float"):
        losses_of(content, (255 * style).astype(np.uint8))
