"""Downloads against a real server on the loopback interface; nothing here goes to the internet."""

import hashlib
import io
import json
import os
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from support.commands import listening
from support.paths import ROOT

from ser_pcq.data.corpora import CORPORA
from ser_pcq.data.download import connection
from ser_pcq.data.download.connection import DownloadError, Link, heed
from ser_pcq.data.download.download import download
from ser_pcq.data.download.records import listed_files
from ser_pcq.data.download.releases import RELEASES, Checkout, Record, Release, RemoteFile
from ser_pcq.data.download.transfer import transfer
from ser_pcq.data.download.unpack import unpack
from ser_pcq.errors import DataError
from ser_pcq.version import __version__

DATA = bytes(range(256)) * 40
Wav = Callable[..., Path]


@dataclass
class Served:
    """A file that the server has; `plan` is how it misbehaves, a step for each request."""

    data: bytes
    ranges: bool = True
    endless: bool = False  # it does not say how long it is
    plan: list[tuple[str, object]] = field(default_factory=list)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, Served] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.agents: set[str | None] = set()
        self.free = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def put(self, path: str, data: bytes, **options: object) -> str:
        self.files[path] = Served(data, **options)  # type: ignore[arg-type]
        return self.url(path)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        headers = self.headers
        self.server.asked.append((self.path, headers["Range"]))
        self.server.agents.add(headers["User-Agent"])
        served = self.server.files.get(self.path)
        if served is None:
            self.send_error(404)
            return
        step, value = served.plan.pop(0) if served.plan else ("", None)
        if step == "status":
            self.send_error(int(str(value)))
            return
        if step == "redirect":
            self.send_response(302)
            self.send_header("Location", str(value))
            self.end_headers()
            return
        start, body = 0, served.data
        if headers["Range"] and served.ranges:
            start = int(headers["Range"].removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.end_headers()
                return
            self.send_response(206)
            last = len(body) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(body)}")
        else:
            self.send_response(200)
        if not served.endless:
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if step == "corrupt":
            body = b"?" + body[1:]
        self.wfile.write(body[start : int(str(value)) if step in ("cut", "stall") else None])
        if step == "stall":
            self.wfile.flush()
            self.server.free.wait(20)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.free.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def link(said: list[str]) -> Link:
    return Link(said.append, "look at the page", (0, 0, 0))


def remote(url: str, data: bytes = DATA, name: str = "a.zip") -> RemoteFile:
    return RemoteFile(name, url, len(data), f"md5:{hashlib.md5(data).hexdigest()}")


def ranges(server: Server) -> list[str | None]:
    return [asked for _, asked in server.asked]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A break loses a block at most; so that it loses nothing here, blocks are small."""
    monkeypatch.setattr(connection, "_BLOCK", 100)


# One file


def test_a_break_costs_only_the_rest(server: Server, link: Link, tmp_path: Path) -> None:
    file = remote(server.put("/a", DATA, plan=[("cut", 700), ("cut", 900)]))
    seen: list[int] = []
    assert transfer(file, tmp_path, link, seen.append).read_bytes() == DATA
    assert server.asked == [
        ("/a", None),
        ("/a", "bytes=700-"),
        ("/a", "bytes=900-"),
    ]
    assert server.agents == {f"ser-pcq/{__version__}"}
    assert seen[-1] == len(DATA)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(
    server: Server, link: Link, tmp_path: Path
) -> None:
    file = remote(server.put("/a", DATA, plan=[("cut", 700)]))
    with pytest.raises(DownloadError, match=r"broke off after 700 B of 10.24 kB.*look at the page"):
        transfer(file, tmp_path, replace(link, pauses=()))
    assert (tmp_path / "a.zip.part").read_bytes() == DATA[:700]
    assert not (tmp_path / "a.zip").exists()
    assert transfer(file, tmp_path, link).read_bytes() == DATA
    assert ranges(server) == [None, "bytes=700-"]


def test_a_server_without_ranges_sends_all_of_it_again(
    server: Server, link: Link, tmp_path: Path
) -> None:
    file = remote(server.put("/a", DATA, ranges=False, plan=[("cut", 700)]))
    assert transfer(file, tmp_path, link).read_bytes() == DATA
    assert len(server.asked) == 2


def test_a_file_that_changed_is_not_joined_to_its_old_half(
    server: Server, link: Link, tmp_path: Path
) -> None:
    old, new = DATA, DATA[::-1]
    file = RemoteFile("a.zip", server.put("/a", old, plan=[("cut", 700)]))
    with pytest.raises(DownloadError):
        transfer(file, tmp_path, replace(link, pauses=()))
    server.put("/a", new)
    assert transfer(file, tmp_path, link).read_bytes() == new


def test_without_checksum_a_part_is_not_trusted(server: Server, link: Link, tmp_path: Path) -> None:
    file = RemoteFile("a.zip", server.put("/a", DATA, plan=[("cut", 700)]))
    assert transfer(file, tmp_path, link).read_bytes() == DATA
    assert ranges(server) == [None, None]


def test_a_part_of_another_file_is_found_out_and_not_used(
    server: Server, link: Link, said: list[str], tmp_path: Path
) -> None:
    other = remote(server.put("/other", DATA[::-1], plan=[("cut", 700)]), DATA[::-1])
    with pytest.raises(DownloadError):
        transfer(other, tmp_path, replace(link, pauses=()))
    file = remote(server.put("/a", DATA))
    assert transfer(file, tmp_path, link).read_bytes() == DATA
    assert ranges(server) == [None, "bytes=700-", None]
    assert said == ["what had come of a.zip before does not belong to it; trying again in 0 s"]


def test_wrong_bytes_are_refused_and_removed(server: Server, link: Link, tmp_path: Path) -> None:
    file = remote(server.put("/a", DATA, plan=[("corrupt", None)]))
    with pytest.raises(DownloadError, match="wrong checksum") as caught:
        transfer(file, tmp_path, link)
    expected = hashlib.md5(DATA).hexdigest()
    given = hashlib.md5(b"?" + DATA[1:]).hexdigest()
    assert f"md5:{given}" in str(caught.value)
    assert f"accepted: md5:{expected}" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert transfer(file, tmp_path, link).read_bytes() == DATA


def test_another_size_is_refused_before_the_fetch(
    server: Server, link: Link, tmp_path: Path
) -> None:
    file = replace(remote(server.put("/a", DATA)), size=len(DATA) + 1)
    with pytest.raises(DownloadError, match=r"offers another file.*10240 bytes.*10241 bytes"):
        transfer(file, tmp_path, link)
    assert list(tmp_path.iterdir()) == []


def test_redirects_are_followed_also_when_going_on(
    server: Server, link: Link, tmp_path: Path
) -> None:
    moved = server.put("/moved", DATA, plan=[("cut", 700)])
    url = server.put("/a", b"", plan=[("redirect", moved), ("redirect", moved)])
    assert transfer(remote(url), tmp_path, link).read_bytes() == DATA
    assert [(p, r) for p, r in server.asked if p == "/moved"] == [
        ("/moved", None),
        ("/moved", "bytes=700-"),
    ]


def test_no_redirect_leads_out_of_encryption() -> None:
    response = requests.Response()
    response.status_code, response.url = 302, "https://a.example/x"
    response.headers["Location"] = "//a.example/y"
    assert not heed(response, "")
    response.headers["Location"] = "http://a.example/y"
    with pytest.raises(DownloadError, match=r"without encryption.*http://a.example/y"):
        heed(response, "")


def test_what_is_not_there_is_asked_for_once(server: Server, link: Link, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"answers 404 Not Found.*look at the page"):
        transfer(remote(server.url("/none")), tmp_path, link)
    assert len(server.asked) == 1


def test_a_server_in_trouble_is_asked_again(
    server: Server, link: Link, said: list[str], tmp_path: Path
) -> None:
    file = remote(server.put("/a", DATA, plan=[("status", 500), ("status", 503)]))
    assert transfer(file, tmp_path, link).read_bytes() == DATA
    assert [re.sub(r".*answers ", "", s) for s in said] == [
        "500 Internal Server Error; trying again in 0 s",
        "503 Service Unavailable; trying again in 0 s",
    ]
    server.put("/a", DATA, plan=[("status", 500)] * 9)
    server.asked.clear()
    with pytest.raises(DownloadError, match="failed 4 times"):
        transfer(file, tmp_path / "new", link)
    assert len(server.asked) == 4


def test_a_part_beyond_the_end_begins_anew(server: Server, link: Link, tmp_path: Path) -> None:
    url = server.put("/a", DATA, plan=[("cut", 700)])
    with pytest.raises(DownloadError):
        transfer(remote(url), tmp_path, replace(link, pauses=()))
    server.put("/a", DATA[:300])
    for size in (300, None):
        (tmp_path / "a.zip.part").write_bytes(DATA[:700])
        file = replace(remote(url, DATA[:300]), size=size)
        assert transfer(file, tmp_path, link).read_bytes() == DATA[:300]
        (tmp_path / "a.zip").unlink()


def test_more_than_the_file_has_is_not_written(server: Server, link: Link, tmp_path: Path) -> None:
    file = replace(remote(server.put("/a", DATA, endless=True)), size=2000)
    with pytest.raises(DownloadError, match=r"more bytes than the file has.*of 2000"):
        transfer(file, tmp_path, link)


def test_a_file_without_checksum_is_named_by_its_own(
    server: Server, link: Link, said: list[str], tmp_path: Path
) -> None:
    transfer(RemoteFile("a.zip", server.put("/a", DATA)), tmp_path, link)
    assert "no checksum of a.zip is published" in said[0]
    assert hashlib.sha256(DATA).hexdigest() in said[0]


def test_a_file_that_is_there_is_checked_and_never_replaced(
    server: Server, link: Link, tmp_path: Path
) -> None:
    (tmp_path / "a.zip").write_bytes(b"mine")
    with pytest.raises(DownloadError, match=r"wrong size.*move it elsewhere"):
        transfer(remote(server.put("/a", DATA)), tmp_path, link)
    assert (tmp_path / "a.zip").read_bytes() == b"mine"
    (tmp_path / "a.zip").write_bytes(DATA)
    transfer(remote(server.url("/a")), tmp_path, link)
    assert server.asked == []


def test_a_full_disk_is_noticed_beforehand(
    server: Server, link: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=5000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match=r"too little room.*5 kB free.*accepted: 10.24 kB"):
        transfer(remote(server.put("/a", DATA)), tmp_path, link)


# Records


def zenodo(server: Server, data: bytes = DATA, **changes: object) -> Record:
    entry = {
        "id": "0f",
        "key": "a.zip",
        "size": len(data),
        "checksum": f"md5:{hashlib.md5(data).hexdigest()}",
        "links": {"self": server.url("/a")},
    }
    content = {"id": 1, "files": [entry | changes, entry | {"key": "video.zip"}]}
    return Record("zenodo", server.put("/api/records/1", json.dumps(content).encode()))


TOY = replace(CORPORA["emodb"], name="toy", title="Toy", licence="CC0", citation="Nobody, 1999")


def release(**changes: object) -> Release:
    plain = Release("https://toy.example", ("wav/*.wav", 2))
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_the_record_states_sizes_and_checksums(server: Server, link: Link) -> None:
    toy = release(record=zenodo(server), files=(RemoteFile("a.zip", server.url("/a")),))
    assert listed_files(toy, link) == (remote(server.url("/a")),)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 7}, "another size of a.zip.*given: 7; accepted: 10240"),
        ({"checksum": "md5:" + "0" * 32}, "another checksum of a.zip.*given: md5:0000"),
        ({"key": "b.zip"}, "no longer has the file.*given: b.zip, video.zip; accepted: a.zip"),
    ],
)
def test_a_record_that_changed_is_refused(
    server: Server, link: Link, changes: dict[str, object], message: str
) -> None:
    toy = release(record=zenodo(server, **changes), files=(remote(server.url("/a")),))
    with pytest.raises(DownloadError, match=message):
        listed_files(toy, link)


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"files": []}', b'{"files": [{}]}'])
def test_a_record_that_cannot_be_read_is_passed_over_where_all_is_known(
    server: Server, link: Link, said: list[str], content: bytes
) -> None:
    record = Record("zenodo", server.put("/record", content))
    known = remote(server.url("/a"))
    assert listed_files(release(record=record, files=(known,)), link) == (known,)
    assert "the record was not consulted" in said[0]
    with pytest.raises(DownloadError, match="as it used to"):
        listed_files(release(record=record, files=(replace(known, checksum=None),)), link)
    with pytest.raises(DownloadError, match="as it used to"):
        listed_files(release(record=record), link)


def dataverse(server: Server, **recordings: bytes) -> Record:
    files = [
        {
            "label": name,
            "restricted": False,
            "dataFile": {
                "id": number,
                "filename": f"{name}.wav",
                "filesize": len(data),
                "md5": hashlib.md5(data).hexdigest(),
                "checksum": {"type": "SHA-1", "value": hashlib.sha1(data).hexdigest()},
            },
        }
        for number, (name, data) in enumerate(recordings.items())
    ]
    files[0]["directoryLabel"] = "wav"
    for number, data in enumerate(recordings.values()):
        server.put(f"/api/access/datafile/{number}", data)
    closed = {"label": "closed", "restricted": True, "dataFile": {"id": 99}}
    content = {"status": "OK", "data": {"latestVersion": {"files": [*files, closed]}}}
    return Record("dataverse", server.put("/api/datasets", json.dumps(content).encode()))


def test_a_dataverse_of_single_recordings(server: Server, said: list[str], tmp_path: Path) -> None:
    record = dataverse(server, one=DATA, two=DATA[::-1])
    toy = release(record=record, holds=("**/*.wav", 2))
    server.files["/api/access/datafile/1"].plan.append(("status", 404))
    with pytest.raises(DownloadError, match="404"):
        get(toy, tmp_path, said)
    assert not (tmp_path / "toy").exists()
    made = get(toy, tmp_path, said)
    assert (made / "wav/one.wav").read_bytes() == DATA
    assert (made / "two.wav").read_bytes() == DATA[::-1]
    # What had come was not fetched twice.
    assert sum(path == "/api/access/datafile/0" for path, _ in server.asked) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["toy"]


def test_a_record_cannot_place_files_elsewhere(
    server: Server, said: list[str], tmp_path: Path
) -> None:
    record = dataverse(server, **{"../../evil": DATA})
    with pytest.raises(DataError, match="leads out of the folder"):
        get(release(record=record), tmp_path / "in", said)
    assert not list(tmp_path.rglob("evil*"))


# Archives


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(*entries: tarfile.TarInfo | tuple[str, bytes], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                archive.addfile(info, io.BytesIO(entry[1]))
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zipped_link() -> bytes:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, "/etc")
    return buffer.getvalue()


def twice() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", "2")
    return buffer.getvalue()


EVIL = {
    "zip up": (lambda: zipped(**{"ok": b"", "../evil": b"x"}), "leads out"),
    "zip deep up": (lambda: zipped(**{"a/../../evil": b"x"}), "leads out"),
    "zip absolute": (lambda: zipped(**{"/evil": b"x"}), "leads out"),
    "zip backslash": (lambda: zipped(**{"..\\evil": b"x"}), "leads out"),
    "zip drive": (lambda: zipped(**{"C:/evil": b"x"}), "leads out"),
    "zip link": (zipped_link, "a link or a device"),
    "zip twice": (twice, "two files of one name"),
    "zip bomb": (lambda: zipped(a=bytes(40 << 20)), "far more"),
    "zip file as folder": (lambda: zipped(**{"a": b"1", "a/b": b"2"}), "two files of one name"),
    "zip damaged": (lambda: zipped(a=DATA)[:-30], "cannot be unpacked"),
    "tar up": (lambda: tarred(("../evil", b"x")), "leads out"),
    "tar absolute": (lambda: tarred(("/evil", b"x")), "leads out"),
    "tar symlink": (lambda: tarred(special("l", tarfile.SYMTYPE, "..")), "a link or a device"),
    "tar hard link": (lambda: tarred(special("l", tarfile.LNKTYPE, "x")), "a link or a device"),
    "tar device": (lambda: tarred(special("d", tarfile.CHRTYPE)), "a link or a device"),
    "tar fifo": (lambda: tarred(special("p", tarfile.FIFOTYPE)), "a link or a device"),
    "tar bomb": (lambda: tarred(("a", bytes(40 << 20))), "far more"),
    "tar cut off": (lambda: tarred(("a", os.urandom(9000)))[:5000], "cannot be unpacked"),
    "page": (lambda: b"<html>log in first</html>", "cannot be unpacked"),
    "inner up": (lambda: zipped(**{"in.tar": tarred(("../../evil", b""))}), "leads out"),
    "inner bomb": (lambda: zipped(**{"in.zip": zipped(a=bytes(40 << 20))}), "far more"),
}


@pytest.mark.parametrize("name", EVIL)
def test_evil_archives_are_refused(
    server: Server, said: list[str], tmp_path: Path, name: str
) -> None:
    make, message = EVIL[name]
    folder = tmp_path / "deep" / "in"
    toy = release(files=(remote(server.put("/a", data := make()), data),))
    with pytest.raises(DataError, match=message):
        get(toy, folder, said)
    # The archive stays for a look; nothing of it was unpacked, here or elsewhere.
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["a.zip"]
    assert [p.name for p in folder.iterdir()] == ["a.zip"]


def test_archives_in_archives_take_their_place(tmp_path: Path) -> None:
    inner = tarred(("./train_splits/a.mp4", b"a"), ("train.csv", b"t"))
    outer = tarred(("M/train.tar.gz", inner), ("M/._dev.tar.gz", b"no"), ("M/train.csv", b"t"))
    (tmp_path / "m.tar.gz").write_bytes(outer)
    (tmp_path / "out").mkdir()
    unpack(tmp_path / "m.tar.gz", tmp_path / "out")
    names = sorted(str(p.relative_to(tmp_path / "out")) for p in tmp_path.rglob("out/**/*.*"))
    assert names == ["M/._dev.tar.gz", "M/train.csv", "M/train_splits/a.mp4"]


# The corpus


def get(toy: Release, folder: Path, said: list[str], **options: object) -> Path:
    return download(
        TOY,
        toy,
        folder,
        say=said.append,
        progress=lambda title, total: nullcontext(lambda done: None),
        pauses=(0, 0),
        **options,  # type: ignore[arg-type]
    )


TREE = {"wav/a.wav": b"1", "wav/b.wav": b"2"}


@pytest.mark.parametrize("top", ["", "box/"])
def test_the_tree_appears_as_a_whole(
    server: Server, said: list[str], tmp_path: Path, top: str
) -> None:
    names = {f"{top}{name}": data for name, data in TREE.items()}
    data = zipped(**names, **{"__MACOSX/._a.wav": b""})
    toy = release(files=(remote(server.put("/a", data), data),))
    made = get(toy, tmp_path / "new", said, keep_archive=True)
    assert made == tmp_path / "new" / "toy"
    assert sorted(p.name for p in made.rglob("*.wav")) == ["a.wav", "b.wav"]
    assert (made / "wav").is_dir()
    assert made.stat().st_mode & 0o077 == (tmp_path / "new").stat().st_mode & 0o077
    assert sorted(p.name for p in made.parent.iterdir()) == ["a.zip", "toy"]
    assert "licence, which you accept by using it: CC0" in said
    assert "to be cited: Nobody, 1999" in said
    server.asked.clear()
    assert get(toy, tmp_path / "new", said) == made
    assert said[-1].startswith("Toy is complete already")
    assert server.asked == []


def test_other_content_is_left_alone(server: Server, said: list[str], tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "mine").write_text("x")
    with pytest.raises(DownloadError, match=r"something else.*0 files wav/.*move it elsewhere"):
        get(release(files=(remote(server.put("/a", DATA)),)), tmp_path, said)
    assert [p.name for p in (tmp_path / "toy").iterdir()] == ["mine"]
    assert server.asked == []


def test_an_archive_fetched_by_hand_needs_no_connection(said: list[str], tmp_path: Path) -> None:
    data = zipped(**TREE)
    (tmp_path / "a.zip").write_bytes(data)
    files = (remote("http://127.0.0.1:9/a", data),)
    toy = release(files=files, record=Record("zenodo", "http://127.0.0.1:9/api"))
    assert (get(toy, tmp_path, said) / "wav" / "a.wav").read_bytes() == b"1"


def test_a_tree_that_is_not_as_expected_is_reported(
    server: Server, said: list[str], tmp_path: Path
) -> None:
    data = zipped(**{"wav/a.wav": b"1", "b.wav": b"2"})
    get(release(files=(remote(server.put("/a", data), data),)), tmp_path, said)
    assert said[-1].endswith("not as expected: 1 files wav/*.wav, 2 in the complete release")


def test_room_for_archive_and_tree_is_asked_for_before_anything_is_fetched(
    server: Server, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=15_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match=r"too little room.*accepted: 20.48 kB"):
        get(release(files=(remote(server.put("/a", DATA)),)), tmp_path, said)
    assert server.asked == []


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_commit_of_a_repository(
    said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "n")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "e@example.org")
    origin = tmp_path / "origin"

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(origin), *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    (origin / "wav").mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(origin)], check=True)
    git("config", "uploadpack.allowAnySHA1InWant", "true")
    commits = []
    for text in ("old", "new"):
        (origin / "wav" / "a.wav").write_text(text)
        git("add", ".")
        git("commit", "-qm", text)
        commits.append(git("rev-parse", "HEAD"))
    toy = release(checkout=Checkout(origin.as_uri(), commits[0]), holds=("wav/*.wav", 1))
    made = get(toy, tmp_path / "made", said)
    assert (made / "wav" / "a.wav").read_text() == "old"
    assert [p.name for p in made.iterdir()] == ["wav"]
    assert f"commit {commits[0]}" in said[3]
    wrong = replace(toy, checkout=Checkout(origin.as_uri(), "0" * 40))
    with pytest.raises(DownloadError, match=r"git failed.*fetch.*by hand from https://toy.example"):
        get(wrong, tmp_path / "other", said)
    assert not (tmp_path / "other" / "toy").exists()


def test_what_is_stated_of_releases_can_be_true() -> None:
    for name, known in RELEASES.items():
        ways = (bool(known.files or known.record), bool(known.checkout), bool(known.by_hand))
        assert sum(ways) == 1, name
        assert known.page.startswith("http")
        for file in known.files:
            assert file.url.startswith("https://"), name
            assert file.checksum is not None
            algorithm, _, value = file.checksum.partition(":")
            length = 2 * hashlib.new(algorithm).digest_size
            assert re.fullmatch(rf"[0-9a-f]{{{length}}}", value), name
        if known.record:
            assert known.record.url.startswith("https://")
        if known.checkout:
            assert re.fullmatch("[0-9a-f]{40}", known.checkout.commit), name


# The command


def start(toy: Release, *arguments: object, name: str = "emodb") -> subprocess.Popen[str]:
    """Run `ser-data download` on a table of one release, in a process of its own."""
    script = (
        "from ser_pcq.data.download.releases import *\n"
        "from ser_pcq.data.download import connection, releases\n"
        "connection._BLOCK = 100; releases.RELEASES.clear()\n"
        f"releases.RELEASES[{name!r}] = {toy!r}\n"
        "import sys; from ser_pcq.cli.data.commands import main\n"
        "sys.argv[0] = 'ser-data'; main()"
    )
    return subprocess.Popen(
        listening([sys.executable, "-c", script, "download", *map(str, arguments)]),
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "no_proxy": "*"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(toy: Release, *arguments: object) -> tuple[int, str, str]:
    process = start(toy, *arguments)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.fixture
def emodb(server: Server, tone: Wav, tmp_path: Path) -> Release:
    names = ("03a01Fa", "03a01Wa", "08a01Fa", "08a01Wa")
    files = {
        f"emodb/wav/{name}.wav": tone(
            tmp_path / f"{name}.wav", seconds=0.3, frequency=200 + 50 * n
        ).read_bytes()
        for n, name in enumerate(names)
    }
    data = zipped(**files)
    url = server.put("/a", data)
    return release(
        files=(remote(url, data, "emodb.zip"),),
        record=zenodo(server, data, key="emodb.zip"),
        holds=("wav/*.wav", len(names)),
    )


def test_the_command_ends_with_the_command_that_comes_next(
    emodb: Release, server: Server, tmp_path: Path, command: Callable[..., object]
) -> None:
    server.files["/a"].plan.append(("cut", 700))
    folder = tmp_path / "my corpora"
    code, out, err = run(emodb, "emodb", folder)
    assert code == 0, err
    assert out == f"{folder}/emodb\n"
    assert "trying again in 1 s" in err
    assert (
        err.splitlines()[-1] == f"ser-data: next: ser-data prepare emodb '{folder}/emodb' DATA_DIR"
    )
    assert ranges(server) == [None, None, "bytes=700-"]
    assert [p.name for p in folder.iterdir()] == ["emodb"]
    words = shlex.split(err.splitlines()[-1])[2:-1]
    result = command(words[0].removeprefix("ser-"), *words[1:], tmp_path / "data")
    assert isinstance(result, subprocess.CompletedProcess)
    assert result.returncode == 0, result.stderr
    assert "4 utterances, 2 speakers" in result.stderr
    code, out, err = run(emodb, "emodb", folder)
    assert (code, out) == (0, f"{folder}/emodb\n")
    assert "complete already" in err


def test_offline_is_one_clear_line(emodb: Release, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{closed.getsockname()[1]}"
    file = replace(emodb.files[0], url=f"http://{host}/a")
    for record in (None, Record("zenodo", f"http://{host}/api")):
        toy = replace(emodb, files=(file,), record=record)
        code, out, err = run(toy, "emodb", tmp_path / "new")
        assert (code, out) == (1, "")
        *notices, last = err.splitlines()
        assert len(notices) == 3
        assert last == (
            f"ser-data: {host} cannot be reached (Connection refused); check the connection, or "
            f"download by hand from https://toy.example and unpack it to {tmp_path}/new/emodb"
        )


def test_an_interrupt_keeps_what_has_come(emodb: Release, server: Server, tmp_path: Path) -> None:
    server.files["/a"].plan.append(("stall", 700))
    process = start(emodb, "emodb", tmp_path / "new")
    part = tmp_path / "new" / "emodb.zip.part"
    deadline = time.monotonic() + 60
    while not (part.is_file() and part.stat().st_size == 700) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert f"kept in {tmp_path / 'new'}: the same command resumes" in err
    assert part.stat().st_size == 700
    assert run(emodb, "emodb", tmp_path / "new")[0] == 0
    assert ranges(server)[-1] == "bytes=700-"


def test_what_the_owner_does_not_allow(tmp_path: Path, command: Callable[..., object]) -> None:
    for name in ("iemocap", "msp-podcast", "savee"):
        result = command("data", "download", name, tmp_path)
        assert isinstance(result, subprocess.CompletedProcess)
        assert (result.returncode, result.stdout) == (1, "")
        assert "cannot be downloaded by a program" in result.stderr
        assert RELEASES[name].page in result.stderr
        assert f"unpack it to {tmp_path / name}" in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_into_which_nothing_came_is_taken_away(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(folder: Path) -> None:
        download(
            CORPORA["ravdess"],
            RELEASES["ravdess"],
            folder,
            say=said.append,
            progress=lambda title, total: nullcontext(lambda done: None),
        )

    def offline(*arguments: object) -> None:
        raise DownloadError("the host cannot be reached")

    monkeypatch.setattr("ser_pcq.data.download.download._obtain", offline)
    (tmp_path / "kept").mkdir()
    for name in ("kept", "kept/new", "a/b"):
        with pytest.raises(DownloadError, match="cannot be reached"):
            fetch(tmp_path / name)
    assert list(tmp_path.rglob("*")) == [tmp_path / "kept"]
    (tmp_path / "file").touch()
    for name in ("file", "file/b"):
        with pytest.raises(DownloadError, match=r"cannot be made.*file.*choose another"):
            fetch(tmp_path / name)


def test_without_pooch_the_extra_that_brings_it_is_named(
    said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    toy = release(files=(remote("http://127.0.0.1:9/a"),))
    with pytest.raises(DownloadError, match=r"needs the package pooch.*'ser-pcq\[download\]'"):
        get(toy, tmp_path / "new", said)
    assert not (tmp_path / "new").exists()


def test_list_and_wrong_usage(tmp_path: Path, command: Callable[..., object]) -> None:
    result = command("data", "download", "--list")
    assert isinstance(result, subprocess.CompletedProcess)
    assert (result.returncode, result.stderr) == (0, "")
    rows = result.stdout.splitlines()
    assert [row.split()[0] for row in rows] == ["corpus", *sorted(RELEASES)]
    assert re.search(r"^ravdess +208\.5 MB +CC BY-NC-SA 4\.0 +download +https://zenodo", rows[8])
    for arguments, message in (
        (("ravdes", tmp_path), "did you mean 'ravdess'?"),
        (("ravdess",), "give CORPUS and DIR, or --list"),
        ((), "give CORPUS and DIR, or --list"),
    ):
        result = command("data", "download", *arguments)
        assert isinstance(result, subprocess.CompletedProcess)
        assert result.returncode == 2
        assert message in result.stderr
