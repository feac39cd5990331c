"""Networks drawn at random: within their ranges, of every kind, and the same for the same seed."""

import pytest

from jaxloss.judgments import ARTIFACT_TASKS, ArtifactSpec, random_artifact_spec
from jaxloss.judgments._artifact_specs import NORMALIZATIONS, UPSAMPLINGS, WITHOUT_INSTANCE, check_spec


def drawn(task: str, count: int = 60) -> list[ArtifactSpec]:
    return [random_artifact_spec(seed, task=task) for seed in range(count)]


@pytest.mark.parametrize("task", ARTIFACT_TASKS)
def test_draws_are_possible_and_of_every_kind(task: str) -> None:
    specs, (kinds, (low, high), residual) = drawn(task), ARTIFACT_TASKS[task]
    for spec in specs:
        assert spec.residual or spec.normalization != "instance"
        check_spec("test", spec)
        assert low <= spec.level <= high and spec.depth <= 2 + spec.skips and 7e-4 <= spec.learning_rate <= 2e-3
    values = {field: {getattr(spec, field) for spec in specs} for field in ArtifactSpec._fields}
    assert values["corruption"] == set(kinds) and values["upsampling"] == set(UPSAMPLINGS)
    assert values["residual"] == ({False, True} if residual else {False})
    assert values["normalization"] == set(NORMALIZATIONS if residual else WITHOUT_INSTANCE)
    assert values["depth"] == values["layers"] == {1, 2, 3} and values["first_stride"] == {1, 2}
    assert values["width"] == {8, 12, 16, 24} and values["skips"] == {False, True}
    some = [0 < len([spec for spec in specs if getattr(spec, term) > 0]) < 60 for term in ("features", "adversarial")]
    assert some == ([False, False] if task == "style" else [True, True])
    assert all((spec.style > 0, spec.l1 > 0) == (task == "style", task != "style") for spec in specs)
    assert specs[:5] == drawn(task, 5) and len(set(specs)) == 60


def test_factors_of_downsampling_are_whole() -> None:
    assert {spec.level for spec in drawn("super-resolution")} == {2, 3, 4}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "inpainting"}, "a spec with task one of"),
        ({"corruption": "rain"}, "a spec with corruption one of"),
        ({"corruption": "downsampling"}, "a spec with level, from 1 to inf, got 0.0"),
        ({"depth": 1.5}, "a spec with depth, a whole number from 0 to inf, got 1.5"),
        ({"first_stride": 3}, "a spec with first_stride, a whole number from 1 to 2, got 3"),
        ({"dropout": 1}, "a spec with dropout, from 0 to 0.9, got 1"),
        ({"l1": float("nan")}, "a spec with l1, from 0 to inf, got nan"),
        ({"learning_rate": "fast"}, "a spec with learning_rate, from 0 to inf, got 'fast'"),
    ],
)
def test_impossible_specs(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^test: expected {message}"):
        check_spec("test", ArtifactSpec("autoencoding")._replace(**change))


def test_unknown_task() -> None:
    with pytest.raises(ValueError, match="random_artifact_spec: expected task one of"):
        random_artifact_spec(0, task="inpainting")
