"""The demonstration: six distortions of one photograph with the same mean squared error, told apart by structure."""

import os

from ..images import check_destination, contact_sheet, distort, sample_photograph, save_picture
from ..images._distortions import DISTORTIONS
from ._compare import compare


METRICS = ("mae", "mse", "psnr", "ssim", "ms_ssim", "gmsd", "haarpsi", "lpips")  # of each kind


def demo(path: str | os.PathLike[str]) -> dict[str, dict[str, float]]:
    """Score six distortions of the sample photograph and write a contact sheet of them.

    Args:
        path: The picture to write, such as `jaxloss-demo.png`.

    Returns:
        Name of the distortion to name of the metric to score.

    Raises:
        InputError: If there can be no picture at the path.

    Example:
        >>> import tempfile
        >>> from jaxloss.evaluate import demo
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     scores = demo(f"{folder}/sheet.png")
        >>> print(f"{scores['brightness']['ssim']:.1f} {scores['blur']['ssim']:.1f}")
        0.9 0.6
    """
    check_destination(path)
    photograph = sample_photograph()
    images = {row.name: distort(photograph, row.name) for row in DISTORTIONS}
    scores = dict(zip(images, compare(photograph, list(images.values()), metrics=METRICS), strict=True))
    captions = {
        name: (
            f"PSNR {row['psnr']:.1f} dB,  SSIM {row['ssim']:.3f}",
            f"MS-SSIM {row['ms_ssim']:.3f},  LPIPS {row['lpips']:.3f}",
        )
        for name, row in scores.items()
    }
    captions["photograph"] = ("Six copies, one squared error:", "SSIM and LPIPS tell them apart.")
    save_picture(contact_sheet(photograph, images, captions, title="photograph"), path)
    return scores
