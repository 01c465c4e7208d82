"""Headers that state less than the file holds: everything is read, and nothing that is no audio."""

import struct

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ser_pcq.audio.decoder import opened
from ser_pcq.audio.headers.tail import RUBBISH
from ser_pcq.audio.headers.understated import understated
from ser_pcq.audio.waveform import duration
from ser_pcq.inference.recording import listen

RATE = 16_000
FORMATS = [
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "PCM_U8"),
    ("WAV", "FLOAT"),
    ("WAV", "ULAW"),
    ("WAV", "ALAW"),
    ("WAV", "MS_ADPCM"),
    ("WAV", "IMA_ADPCM"),
    ("WAV", "GSM610"),
    ("WAVEX", "PCM_16"),
    ("RF64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AIFF", "ULAW"),
    ("AIFF", "FLOAT"),
    ("AU", "PCM_16"),
    ("AU", "ULAW"),
    ("CAF", "PCM_24"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
]


def babble(n, channels=1, seed=0):
    random = np.random.default_rng(seed)
    loud = 0.3 * np.abs(np.sin(np.arange(n) / 3000))[:, np.newaxis]
    return (loud * random.standard_normal((n, channels))).clip(-0.9, 0.9)


def read(path):
    with opened(path) as file:
        return np.concatenate(list(file.blocks()))


def size_field(content):
    """Where the header says how much audio there is, how, and what the size counts beside it."""
    magic = bytes(content[:4])
    if magic == b"RF64":
        return content.index(b"ds64") + 16, "<Q", 0
    if magic in (b"RIFF", b"RIFX"):
        return content.index(b"data") + 4, "<I" if magic == b"RIFF" else ">I", 0
    if magic == b"FORM":
        return content.index(b"SSND") + 4, ">I", 8
    if magic == b"caff":
        return content.index(b"data") + 4, ">q", 4
    return {b".snd": (8, ">I", 0), b"fLaC": (22, ">I", 0)}[magic]


def restate(path, share=None, size=None):
    """Write another size into the header; return the one that was there."""
    content = bytearray(path.read_bytes())
    at, kind, counted = size_field(content)
    (was,) = struct.unpack_from(kind, content, at)
    struct.pack_into(kind, content, at, int((was - counted) * share) if size is None else size)
    path.write_bytes(content)
    return was


@pytest.mark.parametrize(("kind", "subtype"), FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("share", [0.02, 0.4])
def test_all_samples_are_read(tmp_path, kind, subtype, channels, share):
    if subtype == "GSM610" and channels > 1:
        pytest.skip("GSM is mono")
    path = tmp_path / "a.audio"
    # libsndfile counts the byte that pads an AIFF into its samples.
    n = 90_000 if kind == "AIFF" else 90_001
    soundfile.write(path, babble(n, channels), RATE, format=kind, subtype=subtype)
    whole, length = read(path), duration(path)
    assert understated(path) is None
    restate(path, share)
    longer = understated(path)
    assert longer is not None
    # A block of ADPCM or GSM is the unit there.
    assert longer.share == pytest.approx(share, abs=0.02)
    np.testing.assert_array_equal(read(path), whole)
    assert duration(path) == length
    assert "longer_than_stated" in [w.word for w in listen(path).warnings]


def wav(samples, *chunks, size=None, order="<"):
    """Write a mono WAV of 16 bits, and whatever else follows."""
    data = samples.astype(f"{order}i2").tobytes()
    head = (b"RIFF" if order == "<" else b"RIFX") + struct.pack(f"{order}I", 0) + b"WAVEfmt "
    head += struct.pack(f"{order}IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    size = len(data) if size is None else size
    return head + b"data" + struct.pack(f"{order}I", size) + data + b"".join(chunks)


NAMES = st.sampled_from([b"LIST", b"bext", b"iXML", b"id3 ", b"cue ", b"smpl", b"fact", b"PEAK"])
NAMES |= st.sampled_from([b"JUNK", b"_PMX", b"afsp", b"My1!", b"RIFF", b"data"])
CONTENTS = st.binary(max_size=300) | st.builds(
    lambda seed, n: np.random.default_rng(seed).bytes(n),
    st.integers(0, 2**32 - 1),
    st.integers(0, 200_000),
)


@st.composite
def chunk(draw, order="<"):
    name, content = draw(NAMES), draw(CONTENTS)
    padding = b"\0" * (len(content) % 2) if draw(st.booleans()) else b""
    return name + struct.pack(f"{order}I", len(content)) + content + padding


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    n=st.integers(1600, 20_000),
    chunks=st.lists(chunk(), max_size=5),
    rest=st.binary(max_size=400) | st.just(bytes(100_000)),
    tag=st.sampled_from([b"", b"TAG" + bytes(range(125)), b"ID3\4\0\0\0\0\7\x68" + b"art\1" * 250]),
)
def test_whatever_follows_the_audio_as_chunks_changes_nothing(
    tmp_path_factory, n, chunks, rest, tag
):
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    samples = (20_000 * babble(n)[:, 0]).astype(np.int16)
    path.write_bytes(wav(samples, *chunks, rest, tag))
    # The decoder then gets the file as it is.
    assert understated(path) is None


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    n=st.integers(8_000, 60_000),
    share=st.floats(0, 1),
    order=st.sampled_from("<>"),
    seed=st.integers(0, 2**16),
)
def test_wherever_the_size_is_cut_all_samples_are_read(tmp_path_factory, n, share, order, seed):
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    samples = (20_000 * babble(n, seed=seed)[:, 0]).astype(np.int16)
    size = max(1, int(share * (2 * n - RUBBISH - 2)))
    path.write_bytes(wav(samples, size=size, order=order))
    longer = understated(path)
    assert longer is not None
    assert (longer.stated, longer.present) == (size, 2 * n)
    np.testing.assert_array_equal(read(path)[:, 0], samples / np.float32(32768))


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "CAF"])
def test_chunks_behind_audio_that_is_longer_than_stated_are_not_read(tmp_path, kind):
    path = tmp_path / "a.audio"
    soundfile.write(path, babble(50_000), RATE, format=kind, subtype="PCM_16")
    whole = read(path)
    restate(path, 0.3)
    layout = {"WAV": "<4sI", "AIFF": ">4sI", "CAF": ">4sq"}[kind]
    picture = np.random.default_rng(0).bytes(200_000)
    name = {"WAV": b"LIST", "AIFF": b"ANNO", "CAF": b"info"}[kind]
    with path.open("ab") as file:
        file.write(struct.pack(layout, name, len(picture)) + picture + b"TAG" + bytes(125))
    np.testing.assert_array_equal(read(path), whole)


@pytest.mark.parametrize("beyond", [1 << 32, 2 << 32])
def test_sizes_that_wrapped_are_unwrapped(tmp_path, beyond):
    path = tmp_path / "a.wav"
    samples = (20_000 * babble(30_000)[:, 0]).astype(np.int16)
    path.write_bytes(wav(samples))
    start = path.stat().st_size - 60_000
    with path.open("r+b") as file:
        # A hole on the disk: neither written nor read.
        file.truncate(start + 60_000 + beyond)
        file.seek(start + 60_000 + beyond)
        file.write(b"LIST\4\0\0\0INFO")
        file.seek(start + 60_000 + 20_000)
        file.write(b"\1\2")
    if path.stat().st_blocks * 512 > 1 << 24:  # pragma: no cover
        path.unlink()
        pytest.skip("this disk has no holes")
    longer = understated(path)
    assert longer is not None
    assert (longer.stated, longer.present) == (60_000, 60_000 + beyond)
    with opened(path) as file:
        assert file.n_frames == 30_000 + beyond // 2
        (block,) = file.blocks(0, 30_000)
        np.testing.assert_array_equal(block[:, 0], samples / np.float32(32768))


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        b"TAG" + bytes(125),
        b"rubbish" * 100,
        b"\xff\xf8\xc9\x18" * 50,
        b"APETAGEX" + struct.pack("<IIIQ", 2000, 2000, 1, 1 << 31) + bytes(20_000),
    ],
)
def test_what_follows_a_flac_is_no_audio(tmp_path, tail):
    path = tmp_path / "a.flac"
    soundfile.write(path, babble(50_000, 2), RATE, subtype="PCM_16")
    whole = read(path)
    path.write_bytes(path.read_bytes() + tail)
    assert understated(path) is None
    restate(path, size=7_000)
    longer = understated(path)
    assert longer is not None
    # The last frame counts where its checksum shows where it ends.
    n = 50_000 if tail[:3] in (b"", b"TAG") else 50_000 // 4096 * 4096
    assert (longer.stated, longer.present, longer.unit) == (7_000, n, "samples")
    np.testing.assert_array_equal(read(path), whole[:n])


def test_compressed_contents_whose_length_is_kept_elsewhere_are_left_alone(tmp_path):
    path = tmp_path / "a.wav"
    content = bytearray(wav((20_000 * babble(30_000)[:, 0]).astype(np.int16), size=10_000))
    content[20:22] = struct.pack("<H", 0x161)  # Windows Media
    path.write_bytes(content)
    assert understated(path) is None
