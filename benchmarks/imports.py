"""How long `import jaxloss` takes beside `import jax`, in fresh interpreters that take turns."""

import subprocess
import sys

from ._command import Parser, print_table
from ._results import ROOT, Record, append, describe_run, start_file
from ._timing import Contestant, race


STATEMENTS = {"interpreter": "pass", "jax": "import jax", "jaxloss": "import jaxloss"}


def main() -> None:
    parser = Parser("imports", __doc__)
    parser.add_argument("--rounds", type=int, default=15, help="interpreters of each kind (default: %(default)s)")
    parser.add_output("imports.jsonl")
    options = parser.parse_args()

    contestants = {name: Contestant(run_fresh, (statement,)) for name, statement in STATEMENTS.items()}
    timings = race(contestants, seconds=0, rounds=options.rounds)
    # What the interpreter itself takes to start is no part of an import.
    start = timings["interpreter"].median
    jax, jaxloss = (timings[name].median - start for name in ("jax", "jaxloss"))

    start_file(options.output, describe_run("imports", {"rounds": options.rounds}))
    record = {"jax_s": round(jax, 4), "jaxloss_s": round(jaxloss, 4), "ratio": round(jaxloss / jax, 3)}
    append(options.output, record)
    print_table("Seconds", HEADINGS, [cells(record)], words=())


HEADINGS = ("import jax", "import jaxloss", "ratio")


def cells(record: Record) -> tuple[str, ...]:
    return f"{record['jax_s']:.2f}", f"{record['jaxloss_s']:.2f}", f"{record['ratio']:.2f}"


def run_fresh(statement: str) -> None:
    subprocess.run([sys.executable, "-c", statement], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
