"""What comes with the package, where else weights are looked for, and that no file is believed."""

import hashlib
import shutil
import tomllib
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from jaxloss import load_params
from jaxloss.backbones._lpips_nets import PUBLISHED_NETS
from jaxloss.perceptual._dists import LAYERS
from jaxloss.registry import NO_REFERENCE
from jaxloss.weights import _manifest
from jaxloss.weights._convert import from_torch
from jaxloss.weights._errors import WeightsError
from jaxloss.weights._files import save_trunk
from jaxloss.weights._manifest import HEADS, PARTS, read_manifest, shipped_folder
from jaxloss.weights._tensors import digest, nest
from tests.networks import shapes_of_params
from tests.weights._networks import official_file, random_state, trunk_of, use_trunks


ROOT = Path(__file__).parents[2]
FILES = read_manifest().files


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cache but an empty one, no folder of the user's, and no network."""

    def refuse(*_: object) -> None:
        raise AssertionError("a download was tried")

    monkeypatch.setattr("jaxloss.weights._fetch.cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr("jaxloss.weights._fetch._download", refuse)
    monkeypatch.delenv("JAXLOSS_WEIGHTS", raising=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that JAXLOSS_WEIGHTS names."""
    path = tmp_path / "given"
    path.mkdir()
    monkeypatch.setenv("JAXLOSS_WEIGHTS", str(path))
    return path


def same(a: object, b: object) -> bool:
    return jax.tree.all(jax.tree.map(lambda x, y: np.array_equal(x, y), a, b))


@pytest.mark.parametrize("name", list(FILES))
def test_shipped_file_is_that_of_the_manifest(name: str) -> None:
    content = (shipped_folder() / name).read_bytes()
    assert len(content) == FILES[name].size
    assert hashlib.sha256(content).hexdigest() == FILES[name].sha256
    shapes = {key: tensor.shape for key, tensor in safetensors.numpy.load(content).items()}
    assert shapes == FILES[name].tensors


def test_vgg16_is_rounded_from_its_third_block_on() -> None:
    """Symmetric, and the whole range of 16 bits is used in every channel."""
    tensors = safetensors.numpy.load_file(shipped_folder() / "vgg16_int16.safetensors")
    for layer in (f"conv{block}_{i}" for block, depth in enumerate((2, 2, 3, 3, 3), 1) for i in range(1, depth + 1)):
        kernel = tensors[f"{layer}/kernel"]
        assert tensors[f"{layer}/bias"].dtype == np.float32
        if layer < "conv3":
            assert kernel.dtype == np.float32 and f"{layer}/scale" not in tensors
        else:
            assert kernel.dtype == np.int16 and tensors[f"{layer}/scale"].shape == kernel.shape[3:]
            assert np.all(np.abs(kernel.astype(np.int32)).max(axis=(0, 1, 2)) == 32767)


def test_shipped_files_are_all_and_small() -> None:
    assert {path.name for path in (ROOT / "weights").glob("*.safetensors")} == set(FILES)
    assert sum(file.size for file in FILES.values()) < 50e6
    assert all(file.origin and file.license and file.converter for file in FILES.values())


def test_installed_package_has_every_file() -> None:
    """A wheel takes them from a list in pyproject.toml, which does not copy them in an editable install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    expected = [*FILES, "manifest.json", "README.md"]
    assert set(wheel["only-include"]) == {"jaxloss", *(f"weights/{name}" for name in expected)}
    assert wheel["sources"] == {"weights": "jaxloss/_weights"} and "force-include" not in wheel


def test_official_files_have_their_hash_in_their_name() -> None:
    trunks = read_manifest().trunks
    torch, fid = "https://download.pytorch.org/models/", "https://github.com/mseitzer/pytorch-fid/releases/download/"
    addresses = {"alexnet": torch, "vgg16": torch, "vgg19": torch, "squeezenet1_1": torch, "inception": fid}
    assert trunks.keys() == addresses.keys()
    for net, trunk in trunks.items():
        assert trunk.url.startswith(addresses[net])
        assert len(trunk.sha256) == 64 and f"-{trunk.sha256[:8]}.pth" in trunk.url


def test_exact_alexnet_is_shipped() -> None:
    tensors = safetensors.numpy.load_file(shipped_folder() / "alexnet.safetensors")
    assert digest(tensors) == read_manifest().trunks["alexnet"].digest
    assert same(load_params("alexnet", exact=True), nest(tensors))


@pytest.mark.parametrize("net", PUBLISHED_NETS)
def test_lpips_params(net: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One set of trunk, heads and preprocessing; the layers are in their order, not by name as in JAX's trees."""
    if net == "squeeze":
        monkeypatch.setenv("JAXLOSS_WEIGHTS", str(shared_data / "weights"))
    backbone, layers = PUBLISHED_NETS[net]
    newest, first = load_params(f"lpips-{net}"), load_params(f"lpips-{net}", version="0.0")
    assert same(newest, load_params(f"lpips-{net}", version="0.1"))
    for params in (newest, first):
        assert list(params) == ["trunk", "heads", "preprocessing"]
        assert same(params["trunk"], load_params(backbone))
        assert tuple(params["heads"]) == layers
        assert all(head.ndim == 1 and (head >= 0).all() and (head > 0).any() for head in params["heads"].values())
        assert {name: z.shape for name, z in params["preprocessing"].items()} == {"offset": (3,), "scale": (3,)}
        assert all(isinstance(leaf, jax.Array) and leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(params))
    assert jax.tree.map(jnp.shape, newest) == jax.tree.map(jnp.shape, first) == expected_shapes(net)
    assert not any(np.allclose(newest["heads"][layer], first["heads"][layer]) for layer in layers)
    assert list(newest["trunk"]["conv1" if net != "vgg" else "conv1_1"]) == ["kernel", "bias"]


def test_dists_params() -> None:
    params = load_params("dists")
    assert list(params) == ["trunk", "heads", "preprocessing"] and same(params["trunk"], load_params("vgg16"))
    heads = params["heads"]
    assert list(heads) == ["alpha", "beta"] and list(heads["alpha"]) == list(heads["beta"]) == ["image", *LAYERS]
    assert all(head.min() >= 0 for layers in heads.values() for head in layers.values())
    assert sum(float(head.sum()) for layers in heads.values() for head in layers.values()) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(params["preprocessing"]["offset"], [0.485, 0.456, 0.406])
    np.testing.assert_allclose(params["preprocessing"]["scale"], [0.229, 0.224, 0.225])


@pytest.mark.parametrize("name", [row.params for row in NO_REFERENCE.values()])
def test_params_without_a_network(name: str) -> None:
    """As they are in the file."""
    tensors = safetensors.numpy.load_file(shipped_folder() / PARTS[name].file)
    params = load_params(name)
    assert same(params, nest(tensors)) and all(np.isfinite(z).all() for z in jax.tree.leaves(params))
    with pytest.raises(ValueError, match=f"^load_params: expected no version of {name}, got '0.1'"):
        load_params(name, version="0.1")


def expected_shapes(net: str) -> Any:
    return jax.tree.map(lambda z: z.shape, shapes_of_params(f"lpips-{net}"))


def test_preprocessing_of_the_versions_of_lpips() -> None:
    """0.1 takes images in [-1, 1] and normalizes them by its own `ScalingLayer`; 0.0 leaves them there."""
    x = np.array([0.1, 0.5, 0.9])
    scaled = (2 * x - 1 - np.array([-0.030, -0.088, -0.188])) / np.array([0.458, 0.448, 0.450])
    for version, expected in (("0.1", scaled), ("0.0", 2 * x - 1)):
        preprocessing = load_params("lpips-alex", version=version)["preprocessing"]
        np.testing.assert_allclose((x - preprocessing["offset"]) / preprocessing["scale"], expected, atol=1e-6)


def test_versions() -> None:
    with pytest.raises(ValueError, match=r"^load_params: expected version one of \['0\.0', '0\.1'\], got '0\.2'"):
        load_params("lpips-alex", version="0.2")
    with pytest.raises(
        ValueError, match=r"^load_params: expected no version of vgg16, got '0\.0'\. LPIPS has versions: "
    ):
        load_params("vgg16", version="0.0")


@pytest.mark.parametrize("name", ["resnet", "lpips", "VGG16", ""])
def test_unknown_name(name: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^load_params: expected name one of .*, got '{name}'\. Choose one of these\."
    ):
        load_params(name)


@pytest.mark.parametrize("form", ["safetensors", "npz", "pth"])
def test_given_folder_comes_first(
    form: str, folder: Path, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It wins over what is shipped, in each form."""
    content = official_file("alexnet", rng)
    trunk = trunk_of("alexnet", content, "https://nowhere.invalid/alexnet-0.pth", with_digest=True, tmp_path=tmp_path)
    use_trunks(monkeypatch, trunk)
    state = random_state("alexnet", np.random.default_rng(0))
    expected = from_torch("alexnet", state, "test")
    if form == "safetensors":
        save_trunk(folder / "alexnet.safetensors", expected, trunk)
    elif form == "npz":
        np.savez(folder / "alexnet_features.npz", allow_pickle=False, **state)
    else:
        (folder / "alexnet-0.pth").write_bytes(content)
    for exact in (False, True):
        assert same(load_params("alexnet", exact=exact), nest(expected))


def test_given_folder_with_the_shipped_files(folder: Path) -> None:
    shutil.copytree(shipped_folder(), folder, dirs_exist_ok=True)
    assert load_params("lpips-vgg")["trunk"].keys() == load_params("vgg16").keys()
    content = bytearray((folder / HEADS).read_bytes())
    content[-1] ^= 1
    (folder / HEADS).write_bytes(content)
    with pytest.raises(WeightsError, match=r"given/lpips_heads\.safetensors: expected sha256 38a4b9.*, got "):
        load_params("lpips-vgg")


def test_cache_comes_last(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cached VGG16 is exact, so it is not taken for the shipped one: one call, the same numbers anywhere."""
    shipped = load_params("vgg16")
    content = official_file("vgg16", rng)
    trunk = trunk_of("vgg16", content, "https://nowhere.invalid/vgg16-0.pth", with_digest=True, tmp_path=tmp_path)
    use_trunks(monkeypatch, trunk)
    expected = from_torch("vgg16", random_state("vgg16", np.random.default_rng(0)), "test")
    save_trunk(tmp_path / "cache" / "vgg16.safetensors", expected, trunk)
    assert same(load_params("vgg16", exact=True), nest(expected))
    assert same(load_params("vgg16"), shipped)


def test_given_folder_must_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAXLOSS_WEIGHTS", str(tmp_path / "nowhere"))
    with pytest.raises(WeightsError, match=r"^JAXLOSS_WEIGHTS: expected the name of a folder .*nowhere\. Unset"):
        load_params("alexnet")


def test_shipped_file_that_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = shutil.copytree(shipped_folder(), tmp_path / "shipped")
    for name in FILES:
        content = bytearray((changed / name).read_bytes())
        content[-1] ^= 1
        (changed / name).write_bytes(content)
    monkeypatch.setattr("jaxloss.weights._load.shipped_folder", lambda: changed)
    for name in ("alexnet", "vgg16"):
        with pytest.raises(WeightsError, match=rf"shipped/{name}.*: expected .*, got .*"):
            load_params(name)


@pytest.mark.parametrize("with_digest", [True, False])
def test_converted_file_that_changed(
    with_digest: bool, folder: Path, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = official_file("squeezenet1_1", rng)
    url = "https://nowhere.invalid/squeezenet1_1-0.pth"
    trunk = trunk_of("squeezenet1_1", content, url, with_digest=with_digest, tmp_path=tmp_path)
    use_trunks(monkeypatch, trunk)
    tensors = from_torch("squeezenet1_1", random_state("squeezenet1_1", np.random.default_rng(0)), "test")
    path = folder / "squeezenet1_1.safetensors"
    save_trunk(path, tensors, trunk)
    assert same(load_params("squeezenet1_1"), nest(tensors))

    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(WeightsError, match=r"expected tensors of digest .*, got other numbers.* Delete squeezenet1_1"):
        load_params("squeezenet1_1")
    path.write_bytes(good[:-1])
    with pytest.raises(WeightsError, match=r"expected a file of safetensors, got .*\. Delete squeezenet1_1"):
        load_params("squeezenet1_1")
    path.write_bytes(safetensors.numpy.save({"conv1/kernel": np.zeros((3, 3, 3, 64), np.float32)}))
    with pytest.raises(WeightsError, match="expected the tensors of squeezenet1_1, got"):
        load_params("squeezenet1_1")
    path.write_bytes(safetensors.numpy.save({**tensors, "conv1/bias": np.ones(64, np.float32)}))
    with pytest.raises(WeightsError, match=r"expected tensors of (digest|known origin)"):
        load_params("squeezenet1_1")


@pytest.mark.parametrize("with_digest", [True, False])
def test_wrong_official_file(
    with_digest: bool, folder: Path, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = official_file("squeezenet1_1", rng)
    url = "https://nowhere.invalid/squeezenet1_1-0.pth"
    trunk = trunk_of("squeezenet1_1", content, url, with_digest=with_digest, tmp_path=tmp_path)
    use_trunks(monkeypatch, trunk)
    (folder / "squeezenet1_1-0.pth").write_bytes(official_file("squeezenet1_1", rng))
    with pytest.raises(WeightsError, match=r"squeezenet1_1-0\.pth: expected (tensors of digest|sha256) "):
        load_params("squeezenet1_1")


def test_real_squeezenet(shared_data: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    with np.load(shared_data / "weights" / "squeezenet1_1_features.npz") as file:
        arrays = dict(file)
    np.savez(folder / "squeezenet1_1_features.npz", **arrays)
    kernel = load_params("squeezenet1_1")["fire9"]["squeeze"]["kernel"]
    np.testing.assert_array_equal(kernel[0, 0], arrays["features.12.squeeze.weight"][:, :, 0, 0].T)
    arrays["features.12.squeeze.bias"][0] += 1e-6
    np.savez(folder / "squeezenet1_1_features.npz", **arrays)
    with pytest.raises(WeightsError, match="expected tensors of digest 76415a6c"):
        load_params("squeezenet1_1")
    (folder / "squeezenet1_1_features.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(WeightsError, match="expected an archive of NumPy"):
        load_params("squeezenet1_1")


def test_folder_of_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shipped_folder() == ROOT / "weights"
    (tmp_path / "jaxloss" / "_weights").mkdir(parents=True)
    monkeypatch.setattr(_manifest, "__file__", str(tmp_path / "jaxloss" / "weights" / "_manifest.py"))
    assert shipped_folder() == tmp_path / "jaxloss" / "_weights"
