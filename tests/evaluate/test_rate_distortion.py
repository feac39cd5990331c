"""Codecs: files of the size that Pillow writes, scored as what comes back from them, and their distances."""

import io
import math

import numpy as np
import PIL.Image
import pytest

from jaxloss import InputError
from jaxloss.evaluate import RatePoint, bd_metric, bd_rate, codec_deltas, compare, rate_distortion
from jaxloss.evaluate._rate_distortion import CODECS


METRICS = ["mae", "psnr"]


def written(pixels: np.ndarray, codec: str, quality: int) -> tuple[int, np.ndarray]:
    """Size of the file, and the image in it."""
    picture = PIL.Image.fromarray(np.rint(255 * pixels).astype(np.uint8))
    file = io.BytesIO()
    picture.save(file, CODECS[codec], quality=quality)
    with PIL.Image.open(file) as back:
        return len(file.getvalue()), np.asarray(back, np.float32) / 255


@pytest.mark.parametrize("codec", CODECS)
def test_points_are_means_over_images(codec: str, photograph: np.ndarray) -> None:
    images = [photograph[:16, :24], photograph[30:46, 50:74]]
    first, second = rate_distortion(images, codecs=[codec], qualities=[80, 20, 80], metrics=METRICS)[codec]
    assert (first.quality, second.quality) == (20, 80)
    assert first.bytes_per_pixel < second.bytes_per_pixel and first.scores["psnr"] < second.scores["psnr"]
    sizes, scores = [], []
    for image in images:
        size, back = written(image, codec, 20)
        sizes.append(size / (16 * 24))
        scores.append(compare(image, [back], metrics=METRICS)[0]["psnr"])
    assert first.bytes_per_pixel == pytest.approx(np.mean(sizes))
    assert first.scores["psnr"] == pytest.approx(np.mean(scores))


def test_gray_images_are_encoded_as_gray(photograph: np.ndarray) -> None:
    gray = photograph[:16, :24].mean(axis=-1, keepdims=True)
    curves = rate_distortion([gray], qualities=[50], metrics=["mae"])
    assert list(curves) == list(CODECS)
    size, back = written(gray[..., 0], "jpeg", 50)
    (point,) = curves["jpeg"]
    assert point.bytes_per_pixel == size / (16 * 24)
    assert point.scores["mae"] == pytest.approx(np.abs(back - gray[..., 0]).mean(), rel=1e-5)


def test_deltas_are_against_the_first_codec() -> None:
    def curve(factor: float, offset: float) -> list[RatePoint]:
        rates = (0.1, 0.2, 0.5, 1.1)
        return [RatePoint(10, factor * x, {"psnr": 30 + 9 * x + offset, "mae": 1 / x}) for x in rates]

    deltas = codec_deltas({"jpeg": curve(1, 0), "webp": curve(0.5, 0), "avif": curve(1, 1)})
    assert [(delta.codec, delta.anchor, delta.metric) for delta in deltas] == [
        ("webp", "jpeg", "psnr"), ("webp", "jpeg", "mae"), ("avif", "jpeg", "psnr"), ("avif", "jpeg", "mae"),
    ]  # fmt: skip
    assert [delta.rate for delta in deltas[:2]] == pytest.approx([-50, -50])
    assert deltas[2].score == pytest.approx(1) and deltas[3].rate == pytest.approx(0, abs=1e-9)
    assert deltas[0].overlap == 1 and deltas[2].overlap == pytest.approx(8 / 10)
    assert all(delta.notes == () for delta in deltas)
    rates, scores = [0.1, 0.2, 0.5, 1.1], [30.9, 31.8, 34.5, 39.9]
    akima = codec_deltas({"jpeg": curve(1, 0), "avif": curve(1, 1)}, method="akima")[0]
    other = [score + 1 for score in scores]
    assert akima.rate == pytest.approx(bd_rate(rates, scores, rates, other, method="akima"))
    assert akima.score == pytest.approx(bd_metric(rates, scores, rates, other, method="akima"))


def test_undefined_deltas_say_why() -> None:
    low, high = ([RatePoint(q, q / 10, {"psnr": score + q / 10}) for q in (1, 2)] for score in (10, 20))
    (delta,) = codec_deltas({"jpeg": low, "webp": high})
    assert math.isnan(delta.rate) and delta.score == pytest.approx(10) and delta.overlap == 0
    (note,) = delta.notes
    assert note.startswith(
        "webp against jpeg by psnr: bd_rate: expected scores that overlap, got 10.1 to 10.2 and 20.1"
    )
    (delta,) = codec_deltas({"jpeg": low[:1], "webp": high[:1]})
    assert math.isnan(delta.rate) and math.isnan(delta.score) and len(delta.notes) == 2


def test_what_cannot_be_encoded(photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    image = photograph[:8, :8]
    with pytest.raises(InputError, match=r"^no codec 'jpg'\. Did you mean 'jpeg'\?"):
        rate_distortion([image], codecs=["jpg"])
    with pytest.raises(InputError, match=r"^no codec is chosen\. There are: jpeg, webp, avif\."):
        rate_distortion([image], codecs=[])
    for wrong, got in (([0, 50], "0, 50"), ([101], "101"), ([], "none")):
        with pytest.raises(InputError, match=rf"^qualities must be whole numbers from 1 to 100, got {got}\.$"):
            rate_distortion([image], qualities=wrong)
    with pytest.raises(InputError, match=r"^image 0: ssim is not computed: it needs 11 x 11 pixels, not 8 x 8\."):
        rate_distortion([image], metrics=["ssim"])
    with pytest.raises(InputError, match=r"^there is no image to encode\.$"):
        rate_distortion([])
    monkeypatch.delitem(PIL.Image.SAVE, "AVIF")
    with pytest.raises(InputError, match=r"^this Pillow, [\d.]+, cannot write avif\. Install .* out of jpeg, webp\.$"):
        rate_distortion([image])
