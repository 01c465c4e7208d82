"""A small RAVDESS: 24 actors, six recordings each and one twice, named as in the release."""

import shutil
import zlib
from pathlib import Path

import numpy as np
import soundfile

STEREO = tuple(f"Actor_0{n}/03-01-0{n}-01-01-01-0{n}.wav" for n in range(2, 7))
QUIET = "Actor_24/03-01-08-01-01-01-24.wav"
TWICE = tuple(f"Actor_07/03-01-07-01-01-0{n}-07.wav" for n in (1, 2))


def sound(
    path: Path, *, rate: int, seconds: float = 0.4, channels: int = 1, peak: float = 0.5, **how: str
) -> None:
    """Write noise that swells and fades, another one in each file of another name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(zlib.crc32(path.stem.encode()))
    times = np.linspace(0, 1, round(seconds * rate))
    wave = random.normal(size=(len(times), channels)) * np.sin(np.pi * times)[:, None]
    soundfile.write(path, peak * wave / np.abs(wave).max(), rate, subtype="PCM_16", **how)


def make(folder: Path) -> Path:
    """Write `Actor_01` to `Actor_24` with what unpacking and a file browser leave beside them."""
    for actor in range(1, 25):
        for step in range(6):
            emotion = (actor - 1 + step) % 8 + 1
            statement, repetition = 1 + step // 4, 1 + step // 3 % 2
            name = f"03-01-{emotion:02d}-01-{statement:02d}-{repetition:02d}-{actor:02d}.wav"
            path = folder / f"Actor_{actor:02d}" / name
            place = path.relative_to(folder).as_posix()
            peak = 0.006 if place == QUIET else 0.5
            sound(path, rate=48_000, channels=2 if place in STEREO else 1, peak=peak)
    shutil.copyfile(folder / TWICE[0], folder / TWICE[1])
    (folder / "Actor_01" / "._03-01-01-01-01-01-01.wav").write_bytes(b"\0\5\26\7")
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    return folder
