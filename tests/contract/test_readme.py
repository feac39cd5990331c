"""The README tells the truth: its tables are up to date, its code runs, its test command is there once."""

import re

import jax
import pytest

from tests.contract.readme import README, TABLES, conventions_table, fill, readme_table


TEXT = README.read_text(encoding="utf-8")
TEST_COMMAND = 'pip install -e ".[test]" && pytest'


def test_tables_are_up_to_date() -> None:
    assert fill(TEXT) == TEXT, "README.md is stale: python -m tests.contract.readme"


def test_tables_say_what_the_registry_says() -> None:
    metrics, conventions = readme_table().splitlines(), conventions_table().splitlines()
    assert "| `mae(x, y)` | [0, ∞] | lower | 0 | 1 px | yes |" in metrics[2]
    assert "| `ssim(x, y, data_range)` | [-1, 1] | higher | 1 | 11 px | yes |" in metrics[6]
    assert "| `ssim` | `tensorflow` | none |" in conventions
    assert '| `ssim` | `skimage` | `window="uniform"`, `window_size=7`, `covariance="sample"` |' in conventions
    assert '| `ms_ssim` | `pytorch_msssim` | `odd="zero"` |' in conventions


def test_fill_replaces_what_is_between_the_markers() -> None:
    empty = "".join(f"# {name}\n<!-- {name} -->\nold\n<!-- /{name} -->\n" for name in TABLES)
    filled = fill(empty)
    assert "old" not in filled and readme_table() in filled and conventions_table() in filled
    assert fill(filled) == filled
    with pytest.raises(ValueError, match="expected <!-- metrics --> and <!-- /metrics --> once each"):
        fill("# No markers")


def test_python_blocks_run() -> None:
    """In order, in one namespace, with the line numbers of the README in tracebacks."""
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE))
    assert len(blocks) >= 3
    namespace = {"__name__": "readme"}
    # Optax needs the promotion of integers that JAX has by default.
    with jax.numpy_dtype_promotion("standard"):
        for block in blocks:
            line = TEXT.count("\n", 0, block.start(1))
            exec(compile("\n" * line + block[1], str(README), "exec"), namespace)
    assert "jaxloss" in namespace and "optax" in namespace


def test_test_command_is_there_once() -> None:
    assert TEXT.splitlines().count(TEST_COMMAND) == 1
