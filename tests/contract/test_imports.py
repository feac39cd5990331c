"""`import jaxloss` stays cheap: what only some users need is imported when they need it."""

import subprocess
import sys
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]
HEAVY = {"PIL", "flax", "matplotlib", "optax", "pooch", "rich", "safetensors", "scipy", "typer"}


def modules_after(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after one statement."""
    program = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True).split())


def test_import_loads_nothing_heavy() -> None:
    loaded = modules_after("import jaxloss")
    assert {"jax", "jaxloss"} <= loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("name", ["rich", "typer"])
def test_heavy_modules_would_be_seen(name: str) -> None:
    assert name in modules_after(f"import {name}") & HEAVY
