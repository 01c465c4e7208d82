"""Odd files as people have them, made by code: what each is, and what is to be told of it."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr

from support.media import film, kinds, write_media
from support.paths import SOUNDS

RATE = 16_000


@dataclass(frozen=True)
class Animal:
    """An odd file, and its result: status, reason, words of warnings.

    `is_same` says that it holds the plain recording, sample by sample.
    """

    status: str = "ok"
    reason: str | None = None
    warnings: tuple[str, ...] = ()
    is_same: bool = False


SAME = Animal(is_same=True)


def warned(*words):
    return Animal(warnings=words)


def rejected(reason):
    return Animal("rejected", reason)


def speech(seconds=2.5, rate=RATE):
    """Synthetic speech, (time,), peak 0.8."""
    samples, own = soundfile.read(SOUNDS / "calm.wav", dtype="float32")
    samples = soxr.resample(np.resize(samples, round(seconds * own)), own, rate)
    return (0.8 * samples / np.abs(samples).max()).astype(np.float32)


class Zoo:
    """A folder that is being filled; `animals` says what was put in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.animals: dict[str, Animal] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self.plain = (speech() * 32767).astype(np.int16)
        for fill in (_encodings, _rates, _containers, _headers, _unknown_lengths, _media):
            fill(self)
        for fill in (
            _stated_too_short,
            _cut_off,
            _levels,
            _lengths,
            _names,
            _no_audio,
            _no_speech,
            _no_files,
        ):
            fill(self)

    def path(self, name: str, animal: Animal) -> Path:
        """Announce an animal."""
        assert name not in self.animals
        self.animals[name] = animal
        return self.folder / name

    def write(self, name, animal, samples=None, rate=RATE, **options):
        """Write samples with soundfile; the plain recording unless told otherwise."""
        path = self.path(name, animal)
        soundfile.write(path, self.plain if samples is None else samples, rate, **options)
        return path

    def patched(self, name, animal, change, **options):
        """Write the plain recording and change its bytes."""
        path = self.write(name, animal, **options)
        content = bytearray(path.read_bytes())
        path.write_bytes(bytes(change(content) or content))


def _encodings(zoo):
    zoo.write("plain.wav", SAME, subtype="PCM_16")
    for subtype in ("PCM_24", "PCM_32", "FLOAT", "DOUBLE"):
        zoo.write(f"{subtype}.wav", SAME, zoo.plain / 32768, subtype=subtype)
    for subtype in ("PCM_U8", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610"):
        zoo.write(f"{subtype}.wav", Animal(), subtype=subtype)
    both = np.stack([zoo.plain] * 2, axis=1)
    zoo.write("stereo.wav", SAME, both)
    zoo.write("eight_channels.wav", SAME, np.stack([zoo.plain] * 8, axis=1))
    zoo.write("left_only.wav", Animal(), both * np.array([1, 0], np.int16))
    # Another voice says something else: the same syllables, backwards.
    two = np.stack([zoo.plain, zoo.plain[::-1]], axis=1)
    zoo.write("two_speakers.wav", warned("channels_differ"), two)
    zoo.write("opposite.wav", warned("cancelling_channels"), both * np.array([1, -1], np.int16))


def _rates(zoo):
    for rate in (8_000, 11_025):
        zoo.write(f"{rate}.wav", warned("narrow_band"), speech(rate=rate), rate)
    for rate in (22_050, 32_000, 44_100, 48_000, 96_000, 192_000):
        zoo.write(f"{rate}.wav", Animal(), speech(rate=rate), rate)


def _containers(zoo):
    for suffix in ("flac", "aiff", "au", "caf", "w64", "rf64"):
        zoo.write(f"kind.{suffix}", SAME, subtype="PCM_16")
    for suffix in ("ogg", "mp3"):
        zoo.write(f"kind.{suffix}", Animal())
    zoo.write("kind.opus", Animal(), format="OGG", subtype="OPUS")
    zoo.write("extensible.wav", SAME, format="WAVEX")
    zoo.write("big_endian.wav", SAME, endian="BIG")
    zoo.write("aiff_named.wav", SAME, format="AIFF", subtype="PCM_16")
    zoo.write("flac_named.mp3", SAME, format="FLAC", subtype="PCM_16")
    zoo.write("nist.sph", SAME, format="NIST", subtype="PCM_16")


def _chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _riff(*chunks):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _format(tag=1, channels=1, bits=16, rate=RATE):
    step = channels * bits // 8
    return _chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * step, step, bits))


def _headers(zoo):
    data = _chunk(b"data", zoo.plain.tobytes())
    extra = _chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0"), _chunk(b"bext", bytes(603))
    content = _riff(*extra, _format(), _chunk(b"odd ", b"abc"), data, _chunk(b"id3 ", b"ID3xx"))
    zoo.path("extra_chunks.wav", SAME).write_bytes(content)
    zoo.path("trailing_bytes.wav", SAME).write_bytes(_riff(_format(), data) + bytes(1000))
    zoo.path("empty_data.wav", rejected("empty")).write_bytes(
        _riff(_format(), _chunk(b"data", b""), _chunk(b"LIST", b"INFO"))
    )
    for name, head in {
        "no_channels.wav": _format(channels=0),
        "one_hertz.wav": _format(rate=1),
        "gigahertz.wav": _format(rate=2_000_000_000),
        "wma_in_wav.wav": _format(tag=0x161),
        "no_format.wav": b"",
    }.items():
        zoo.path(name, rejected("unreadable")).write_bytes(_riff(head, data))
    shorter = _riff(_format(), b"data" + struct.pack("<I", 40_000) + zoo.plain.tobytes())
    longer = Animal(warnings=("longer_than_stated",), is_same=True)
    zoo.path("promises_less.wav", longer).write_bytes(shorter)
    tag = b"ID3\x04\0\0\0\0\x02\0" + bytes(256)
    zoo.write("tagged.mp3", Animal())
    (zoo.folder / "tagged.mp3").write_bytes(tag + (zoo.folder / "kind.mp3").read_bytes())


def _sizes(name, value):
    """Change the size of a chunk."""

    def change(content):
        at = content.index(name) + 4
        content[at : at + len(value)] = value

    return change


def _au_size(size):
    """Change the size in the head of an AU file."""

    def change(content):
        content[8:12] = struct.pack(">I", size)

    return change


def _unknown_lengths(zoo):
    for size in (0, 0x7FFF_F000, 0x8000_0000, 0xFFFF_FFFF):
        change = _sizes(b"data", struct.pack("<I", size))
        zoo.patched(f"pipe_{size:x}.wav", SAME, change, subtype="PCM_16")
    zoo.patched("pipe.caf", SAME, _sizes(b"data", b"\xff" * 8), subtype="PCM_16")
    zoo.patched("pipe.aiff", SAME, _sizes(b"SSND", bytes(4)), subtype="PCM_16")

    def without_length(content):
        content[21] &= 0xF0
        content[22:26] = bytes(4)

    zoo.patched("pipe.flac", SAME, without_length, subtype="PCM_16")
    for size in (0, 0xFFFF_FFFF):
        zoo.patched(f"pipe_{size:08x}.au", SAME, _au_size(size), subtype="PCM_16")


def _stated_too_short(zoo):
    longer = Animal(warnings=("longer_than_stated",), is_same=True)
    size = struct.pack(">I", 20_000)
    zoo.patched("stated.aiff", longer, _sizes(b"SSND", size), subtype="PCM_16")
    zoo.patched("stated.au", longer, _au_size(20_000), subtype="PCM_16")
    zoo.patched("stated.caf", longer, _sizes(b"data", bytes(4) + size), subtype="PCM_16")

    def flac(content):
        content[22:26] = struct.pack(">I", 10_000)

    zoo.patched("stated.flac", longer, flac, subtype="PCM_16")
    data = zoo.plain.tobytes()
    short = b"data" + struct.pack("<I", 20_000) + data
    artwork = _chunk(b"id3 ", b"ID3\4\0\0" + bytes(range(256)) * 800)
    zoo.path("stated_tagged.wav", longer).write_bytes(_riff(_format(), short, artwork))
    whole = _riff(_format(), _chunk(b"data", data))
    zoo.path("artwork.wav", SAME).write_bytes(whole + artwork + bytes(300) + b"rubbish" * 400)


def _media(zoo):
    wave = zoo.plain / 32768
    for name, (codec, container, options) in kinds().items():
        animal = warned("narrow_band") if "amr" in codec else Animal(is_same=name == "alac.m4a")
        write_media(zoo.path(name, animal), wave, RATE, codec, container, **options)

    def share(name, part):
        content = (zoo.folder / name).read_bytes()
        return content[: int(part * len(content))]

    for name in ("first.mp4", "pieces.mp4", "opus.webm", "live.webm", "voice.aac", "windows.wma"):
        zoo.path(f"cut_{name}", warned("truncated")).write_bytes(share(name, 0.75))
    for name in ("aac.m4a", "film.mov"):
        zoo.path(f"died_{name}", rejected("unreadable")).write_bytes(share(name, 0.75))
    for name in ("first.mp4", "voice.aac"):
        half = len(share(name, 0.5))
        content = share(name, 1)[:half] + b"\xff" * 300 + share(name, 1)[half + 300 :]
        zoo.path(f"hole_{name}", warned("damaged")).write_bytes(content)
    zoo.path("aac_named.wav", Animal()).write_bytes(share("aac.m4a", 1))
    zoo.path("webm_named.mp3", Animal()).write_bytes(share("opus.webm", 1))
    with av.open(zoo.path("silent_film.mp4", rejected("empty")), "w") as file:
        film(file, file.add_stream("mpeg4", rate=10), 1.0)


def _cut_off(zoo):
    def most(content):
        return content[: len(content) * 3 // 4]

    def hole(content):
        content[len(content) // 2 :][:60] = bytes(60)
        return content[: len(content) // 2] + bytes(60) + content[len(content) // 2 + 60 :]

    zoo.patched("cut.wav", warned("truncated"), most)
    zoo.patched("cut.aiff", warned("truncated"), most)
    zoo.patched("cut.mp3", warned("truncated"), most)
    zoo.patched("cut.flac", warned("damaged"), most)

    def cut_without_length(content):
        content[21] &= 0xF0
        content[22:26] = bytes(4)
        return content[: len(content) // 2]

    zoo.patched("cut_pipe.flac", warned("damaged"), cut_without_length)
    zoo.patched("hole.flac", warned("damaged"), hole)
    long = (speech(12) * 32767).astype(np.int16)
    zoo.patched("cut.ogg", warned("truncated"), most, samples=long)
    zoo.patched("head_only.wav", rejected("empty"), lambda content: content[:44])
    for suffix in ("flac", "ogg", "mp3"):
        name = f"head_only.{suffix}"
        zoo.patched(name, rejected("unreadable"), lambda content: content[:60])


def _levels(zoo):
    wave = speech()
    zoo.write("clipped.wav", warned("clipped"), np.clip(8 * wave, -1, 1))
    zoo.write("turned_down.wav", warned("clipped"), 0.6 * np.clip(8 * wave, -1, 1))
    zoo.write("quiet.wav", warned("quiet"), 0.006 * wave)
    zoo.write("offset.wav", warned("offset"), 0.3 * wave + 0.2)
    zoo.write("integers.wav", warned("over_scale"), 32768 * wave, subtype="FLOAT")
    zoo.write("huge.wav", warned("over_scale"), 1e30 * wave, subtype="FLOAT")
    zoo.write("beyond.wav", rejected("not_finite"), 3e38 * wave, subtype="FLOAT")
    zoo.write("tiny.wav", rejected("silent"), 1e-30 * wave, subtype="FLOAT")
    for name, value in {"nan": np.nan, "inf": np.inf, "minus_inf": -np.inf}.items():
        bad = wave.copy()
        bad[500] = value
        zoo.write(f"{name}.wav", rejected("not_finite"), bad, subtype="FLOAT")


def _lengths(zoo):
    zoo.write("half_a_second.wav", warned("short"), speech(0.5))
    zoo.write("fifty_ms.wav", rejected("too_short"), speech(0.05))
    zoo.write("one_sample.wav", rejected("too_short"), speech()[:1])
    zoo.write("forty_seconds.wav", Animal(), speech(40))
    word = 1e-3 * np.random.default_rng(0).standard_normal(int(9.9 * RATE)).astype(np.float32)
    word[5 * RATE : 5 * RATE + 6000] += speech()[:6000]
    zoo.write("one_word_in_noise.wav", Animal(), word)
    gated = np.concatenate([np.zeros(30 * RATE, np.float32), speech(1.5)])
    zoo.write("gated.wav", warned("mostly_silent"), gated)


def _names(zoo):
    for name in ("LOUD.WAV", "a\nb.wav", "näme 声音 🙂.wav", "%s{0}$x;.wav", f"{'n' * 240}.wav"):
        zoo.write(name, SAME, format="WAV")
    if os.uname().sysname == "Linux":
        zoo.path(os.fsdecode(b"caf\xe9.wav"), SAME).write_bytes(
            (zoo.folder / "plain.wav").read_bytes()
        )
    zoo.write("headed.raw.wav", SAME, format="WAV").rename(zoo.folder / "headed.raw")
    zoo.animals["headed.raw"] = zoo.animals.pop("headed.raw.wav")
    zoo.path("link.wav", SAME).symlink_to("plain.wav")


def _no_audio(zoo):
    for name, content in {
        "text.wav": b"this is no audio\n" * 50,
        "page.mp3": b"<!DOCTYPE html><html><body>404</body></html>",
        "zipped.wav": b"PK\x03\x04" + bytes(500),
        "telephone.m4a": b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(500),
        "video.ogg": b"\x1aE\xdf\xa3" + bytes(500),
        "pointer.wav": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
        "riff.wav": b"RIFF",
        "zeros.wav": bytes(2000),
    }.items():
        zoo.path(name, rejected("unreadable")).write_bytes(content)
    zoo.path("nothing.wav", rejected("empty")).touch()


def _no_speech(zoo):
    random = np.random.default_rng(0)
    times = np.arange(3 * RATE) / RATE
    for name, wave in {
        "digital_silence": np.zeros(2 * RATE),
        "constant": np.full(2 * RATE, 0.3),
        "dither": random.integers(-1, 2, 2 * RATE) / 32768,
    }.items():
        zoo.write(f"{name}.wav", rejected("silent"), wave)
    for name, wave in {
        "noise": 0.1 * random.standard_normal(3 * RATE),
        "tone": 0.5 * np.sin(2 * np.pi * 440 * times),
        "hum": sum(0.1 * np.sin(2 * np.pi * 50 * k * times) for k in range(1, 9)),
        "long_noise": 0.1 * random.standard_normal(40 * RATE),
    }.items():
        zoo.write(f"{name}.wav", rejected("no_speech"), wave)


def _no_files(zoo):
    os.mkfifo(zoo.path("fifo.wav", rejected("not_regular")))
    zoo.path("device.wav", rejected("not_regular")).symlink_to("/dev/zero")
    zoo.path("broken.wav", rejected("missing")).symlink_to("gone.wav")
    zoo.path("loop.wav", rejected("unreadable")).symlink_to("loop.wav")
    if os.geteuid() != 0:
        zoo.write("locked.wav", rejected("unreadable")).chmod(0)
