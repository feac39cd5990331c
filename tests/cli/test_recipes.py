"""`jaxloss recipes`: the inpainting objectives as users read them."""

import pytest
from typer.testing import CliRunner

from jaxloss import INPAINTING_RECIPES, cli
from tests._command_line import Run, only_line


def printed(*arguments: str, columns: int = 160) -> str:
    done = CliRunner().invoke(cli.app, ["recipes", *arguments], env={"COLUMNS": str(columns)})
    assert done.exit_code == 0
    return done.output


def test_all_recipes_with_their_terms() -> None:
    text = printed()
    for name, row in INPAINTING_RECIPES.items():
        heading, _, text = text.partition(f"{name}: {row.title} ({row.paper})\n")
        assert not heading.strip() or name != "pconv"
        lines = [line.split() for line in text.splitlines()]
        for term in row.terms:
            weight = "required" if term.weight is None else f"{term.weight:g}"
            line = next(line for line in lines if line[:2] == [weight, term.name])
            assert line[2].rstrip(",") == term.images[0]
            assert term.source.split(";")[0] in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pconv", ("Liu et al., ECCV 2018", "0.05", "output + composite", "l1 of Gram / chw", "pool3", "ImageNet")),
        (
            "mat",
            ("0.25 conv4_4", "outputs output and stage1", "gamma=10 in every 16th step, times 16", "--pr=0.1"),
        ),
        ("tformer", ("250", "output, hole only", "relu3_4", "times 0.5", "tformer_model.py:17-23,113-131")),
        ("coordfill", ("lpips-alex", "sum over layers", "discriminator_features=(..., ...)")),
        ("cmt", ("required", "not published", 'weights={"l1": ..., "perceptual": ..., "adversarial": ...}')),
        ("lama", ("known pixels count as real", "gamma=0.002", "mean over layers", 'nets={"resnet50_dilated": ...}')),
    ],
)
def test_one_recipe_in_full(name: str, words: tuple[str, ...]) -> None:
    text = printed(name, columns=250)
    assert INPAINTING_RECIPES[name].title in text and INPAINTING_RECIPES[name].training in text
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize("columns", [80, 120])
def test_narrow_terminals_lose_nothing(columns: int) -> None:
    text = printed(columns=columns)
    assert max(map(len, text.splitlines())) <= columns
    assert "…" not in text and text.count("relu4_1") == 5


@pytest.mark.parametrize(("name", "way_out"), [("pconf", "Did you mean 'pconv'?"), ("xyz", "There are: pconv, pconv_")])
def test_unknown_name(name: str, way_out: str, run: Run) -> None:
    code, out, err = run("recipes", name)
    assert (code, out) == (2, "")
    assert only_line(err).startswith(f"no recipe is called {name!r}. {way_out}")
