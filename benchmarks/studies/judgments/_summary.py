"""What the networks score: a table of shares, with tests against those that learned nothing."""

from collections.abc import Sequence

from ..._results import Record, Run


UNTRAINED, LIN, UNWEIGHTED, PUBLISHED = "untrained", "lin", "unweighted", "published"
GAUSSIAN, KMEANS = "gaussian", "kmeans"
TITLES = {
    GAUSSIAN: ("Gaussian noise", "1"),
    KMEANS: ("k-means, no labels", "1"),
    UNWEIGHTED: ("classification", "1"),
    UNTRAINED: ("classification", "random"),
    LIN: ("classification", "trained here"),
    PUBLISHED: ("classification", "published"),
}  # of the network, and of the heads
HEADINGS = ("network", "heads", "agreement", "less random heads", "less Gaussian noise")
WORDS = HEADINGS[:2]
PICTURES = ("scores", "curves")  # beside the results, as judgments_<name>.png


def rows(records: Sequence[Record], best: str = "{}") -> list[list[str]]:
    """Under `HEADINGS`; records are the verdicts with tests against random heads and against Gaussian noise."""
    scores = records[0]["scores"]
    highest = max(score["value"] for score in scores.values())
    table = []
    for name, titles in TITLES.items():
        text = percent(scores[name])
        tests = [record["tests"].get(name) for record in records]
        cells = [difference(test) if test else "" for test in tests]
        table.append([*titles, best.format(text) if scores[name]["value"] == highest else text, *cells])
    people = records[0]["people"]
    return [*table, ["the observer again", "", percent(people), "", ""]]


def percent(interval: Record, form: str = ".1f") -> str:
    value, low, high = (format(100 * interval[part], form) for part in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def difference(test: Record) -> str:
    p_value = "p < 0.001" if test["p_value"] < 0.001 else f"p = {test['p_value']:.3f}"
    return f"{percent(test['difference'], '+.1f')}, {p_value}"


def markdown(run: Run) -> tuple[list[list[str]], str]:
    """Rows and notes for the page."""
    *verdicts, history = run.measurements
    settings = run.about["settings"]
    about, steps, minutes = settings["set"], history["curve"][-1]["steps"], history["seconds"] / 60
    observer = ", ".join(f"{name} {weight:g}" for name, weight in about["observer"].items())
    held_out = ", ".join(about["photographs"]["val"])
    notes = (
        f"Command: `python -m benchmarks.studies.judgments --images FOLDER`, seed {settings['seed']}. **Synthetic**: "
        f"no person has judged. The observer minds {observer}; {about['people']} votes a trial. Heads on AlexNet, "
        f"trained on {about['trials']['2afc/train/synthetic']} choices: {steps} steps of 50, rate "
        f"{settings['learning_rate']:g}, {minutes:.1f} minutes with the scores after each epoch. In percent of "
        f"{verdicts[0]['trials']} choices on photographs that were held out ({held_out}), with intervals of 95 % and "
        "paired tests."
    )
    return rows(verdicts, "**{}**"), notes
