"""Pictures are written whole or not at all, and never over an input."""

from pathlib import Path

import pytest
from PIL import Image

from jaxloss import InputError
from jaxloss.images import check_destination, save_picture


PICTURE = Image.new("RGB", (3, 2), (255, 0, 0))


@pytest.mark.parametrize("name", ["map.png", "map.PNG", "map.jpg", "map.webp"])
def test_picture_is_written(tmp_path: Path, name: str) -> None:
    path = check_destination(tmp_path / name)
    save_picture(PICTURE, path)
    with Image.open(path) as image:
        assert image.size == (3, 2)
    assert list(tmp_path.iterdir()) == [path]


def test_existing_picture_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    path.write_text("old")
    save_picture(PICTURE, check_destination(path))
    with Image.open(path) as image:
        assert image.size == (3, 2)


def test_permissions_are_those_of_a_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    save_picture(PICTURE, tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("name", ["map", "map.xyz", "map."])
def test_unknown_extension(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"no picture format is known by the extension .* Use \.png\."):
        check_destination(tmp_path / name)


def test_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the directory .*nowhere does not exist"):
        check_destination(tmp_path / "nowhere" / "map.png")


def test_directory_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "map.png").mkdir()
    with pytest.raises(InputError, match="is a directory"):
        check_destination(tmp_path / "map.png")


@pytest.mark.parametrize("spelling", ["photo.png", "./photo.png", "link.png"])
def test_input_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str) -> None:
    monkeypatch.chdir(tmp_path)
    PICTURE.save("photo.png")
    Path("link.png").symlink_to("photo.png")
    with pytest.raises(InputError, match="is one of the files to read"):
        check_destination(spelling, ["other.png", "photo.png"])


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "map.png"
    path.write_text("old")

    def fail(self: Image.Image, destination: Path) -> None:
        Path(destination).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(InputError, match=r"map\.png: cannot be written: No space left on device\.$"):
        save_picture(PICTURE, path)
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("map.png", "old")]


def test_destination_is_touched_by_the_renaming_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "map.png"
    path.write_text("old")

    def fail(source: Path, destination: Path) -> None:
        with Image.open(source) as image:
            assert image.size == (3, 2)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(InputError, match=r"map\.png: cannot be written: Permission denied\.$"):
        save_picture(PICTURE, path)
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("map.png", "old")]
