"""`jaxloss sde` as its users meet it: curves in, estimates and pictures out, and one line about what is wrong."""

import csv
import io
import json
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

import jaxloss
from jaxloss.curves import _plot, curves_csv, read_curves
from jaxloss.sde import CONDITIONS, Curve, diagnose, fit, separate
from tests._command_line import Run, files, only_line


SIMULATION = "--mu -1 --sigma 0.3 --eta 0.1 --xi 0.2 --first 0.1"


@pytest.fixture
def run(run: Run) -> Run:
    """`run("fit data.csv")` calls `jaxloss sde fit data.csv`."""
    return lambda arguments: run("sde", *arguments.split())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with curves under all conditions in it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    curves: dict[str, dict[str, Curve]] = {}
    for condition, kappa in zip(CONDITIONS, (0.3, 0.4, 0.1, 0.2), strict=True):
        curves[condition] = {}
        for number in range(6):
            share = np.cumsum(rng.uniform(0.02, 0.08, 12))
            steps = np.diff(share)
            change = -(1 + kappa**2 / 2) * steps + kappa * np.sqrt(steps) * rng.normal(size=11)
            curves[condition][f"curve {number}"] = Curve(share, 0.6 * np.exp(np.cumsum([0, *change])))
    Path("data.csv").write_text(curves_csv(curves) + "\n")
    Path("baseline.csv").write_text(curves_csv({"baseline": curves["baseline"]}) + "\n")
    return tmp_path


def arrays(condition: str, name: str = "data.csv") -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Losses and shares."""
    pairs = read_curves(name)[condition].values()
    return [np.asarray(curve.loss) for curve in pairs], [np.asarray(curve.share) for curve in pairs]


def test_fit_prints_parameters_checks_and_tests(run: Run) -> None:
    code, out, err = run("fit data.csv")
    assert (code, err) == (0, "")
    kappa = fit(*arrays("prompt")).kappa
    assert f"{kappa.lower:.3f} to {kappa.upper:.3f}" in out
    for word in (*CONDITIONS, "together", "sigma", "eta", "xi", "95 %", "Cochran's Q", "Wald test", "AIC"):
        assert word in out
    assert "increments of ln D at the level 0.01: not rejected." in " ".join(out.split())


def test_json_has_the_numbers_of_the_functions(run: Run) -> None:
    code, out, _ = run("fit data.csv --json --level 0.9")
    found = json.loads(out)
    fits = {condition: fit(*arrays(condition), level=0.9) for condition in CONDITIONS}
    separation = separate(fits)
    assert code == 0 and found["level"] == 0.9 and found["notes"] == []
    for condition, fitted in fits.items():
        entry, checks = found["conditions"][condition], diagnose(*arrays(condition))
        assert entry["mu"] == fitted.mu._asdict() and entry["kappa"] == fitted.kappa._asdict()
        assert entry["aic"] == checks.aic and entry["normality"]["p_value"] == checks.normality.p_value
        assert (entry["curves"], entry["increments"]) == (6, 66)
    assert found["together"]["xi"] == separation.parts["xi"]._asdict()
    assert separation.additivity is not None
    assert found["together"]["tests"][-1] == {"about": "all four conditions", **separation.additivity._asdict()}


def test_csv_has_the_estimates(run: Run) -> None:
    code, out, _ = run("fit data.csv --csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [row["parameter"] for row in rows] == ["mu", "kappa"] * 4 + ["mu", "sigma", "eta", "xi"]
    assert float(rows[1]["value"]) == fit(*arrays("baseline")).kappa.value
    assert rows[-1]["condition"] == "together"


def test_window_averages_the_share(run: Run) -> None:
    losses, shares = arrays("baseline")
    averaged = [(share[2:] + share[1:-1] + share[:-2]) / 3 for share in shares]
    expected = fit([loss[2:] for loss in losses], averaged)
    found = json.loads(run("fit baseline.csv --json --window 3")[1])["conditions"]["baseline"]
    assert found["mu"]["value"] == pytest.approx(expected.mu.value, rel=1e-12)
    assert found["increments"] == 54


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
    """A target, three states of its reconstruction from the left, and their masks, as files."""
    target = np.rint(255 * photograph[:40, :48]).astype(np.uint8)
    Image.fromarray(target).save("target.png")
    Image.fromarray(target[:, :40]).save("small.png")
    Path("masks").mkdir()
    for number, columns in enumerate((12, 24, 36)):
        done = np.arange(48) < columns
        Image.fromarray(np.where(done[:, None], target, 128).astype(np.uint8)).save(f"state{number}.png")
        Image.fromarray(np.tile(255 * done.astype(np.uint8), (40, 1))).save(f"masks/state{number}.png")
    return target.astype(np.float32) / 255


@pytest.mark.parametrize("metric", ["lpips", "mse"])
def test_measure_prints_the_curve(run: Run, states: np.ndarray, metric: str) -> None:
    arguments = f"target.png state0.png state1.png state2.png --masks masks --metric {metric}"
    code, out, err = run(f"measure {arguments} --condition prompt --curve cat")
    assert (code, err) == (0, "")
    Path("measured.csv").write_text(out)
    share, loss = read_curves("measured.csv")["prompt"]["cat"]
    np.testing.assert_allclose(share, [0.25, 0.5, 0.75])
    first = np.where(np.arange(48)[:, None] < 12, states, np.float32(128 / 255))
    if metric == "mse":
        expected = ((first - states) ** 2).mean()
    else:
        distance, params = jax.jit(jaxloss.lpips), jaxloss.load_params("lpips-alex")
        expected = distance(first, states, params=params, data_range=1.0)
    np.testing.assert_allclose(np.asarray(loss)[0], expected, rtol=1e-4)


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
    before = files(folder)
    code, out, err = run(arguments)
    assert (code, out) == (2, "")
    assert only_line(err).startswith(message)
    assert files(folder) == before


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
