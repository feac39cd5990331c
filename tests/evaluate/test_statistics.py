"""Files of statistics: read, written, refused."""

from pathlib import Path

import numpy as np
import pytest

from jaxloss import InputError
from jaxloss.evaluate import read_statistics, save_statistics
from jaxloss.sets import Statistics


NORMAL = Statistics(np.arange(3.0), np.diag([1.0, 2.0, 3.0]))


def test_statistics_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "reference.npz"
    save_statistics(path, NORMAL)
    found = read_statistics(path)
    np.testing.assert_array_equal(found.mean, NORMAL.mean)
    np.testing.assert_array_equal(found.covariance, NORMAL.covariance)
    with np.load(path) as file:
        assert sorted(file.files) == ["mu", "sigma"] and file["sigma"].dtype == np.float64
    assert [p.name for p in tmp_path.iterdir()] == ["reference.npz"]


def test_reference_batch_of_adm(tmp_path: Path) -> None:
    """With images, which may be pickled for all we care, and the statistics of two layers."""
    path = tmp_path / "batch.npz"
    mu, sigma = NORMAL.mean.astype(np.float32), NORMAL.covariance
    images = np.array([object()])
    np.savez_compressed(path, arr_0=images, mu=mu, sigma=sigma, mu_s=mu[:2], sigma_s=sigma[:2, :2])
    assert read_statistics(path).mean.dtype == np.float64
    assert read_statistics(path, spatial=True).covariance.shape == (2, 2)


def test_what_is_not_statistics_is_refused(tmp_path: Path) -> None:
    path, sigma = tmp_path / "x.npz", NORMAL.covariance
    wrong = {
        "no array mu and no array sigma; there is other": {"other": sigma},
        r"mu and sigma have shapes \(2,\) and \(3, 3\)": {"mu": np.ones(2), "sigma": sigma},
        "sigma has to be of finite floating numbers": {"mu": np.ones(3), "sigma": sigma * np.nan},
        "mu has to be of finite floating numbers": {"mu": np.ones(3, int), "sigma": sigma},
        "not an .npz file of numbers: Object arrays cannot be loaded": {"mu": np.array([{}]), "sigma": sigma},
    }
    for message, arrays in wrong.items():
        np.savez(path, **arrays)
        with pytest.raises(InputError, match=message):
            read_statistics(path)
    np.savez(path, mu=np.ones(3), sigma=sigma)
    whole = path.read_bytes()
    for content in (b"", b"PK", b"nothing", whole[:-30], whole[:60] + b"\0" * 40 + whole[100:]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"x.npz: not an .npz file of numbers"):
            read_statistics(path)
    np.save(tmp_path / "one.npy", sigma)
    with pytest.raises(InputError, match="one array, not an archive"):
        read_statistics(tmp_path / "one.npy")
    with pytest.raises(InputError, match="no such file"):
        read_statistics(tmp_path / "nothing.npz")
    with pytest.raises(InputError, match=r"Use .npz"):
        save_statistics(tmp_path / "x.npy", NORMAL)
    with pytest.raises(InputError, match="covariance has to be of finite"):
        save_statistics(path, Statistics(np.ones(1), np.full((1, 1), np.inf)))
