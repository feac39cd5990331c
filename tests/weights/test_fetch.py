"""Downloads from a server of our own: whole or not at all, two at once, through a proxy, and without any network."""

import contextlib
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest

from jaxloss import load_params
from jaxloss.weights import _fetch, _inception
from jaxloss.weights._convert import from_torch
from jaxloss.weights._errors import WeightsError
from jaxloss.weights._fetch import fetch
from jaxloss.weights._manifest import Trunk
from jaxloss.weights._tensors import nest
from tests.weights._networks import inception_state, official_file, random_state, trunk_of, use_trunks
from tests.weights._pth_files import saved
from tests.weights.test_inception import SMALL


ROOT = Path(__file__).parents[2]
NET, NAME = "squeezenet1_1", "squeezenet1_1-0.pth"


@dataclass
class Server:
    """What it serves, whatever it is asked for, and what that was."""

    address: str
    content: bytes = b""
    cut: int = 0  # bytes that it promises and does not send
    meeting: threading.Barrier | None = None  # answers only when so many have asked
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.address}/models/{NAME}"


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            if served.meeting:
                served.meeting.wait(timeout=60)
            found = "gone" not in self.path
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(served.content) if found else 0))
            self.end_headers()
            if found:
                self.wfile.write(served.content[: len(served.content) - served.cut])

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        served = Server(f"http://127.0.0.1:{listening.server_address[1]}")
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield served
        listening.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, empty; and no proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("JAXLOSS_WEIGHTS", raising=False)
    folder = tmp_path / "cache"
    monkeypatch.setattr(_fetch, "cache_folder", lambda: folder)
    return folder


Official = Callable[..., Trunk]


@pytest.fixture
def official(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> Official:
    """Put a file of random weights on the server, and a row for it into the manifest."""

    def make(*, url: str | None = None, legacy: bool = True, with_digest: bool = True) -> Trunk:
        server.content = official_file(NET, rng, legacy=legacy)
        trunk = trunk_of(NET, server.content, url or server.url, with_digest=with_digest, tmp_path=tmp_path)
        use_trunks(monkeypatch, trunk)
        return trunk

    return make


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("with_digest", [False, True])
def test_first_use_downloads_and_the_second_does_not(
    server: Server, official: Official, cache: Path, legacy: bool, with_digest: bool
) -> None:
    official(legacy=legacy, with_digest=with_digest)
    params = load_params(NET)
    expected = nest(from_torch(NET, random_state(NET, np.random.default_rng(0)), "test"))
    for again in (params, load_params(NET)):
        np.testing.assert_array_equal(again["fire7"]["expand3x3"]["kernel"], expected["fire7"]["expand3x3"]["kernel"])
    assert server.asked == [f"/models/{NAME}"]
    assert files_in(cache) == [f"{NET}.safetensors"]
    assert (cache / f"{NET}.safetensors").stat().st_size < 3e6  # without the classifier


def test_lpips_fetches_its_network(server: Server, official: Official) -> None:
    official()
    assert list(load_params("lpips-squeeze")["heads"])[-1] == "fire9"
    assert len(server.asked) == 1


def test_inception(
    server: Server, cache: Path, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, with the layer of its classes."""
    monkeypatch.setattr(_inception, "INCEPTION", SMALL)
    state = inception_state(rng, SMALL)
    server.content = saved(state, legacy=False)
    trunk = trunk_of("inception", server.content, server.url, with_digest=False, tmp_path=tmp_path)
    use_trunks(monkeypatch, trunk)
    for params in (load_params("inception"), load_params("inception")):
        assert list(params) == ["Conv2d_1a_3x3", "Mixed_5b", "fc"]
        np.testing.assert_array_equal(params["fc"]["kernel"], state["fc.weight"].T)
    assert len(server.asked) == 1 and files_in(cache) == ["inception.safetensors"]


def assert_nothing_is_kept(trunk: Trunk, cache: Path, *words: str) -> None:
    with pytest.raises(WeightsError) as caught:
        load_params(trunk.net)
    message = str(caught.value)
    for word in (*words, "expected ", ", got ", trunk.url, "JAXLOSS_WEIGHTS", f"jaxloss weights convert {NAME}"):
        assert word in message
    assert "\n" not in message
    assert files_in(cache) == []


def test_wrong_hash(server: Server, official: Official, cache: Path) -> None:
    trunk = official()
    server.content = server.content[:-1] + bytes([server.content[-1] ^ 1])
    assert_nothing_is_kept(trunk, cache, NAME, f"sha256 {trunk.sha256}", "damaged or replaced on its way")


def test_truncated_download(server: Server, official: Official, cache: Path) -> None:
    trunk = official()
    server.cut = 1000
    assert_nothing_is_kept(trunk, cache, f"expected to download {trunk.url}")


def test_missing_on_the_server(server: Server, official: Official, cache: Path) -> None:
    trunk = official(url=f"{server.address}/gone/{NAME}")
    assert_nothing_is_kept(trunk, cache, "404")


def test_no_network(official: Official, cache: Path) -> None:
    with socket.socket() as unused:  # bound, but it does not listen
        unused.bind(("127.0.0.1", 0))
        trunk = official(url=f"http://127.0.0.1:{unused.getsockname()[1]}/{NAME}")
        assert_nothing_is_kept(trunk, cache, "Connection refused", "HTTPS_PROXY")


def test_proxy(server: Server, official: Official, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name resolves nowhere, but the proxy is asked."""
    monkeypatch.setenv("http_proxy", server.address)
    fetch(official(url=f"http://weights.invalid/{NAME}"))
    assert server.asked == [f"http://weights.invalid/{NAME}"]


def test_proxy_that_does_not_answer(official: Official, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused.getsockname()[1]}")
        assert_nothing_is_kept(official(url=f"http://weights.invalid/{NAME}"), cache, "proxy", "HTTPS_PROXY")


def test_right_hash_and_other_network(
    server: Server,
    official: Official,
    cache: Path,
    tmp_path: Path,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.content = official_file("alexnet", rng)
    trunk = trunk_of(NET, server.content, server.url, with_digest=False, tmp_path=tmp_path)
    use_trunks(monkeypatch, trunk)
    with pytest.raises(
        WeightsError, match=r"expected the weights of squeezenet1_1, with features\.0\.weight .*another network"
    ):
        fetch(trunk)
    assert files_in(cache) == []


def test_interrupted(official: Official, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trunk = official()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_fetch, "save_trunk", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(trunk)
    assert files_in(cache) == []


def test_cache_that_cannot_be_written(official: Official, tmp_path: Path) -> None:
    trunk = official()
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(WeightsError, match=r"cache: expected a folder that can be written to, .*XDG_CACHE_HOME"):
        fetch(trunk)


def test_progress(server: Server, official: Official, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar ends at the size of the file, and its display is over afterwards."""
    bars = []
    real = _fetch._Bar
    monkeypatch.setattr(_fetch, "_Bar", lambda trunk: bars.append(real(trunk)) or bars[-1])
    trunk = official()
    fetch(trunk)
    (bar,) = bars
    assert bar.total == bar.progress.tasks[0].completed == trunk.size
    assert bar.progress.tasks[0].description == NAME
    assert not bar.progress.live.is_started


FETCH = """
import json, sys
from pathlib import Path
from jaxloss.weights import _fetch, _inception
from jaxloss.weights._manifest import Trunk, read_manifest
trunk = Trunk(**json.loads(sys.argv[1]))
read_manifest().trunks[trunk.net] = trunk
_fetch.cache_folder = lambda: Path(sys.argv[2])
print(_fetch.fetch(trunk))
"""


def test_two_processes_at_once(server: Server, official: Official, cache: Path) -> None:
    trunk = official()
    command = [sys.executable, "-c", FETCH, json.dumps(asdict(trunk)), str(cache)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    server.meeting = threading.Barrier(2)
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(subprocess.Popen(command, env=environment, text=True, stdout=PIPE, stderr=PIPE))
            for _ in range(2)
        ]
        printed = [process.communicate(timeout=120) for process in started]
    assert printed == [(f"{cache / f'{NET}.safetensors'}\n", "")] * 2
    assert files_in(cache) == [f"{NET}.safetensors"]
    assert len(server.asked) == 2
    load_params(NET)
    assert len(server.asked) == 2
