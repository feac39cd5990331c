"""Batches of one shape: complete, in an order that a restart does not change, and no more programs than shapes."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jaxloss.evaluate import find_pairs
from jaxloss.evaluate._plan import Batch, Plan, _places, filled_shape, make_plan
from tests.evaluate._folders_of_images import SIZES, save, write_folders


OPTIONS: dict[str, Any] = dict(batch=4, devices=2, pixels=0, fillable=False, video=False, keep=False)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def plan(*methods: str, **options: Any) -> Plan:
    video = options.get("video", False)
    return make_plan(find_pairs("real", methods or ["made"], video=video).pairs, **{**OPTIONS, **options})


def places(found: Plan) -> list[tuple[int, int]]:
    return [(place.batch, place.slot) for task in found.tasks for place in task.places]


def test_batches_are_of_one_shape_and_complete() -> None:
    write_folders(Path(), 7, ["a", "b"])  # 3, 2 and 2 of each shape
    found = plan("a", "b")
    shapes = [(*size, 3) for size in sorted(SIZES)]
    assert found.batches == (
        Batch(shapes[0], 4, 4), Batch(shapes[1], 4, 6), Batch(shapes[1], 4, 6), Batch(shapes[2], 4, 4),
    )  # fmt: skip
    assert places(found) == [(number, slot) for number, count in enumerate((4, 4, 2, 4)) for slot in range(count)]
    assert all(task.reference.name == test.name for task in found.tasks for test in task.tests)
    assert (found.shapes, found.filled, found.failures, set(found.frames)) == (3, False, {}, {1})
    assert found.largest == 4 * 3 * max(math.prod(size) for size in SIZES)


def test_images_with_one_reference_are_read_together() -> None:
    write_folders(Path(), 1, ["a", "b"])
    (task,) = plan("a", "b").tasks
    assert task.reference == Path("real/0.png") and task.tests == (Path("a/0.png"), Path("b/0.png"))


def test_images_that_share_references_are_in_batches_of_the_same() -> None:
    """In one slot of one batch after another; unless batches would become half as large, or half empty."""
    write_folders(Path(), 6, ["a", "b", "c"], sizes=[(16, 16)])
    Path("b/4.png").unlink()
    found = plan("a", "b", "c", keep=True)
    assert found.batches == (Batch((16, 16, 3), 4, 17, shared=True),) * 6
    of_places = {tuple(place[:2]): pair for task in found.tasks for place in task.places for pair in [place.pair]}
    pairs = find_pairs("real", ["a", "b", "c"]).pairs
    for (batch, slot), number in of_places.items():
        pair, first = pairs[number], pairs[of_places[batch // 3 * 3, slot]]
        assert pair.reference == first.reference
    assert len(of_places) == 17 and len(found.tasks) == 6  # each reference is read once
    assert plan("a", "b", "c", keep=True, batch=16).batches == (Batch((16, 16, 3), 16, 17),) * 2
    for number in range(1, 4):
        Path(f"a/{number}.png").unlink()
        Path(f"b/{number}.png").unlink()
    assert {batch.shared for batch in plan("a", "b", "c", keep=True).batches} == {True}
    Path("a/4.png").unlink()
    Path("c/5.png").unlink()
    assert {batch.shared for batch in plan("a", "b", "c", keep=True).batches} == {False}


def test_all_to_one() -> None:
    """A reference for each device is enough."""
    write_folders(Path(), 6, ["a", "b"], sizes=[(16, 16)])
    pairs = find_pairs("real/0.png", ["a", "b"]).pairs
    assert make_plan(pairs, **{**OPTIONS, "keep": True}).batches == (Batch((16, 16, 3), 4, 12, True, 2),) * 3
    assert make_plan(pairs, **OPTIONS).batches == (Batch((16, 16, 3), 4, 12),) * 3
    assert not make_plan(pairs[:1], **{**OPTIONS, "keep": True}).batches[0].shared


def test_of_many_images_few_are_read_at_a_time() -> None:
    rows = [[(10 * slot + depth, 0) for depth in range(10)] for slot in range(2)]
    read = [(place.batch, place.slot) for place in _places(rows, 2, 5)]
    assert read == [(5 + n, slot) for some in (range(8), range(8, 10)) for slot in range(2) for n in some]


def test_a_restart_has_the_same_batches() -> None:
    write_folders(Path(), 7)
    whole = plan()
    some = whole.needed({0})
    assert {place.batch for task in some for place in task.places} == {1}
    assert [place.pair for task in some for place in task.places] == [0, 3, 6]
    assert whole.needed(set()) == () and whole.needed(range(7)) == whole.tasks


def test_sizes_of_batches() -> None:
    write_folders(Path(), 9, sizes=[(16, 16)])
    assert [batch.size for batch in plan(batch=5).batches] == [6, 6]
    assert [batch.size for batch in plan(batch=1, devices=1).batches] == [1] * 9
    assert plan(batch=None, pixels=3 * 256, devices=1).batches[0].size == 3
    assert plan(batch=None, pixels=10, devices=2).batches[0].size == 2
    assert plan(batch=None, pixels=10**9, devices=8).batches[0].size == 16  # no more than there are


def test_many_shapes_are_filled_up_to_few() -> None:
    write_folders(Path(), 12, sizes=[(16, 20 + number) for number in range(12)])
    assert plan().shapes == 12
    found = plan(fillable=True)
    assert found.filled and {batch.shape for batch in found.batches} == {(32, 32, 3)}
    sides = range(1, 3000)
    filled = np.array([filled_shape((side, 7, 1)) for side in sides])
    assert (filled[:, 0] >= sides).all() and (filled[:, 1:] == (32, 1)).all()
    assert (filled[31:, 0] <= 1.26 * np.arange(32, 3000)).all() and len(set(filled[:, 0])) == 27


def test_videos() -> None:
    for folder, frames in (("real", 5), ("made", 5), ("short", 4)):
        for frame in range(frames):
            save(Path(folder, "walk", f"{frame}.png"), np.full((8, 8, 3), 0.1 * frame))
        gray = [Image.new("L", (9, 9), 20 * frame) for frame in range(frames)]
        gray[0].save(f"{folder}/run.gif", save_all=True, append_images=gray[1:])
    found = plan(video=True)
    assert found.frames == (5, 5) and len(found.tasks) == 6
    *walk, run = found.tasks
    assert [(task.reference.name, task.tests[0].name) for task in walk] == [(f"{n}.png",) * 2 for n in range(5)]
    assert run.tests == (Path("made/run.gif"),) and [place.frame for place in run.places] == [0, 1, 2, 3, 4]
    short = plan("short", video=True)
    assert list(short.failures.values()) == ["short/walk has 4 frames and real/walk has 5. Cut one of them."]


def test_a_damaged_reference_is_left_to_its_reader() -> None:
    write_folders(Path(), 1)
    Path("real/0.png").write_bytes(b"")
    assert plan().batches == (Batch((), 2, 1),) and len(plan().tasks) == 1 and plan().largest == 0
