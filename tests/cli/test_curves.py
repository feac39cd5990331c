"""`jaxloss sde` as its users meet it: curves in, estimates and pictures out, and one line about what is wrong."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxloss.curves import (
    _plot,
    analysis_csv,
    analysis_json,
    analyze,
    average_curves,
    curves_csv,
    measure_files,
    read_curves,
)
from jaxloss.sde import CONDITIONS
from tests._command_line import Run, check_mistake, files, only_line
from tests.curves._curves import random_curves
from tests.curves._states import write_states


SIMULATION = "--mu -1 --sigma 0.3 --eta 0.1 --xi 0.2 --first 0.1"


@pytest.fixture
def run(run: Run) -> Run:
    """`run("fit data.csv")` calls `jaxloss sde fit data.csv`."""
    return lambda arguments: run("sde", *arguments.split())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with curves under all conditions in it."""
    monkeypatch.chdir(tmp_path)
    curves = random_curves()
    Path("data.csv").write_text(curves_csv(curves) + "\n")
    Path("baseline.csv").write_text(curves_csv({"baseline": curves["baseline"]}) + "\n")
    return tmp_path


def test_fit_prints_parameters_checks_and_tests(run: Run) -> None:
    code, out, err = run("fit data.csv")
    assert (code, err) == (0, "")
    kappa = analyze(random_curves()).fits["prompt"].kappa
    assert f"{kappa.lower:.3f} to {kappa.upper:.3f}" in out
    for word in (*CONDITIONS, "together", "sigma", "eta", "xi", "95 %", "Cochran's Q", "Wald test", "AIC"):
        assert word in out
    assert "increments of ln D at the level 0.01: not rejected." in " ".join(out.split())


def test_json_and_csv_are_all_of_stdout_and_have_the_options(run: Run) -> None:
    found = analyze(average_curves(read_curves("data.csv"), 3), level=0.9)
    assert run("fit data.csv --json --window 3 --level 0.9") == (0, analysis_json(found) + "\n", "")
    assert run("fit data.csv --csv --window 3 --level 0.9") == (0, analysis_csv(found) + "\n", "")


def test_one_condition_is_fitted_and_what_is_missing_said(run: Run) -> None:
    code, out, err = run("fit baseline.csv")
    assert code == 0
    assert "kappa" in out and "sigma" not in out
    assert only_line(err).startswith("note: separate: expected conditions that tell eta or xi apart, got baseline.")


def test_simulated_curves_are_what_fit_reads(run: Run) -> None:
    code, out, err = run(f"simulate {SIMULATION} --conditions baseline,reference,prompt --paths 40 --steps 30")
    assert (code, err) == (0, "")
    Path("simulated.csv").write_text(out)
    curves = read_curves("simulated.csv")
    assert {condition: len(by_name) for condition, by_name in curves.items()} == {
        "baseline": 40,
        "reference": 40,
        "prompt": 40,
    }
    share = np.asarray(curves["prompt"]["path 39"].share)
    np.testing.assert_allclose(share, np.linspace(0.1, 1, 31), rtol=1e-5)
    together = json.loads(run("fit simulated.csv --json --level 0.999")[1])["together"]
    for name, value in {"mu": -1, "sigma": 0.3, "eta": 0.1, "xi": 0.2}.items():
        assert together[name]["lower"] < value < together[name]["upper"], name


def test_simulation_depends_on_its_seed_alone(run: Run) -> None:
    one, same, other = (run(f"simulate {SIMULATION} --seed {seed}")[1] for seed in (1, 1, 2))
    assert one == same != other
    both = run(f"simulate {SIMULATION} --seed 1 --conditions both,baseline")[1]
    assert set(one.splitlines()) < set(both.splitlines())


def test_plot_writes_a_picture_and_nothing_else(folder: Path, run: Run) -> None:
    before = files(folder)
    assert run("plot data.csv -o figure.png --window 2 --loss LPIPS") == (0, "Wrote figure.png.\n", "")
    after = files(folder)
    assert after.keys() - before.keys() == {"figure.png"}
    assert all(after[name] == before[name] for name in before)
    with Image.open("figure.png") as picture:
        assert picture.width > 3 * 300 and picture.height > 600
        colors = {color for _, color in picture.convert("RGB").getcolors(1 << 24) or []}
    assert {tuple(bytes.fromhex(color[1:])) for color in _plot.COLORS.values()} <= colors
    assert run("plot baseline.csv -o figure.jpg")[0] == 0


def test_plot_without_matplotlib_says_how_to_install_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, out, err = run("plot data.csv -o figure.png")
    assert (code, out) == (2, "")
    assert only_line(err) == 'drawing needs matplotlib: pip install "jaxloss[plot]".'
    assert not Path("figure.png").exists()


def test_interruption_leaves_nothing(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("figure.png").write_text("old")
    before = files(folder)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("jaxloss.curves.plot_curves", interrupted)
    assert run("plot data.csv -o figure.png") == (130, "", "")
    assert files(folder) == before


@pytest.fixture
def states(photograph: np.ndarray) -> np.ndarray:
    return write_states(photograph)


@pytest.mark.usefixtures("states")
def test_measure_prints_the_curve(run: Run) -> None:
    arguments = "target.png state0.png state1.png state2.png --masks masks --metric mse"
    code, out, err = run(f"measure {arguments} --condition prompt --curve cat")
    assert (code, err) == (0, "")
    states = [f"state{number}.png" for number in range(3)]
    assert out == curves_csv({"prompt": {"cat": measure_files("target.png", states, "masks", metric="mse")}}) + "\n"
    assert "baseline,target.png,0.25," in run(f"measure {arguments}")[1]


@pytest.mark.usefixtures("states")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("nowhere.png state0.png --masks masks", "nowhere.png: no such file."),
        ("target.png state0.png --masks nowhere", "nowhere/state0.png: no such file."),
        ("target.png small.png --masks .", "small.png is 40 x 40 and target.png is 48 x 40 pixels. A mask has"),
        ("target.png state0.png --masks masks --metric psnr", "psnr is better when higher, and is no loss."),
        ("target.png state0.png --masks masks --metric lpisp", "no metric 'lpisp'. Did you mean 'lpips'?"),
        ("target.png state0.png --masks masks --condition base", "no condition 'base'. The conditions are baseline"),
        ("target.png state0.png", "Missing option '--masks'"),
    ],
)
def test_mistakes_in_measuring_are_one_line(run: Run, arguments: str, message: str) -> None:
    code, out, err = run(f"measure {arguments}")
    assert (code, out) == (2, "")
    assert only_line(err).startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("fit nowhere.csv", "nowhere.csv: no such file."),
        ("plot nowhere.csv -o figure.png", "nowhere.csv: no such file."),
        ("fit data.csv --json --csv", "--json and --csv exclude each other."),
        ("fit data.csv --level 95", "the level of the intervals is 95; it has to lie between 0 and 1"),
        ("fit data.csv --window 0", "the window of the moving average is 0; the curve 'curve 0' has 12 measurements."),
        ("fit data.csv --window 12", "the window of the moving average is 12; the curve 'curve 0' has 12"),
        ("fit data.csv --window many", "Invalid value for '--window'"),
        ("plot data.csv -o figure", "figure: no picture format is known by the extension ''."),
        ("plot data.csv -o nowhere/figure.png", "nowhere/figure.png: the directory nowhere does not exist."),
        ("plot data.csv", "Missing option '--output'"),
        ("simulate --mu -1", "Missing option '--sigma'"),
        (f"simulate {SIMULATION} --conditions all", "no condition 'all'. The conditions are baseline"),
        (f"simulate {SIMULATION} --conditions ,", "no condition is chosen."),
        (f"simulate {SIMULATION} --initial 0", "initial must be a finite number above 0, got 0.0."),
        (f"simulate {SIMULATION} --paths 0", "paths must be 1 or more, got 0."),
        (f"simulate {SIMULATION} --last 0.1", "first and last must be shares with 0 <= first < last <= 1"),
        (f"simulate {SIMULATION} --seed {2**63}", "seed must be an integer of at most 64 bits"),
        ("simulate --mu nan --sigma 1", "mu must be a finite number, got nan."),
        ("simulate --mu -9999 --sigma 1", "the losses leave the range of numbers in condition baseline."),
    ],
)
def test_mistakes_are_one_line(folder: Path, run: Run, arguments: str, message: str) -> None:
    check_mistake(lambda: run(arguments), folder, message)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("prompt,a,0.1,0.5\nprompt,a,0.2,0.4", "condition prompt: fit: expected at least 3 increments in all curves"),
        (
            "both,a,0,1\nboth,a,0.25,0.5\nboth,a,0.5,0.25\nboth,a,0.75,0.125",
            "condition both: fit: expected curves with",
        ),
        ("prompt,a,0.1,0.5", "the window of the moving average is 1; the curve 'a' has 1 measurements."),
    ],
)
def test_curves_that_cannot_be_fitted(run: Run, rows: str, message: str) -> None:
    Path("few.csv").write_text(f"condition,curve,share,loss\n{rows}\n")
    for arguments in ("fit few.csv", "plot few.csv -o figure.png"):
        code, out, err = run(arguments)
        assert (code, out) == (2, "")
        assert only_line(err).startswith(message)


def test_without_a_command_help_is_shown(run: Run) -> None:
    code, out, err = run("")
    assert (code, err) == (0, "")
    assert all(name in out for name in ("measure", "fit", "simulate", "plot"))
