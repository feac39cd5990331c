"""JPEG as files have it, by Pillow."""

import io

import numpy as np
import PIL.Image

from ._pictures import picture_of


def jpeg_file(image: np.ndarray, *, quality: int, subsampling: str = "4:2:0") -> np.ndarray:
    """An image as it comes back from a JPEG file, which is written to memory alone.

    Args:
        image: `[H, W, 1]` (gray) or `[H, W, 3]` (RGB), values in [0, 1].
        quality: 1 (worst) to 100.
        subsampling: Of chroma: `"4:4:4"`, `"4:2:2"` or `"4:2:0"`.

    Returns:
        Same shape, float32, multiples of 1/255 in [0, 1].

    Example:
        >>> from jaxloss.images import jpeg_file, sample_photograph
        >>> photograph = sample_photograph()
        >>> print(f"{abs(jpeg_file(photograph, quality=10) - photograph).mean():.3f}")
        0.040
    """
    picture = picture_of(image) if image.shape[-1] == 3 else picture_of(image).convert("L")
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, subsampling=subsampling)
    with PIL.Image.open(file) as decoded:
        return np.asarray(decoded, np.float32).reshape(image.shape) / 255
