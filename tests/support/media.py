"""Media as phones, browsers and cameras write them, by PyAV."""

from fractions import Fraction

import av
import numpy as np
import soxr


def has_encoder(codec):
    """Whether this build of PyAV can write an encoding."""
    try:
        av.codec.Codec(codec, "w")
    except av.FFmpegError:
        return False
    return True


def write_media(
    path, samples, rate, codec, container=None, *, at=None, channels=1, picture=False, options=None
):
    """Write samples, (time,), full scale 1.0, in an encoding and a container.

    `at` is the rate that they are stored with, `channels` how many copies of them; `picture` adds a
    film of the same length. `options` are those of the container.
    """
    at = at or rate
    if at != rate:
        samples = soxr.resample(samples, rate, at)
    layout = {1: "mono", 2: "stereo"}[channels]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w", format=container, options=options or {}) as file:
        grey = picture and file.add_stream("mpeg4", rate=10)
        sound = file.add_stream(codec, rate=at, layout=layout)
        if codec == "wmav2":
            sound.bit_rate = 96_000
        if grey:
            film(file, grey, len(samples) / at)
        wave = np.clip(samples, -1, 1).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.tile(wave, (channels, 1)), "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = at, 0, Fraction(1, at)
        for packet in (*sound.encode(frame), *sound.encode(None)):
            file.mux(packet)
    return path


def film(file, stream, seconds):
    """Write grey pictures, ten a second."""
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for number in range(max(1, round(seconds * 10))):
        grey = np.full((48, 64, 3), 40 + number % 100, np.uint8)
        picture = av.VideoFrame.from_ndarray(grey, "rgb24")
        picture.pts, picture.time_base = number, Fraction(1, 10)
        file.mux(stream.encode(picture))
    file.mux(stream.encode(None))


KINDS = {
    "aac.m4a": ("aac", "ipod", {"at": 44_100, "channels": 2}),
    "first.mp4": ("aac", "mp4", {"at": 48_000, "options": {"movflags": "faststart"}}),
    "pieces.mp4": ("aac", "mp4", {"options": {"movflags": "frag_keyframe+empty_moov"}}),
    "film.mp4": ("aac", "mp4", {"at": 48_000, "channels": 2, "picture": True}),
    "film.mov": ("pcm_s16le", "mov", {"at": 48_000, "picture": True}),
    "film.mkv": ("ac3", "matroska", {"at": 48_000, "channels": 2, "picture": True}),
    "film.avi": ("libmp3lame", "avi", {"at": 44_100, "picture": True}),
    "voice.aac": ("aac", "adts", {"at": 44_100}),
    "opus.webm": ("libopus", "webm", {"at": 48_000}),
    "live.webm": ("libopus", "webm", {"at": 48_000, "options": {"live": "1"}}),
    "alac.m4a": ("alac", "ipod", {}),
    "alac.caf": ("alac", "caf", {}),
    "amr.caf": ("libopencore_amrnb", "caf", {"at": 8_000}),
    "windows.wma": ("wmav2", "asf", {"at": 44_100, "channels": 2}),
    "pack.wv": ("wavpack", "wv", {}),
    "true.tta": ("tta", "tta", {}),
    "dolby.ac3": ("ac3", "ac3", {"at": 48_000}),
    "phone.amr": ("libopencore_amrnb", "amr", {"at": 8_000}),
    "phone.3gp": ("libopencore_amrnb", "3gp", {"at": 8_000}),
}
"""Encoding, container and options by the name of a file; those that this build cannot write are
left out by `kinds`."""


def kinds():
    """Return the entries of `KINDS` that can be written."""
    return {name: kind for name, kind in KINDS.items() if has_encoder(kind[0])}
