"""The README pages tell the truth: tables are up to date, code runs, links lead somewhere."""

import re
from pathlib import Path

import jax
import pytest

from jaxloss.registry import METRICS
from tests.contract.readme import PAGES, README, ROOT, TABLES, conventions_table, fill, readme_table


TEST_COMMAND = 'pip install -e ".[test]" && pytest'
LONGEST_README = 250  # lines
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT).parent))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_tables_are_up_to_date() -> None:
    text = "".join(map(text_of, PAGES))
    assert [name for name in TABLES if text.count(f"<!-- {name} -->") != 1] == []
    assert fill(text) == text, "stale: python -m tests.contract.readme"


def test_tables_say_what_the_registry_says() -> None:
    metrics, conventions = readme_table().splitlines(), conventions_table().splitlines()
    assert "| `mae(x, y)` | [0, ∞] | lower | 0 | 1 px | yes |" in metrics[2]
    assert "| `ssim(x, y, data_range)` | [-1, 1] | higher | 1 | 11 px | yes |" in metrics[6]
    assert "| `ssim` | `tensorflow` | none |" in conventions
    assert '| `ssim` | `skimage` | `window="uniform"`, `window_size=7`, `covariance="sample"` |' in conventions
    assert '| `ms_ssim` | `pytorch_msssim` | `odd="zero"` |' in conventions


def test_readme_names_every_function() -> None:
    names = {row.function.__name__ for row in METRICS.values()}
    assert sorted(names - set(re.findall(r"`(\w+)`", text_of(README)))) == []


def test_fill_replaces_what_is_between_the_markers() -> None:
    empty = "".join(f"# {name}\n<!-- {name} -->\nout of date\n<!-- /{name} -->\n" for name in TABLES)
    filled = fill(empty)
    assert "out of date" not in filled and readme_table() in filled and conventions_table() in filled
    assert fill(filled) == filled


@every_page
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, in one namespace and an empty folder, with the line numbers of the page in tracebacks."""
    monkeypatch.chdir(tmp_path)
    text, namespace = text_of(page), {"__name__": "readme"}
    # Optax needs the promotion of integers that JAX has by default.
    with jax.numpy_dtype_promotion("standard"):
        for block in re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            line = text.count("\n", 0, block.start(1))
            exec(compile("\n" * line + block[1], str(page), "exec"), namespace)
    assert page != README or {"jaxloss", "optax", "value"} <= namespace.keys()


@every_page
def test_links_lead_to_files(page: Path) -> None:
    links = [link.partition("#") for link in re.findall(r"\]\(([^)]+)\)", text_of(page)) if "://" not in link]
    assert [path for path, _, _ in links if path and not (page.parent / path).exists()] == []
    for path, _, heading in links:
        if heading:
            titles = re.findall(r"^#+ (.*)$", text_of(page.parent / path if path else page), re.MULTILINE)
            assert heading in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles]


def test_readme_is_short_and_has_the_test_command_once() -> None:
    lines = text_of(README).splitlines()
    assert len(lines) <= LONGEST_README
    assert lines.count(TEST_COMMAND) == 1
