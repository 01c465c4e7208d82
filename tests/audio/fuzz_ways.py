"""Fuzz every way into the toolkit: files, by PyAV and by `ffmpeg`, pipes, and lists.

    PYTHONPATH=.:tests python tests/audio/fuzz_ways.py --seconds 60 --seed 0

Real files of the zoo are changed at random places. Whatever comes out has to be judged, or refused
by a documented word, within a minute. Prints how many inputs each way got; exit code 1, with the
input kept, when one of them fails.
"""

import argparse
import faulthandler
import io
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from support.fuzz import SEEDS, check
from support.zoo import Zoo

from ser_pcq.audio.decoders import ffmpeg, pyav
from ser_pcq.cli.terminal import quiet_libraries
from ser_pcq.data.lists import read_list
from ser_pcq.errors import SerError
from ser_pcq.inference.stream_content import read_stream

HANGS = 60  # s
WORDS = [b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"data", b"mdat", b"OggS"]


def changed(content: bytes, other: bytes, random: np.random.Generator) -> bytes:
    """Change a file at up to five places; `other` is what is mixed in."""
    for _ in range(random.integers(1, 6)):
        ahead = random.random() < 0.5  # headers are hit as often as all the rest
        at = int(random.integers(0, min(len(content), 200 if ahead else len(content)) + 1))
        value = random.bytes(int(random.integers(1, 9)))
        if random.random() < 0.3:
            value = WORDS[random.integers(len(WORDS))]
        rest = content[at + len(value) :]
        take = slice(int(random.integers(len(other))), None)
        content = [
            content[:at] + value + rest,
            content[:at],
            content[:at] + value + content[at:],
            content[:at] + rest,
            content[:at] + content[at : at + 400] + content[at:],
            content[:at] + other[take],
        ][random.integers(6)]
    return content


def refused(error: SerError) -> None:
    """Check that an error is one line."""
    assert "\n" not in str(error)


def by_ffmpeg(path: Path) -> None:
    """Read a file where PyAV is not installed."""
    installed, pyav.is_installed = pyav.is_installed, lambda: False
    try:
        check(path)
    finally:
        pyav.is_installed = installed


def by_pipe(path: Path) -> None:
    """Read a file as `--stream` does, in pieces."""
    try:
        for block in read_stream(io.BufferedReader(io.BytesIO(path.read_bytes()), 4096)):
            assert np.isfinite(block).all()
    except SerError as error:
        refused(error)


def by_list(path: Path) -> None:
    """Take a file for a list of recordings."""
    for name in ("list", "list.csv", "list.scp", "list.parquet"):
        listed = path.rename(path.with_name(name))
        try:
            for entry in read_list(listed):
                assert entry.refused is None or entry.refused.word == "bad_entry"
        except SerError as error:
            refused(error)
        path = listed


WAYS = {"file": check, "ffmpeg": by_ffmpeg, "pipe": by_pipe, "list": by_list}


def text(random: np.random.Generator) -> bytes:
    """Return a list to change."""
    rows = [f"{k},a folder/{k}.wav,{random.random()}" for k in range(random.integers(1, 20))]
    return "\n".join(["id,path,x", *rows]).encode(["utf-8", "utf-16"][random.integers(2)])


def main() -> None:
    """Change and read until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    quiet_libraries()
    random = np.random.default_rng(args.seed)
    done: Counter[str] = Counter()
    ways = [way for way in WAYS if way != "ffmpeg" or ffmpeg.program()]
    if len(ways) < len(WAYS):
        print("there is no ffmpeg: that way is left out", file=sys.stderr)
    begun = reported = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    zoo = Zoo(folder / "zoo")
    seeds = [(zoo.folder / name).read_bytes() for name in SEEDS]
    while (now := time.monotonic()) - begun < args.seconds:
        way = ways[random.integers(len(ways))]
        seed = text(random) if way == "list" else seeds[random.integers(len(seeds))]
        path = folder / "changed"
        path.write_bytes(changed(seed, seeds[random.integers(len(seeds))], random))
        faulthandler.dump_traceback_later(HANGS, exit=True)
        try:
            WAYS[way](path)
        except BaseException:
            print(f"failed by {way}, seed {args.seed}: see {folder}", file=sys.stderr)
            raise
        faulthandler.cancel_dump_traceback_later()
        done[way] += 1
        if now - reported > 30:
            reported = now
            print(f"{now - begun:.0f} s: {dict(done)}", file=sys.stderr)
    print(", ".join(f"{way} {done[way]}" for way in ways))


if __name__ == "__main__":
    main()
