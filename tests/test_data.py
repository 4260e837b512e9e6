"""Loading: right files are used wherever they lie, wrong ones never; a missing network is told.

Tiny files from a web server in this process stand for the real ones.
"""

import errno
import gzip
import hashlib
import multiprocessing
import os
import socket
import struct
import time
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from helpers import Server
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import datasets

from resnet_course.data import cache, download
from resnet_course.data import sources as data

REAL = next(
    (
        folder
        for folder in (os.environ.get("RESNET_COURSE_DATA"), "../shared/data")
        if folder and (Path(folder) / "FashionMNIST/raw/train-images-idx3-ubyte.gz").exists()
    ),
    None,
)
TRAIN_IMAGES = cache.NAMES[0]


def idx(tensor: torch.Tensor) -> bytes:
    shape = [size for size in tensor.shape if size > 1]
    header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    return header + tensor.to(torch.uint8).numpy().tobytes()


@pytest.fixture(autouse=True)
def fresh_start(monkeypatch, tmp_path):
    """An empty cache folder, no RESNET_COURSE_DATA, no mirror given up, no proxy."""
    monkeypatch.setattr(cache, "user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    monkeypatch.delenv("RESNET_COURSE_DATA", raising=False)
    monkeypatch.setattr(download, "_given_up", {})
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def tiny(monkeypatch):
    """40 + 20 pictures under the names of Fashion-MNIST; `tiny.server` offers them."""
    generator = torch.Generator().manual_seed(0)
    tensors = []
    for count in (40, 20):
        shape = (count, 1, 28, 28)
        tensors.append(torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8))
        tensors.append(torch.randint(0, 10, (count,), generator=generator))
    raw = dict(zip(cache.NAMES, map(idx, tensors), strict=True))
    server = Server({f"{name}.gz": gzip.compress(content) for name, content in raw.items()})

    class FashionMNIST(datasets.FashionMNIST):
        mirrors = [server.address]

    class Tiny:
        dataset = FashionMNIST
        packed = server.files
        cache_folder = Path(cache.user_cache_dir("resnet-course")) / "FashionMNIST" / "raw"

        @staticmethod
        def put(root, names=cache.NAMES):
            """Write packed files below `root`; return their folder."""
            folder = Path(root) / "FashionMNIST" / "raw"
            folder.mkdir(parents=True, exist_ok=True)
            for name in names:
                (folder / f"{name}.gz").write_bytes(server.files[f"{name}.gz"])
            return folder

        @staticmethod
        def check(splits):
            assert splits.source == "fashion-mnist" and len(splits.classes) == 10
            found = splits.train_images, splits.train_labels, splits.test_images, splits.test_labels
            for part, expected in zip(found, tensors, strict=True):
                assert part.dtype == expected.dtype and torch.equal(part, expected)

    Tiny.server = server
    md5 = tuple(hashlib.md5(content).hexdigest() for content in raw.values())
    monkeypatch.setattr(data, "FASHION_MNIST", cache.FileSet("Fashion-MNIST", FashionMNIST, md5))
    with closing(server):
        yield Tiny


def assert_equal(splits, dataset, folder):
    """Check that torchvision reads the same from what lies in the folder."""
    train, test = (dataset(folder, train=train) for train in (True, False))
    assert torch.equal(splits.train_images[:, 0], train.data)
    assert torch.equal(splits.train_labels, train.targets)
    assert torch.equal(splits.test_images[:, 0], test.data)
    assert torch.equal(splits.test_labels, test.targets)


def no_network(monkeypatch, dataset=datasets.FashionMNIST):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setattr(dataset, "mirrors", [f"http://127.0.0.1:{port}/"])


def test_downloaded_once_into_the_cache(tiny, capfd):
    tiny.check(data.fashion_mnist())
    assert sorted(tiny.server.downloads) == sorted(tiny.packed)
    asked = tiny.server.asked
    tiny.check(data.fashion_mnist())
    assert len(tiny.server.downloads) == 4 and tiny.server.asked == asked
    assert capfd.readouterr() == ("", "")
    assert not list(tiny.cache_folder.glob("*.part"))


def test_torchvision_accepts_what_is_stored(tiny, tmp_path):
    assert_equal(data.fashion_mnist(tmp_path), tiny.dataset, tmp_path)


def test_the_root_comes_before_the_environment(tiny, tmp_path, monkeypatch):
    tiny.put(tmp_path / "named")
    monkeypatch.setenv("RESNET_COURSE_DATA", str(tmp_path / "named"))
    tiny.check(data.fashion_mnist(tmp_path / "root"))
    assert len(tiny.server.downloads) == 4
    assert (tmp_path / "root/FashionMNIST/raw" / TRAIN_IMAGES).exists()


def test_the_cache_fills_what_the_environment_folder_lacks(tiny, tmp_path, monkeypatch):
    tiny.put(tmp_path / "named", cache.NAMES[:2])
    tiny.put(cache.user_cache_dir("resnet-course"), cache.NAMES[2:3])
    monkeypatch.setenv("RESNET_COURSE_DATA", str(tmp_path / "named"))
    tiny.check(data.fashion_mnist())
    assert tiny.server.downloads == [f"{cache.NAMES[3]}.gz"]
    assert (tiny.cache_folder / cache.NAMES[3]).exists()
    assert len(list((tmp_path / "named/FashionMNIST/raw").iterdir())) == 2  # nothing added there


@pytest.mark.parametrize("is_there", [False, True])
def test_an_environment_folder_that_cannot_be_read_is_named(is_there, tiny, tmp_path, monkeypatch):
    folder = tmp_path / "nowhere"
    if is_there:
        folder.mkdir()
        may = os.access
        monkeypatch.setattr(os, "access", lambda path, how: path != folder and may(path, how))
    monkeypatch.setenv("RESNET_COURSE_DATA", str(folder))
    with pytest.warns(UserWarning, match="RESNET_COURSE_DATA.*nowhere") as caught:
        tiny.check(data.fashion_mnist())
    assert caught[0].filename == __file__  # points at the caller's line, not into the package


DAMAGE = {
    "truncated": lambda packed: packed[: len(packed) // 2],
    "one byte": lambda packed: packed[:200] + bytes([packed[200] ^ 1]) + packed[201:],
    "other content": lambda packed: gzip.compress(gzip.decompress(packed)[:-1] + b"!"),
    "empty": lambda packed: b"",
    "a web page": lambda packed: b"<html>Please log in</html>",
}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("unpacked", [False, True])
def test_a_damaged_file_is_fetched_again(tiny, tmp_path, kind, unpacked):
    folder = tiny.put(tmp_path)
    wrong = DAMAGE[kind](tiny.packed[f"{TRAIN_IMAGES}.gz"])
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(wrong)
    if unpacked:
        (folder / TRAIN_IMAGES).write_bytes(wrong)
    tiny.check(data.fashion_mnist(tmp_path))
    assert tiny.server.downloads == [f"{TRAIN_IMAGES}.gz"]
    tiny.check(data.fashion_mnist(tmp_path))
    assert len(tiny.server.downloads) == 1


@pytest.mark.parametrize("damage", [True, False])
def test_a_file_that_is_wrong_or_missing_in_ones_own_folder_is_named_there(
    damage, tiny, tmp_path, monkeypatch
):
    lost = tiny.put(tmp_path) / f"{TRAIN_IMAGES}.gz"
    lost.write_bytes(b"") if damage else lost.unlink()
    monkeypatch.setenv("RESNET_COURSE_DATA", str(tmp_path))
    no_network(monkeypatch, tiny.dataset)
    with pytest.raises(cache.DataUnavailableError) as error:
        cache.read_files(data.FASHION_MNIST)
    said = str(error.value)
    assert f"put {lost.name} into {lost.parent}." in said and "is not complete" in said
    assert (f"Damaged: {lost}." in said) == damage and str(tiny.cache_folder) not in said


@pytest.mark.parametrize("inside", ["FashionMNIST", "FashionMNIST/raw"])
def test_a_folder_that_is_too_deep_is_understood(inside, tiny, tmp_path, monkeypatch):
    tiny.put(tmp_path)
    no_network(monkeypatch, tiny.dataset)
    tiny.check(data.fashion_mnist(tmp_path / inside))
    monkeypatch.setenv("RESNET_COURSE_DATA", str(tmp_path / inside))
    tiny.check(data.fashion_mnist())


def test_a_folder_that_cannot_be_written(tiny, tmp_path):
    (tmp_path / "file").write_text("no folder can be made here, not even by root", encoding="utf-8")
    with pytest.warns(UserWarning, match="Cannot write.*Not a directory") as caught:
        tiny.check(data.fashion_mnist(tmp_path / "file"))
    assert caught[0].filename == __file__


def test_a_read_only_cache(tiny, monkeypatch):
    tiny.cache_folder.mkdir(parents=True)
    refuse = Mock(side_effect=OSError(errno.EROFS, "Read-only file system"))
    monkeypatch.setattr(download, "write_whole", refuse)
    monkeypatch.setattr(download.FileLock, "acquire", refuse)
    with pytest.warns(UserWarning, match="Cannot write.*Read-only"):
        tiny.check(data.fashion_mnist())


def test_a_drive_without_locks(tiny, monkeypatch):
    monkeypatch.setattr(download.FileLock, "acquire", Mock(side_effect=NotImplementedError))
    tiny.check(data.fashion_mnist())
    assert (tiny.cache_folder / TRAIN_IMAGES).exists()


def _read_and_digest(start, answers):
    # Only the bytes: torch's threads do not survive a fork. Bytes to tensors is tested elsewhere.
    start.wait(60)
    contents = cache.read_files(data.FASHION_MNIST)
    answers.put([hashlib.sha256(content).hexdigest() for content in contents])


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(),
    reason="thirty processes are quick to start only by fork",
)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_thirty_processes_at_once(tiny):
    context = multiprocessing.get_context("fork")
    start, answers = context.Barrier(30), context.Queue()
    task = {"target": _read_and_digest, "args": (start, answers), "daemon": True}
    processes = [context.Process(**task) for _ in range(30)]
    for process in processes:
        process.start()
    right = [hashlib.sha256(gzip.decompress(p)).hexdigest() for p in tiny.packed.values()]
    assert [answers.get(timeout=60) for _ in processes] == [right] * 30
    for process in processes:
        process.join(60)
    assert sorted(tiny.server.downloads) == sorted(tiny.packed)  # one of them fetched, 29 waited


def test_no_network_is_said_in_one_line(monkeypatch, tmp_path, capfd):
    no_network(monkeypatch)
    splits = data.fashion_mnist(tmp_path / "mine", limit=(30, 20))
    assert splits.source == "drawn-garments" and splits.mean != 0.2860
    assert len(splits.train_images) == 30 and len(splits.test_images) == 20
    out, err = capfd.readouterr()
    assert out.count("\n") == 1 and err == ""
    assert "Fashion-MNIST is not on this computer and cannot be downloaded ([" in out  # [Errno 111]
    assert "Using drawn garments instead (not Fashion-MNIST)." in out
    assert str(tmp_path / "mine") in out and "Damaged" not in out


def test_a_failed_download_is_not_tried_again_and_nobody_queues_for_the_lock(monkeypatch, capsys):
    no_network(monkeypatch)
    monkeypatch.setattr(download, "_one_at_a_time", lambda folder: pytest.fail("took the lock"))
    data.fashion_mnist(limit=10)
    monkeypatch.setattr(download, "_size", None)  # who asks again gets a TypeError
    assert data.fashion_mnist(limit=10).source == "drawn-garments"
    assert capsys.readouterr().out.count("\n") == 2


def test_no_stand_in_for_digits(monkeypatch, tmp_path):
    no_network(monkeypatch, datasets.MNIST)
    with pytest.raises(data.DataUnavailableError, match="MNIST.*put the four") as error:
        data.mnist(tmp_path)
    assert str(tmp_path) in str(error.value)


def test_a_network_that_swallows_everything(monkeypatch):
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        mirrors = [f"{address}/one/", f"{address}/two/"]
        monkeypatch.setattr(datasets.FashionMNIST, "mirrors", mirrors)
        begin = time.monotonic()
        assert data.fashion_mnist(limit=10).source == "drawn-garments"
        assert time.monotonic() - begin < 2 * 0.3 + 1.5  # once per mirror, not once per file


def test_a_name_server_that_keeps_silent(monkeypatch):
    """Looking up a name knows no timeout: it must not hold up the caller."""
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(download.requests, "head", lambda *a, **k: time.sleep(5))
    begin = time.monotonic()
    assert data.fashion_mnist(limit=10).source == "drawn-garments"
    assert time.monotonic() - begin < 0.3 + 1.5


def test_a_web_page_instead_of_the_file(tiny, capfd):
    for name in tiny.packed:
        tiny.packed[name] = b"<html>Please log in</html>"
    assert data.fashion_mnist(limit=10).source == "drawn-garments"
    assert capfd.readouterr().out.count("\n") == 1
    assert not (tiny.cache_folder / TRAIN_IMAGES).exists()


def test_a_server_that_has_its_files_unpacked_on_the_way(tiny):
    tiny.server.headers = {"Content-Encoding": "gzip"}
    tiny.check(data.fashion_mnist())


def test_a_broken_transfer_is_repeated(tiny):
    tiny.server.broken_answers = 1
    tiny.check(data.fashion_mnist())
    assert tiny.server.downloads.count(f"{TRAIN_IMAGES}.gz") == 2


@pytest.mark.parametrize("first", ["silent", "lacks the file", "broken"])
def test_the_second_mirror_steps_in(tiny, monkeypatch, first):
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bad = {
            "silent": f"http://127.0.0.1:{silent.getsockname()[1]}/",
            "lacks the file": f"{tiny.server.address}nothing/here/",
            "broken": f"{tiny.server.address}broken/",
        }[first]
        for name in list(tiny.packed):
            tiny.packed[f"broken/{name}"] = b"not gzip"
        monkeypatch.setattr(tiny.dataset, "mirrors", [bad, tiny.server.address])
        tiny.check(data.fashion_mnist())


BAD_LIMITS = [0, -1, 60_001, 1.5, "10", True, float("nan"), (10,), (0, 1), (1, 0), (1, 10_001), []]


@pytest.mark.parametrize("limit", BAD_LIMITS)
@pytest.mark.parametrize("load", [data.fashion_mnist, data.mnist])
def test_bad_limits(load, limit, monkeypatch):
    monkeypatch.setattr(data, "read_files", lambda *a: pytest.fail("files were read first"))
    with pytest.raises(ValueError, match="from 1 to 60,000"):
        load(limit=limit)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(1, 60))
def test_a_limit_takes_all_classes_alike(labels, count):
    labels = torch.tensor(labels)
    chosen = data.first_of_each_class(labels, count)
    assert len(chosen) == min(count, len(labels))
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    taken, there = labels[chosen].bincount(minlength=10), labels.bincount(minlength=10)
    # A class has fewer than another only if it has no more to give, but for one.
    assert all(taken[c] >= min(there[c], taken.max() - 1) for c in range(10))
    for label in range(10):  # the first of each class
        own = (labels == label).nonzero().flatten()[: taken[label]]
        assert set(own.tolist()) <= set(chosen.tolist())


@pytest.mark.skipif(REAL is None, reason="RESNET_COURSE_DATA holds no real data")
@pytest.mark.parametrize(
    ("load", "dataset", "per_class"),
    [(data.fashion_mnist, datasets.FashionMNIST, 6000), (data.mnist, datasets.MNIST, None)],
)
def test_real_data_equals_torchvision(load, dataset, per_class, tmp_path, monkeypatch):
    monkeypatch.setenv("RESNET_COURSE_DATA", str(REAL))
    splits = load()
    raw = tmp_path / dataset.__name__ / "raw"
    raw.mkdir(parents=True)
    for packed in (Path(REAL) / dataset.__name__ / "raw").glob("*.gz"):
        (raw / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    assert_equal(splits, dataset, tmp_path)
    if per_class:
        assert splits.train_labels.bincount().tolist() == [per_class] * 10
        assert list(splits.classes) == dataset.classes
    pixels = splits.train_images.double() / 255
    measured = [round(float(number), 4) for number in (pixels.mean(), pixels.std())]
    assert [splits.mean, splits.std] == measured
    small = load(limit=(1000, 500))
    assert small.train_labels.bincount().tolist() == [100] * 10 and len(small.test_labels) == 500
    most = load(limit=30_000)
    assert (len(most.train_labels), len(most.test_labels)) == (30_000, 10_000)
