"""Both columns of the guide for those who come from other libraries, run: they return the same number."""

import functools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import jaxloss
from benchmarks.peers._lpips import convolutions, original
from jaxloss import sets
from tests.parity._migration import LIBRARIES, Library, Line
from tests.parity._pairs import add_noise, blur, continued
from tests.parity._peers import foreign_code, peer
from tests.photographs import crop_sample


Names = dict[str, Any]

COUNT, SIDE, FID_SIDE = 64, 32, 298  # of sets: images, their side, and what of Inception's 299 divides by two


@functools.cache
def pair(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Without black pixels, of which some libraries make NaN."""
    crops = crop_sample(2, min(side, 256), min(side, 256))
    y = np.stack([0.1 + 0.8 * continued(crop, side, side) for crop in crops])
    return np.stack([np.maximum(add_noise(y[0]), 0.05), blur(y[1])]), y


@functools.cache
def image_sets() -> tuple[np.ndarray, np.ndarray]:
    """Under test and reference, of 8 bits, `[64, 32, 32, 3]`."""
    y = crop_sample(COUNT, SIDE, SIDE)
    x = np.stack([add_noise(image) ** 1.5 for image in y[::-1]])
    return np.round(255 * x).astype(np.uint8), np.round(255 * y).astype(np.uint8)


def cells(images: Any) -> Any:
    """What stands for a network: means of 2 x 2 cells of images `[N, H, W, 3]` in [0, 255], `[N, 12]`, up to 32."""
    n, height, width, _ = images.shape
    return images.reshape(n, 2, height // 2, 2, width // 2, 3).mean((2, 4)).reshape(n, 12) / 8


def torch_cells(images: Any) -> Any:
    """Likewise of a tensor `[N, 3, H, W]`."""
    images = images.permute(0, 2, 3, 1)
    n, height, width, _ = images.shape
    height, width = height // 2 * 2, width // 2 * 2
    cell = images[:, :height, :width].reshape(n, 2, height // 2, 2, width // 2, 3).double()
    return cell.mean((2, 4)).reshape(n, 12) / 8


def moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return features.mean(0), np.cov(features, rowvar=False)


def frechet_of_images(convention: str) -> float:
    """Of images as the convention prepares them for Inception, back in [0, 255]."""
    row = sets.FID_CONVENTIONS[convention]

    @jax.jit
    def state(images: jax.Array) -> sets.Sums:
        prepared = sets.prepare_images(images, data_range=1.0, convention=convention) * row.scale + row.offset
        return sets.update_moments(sets.init_moments(12), cells(prepared[:, :FID_SIDE, :FID_SIDE]))

    return sets.frechet_score(*(state(jaxloss.ops.to_float(images)) for images in image_sets()))


def features_and_statistics() -> Names:
    names: Names = {}
    for name, images in zip("xy", image_sets(), strict=True):
        names[f"features_{name}"] = features = cells(images.astype(np.float64))
        names[f"mu_{name}"], names[f"sigma_{name}"] = moments(features)
    return names


def our_names(side: int) -> Names:
    names = features_and_statistics()
    for name in "xy":
        state = sets.update_moments(sets.init_moments(12), names[f"features_{name}"].astype(np.float32))
        names[f"state_{name}"] = state
    x, y = pair(side)
    modules = {"jaxloss": jaxloss, "jax": jax, "jnp": jnp, "sets": sets, "frechet_of_images": frechet_of_images}
    return {**modules, **names, "x": x, "y": y, "key": jax.random.key(0)}


def our_number(line: Line) -> Any:
    """Compiled where it is a function of images; scores of sets are computed on the host, from float64 where needed."""
    names = our_names(line.side)
    if line.ours.startswith(("sets.", "frechet")):
        with jax.enable_x64(line.ours != "sets.frechet_score(state_x, state_y)"):
            return eval(line.ours, {**names, "key": jax.random.key(0)})
    return jax.jit(lambda x, y: eval(line.ours, {**names, "x": x, "y": y}))(names["x"], names["y"])


def their_number(line: Line, names: Names) -> Any:
    *statements, last = line.theirs.split("; ")
    for statement in statements:
        exec(statement, names)
    return eval(last, names)


# What stands in for the set-up of some libraries: see `Library.replaced`.
def lpips_alone(library: Library, names: Names, folder: Path) -> None:
    peer("torchvision")
    peer("lpips")
    names.update(alex=original("alex"), vgg=original("vgg"))


def as_lpips_j(library: Library, names: Names, folder: Path) -> None:
    torch = peer("torch")
    peer("torchvision")
    peer("lpips")

    def apply(variables: None, *images: np.ndarray) -> np.ndarray:
        return original("vgg")(*(torch.tensor(np.moveaxis(z, -1, 1)) for z in images)).numpy()

    names.update(lpips=SimpleNamespace(apply=apply), variables=None)


def torchmetrics_networks(library: Library, names: Names, folder: Path) -> None:
    torch, networks = peer("torch"), peer("torchmetrics.functional.image.lpips")
    names["network"] = torch.nn.Identity()
    names["network"].num_features = 12
    lpips = networks._LPIPS(net="alex", pnet_rand=True)
    convolved = [module for module in lpips.net.modules() if isinstance(module, torch.nn.Conv2d)]
    trunk = convolutions(jaxloss.load_params("lpips-alex")["trunk"])
    for module, layer in zip(convolved, trunk, strict=True):
        module.weight.data = torch.tensor(np.asarray(layer["kernel"]).transpose(3, 2, 0, 1).copy())
        module.bias.data = torch.tensor(np.asarray(layer["bias"]))
    names["monkeypatch"].setattr(networks, "_NoTrainLpips", lambda net: lpips)
    exec(library.setup, names)
    names["fid"].set_dtype(torch.float64)


def as_pyiqa(library: Library, names: Names, folder: Path) -> None:
    peer("torchvision")
    peer("lpips")
    names["psnr"] = lambda x, y: -10 * (((x - y) ** 2).mean((1, 2, 3)) + 1e-8).log10()
    for net in ("alex", "vgg"):
        names[net] = lambda x, y, net=net: original(net)(2 * x - 1, 2 * y - 1)[:, :, 0, 0]


def as_jax_fid(library: Library, names: Names, folder: Path) -> None:
    frechet = peer("pytorch_fid.fid_score").calculate_frechet_distance
    names["compute_frechet_distance"] = lambda mu_x, mu_y, sigma_x, sigma_y: frechet(mu_x, sigma_x, mu_y, sigma_y)


def fidelity_network(library: Library, names: Names, folder: Path) -> None:
    torch, fidelity = peer("torch"), peer("torch_fidelity")
    base = peer("torch_fidelity.feature_extractor_base").FeatureExtractorBase

    class Cells(base):
        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            return ("cells",)

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str) -> str:
            return "cells"

        @staticmethod
        def can_be_compiled() -> bool:
            return False

        def __init__(self, name: str, features_list: list[str], **options: object) -> None:
            super().__init__(name, features_list)

        def forward(self, images: Any) -> Any:
            return (torch_cells(images),)

    class Images(torch.utils.data.Dataset):
        def __init__(self, images: np.ndarray) -> None:
            self.images = torch.tensor(np.moveaxis(images, -1, 1))

        def __len__(self) -> int:
            return len(self.images)

        def __getitem__(self, number: int) -> Any:
            return self.images[number]

    fidelity.register_feature_extractor("cells", Cells)
    samples, reference = map(Images, image_sets())
    quiet = {"verbose": False, "save_cpu_ram": True, "cache": False}
    names.update(samples=samples, reference=reference, network="cells")
    exec(library.setup, names)
    names["options"].update(quiet)


def clean_fid_folders(library: Library, names: Names, folder: Path) -> None:
    torch, fid = peer("torch"), peer("cleanfid.fid")
    for name, images in zip(("samples", "reference"), image_sets(), strict=True):
        (folder / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(folder / name / f"{number:02}.png")
        names[name] = str(folder / name)
    here = {"device": torch.device("cpu"), "num_workers": 0, "verbose": False}
    names["network"] = torch_cells
    names["fid"] = SimpleNamespace(
        compute_fid=functools.partial(fid.compute_fid, **here),
        fid_from_feats=fid.fid_from_feats,
        kernel_distance=fid.kernel_distance,
    )


REPLACED: dict[str, Callable[[Library, Names, Path], None]] = {
    "lpips": lpips_alone,
    "lpips_j": as_lpips_j,
    "torchmetrics": torchmetrics_networks,
    "pyiqa": as_pyiqa,
    "jax-fid": as_jax_fid,
    "torch-fidelity": fidelity_network,
    "clean-fid": clean_fid_folders,
}


def their_names(library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Names:
    """What the calls of the left find, but for the images."""
    names = {"jax": jax, "monkeypatch": monkeypatch, **features_and_statistics()}
    if library.images == "torch":
        peer("torchvision")
    if library.name in ("torchmetrics", "piq"):
        torch = peer("torch")
        names.update({name: torch.tensor(value) for name, value in names.items() if name.startswith("features")})
    if library.replaced:
        REPLACED[library.name](library, names, folder)
    else:
        peer(library.setup.split()[1])
        exec(library.setup, names)
    return names


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
def test_both_columns_return_the_same(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with foreign_code():
        names = their_names(library, tmp_path, monkeypatch)
    differences = {}
    for line in library.lines:
        with foreign_code():
            for name, images in zip("xy", pair(line.side), strict=True):
                if library.images == "torch":
                    images = peer("torch").tensor(np.moveaxis(images, -1, 1).copy())
                names[name] = images
            theirs = np.asarray(their_number(line, names), np.float64)
        ours = np.asarray(our_number(line), np.float64)
        assert ours.shape == theirs.shape and np.isfinite(theirs).all(), (line.theirs, ours.shape, theirs.shape)
        difference = (np.abs(ours - theirs) / (1 + np.abs(theirs))).max()
        if difference > line.tolerance:
            differences[line.theirs] = (difference, ours.ravel()[:2], theirs.ravel()[:2])
    assert differences == {}


def test_what_stands_in_is_said() -> None:
    assert REPLACED.keys() == {library.name for library in LIBRARIES if library.replaced}
