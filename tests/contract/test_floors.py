"""The floor plan: modules import from lower floors only; files, terminals and networks have rooms of their own."""

import ast
import graphlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]
PACKAGE = "jaxloss"

FLOORS = (
    {"_types", "_checks"},
    {"ops", "_files"},
    {"metrics", "closed_forms", "backbones", "weights"},
    {"kernels", "perceptual", "sets", "sde", "streaming"},
    {"losses"},
    {"judgments"},
    {"registry"},
    {"images", "curves", "datasets", "training", "evaluate"},
    {PACKAGE, "cli", "__main__"},  # the package's own __init__ gathers the public names
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# The only imports from one room to another of the same floor.
SIDEWAYS = {
    ("_checks", "_types"), ("closed_forms", "metrics"), ("weights", "backbones"),
    ("evaluate", "images"), ("evaluate", "datasets"), ("curves", "images"), ("curves", "evaluate"),
    ("datasets", "images"), ("training", "datasets"), ("training", "images"), ("cli", PACKAGE), ("__main__", "cli"),
}  # fmt: skip

# Files are for the upper floors and for weights; terminals are for the command line alone, networks for backbones.
FILE_MODULES = set("PIL grain io matplotlib orbax os pathlib pooch safetensors shutil tempfile".split())
FILE_ROOMS = {
    "_files", "weights", "images", "curves", "datasets", "training", "evaluate", "cli", PACKAGE, "__main__",
}  # fmt: skip
TERMINAL_MODULES = {"rich", "typer"}
TERMINAL_ROOMS = {"cli", "weights"}  # a download has its progress bar, whoever asks for it
NETWORK_MODULES = {"flax"}
LONGEST_FILE = 400

# Tables of data and types: what reads them is tested.
UNTESTED = {
    "judgments/test_trials.py", "test_types.py", "backbones/test_alexnet.py", "backbones/test_caffenet.py",
    "backbones/test_lpips_nets.py",
    "backbones/test_squeezenet.py",
    "backbones/test_vgg.py", "registry/test_row.py", "registry/test_table.py",
    "weights/test_errors.py", "weights/test_manifest.py",
}  # fmt: skip
# Parts of one thing, tested where it is whole.
TESTED_WITH = {
    "cli/test_options.py": "cli/test_compare.py",
    "evaluate/test_processes.py": "cli/test_evaluate.py",
    "evaluate/test_scoring.py": "evaluate/test_run.py",
    "backbones/test_inception_network.py": "backbones/test_inception.py",
    "images/test_distortion_sheet.py": "cli/test_distortions.py",
    "images/test_jpeg.py": "judgments/distortions/test_jpeg.py",
    "judgments/distortions/test_sampling.py": "judgments/distortions/test_spatial.py",
    "judgments/distortions/test_ycbcr.py": "judgments/distortions/test_jpeg.py",
    "kernels/test_warp_ssim.py": "kernels/test_fused_ssim.py",
    "losses/inpainting/test_terms.py": "losses/inpainting/test_recipes.py",
    "metrics/test_natural_scenes.py": "metrics/test_brisque.py",
    "metrics/test_support_vectors.py": "metrics/test_vmaf.py",
    "metrics/test_statistics.py": "metrics/test_ssim.py",
    "ops/test_strips.py": "ops/test_sums.py",
    "sde/test_curves.py": "sde/test_fit.py",
    "weights/test_caffe_nets.py": "weights/test_caffe.py",
    "weights/test_files.py": "weights/test_load.py",
    "weights/test_protobuf.py": "weights/test_caffe.py",
    "weights/test_tensors.py": "weights/test_load.py",
}
# All networks under every transformation.
MORE_TESTS = {"backbones/test_transforms.py"}


def room_of(module: str) -> str:
    return (module + ".").split(".")[1] or PACKAGE


def imported_modules(module: str, source: str, is_package: bool, known: set[str]) -> Iterator[str]:
    """Absolute names of what a module imports anywhere in it: for `from a import b` the submodule `a.b` or else `a`."""
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                submodule = f"{base}.{alias.name}"
                yield submodule if submodule in known else base


def opens_files(source: str) -> bool:
    calls = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return any(isinstance(function, ast.Name) and function.id == "open" for function in calls)


def inner_violations(module: str, imports: set[str]) -> Iterator[str]:
    """Imports within the package that do not go down."""
    room = room_of(module)
    for other in sorted(imports):
        target = room_of(other)
        if target not in FLOOR:
            yield f"{module} imports {other}, which is not in the package"
        elif FLOOR[target] > FLOOR[room]:
            yield f"{module} (floor {FLOOR[room]}) imports {other} (floor {FLOOR[target]})"
        elif FLOOR[target] == FLOOR[room] and target != room and (room, target) not in SIDEWAYS:
            yield f"{module} imports sideways from {other}"


def outer_violations(module: str, imports: set[str]) -> Iterator[str]:
    """Imports from outside the package that belong to other rooms."""
    room = room_of(module)
    outside = {name.split(".")[0] for name in imports}
    forbidden = set() if room in FILE_ROOMS else set(FILE_MODULES)
    if room not in TERMINAL_ROOMS:
        forbidden |= TERMINAL_MODULES
    if room != "backbones":
        forbidden |= NETWORK_MODULES
    if room == PACKAGE:
        forbidden |= outside - set(sys.stdlib_module_names)
    return (f"{module} imports {name}, which belongs elsewhere" for name in sorted(outside & forbidden))


def violations(sources: dict[str, str], packages: set[str]) -> list[str]:
    """What breaks the floor plan, in sources by module name; `packages` are those that are an `__init__.py`."""
    found, graph = [], {}
    for module, source in sources.items():
        room = room_of(module)
        if room not in FLOOR:
            found.append(f"{module}: the room {room} is on no floor")
            continue
        imports = set(imported_modules(module, source, module in packages, set(sources)))
        inner = {name for name in imports if name.split(".")[0] == PACKAGE}
        graph[module] = inner
        found += [*inner_violations(module, inner), *outer_violations(module, imports - inner)]
        if room not in FILE_ROOMS and opens_files(source):
            found.append(f"{module} opens a file, which belongs to the upper floors")
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        found.append(f"imports in a circle: {' -> '.join(error.args[1])}")
    return found


def test_package_keeps_to_its_floors() -> None:
    sources, packages = {}, set()
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        sources[module] = path.read_text(encoding="utf-8")
        if path.name == "__init__.py":
            packages.add(module)
    assert {f"{PACKAGE}.ops", f"{PACKAGE}.metrics._ssim"} <= set(sources)
    assert violations(sources, packages) == []


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("ops._filters", "from ..metrics import _ssim", "(floor 1) imports jaxloss.metrics._ssim (floor 2)"),
        ("ops._filters", "def f():\n    import jaxloss.losses", "(floor 1) imports jaxloss.losses (floor 4)"),
        ("ops._filters", "from .. import ssim", "(floor 1) imports jaxloss (floor 8)"),
        ("_types", "from ._checks import check_pair", "imports sideways from jaxloss._checks"),
        ("metrics._ssim", "from jaxloss.weights import load", "imports sideways from jaxloss.weights"),
        ("metrics._ssim", "from ._ms_ssim import ms_ssim", "in a circle"),
        ("metrics._ssim", "from . import ms_ssim", "in a circle"),
        ("metrics._ssim", "from pathlib import Path", "imports pathlib, which"),
        ("metrics._ssim", "import PIL.Image", "imports PIL, which"),
        ("registry", "text = open('table').read()", "opens a file"),
        ("evaluate", "from flax import linen", "imports flax, which"),
        ("evaluate", "from rich.table import Table", "imports rich, which"),
        ("images", "from ..evaluate import compare", "imports sideways from jaxloss.evaluate"),
        ("attic", "", "the room attic is on no floor"),
        ("", "import optax", "jaxloss imports optax, which"),
    ],
)
def test_checker_finds_violation(module: str, source: str, expected: str) -> None:
    sources = {
        "jaxloss": "from .metrics import ms_ssim as ms_ssim",
        "jaxloss._checks": "from ._types import Array",
        "jaxloss._types": "",
        "jaxloss.cli": "import rich\n\nfrom . import __version__, evaluate",
        "jaxloss.evaluate": "from pathlib import Path\n\nfrom ..images import read_image",
        "jaxloss.images": "import PIL",
        "jaxloss.losses": "",
        "jaxloss.metrics": "from ._ms_ssim import ms_ssim as ms_ssim",
        "jaxloss.metrics._ms_ssim": "from .._checks import check_pair\nfrom ._ssim import ssim_map",
        "jaxloss.metrics._ssim": "",
        "jaxloss.ops._filters": "import jax",
        "jaxloss.weights": "import pathlib",
    }
    packages = {"jaxloss", "jaxloss.evaluate", "jaxloss.images", "jaxloss.losses", "jaxloss.metrics"}
    assert violations(sources, packages) == []
    name = f"jaxloss.{module}".removesuffix(".")
    found = violations({**sources, name: f"{sources.get(name, '')}\n{source}"}, packages)
    assert [line for line in found if expected in line] != [], found


def test_tests_mirror_the_package() -> None:
    """A test file is named after the module that it tests, and every module with something to test has one."""
    modules = {path.relative_to(ROOT / PACKAGE) for path in (ROOT / PACKAGE).rglob("_*.py")}
    names = {path.parent / path.name.replace("_", "test_", 1) for path in modules if not path.name.startswith("__")}
    rooms = {path.parent for path in names}
    tests = {path.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    expected, found = set(map(str, names)), {str(path) for path in tests if path.parent in rooms}
    assert len(found) > 50
    assert found - expected == MORE_TESTS
    assert expected - found == UNTESTED | TESTED_WITH.keys()
    assert set(TESTED_WITH.values()) <= found


def test_files_are_short() -> None:
    files = [path for folder in (PACKAGE, "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert lengths[f"{PACKAGE}/_checks.py"] > 1
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}
