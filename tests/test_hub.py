"""ImageNet weights: found on disk, fetched from a server in this process, or a clear error."""

from __future__ import annotations

import hashlib
import io
import re
from contextlib import closing
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
from helpers import Server, equal
from torchvision import models

from resnet_course import create_model, load_torchvision
from resnet_course.data import download
from resnet_course.data.cache import DataUnavailableError
from resnet_course.train import pretrained


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


@pytest.fixture
def place(tmp_path, monkeypatch, published):
    """A torch hub folder of our own, and a server on this computer with one file to `serve`."""
    server = Server({})
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "_given_up", {})
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def serve(content: bytes, name: str = published.name) -> None:
        """Let the hub look for the weights at this address."""
        kind = SimpleNamespace(url=f"{server.address}{name}")
        monkeypatch.setattr(pretrained, "get_model_weights", lambda name: {"IMAGENET1K_V1": kind})
        server.files[name] = content

    serve(published.content)
    file = tmp_path / "checkpoints" / published.name
    with closing(server):
        yield SimpleNamespace(serve=serve, served=server.files, file=file)


def test_weights_from_the_network_are_stored_and_read_from_disk_next_time(
    place, published, capfd, recwarn
):
    weights = pretrained.torchvision_weights("resnet18")
    assert equal(weights, published.weights)
    assert load_torchvision(create_model("resnet18"), weights) == []
    assert place.file.read_bytes() == published.content
    assert {p.name for p in place.file.parent.iterdir()} == {published.name, ".download.lock"}
    place.served.clear()
    assert equal(pretrained.torchvision_weights("resnet18"), published.weights)
    assert capfd.readouterr() == ("", "") and not recwarn.list


def test_a_damaged_file_is_fetched_again(place, published):
    place.file.parent.mkdir()
    place.file.write_bytes(published.content[:-1])
    assert equal(pretrained.torchvision_weights("resnet18"), published.weights)
    assert place.file.read_bytes() == published.content


def twin(published) -> bytes:
    """Return another file whose checksum begins with the same digit."""
    digit = published.name.partition("-")[2][0]
    others = (published.content[:-1] + bytes([n]) for n in range(256))
    others = (content for content in others if content != published.content)
    return next(c for c in others if hashlib.sha256(c).hexdigest()[0] == digit)


@pytest.mark.parametrize("spoil", [lambda published: published.content[:-1], twin])
def test_a_damaged_download_is_refused(spoil, place, published):
    place.serve(spoil(published))
    with pytest.raises(DataUnavailableError, match="wrong checksum"):
        pretrained.torchvision_weights("resnet18")
    assert not place.file.exists()


def test_a_missing_file_gives_one_clear_line_with_a_remedy(place, published):
    place.served.clear()
    with pytest.raises(DataUnavailableError, match=r"\(Not Found\)") as caught:
        pretrained.torchvision_weights("resnet18")
    text = str(caught.value)
    assert "resnet18" in text and published.name in text and "torch.hub.get_dir()" in text
    assert "\n" not in text and str(place.file.parent) not in text


def test_a_folder_that_cannot_be_written_is_a_warning(place, published, monkeypatch):
    refuse = Mock(side_effect=PermissionError(13, "Permission denied"))
    monkeypatch.setattr(download.Path, "mkdir", refuse)
    with pytest.warns(UserWarning, match="Permission denied") as caught:
        assert equal(pretrained.torchvision_weights("resnet18"), published.weights)
    assert caught[0].filename == __file__


def test_a_file_name_without_a_checksum_is_refused_before_any_download(place):
    place.serve(b"weights", name="resnet18.pth")
    with pytest.raises(ValueError, match="no checksum in its name"):
        pretrained.torchvision_weights("resnet18")
    assert not place.file.parent.exists()


@pytest.mark.parametrize("name", ["resnet19", "plain18", "", "alexnet\n"])
def test_unknown_names(name):
    with pytest.raises(ValueError, match="no ImageNet weights"):
        pretrained.torchvision_weights(name)


def test_torchvision_s_file_names_carry_a_checksum():
    for name in ("resnet18", "resnet34", "resnet50", "resnext50_32x4d"):
        address = models.get_model_weights(name)["IMAGENET1K_V1"].url
        assert re.search(r"-[0-9a-f]{8}\.pth$", address)
