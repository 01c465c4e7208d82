"""Collects sounds without speech, and voices, from Debian packages; synthesises others.

    python benchmarks/no_speech/collect.py OUT [--esc10 path/to/ESC-10]

`sounds.csv` names each sound: what it is for, its kind, package, file, part, checksum and licence.
Packages are fetched with `apt-get download` and only unpacked. Writes 16 kHz mono FLAC:

    OUT/dev/KIND/…     to fit and choose with, synthesised sounds too
    OUT/test/KIND/…    only to test; no source is on both sides
    OUT/voices/…       speech, to fit with

ESC-10 (K. J. Piczak, CC BY 3.0), 400 sounds only to test, is taken from a checkout that holds the
sounds: https://github.com/karoldvl/ESC-10, commit 553c8f1. Nothing that is collected is committed.
"""

import argparse
import csv
import hashlib
import io
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from synthesis import RATE, SYNTHESISED

from ser_pcq.audio.waveform import resampled

TABLE = Path(__file__).with_name("sounds.csv")
PER_SYNTHESIS = 8
TYPING = "TYPING#"

ESC10 = {
    "001 - Dog bark": "animals",
    "002 - Rain": "weather",
    "003 - Sea waves": "weather",
    "004 - Baby cry": "human",
    "005 - Clock tick": "household",
    "006 - Person sneeze": "human",
    "007 - Helicopter": "traffic",
    "008 - Chainsaw": "household",
    "009 - Rooster": "animals",
    "010 - Fire crackling": "weather",
}
"""Folder to kind of sound."""


def unpacked(package: str, folder: Path) -> Path:
    """Fetch a package, and return where its files lie."""
    place = folder / package
    if not place.is_dir():
        with tempfile.TemporaryDirectory() as fetched:
            subprocess.run(["apt-get", "-q", "download", package], cwd=fetched, check=True)
            (file,) = Path(fetched).glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", str(file), str(place)], check=True)
    return place


def ogg_streams(content: bytes) -> list[bytes]:
    """Return the Ogg files inside a file of Qt resources, in order."""
    found = []
    for match in re.finditer(b"OggS\x00\x02", content):
        at, pages = match.start(), []
        while content[at : at + 4] == b"OggS":
            is_last = content[at + 5] & 4
            n_sizes = content[at + 26]
            size = 27 + n_sizes + sum(content[at + 27 : at + 27 + n_sizes])
            pages.append(content[at : at + size])
            at += size
            if is_last:
                break
        found.append(b"".join(pages))
    return found


def member(place: Path, name: str) -> bytes:
    """Return a file of a package, or the Ogg stream whose number is after `#`."""
    path, _, number = name.partition("#")
    content = (place / path).read_bytes()
    return ogg_streams(content)[int(number)] if number else content


def mono(content: bytes | Path, start: float, seconds: float) -> NDArray[np.float32]:
    """Return a part of a recording, (time,) at 16 kHz."""
    source = io.BytesIO(content) if isinstance(content, bytes) else content
    with soundfile.SoundFile(source) as file:
        file.seek(round(start * file.samplerate))
        samples = file.read(round(seconds * file.samplerate), dtype="float32", always_2d=True)
        return resampled(samples.mean(axis=1), file.samplerate, RATE)


def typing(place: Path, seed: int, seconds: float) -> NDArray[np.float32]:
    """Return keys that are pressed and released, of recordings of single ones."""
    random = np.random.default_rng(seed)
    keys = sorted(place.glob("**/*-1.wav"))
    wave = np.zeros(round(seconds * RATE), np.float32)
    at, speed = 0.1, random.uniform(3, 8)
    while at < seconds - 0.5:
        press = keys[random.integers(len(keys))]
        for path, delay in ((press, 0.0), (press.with_name(press.name.replace("-1", "-0")), 0.09)):
            click = mono(path, 0, 1)
            first = round((at + delay) * RATE)
            wave[first : first + len(click)] += click[: len(wave) - first]
        at += random.gamma(4, 1 / (4 * speed))
    return wave


def packaged(folder: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield where each sound of the table belongs, and its samples."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        for n, row in enumerate(csv.DictReader(file)):
            place, name = unpacked(row["package"], folder), row["member"]
            stem = re.sub(r"\W+", "-", Path(name).stem)
            side = "voices" if row["kind"] == "speech" else f"{row['split']}/{row['kind']}"
            where = f"{side}/{row['package']}-{stem}-{n}"
            start, seconds = float(row["start"]), float(row["seconds"])
            if name.startswith(TYPING):
                yield where, typing(place, int(name.removeprefix(TYPING)), seconds)
                continue
            content = member(place, name)
            if hashlib.sha256(content).hexdigest() != row["sha256"]:
                raise SystemExit(f"{row['package']}: {name} is another file than in {TABLE.name}")
            yield where, mono(content, start, seconds)


def synthesised() -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield where each made-up sound belongs, and its samples."""
    for name, (kind, make) in SYNTHESISED.items():
        for seed in range(PER_SYNTHESIS):
            wave = make(np.random.default_rng(seed))
            wave *= 0.5 / np.abs(wave).max()
            yield f"dev/{kind}/synthesised-{name}-{seed}", wave.astype(np.float32)


def esc10(folder: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield where each sound of ESC-10 belongs, and its samples."""
    for name, kind in ESC10.items():
        for path in sorted((folder / name).glob("*.ogg")):
            yield f"test/{kind}/esc10-{name[6:].replace(' ', '-')}-{path.stem}", mono(path, 0, 10)


def main() -> None:
    """Collect them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--esc10", type=Path)
    parser.add_argument("--packages", type=Path, help="keep unpacked packages here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        sources = [packaged(options.packages or Path(temporary)), synthesised()]
        if options.esc10:
            sources.append(esc10(options.esc10))
        count = 0
        for source in sources:
            for where, wave in source:
                path = options.out / f"{where}.flac"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, wave, RATE)
                count += 1
    print(f"{count} sounds in {options.out}")


if __name__ == "__main__":
    main()
