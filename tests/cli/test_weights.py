"""`jaxloss weights`: list, fetch, convert, verify."""

import functools
import hashlib
import shutil
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

from jaxloss import load_params, read_history
from jaxloss.backbones._features import BACKBONES
from jaxloss.evaluate import metric_from_file
from jaxloss.weights._convert import from_torch
from jaxloss.weights._manifest import PARTS, Trunk, read_manifest, shipped_folder
from tests._command_line import Run, only_line
from tests.networks import thin_networks, tiny_params
from tests.weights._caffe_files import layers as caffe_layers
from tests.weights._networks import official_file, random_state, trunk_of, use_trunks
from tests.weights._pth_files import Call, Name, saved, state_dict, zip_file
from tests.weights._st_files import SMALL, state_of


FILES, TRUNKS = read_manifest().files, read_manifest().trunks
NET = "squeezenet1_1"
THIN_ALEX, THIN_BIGAN = tiny_params("lpips-alex")["trunk"], tiny_params("lpips-bigan")["trunk"]


@pytest.fixture
def run(run: Run) -> Run:
    """`run("list")` calls `jaxloss weights list`."""
    return functools.partial(run, "weights")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    for module in ("weights._fetch", "cli._weights"):
        monkeypatch.setattr(f"jaxloss.{module}.cache_folder", lambda: folder)
    monkeypatch.delenv("JAXLOSS_WEIGHTS", raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def official(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> Trunk:
    """A file of random weights in the current directory, of which the manifest says that it is the official one."""
    content = official_file(NET, rng)
    trunk = trunk_of(NET, content, "http://127.0.0.1:9/official.pth", with_digest=True, tmp_path=tmp_path)
    use_trunks(monkeypatch, trunk)
    Path("official.pth").write_bytes(content)
    return trunk


def test_help(run: Run) -> None:
    for arguments in ([], ["--help"]):
        code, out, err = run(*arguments)
        assert (code, err) == (0, "")
        assert all(f" {command} " in out for command in ("list", "fetch", "convert", "verify"))


def test_list(run: Run, cache: Path) -> None:
    code, out, err = run("list")
    assert (code, err) == (0, "")
    rows = {tuple(line.split())[:2]: line for line in out.splitlines()}
    shipped = {
        ("alexnet", "alexnet.safetensors"),
        ("vgg16", "vgg16_int16.safetensors"),
        ("lpips-*", "lpips_heads.safetensors"),
        *((name, parts.file) for name, parts in PARTS.items()),
    }
    for row in shipped:
        file = FILES[row[1]]
        assert rows[row].rstrip().endswith("package") and file.license in rows[row]
        assert file.origin.partition(",")[0] in rows[row]
    inception = ("inception", "pt_inception-2015-12-05-6726825d.pth")
    for row in (("vgg16,", "exact"), ("vgg19", "vgg19-dcbb9e9d.pth"), (NET, "squeezenet1_1-b8a52dc0.pth"), inception):
        assert rows[row].rstrip().endswith("not here") and " MB " in rows[row]
    assert " pytorch-fid " in rows[inception]
    assert f"package: {shipped_folder()}" in out and f"cache: {cache}" in out


def test_list_in_a_narrow_terminal_keeps_the_names(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run("list")
    assert "…" not in out
    table, _, _ = out.partition("package: ")
    assert "squeezenet1_1" in table and all(len(line) <= 80 for line in table.splitlines())


def test_list_says_where_each_is_found(
    run: Run, official: Trunk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("convert", "official.pth")
    assert "squeezenet1_1.safetensors" in (out := run("list")[1]) and out.count(" cache") == 1
    monkeypatch.setenv("JAXLOSS_WEIGHTS", str(tmp_path))
    _, out, _ = run("list")
    assert " official.pth " in out and f"JAXLOSS_WEIGHTS: {tmp_path}" in out


def test_convert(run: Run, official: Trunk, cache: Path) -> None:
    expected = from_torch(NET, random_state(NET, np.random.default_rng(0)), "test")
    code, out, err = run("convert", "official.pth", "--output", "mine.safetensors")
    assert (code, out, err) == (0, "Wrote mine.safetensors, the convolutions of squeezenet1_1.\n", "")
    code, out, _ = run("convert", "official.pth")
    assert (code, out) == (0, f"Wrote {cache / 'squeezenet1_1.safetensors'}, the convolutions of squeezenet1_1.\n")
    for path in (Path("mine.safetensors"), cache / "squeezenet1_1.safetensors"):
        tensors = safetensors.numpy.load_file(path)
        assert set(tensors) == set(expected)
        assert all(np.array_equal(tensors[name], expected[name]) for name in expected)
    np.testing.assert_array_equal(load_params(NET)["conv1"]["kernel"], expected["conv1/kernel"])
    assert sorted(path.name for path in Path().iterdir()) == ["cache", "mine.safetensors", "official.pth"]


def test_convert_a_network_that_was_trained_without_labels(run: Run) -> None:
    """It is a metric at once, and what it came of is known."""
    with thin_networks():
        Path("mine.caffemodel").write_bytes(b"".join(caffe_layers(BACKBONES["caffenet_bigan"], THIN_BIGAN)))
        code, out, err = run("convert", "mine.caffemodel", "--kind", "bigan", "-o", "bigan.safetensors")
        assert (code, out, err) == (0, "Wrote bigan.safetensors, the convolutions of caffenet_bigan.\n", "")
        assert metric_from_file("bigan.safetensors").options == {"net": "bigan"}
    sha256 = hashlib.sha256(Path("mine.caffemodel").read_bytes()).hexdigest()
    expected = {"net": "caffenet_bigan", "file": "mine.caffemodel", "sha256": sha256}
    assert read_history("bigan.safetensors") == expected
    np.testing.assert_array_equal(load_params("bigan.safetensors")["conv2"]["kernel"], THIN_BIGAN["conv2"]["kernel"])


def test_convert_st_lpips(run: Run, rng: np.random.Generator) -> None:
    """Told by what is in it; it is a metric at once."""
    with mock.patch.dict(BACKBONES, SMALL):
        state = state_of("st_vgg", rng)
        Path("vgg.pth").write_bytes(saved(state, legacy=False))
        code, out, err = run("convert", "vgg.pth", "-o", "st.safetensors")
        assert (code, out, err) == (0, "Wrote st.safetensors, the parameters of st_vgg.\n", "")
        assert metric_from_file("st.safetensors").options == {"net": "st_vgg"}
    head = load_params("st.safetensors")["heads"]["relu2_2"]
    np.testing.assert_array_equal(head, state["lin1.model.1.weight"].ravel())


def test_convert_a_training_of_ones_own(run: Run, rng: np.random.Generator) -> None:
    """By torchvision's names, as they are and as parallel training has them."""
    state = random_state("alexnet", rng)
    for name, prefix in (("a", ""), ("b", "module."), ("c", "features.module.")):
        renamed = {key.replace("features.", prefix) if name == "c" else prefix + key: z for key, z in state.items()}
        Path(f"{name}.pth").write_bytes(saved(renamed, legacy=False))
        code, out, _ = run("convert", f"{name}.pth", "--own", "-o", f"{name}.safetensors")
        assert (code, out) == (0, f"Wrote {name}.safetensors, the convolutions of alexnet.\n")
        kernel = load_params(f"{name}.safetensors")["conv3"]["kernel"]
        np.testing.assert_array_equal(kernel, state["features.6.weight"].transpose(2, 3, 1, 0))


def test_kmeans(run: Run, monkeypatch: pytest.MonkeyPatch, photograph: np.ndarray) -> None:
    Path("photos").mkdir()
    for name, image in (("a", photograph[:80, :90]), ("small", photograph[:40, :40])):
        Image.fromarray(np.rint(255 * image).astype(np.uint8)).save(f"photos/{name}.png")
    seen = []

    def learn(key: jax.Array, images: jax.Array, *, net: str) -> dict[str, Any]:
        seen.append((images, net))
        return THIN_ALEX

    monkeypatch.setattr("jaxloss.judgments.kmeans_trunk", learn)
    command = "kmeans photos -o trunk.safetensors --crops 3 --side 64"
    with thin_networks():
        code, out, err = run(*command.split())
        run(*command.replace("trunk", "again").split())
        run(*command.replace("trunk", "other").split(), "--seed", "1")
    assert (code, out) == (0, "Wrote trunk.safetensors, the convolutions of alexnet.\n")
    assert only_line(err).startswith("note: small.png is left out: it is smaller than")
    assert [(images.shape, net) for images, net in seen] == 3 * [((3, 64, 64, 3), "alex")]
    first, again, other = (images for images, _ in seen)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    history = {"net": "alexnet", "method": "k-means", "photographs": 1, "crops": 3, "side": 64, "seed": 0}
    assert read_history("trunk.safetensors") == history


def test_fetch(run: Run, official: Trunk, cache: Path) -> None:
    code, out, err = run("fetch", "lpips-squeeze")
    assert (code, out) == (2, "")
    assert only_line(err).startswith(f"{NET}: expected to download {official.url}, got ")
    run("convert", "official.pth")
    assert run("fetch", "lpips-squeeze") == (0, f"{cache / 'squeezenet1_1.safetensors'} is there already.\n", "")
    assert run("fetch", "alexnet")[1].startswith("alexnet comes with the package: ")


def test_verify(run: Run, official: Trunk, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("convert", "official.pth")
    code, out, err = run("verify")
    assert (code, err) == (0, "")
    cached = cache / "squeezenet1_1.safetensors"
    expected = [*(shipped_folder() / name for name in FILES), cached]
    assert out.splitlines() == [f"{path}: ok" for path in expected]

    changed = shutil.copytree(shipped_folder(), tmp_path / "shipped")
    for path in (changed / "lpips_heads.safetensors", cached):
        path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    (changed / "alexnet.safetensors").unlink()
    for module in ("weights._load", "cli._weights"):
        monkeypatch.setattr(f"jaxloss.{module}.shipped_folder", lambda: changed)
    code, out, err = run("verify")
    right = [name for name in FILES if name not in ("alexnet.safetensors", "lpips_heads.safetensors")]
    assert (code, out.splitlines()) == (1, [f"{changed / name}: ok" for name in right])
    lines = err.splitlines()
    assert [line.partition(":")[2].partition(":")[0].strip() for line in lines] == [
        str(path) for path in (changed / "alexnet.safetensors", changed / "lpips_heads.safetensors", cached)
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("fetch vgg99", "no weights are called 'vgg99'. Did you mean 'vgg19'?"),
        ("fetch resnet50", "no weights are called 'resnet50'. There are: alexnet, "),
        ("fetch", "Missing argument 'NAME'"),
        ("convert nowhere.pth", "nowhere.pth: no such file."),
        ("convert folder.safetensors", "folder.safetensors: is a directory."),
        (
            "convert official.pth -o mine.pth",
            "mine.pth: no file of weights is known by the extension '.pth'. Use",
        ),
        (
            "convert official.pth -o nowhere/a.safetensors",
            "nowhere/a.safetensors: the directory nowhere does not exist.",
        ),
        ("convert official.pth -o folder.safetensors", "folder.safetensors: is a directory."),
        ("convert link.safetensors -o link.safetensors", "link.safetensors: is one of the files to read."),
        ("convert evil.pth", "evil.pth: expected a state dict of tensors only, got builtins.open."),
        ("convert truncated.pth -o a.safetensors", "truncated.pth: expected a file of torch.save, got a damaged,"),
        ("convert alexnet.pth", "alexnet.pth: expected tensors of digest f72b8c85"),
        ("convert vgg19.pth", "vgg19.pth: expected sha256 dcbb9e9d"),
        ("convert heads.pth", "heads.pth: expected the features of one of ['alexnet', "),
        ("convert a.caffemodel -o a.safetensors", "a.caffemodel: --kind belongs to a .caffemodel, and --own to a"),
        ("convert official.pth --kind bigan", "official.pth: --kind belongs to a .caffemodel, and --own to a .pth."),
        ("convert a.caffemodel --kind bigan --own", "a.caffemodel: --kind belongs to a .caffemodel, and --own to a"),
        ("convert a.caffemodel --kind bigam", "no kind 'bigam'. Did you mean 'bigan'?"),
        ("convert a.caffemodel --kind bigan", "a.caffemodel: say where to, with -o FILE.safetensors."),
        ("convert a.caffemodel --kind bigan -o a.safetensors", "a.caffemodel: expected a caffemodel, got a damaged,"),
        ("convert official.pth --own", "official.pth: say where to, with -o FILE.safetensors."),
        ("convert heads.pth --own -o a.safetensors", "heads.pth: expected the features of one of ['alexnet', "),
        ("kmeans nowhere -o a.safetensors", "nowhere: No such file or directory."),
        ("kmeans folder.safetensors -o a.safetensors", "folder.safetensors: there are no color photographs of at"),
        ("kmeans folder.safetensors -o a.safetensors --net resnet", "no network 'resnet'. There are: alex, vgg,"),
        ("kmeans folder.safetensors -o a.safetensors --crops 0", "--crops and --side are at least 1."),
        ("kmeans folder.safetensors -o a.npz", "a.npz: no file of weights is known by the extension '.npz'. Use"),
        (
            "kmeans . -o a.safetensors --crops 3 --side 64",
            "kmeans_trunk: expected at least 192 patches for conv2, got 27.",
        ),
        ("nonsense", "No such command 'nonsense'."),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    run: Run, official: Trunk, rng: np.random.Generator, tmp_path: Path, arguments: str, message: str
) -> None:
    content = Path("official.pth").read_bytes()
    Path("folder.safetensors").mkdir()
    Path("link.safetensors").symlink_to("official.pth")
    Path("truncated.pth").write_bytes(content[:-1000])
    payload = Call(Name("builtins", "open"), (str(tmp_path / "executed"), "w"))
    Path("evil.pth").write_bytes(zip_file(state_dict({"features.0.weight": payload}), {}))
    Path("a.caffemodel").write_bytes(b"no caffemodel")
    Image.new("RGB", (90, 80)).save("photo.png")
    Path("heads.pth").write_bytes(zip_file(state_dict({}), {}))
    for net in ("alexnet", "vgg19"):
        if f"{net}.pth" in arguments:
            Path(f"{net}.pth").write_bytes(official_file(net, rng))
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    code, out, err = run(*arguments.split())
    assert (code, out) == (2, "")
    assert only_line(err).startswith(message)
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before
