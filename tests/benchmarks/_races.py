"""Made-up results of races."""

from benchmarks._results import Record


ABOUT: Record = {
    "script": "metrics",
    "date": "2030-01-01T00:00:00+00:00",
    "commit": None,
    "machine": {"cpu": "a processor", "cores": 2, "memory_gib": 8.0, "system": "Linux x86_64"},
    "device": "cpu",
    "python": "3.11.0",
    "versions": {"jax": "1.0"},
    "settings": {},
}


def measurement(contestant: str, median: float, mode: str = "value", size: str = "8x256x256") -> Record:
    question = {"metric": "ssim", "size": size, "dtype": "float32", "mode": mode}
    return {**question, "contestant": contestant, "median_ms": median}


def race_of(ours: float, **peers: float) -> list[Record]:
    return [measurement(name, median) for name, median in {"jaxloss": ours, **peers}.items()]
