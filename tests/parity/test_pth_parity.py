"""The reader of `.pth` files against torch: what it writes, in both formats, and the files of `lpips`."""

import collections
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxloss import load_params
from jaxloss.weights._convert import from_torch, identify
from jaxloss.weights._errors import WeightsError
from jaxloss.weights._pth import read_pth
from jaxloss.weights._tensors import nest
from tests.parity._peers import foreign_code, peer


both_formats = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def saved(path: Path, value: Any, zipped: bool) -> Path:
    with foreign_code():
        peer("torch").save(value, path, _use_new_zipfile_serialization=zipped)
    return path


@both_formats
def test_tensors_of_all_kinds(tmp_path: Path, zipped: bool) -> None:
    torch = peer("torch")
    base = torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(0))
    state = collections.OrderedDict(
        plain=base,
        transposed=base.permute(2, 0, 1),
        part=base[1:4, ::2, 1],
        repeated=base[0, 0, 0].expand(3, 2),
        parameter=torch.nn.Parameter(base[2]),
        scalar=torch.tensor(3),
        empty=torch.zeros(0, 4),
        channels_last=torch.arange(48.0).reshape(1, 3, 4, 4).to(memory_format=torch.channels_last),
        **{
            str(kind): base.to(getattr(torch, kind))
            for kind in ("float64", "float16", "int64", "int32", "int16", "int8")
        },
        unsigned=base.to(torch.uint8),
        boolean=base > 0,
    )
    found = read_pth(saved(tmp_path / "a.pth", state, zipped))
    assert list(found) == list(state)
    for name, tensor in state.items():
        expected = tensor.detach().numpy()
        assert found[name].dtype == expected.dtype
        np.testing.assert_array_equal(found[name], expected)


@both_formats
@pytest.mark.parametrize("net", ["alexnet", "squeezenet1_1"])
def test_state_dict_of_torchvision(net: str, zipped: bool, tmp_path: Path) -> None:
    torchvision = peer("torchvision")
    with foreign_code():
        model = getattr(torchvision.models, net)(weights=None)
    state = read_pth(saved(tmp_path / "a.pth", model.state_dict(), zipped), "features.")
    assert identify(state, "a.pth") == net
    first = nest(from_torch(net, state, "a.pth"))["conv1"]["kernel"]
    np.testing.assert_array_equal(first, model.features[0].weight.detach().numpy().transpose(2, 3, 1, 0))


@both_formats
def test_whole_module_is_refused(zipped: bool, tmp_path: Path) -> None:
    torch = peer("torch")
    path = saved(tmp_path / "a.pth", torch.nn.Linear(2, 2), zipped)
    with pytest.raises(WeightsError, match=r"tensors only, got torch\.nn\.modules\.linear\.Linear\."):
        read_pth(path)


@pytest.mark.parametrize("net", ["alex", "vgg", "squeeze"])
@pytest.mark.parametrize("version", ["0.0", "0.1"])
def test_heads_of_lpips(net: str, version: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped heads against the files in the package, as torch reads them."""
    torch = peer("torch")
    specification = importlib.util.find_spec("lpips")
    if specification is None or specification.origin is None:
        peer("lpips")
        return
    path = Path(specification.origin).parent / "weights" / f"v{version}" / f"{net}.pth"
    expected = torch.load(path, map_location="cpu", weights_only=True)
    monkeypatch.setenv("JAXLOSS_WEIGHTS", str(shared_data / "weights"))
    heads = load_params(f"lpips-{net}", version=version)["heads"]
    ours = read_pth(path)
    assert list(ours) == list(expected) and len(heads) == len(expected)
    for i, head in enumerate(heads.values()):
        tensor = expected[f"lin{i}.model.1.weight"].numpy()
        np.testing.assert_array_equal(head, tensor.reshape(-1))
        np.testing.assert_array_equal(ours[f"lin{i}.model.1.weight"], tensor)
