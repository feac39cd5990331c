"""The race of folders: its pairs are written, its contestants run over all of them, its table has medians."""

from pathlib import Path

import pytest

from benchmarks import evaluate
from jaxloss import InputError
from jaxloss.images import read_image


def test_contestants_see_all_pairs(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "SIZES", ((24, 20), (16, 30)))
    monkeypatch.setattr(evaluate, "METRICS", ("psnr",))
    evaluate.write_pairs(folder, tmp_path, 5)
    shapes = [read_image(tmp_path / "made" / f"{number}.png").pixels.shape for number in range(5)]
    assert shapes == [(24, 20, 3), (16, 30, 3)] * 2 + [(24, 20, 3)]
    assert evaluate.reading(tmp_path, 4)() == 4
    evaluate.scoring(tmp_path, 4)()
    evaluate.whole(tmp_path, 4)()
    monkeypatch.setattr(evaluate, "SIZES", ((300, 300),))
    with pytest.raises(InputError, match="there are no photographs that are large enough"):
        evaluate.write_pairs(folder, tmp_path / "none", 1)


def test_table_has_medians() -> None:
    records = [{"what": "piq", "pairs": 100, "seconds": s, "peak_bytes": s * 2**20} for s in (4.0, 5.0, 9.0)]
    records.append({"what": "piq", "pairs": 10, "seconds": 2.0, "peak_bytes": 2**20})
    assert evaluate.rows(records) == [("piq", "100", "20", "5"), ("piq", "10", "5", "1")]
