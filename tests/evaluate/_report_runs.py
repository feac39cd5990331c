"""Runs written by hand, for the tests of reports."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image


EVIL = "</script><script>document.title = 'broken'</script>\"'&\udcff.png"
SIDE = 16


def write_run(folder: Path, rows: Sequence[dict[str, Any]], **settings: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "scores.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    (folder / "run.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def make_rows(folder: Path, photograph: np.ndarray, methods: Sequence[str] = ("plain", "dark"), pairs: int = 6) -> list:
    """Small images on the disk, each darker than the one before, with scores that rise by 1 from one to the next."""
    rows = []
    for number in range(pairs):
        reference = photograph[: SIDE * 2, : SIDE + number // 3]
        for place, method in enumerate(methods):
            paths = [folder / part / f"{number}.png" for part in ("reference", method)]
            for path, pixels in zip(paths, (reference, reference * (0.9 - 0.1 * place - 0.05 * number)), strict=True):
                path.parent.mkdir(parents=True, exist_ok=True)
                PIL.Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(path)
            scores = {"psnr": 20.0 + number - 3 * place, "ssim": 0.1 * number, "mae": 0.5 - 0.01 * number}
            rows.append(
                {
                    "method": method,
                    "name": f"{number}.png",
                    "reference": str(paths[0]),
                    "test": str(paths[1]),
                    "shape": [*reference.shape],
                    "scores": scores,
                }
            )
    return rows


def failure(method: str, name: str, error: str) -> dict[str, str]:
    return {"method": method, "name": name, "reference": f"r/{name}", "test": f"t/{name}", "error": error}
