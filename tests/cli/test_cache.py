"""Compiled programs are kept where the user has them, and a folder that cannot have them is no trouble."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from jaxloss.cli import _cache
from tests._command_line import run_apart


ARGUMENTS = ("compare", "photo.png", "dark.png", "--metrics", "mae,ssim")


def compare(folder: Path, cache: object, **environment: str) -> str:
    """What is printed with a cache; nothing else may be."""
    environment = {"JAXLOSS_CACHE": str(cache), "JAX_COMPILATION_CACHE_DIR": "", "JAX_LOG_COMPILES": "0", **environment}
    done = run_apart(*ARGUMENTS, folder=folder, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_programs_are_kept_and_found_again(folder: Path) -> None:
    cache = folder / "new" / "cache"
    first = compare(folder, cache)
    kept = {path: path.stat() for path in (cache / "scores").iterdir()}
    assert len(kept) == 2  # of two files of metrics
    assert compare(folder, cache) == first
    for path, before in kept.items():
        after = path.stat()
        assert after.st_ino == before.st_ino and after.st_mtime_ns > before.st_mtime_ns


def test_folder_that_cannot_be_one_is_no_trouble(folder: Path) -> None:
    assert "ssim" in compare(folder, folder / "text.png" / "cache")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What JAX has been told, in the place of telling it."""
    settings: dict[str, object] = {"jax_compilation_cache_dir": None}
    config = SimpleNamespace(values=settings, update=settings.__setitem__)
    monkeypatch.setattr(_cache, "jax", SimpleNamespace(config=config))
    return settings


def test_off(told: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    for word in ("", "0", "off", "OFF"):
        monkeypatch.setenv("JAXLOSS_CACHE", word)
        _cache.keep_compiled_programs()
    assert told == {"jax_compilation_cache_dir": None}


def test_folder_of_the_user_and_its_size(
    told: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAXLOSS_CACHE", raising=False)
    monkeypatch.setattr(_cache, "cache_folder", lambda: tmp_path / "weights")
    _cache.keep_compiled_programs()
    assert told["jax_compilation_cache_dir"] == str(tmp_path / "compiled")
    assert told["jax_compilation_cache_max_size"] == 2**28
    assert told["jax_persistent_cache_min_compile_time_secs"] == 0


def test_what_jax_was_told_before_stays(
    told: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAXLOSS_CACHE", str(tmp_path))
    told["jax_compilation_cache_dir"] = "elsewhere"
    _cache.keep_compiled_programs()
    assert told == {"jax_compilation_cache_dir": "elsewhere"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="Nothing is forbidden to root.")
def test_folder_without_permission(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o555)
    assert "ssim" in compare(folder, closed)
