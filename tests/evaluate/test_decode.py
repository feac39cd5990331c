"""Files are read in order by many threads; what is wrong with one is told of its pair, in one sentence."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxloss.evaluate._decode import decoded, read_task
from jaxloss.evaluate._plan import Place, Task
from jaxloss.images import read_image
from jaxloss.images._read import in_unit
from tests.evaluate._folders_of_images import write_folders


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_folders(Path(), 30)


def task(reference: str, *tests: str, frames: int = 0) -> Task:
    places = tuple(Place(0, slot, slot, slot) for slot in range(frames or len(tests)))
    return Task(Path(reference), tuple(map(Path, tests)), places)


def test_images_come_in_order() -> None:
    tasks = [task(f"real/{number}.png", f"made/{number}.png", f"real/{number}.png") for number in range(30)]
    found = list(decoded(tasks, 10**7))
    assert len(found) == 60 and all(image.error == "" for image in found)
    for number, image in enumerate(found):
        names = ("real", "real") if number % 2 else ("real", "made")
        for pixels, name in zip((image.reference, image.test), names, strict=True):
            assert pixels.dtype == np.uint8  # as it is in the file
            np.testing.assert_array_equal(in_unit(pixels), read_image(f"{name}/{number // 2}.png").pixels)
    assert list(decoded([], 0)) == []


def test_what_is_wrong_is_told_of_the_pair() -> None:
    whole = Path("made/0.png").read_bytes()
    bad = {"empty": b"", "cut": whole[:200], "text": b"no image", "flipped": whole[:60] + b"?" * 60}
    for name, content in bad.items():
        Path(f"{name}.png").write_bytes(content)
    Image.new("L", (20, 16)).save("gray.png")
    Path("folder.png").mkdir()
    names = ["empty", "cut", "text", "flipped", "gray", "folder", "nowhere", "real/1", "made/0"]
    found = read_task(task("real/0.png", *(f"{name}.png" for name in names)))
    assert [image.error.partition(":")[0] for image in found[:4]] == [f"{name}.png" for name in names[:4]]
    assert "Save both as gray or both as RGB" in found[4].error and "is a directory" in found[5].error
    assert found[6].error == "nowhere.png: no such file." and "Crop or resize" in found[7].error
    assert found[8].error == "" and all(len(image.error.splitlines()) <= 1 for image in found)
    assert {image.error for image in read_task(task("cut.png", "made/0.png", "made/1.png"))} == {found[1].error}


def test_all_frames_of_a_file() -> None:
    frames = [Image.new("L", (4, 3), 50 * number) for number in range(4)]
    frames[0].save("a.tif", save_all=True, append_images=frames[1:])
    frames[0].save("short.tif", save_all=True, append_images=frames[1:3])
    found = read_task(task("a.tif", "a.tif", frames=4))
    assert [round(image.test.mean()) for image in found] == [0, 50, 100, 150]
    errors = {image.error for image in read_task(task("a.tif", "short.tif", frames=4))}
    assert errors == {"short.tif has 3 frames and a.tif has 4. Cut one of them."}
    Path("cut.tif").write_bytes(Path("a.tif").read_bytes()[:60])
    (error,) = {image.error for image in read_task(task("a.tif", "cut.tif", frames=4))}
    assert error.startswith("cut.tif: ")
    assert read_task(task("a.tif", "a.tif"))[0].notes == ("a.tif: first of 4 frames taken.",) * 2
