"""What all commands have in common: help, version, and what becomes of mistakes and of faults."""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from jaxloss import cli
from tests._command_line import Run, only_line, run_apart


COMMANDS = ("compare", "gradcheck", "demo", "stylize", "metrics", "recipes", "weights", "sde")


def test_unknown_command(run: Run) -> None:
    code, out, err = run("nonsense")
    assert (code, out) == (2, "")
    assert only_line(err).startswith("No such command 'nonsense'.")


def test_mistake_in_a_process_of_its_own(folder: Path) -> None:
    done = run_apart("compare", "photo.png", "text.png", folder=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert only_line(done.stderr) == "text.png: not an image that Pillow can read."


def test_faults_of_the_program_keep_their_traceback(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxloss.evaluate.compare", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(sys, "argv", ["jaxloss", "compare", "photo.png", "dark.png"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_closed_pipe_is_quiet(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = run_apart("metrics", folder=tmp_path, stdout=closed)
    assert (done.returncode, done.stderr) == (1, "")


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"jaxloss {version('jaxloss')}\n", "")


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_the_commands(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert all(f" {name} " in out for name in (*COMMANDS, "--version"))


def test_a_process_ends_at_once(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """After what is to be done at its end; the interpreter is not taken down, for threads that compile would crash."""
    done = []

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    def end(code: int) -> None:
        raise RuntimeError(f"ended with {code} after {done}")

    monkeypatch.setattr("os._exit", end)
    monkeypatch.setattr("atexit._run_exitfuncs", lambda: done.append("the rest"))
    monkeypatch.setattr("jaxloss.cli._app.version", interrupt)
    for arguments, code in ((["--version"], 130), (["nonsense"], 2), (["recipes"], 0)):
        done.clear()
        monkeypatch.setattr("sys.argv", ["jaxloss", *arguments])
        with pytest.raises(RuntimeError, match=rf"ended with {code} after \['the rest'\]"):
            cli.run()
    assert "lpips" in capfd.readouterr().out
