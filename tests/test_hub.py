"""ImageNet weights: found on disk, fetched from a server in this process, or a clear error."""

from __future__ import annotations

import hashlib
import io
import re
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
from torchvision import models

from resnet_course import create_model, load_torchvision
from resnet_course.data import download
from resnet_course.data.cache import DataUnavailableError
from resnet_course.train import hub


@pytest.fixture(scope="module")
def published():
    """Random weights of ResNet-18 as a file that is named like torchvision's."""
    torch.manual_seed(0)
    weights = models.resnet18(weights=None).state_dict()
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    content = buffer.getvalue()
    name = f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    return SimpleNamespace(name=name, content=content, weights=weights)


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):  # noqa: N802
        self.answer(body=False)

    def do_GET(self):  # noqa: N802
        self.answer(body=True)

    def answer(self, body):
        content = self.server.files.get(self.path.removeprefix("/"))
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if body and content is not None:
            self.server.downloads.append(self.path)
            self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def place(tmp_path, monkeypatch, published):
    """A torch hub folder of our own and an address on this computer; `place.server` serves it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.downloads = {published.name: published.content}, []
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/{published.name}"
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "_given_up", {})
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(
        hub, "get_model_weights", lambda name: {"IMAGENET1K_V1": SimpleNamespace(url=address)}
    )
    yield SimpleNamespace(server=server, file=tmp_path / "checkpoints" / published.name)
    server.shutdown()
    server.server_close()


def equal(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_weights_from_the_network_are_stored_and_read_from_disk_next_time(
    place, published, capfd, recwarn
):
    assert equal(hub.torchvision_weights("resnet18"), published.weights)
    assert place.file.read_bytes() == published.content
    assert {p.name for p in place.file.parent.iterdir()} == {published.name, ".download.lock"}
    place.server.files.clear()
    assert equal(hub.torchvision_weights("resnet18"), published.weights)
    assert len(place.server.downloads) == 1
    assert capfd.readouterr() == ("", "") and not recwarn.list


def test_the_weights_fit_the_course_s_network(place, published):
    model = create_model("resnet18").eval()
    assert load_torchvision(model, hub.torchvision_weights("resnet18")) == []
    theirs = models.resnet18(weights=None).eval()
    theirs.load_state_dict(published.weights)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model(x), theirs(x))


def test_a_damaged_file_is_fetched_again(place, published):
    place.file.parent.mkdir()
    place.file.write_bytes(published.content[:-1])
    assert equal(hub.torchvision_weights("resnet18"), published.weights)
    assert place.file.read_bytes() == published.content


def test_a_damaged_download_is_refused(place, published):
    place.server.files[published.name] = published.content[:-1]
    with pytest.raises(DataUnavailableError, match="wrong checksum"):
        hub.torchvision_weights("resnet18")
    assert not place.file.exists()


def test_the_whole_checksum_in_the_name_counts(place, published):
    """A file whose checksum begins with the same digit is another file."""
    digit = published.name.partition("-")[2][0]
    others = (published.content[:-1] + bytes([n]) for n in range(256))
    others = (content for content in others if content != published.content)
    twin = next(c for c in others if hashlib.sha256(c).hexdigest()[0] == digit)
    place.server.files[published.name] = twin
    with pytest.raises(DataUnavailableError, match="wrong checksum"):
        hub.torchvision_weights("resnet18")


def test_a_missing_file_gives_one_clear_line_with_a_remedy(place, published):
    place.server.files.clear()
    with pytest.raises(DataUnavailableError, match=r"\(Not Found\)") as caught:
        hub.torchvision_weights("resnet18")
    text = str(caught.value)
    assert "resnet18" in text and published.name in text and "torch.hub.get_dir()" in text
    assert "\n" not in text and str(place.file.parent) not in text


def test_a_server_that_keeps_silent_does_not_hang(place, monkeypatch):
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/resnet18-01234567.pth"
        monkeypatch.setattr(
            hub, "get_model_weights", lambda name: {"IMAGENET1K_V1": SimpleNamespace(url=address)}
        )
        begin = time.monotonic()
        with pytest.raises(DataUnavailableError):
            hub.torchvision_weights("resnet18")
        assert time.monotonic() - begin < 5


def test_a_folder_that_cannot_be_written_is_a_warning(place, published, monkeypatch):
    refuse = Mock(side_effect=PermissionError(13, "Permission denied"))
    monkeypatch.setattr(download.Path, "mkdir", refuse)
    with pytest.warns(UserWarning, match="Permission denied") as caught:
        assert equal(hub.torchvision_weights("resnet18"), published.weights)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", ["resnet19", "plain18", "", "alexnet\n"])
def test_unknown_names(name):
    with pytest.raises(ValueError, match="no ImageNet weights"):
        hub.torchvision_weights(name)


def test_a_file_name_without_a_checksum_is_refused_before_any_download(place, monkeypatch):
    name = "resnet18.pth"
    place.server.files[name] = b"weights"
    address = f"http://127.0.0.1:{place.server.server_port}/{name}"
    monkeypatch.setattr(
        hub, "get_model_weights", lambda name: {"IMAGENET1K_V1": SimpleNamespace(url=address)}
    )
    with pytest.raises(ValueError, match="no checksum in its name"):
        hub.torchvision_weights("resnet18")
    assert place.server.downloads == []


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnext50_32x4d"])
def test_torchvision_s_file_names_carry_a_checksum(name):
    address = models.get_model_weights(name)["IMAGENET1K_V1"].url
    assert re.search(r"-[0-9a-f]{8}\.pth$", address)
