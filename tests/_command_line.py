"""What the tests of the command line share: how it is called, and what its users are told."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


# Arguments -> exit code, stdout, stderr.
Run = Callable[..., tuple[int, str, str]]


def only_line(text: str) -> str:
    """The one line of what was printed on stderr."""
    (line,) = text.splitlines()
    assert line.startswith("jaxloss: ")
    return line.removeprefix("jaxloss: ")


def files(folder: Path) -> dict[str, bytes]:
    """What lies in the folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def check_mistake(run: Callable[[], tuple[int, str, str]], folder: Path, message: str) -> None:
    """One line that begins so, exit code 2, and no file of the folder is another one afterwards."""
    before = files(folder)
    code, out, err = run()
    assert (code, out) == (2, "")
    assert only_line(err).startswith(message)
    assert files(folder) == before


def run_apart(*arguments: str, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own; `env` adds to the environment."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **options.pop("env", {})}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 300, **options}
    return subprocess.run(
        [sys.executable, "-m", "jaxloss", *arguments], cwd=folder, env=environment, text=True, **options
    )
