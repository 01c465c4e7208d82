"""A small SAVEE: four speakers, eight recordings each, one folder for each speaker."""

from pathlib import Path

import numpy as np
import soundfile

SPEAKERS = ("DC", "JE", "JK", "KL")
NAMES = ("a01", "d03", "f15", "h02", "n01", "n30", "sa04", "su05")


def make(folder: Path) -> Path:
    """Write `AudioData` with the folders of the speakers and the text that comes with it."""
    for s, speaker in enumerate(SPEAKERS):
        path = folder / "AudioData" / speaker
        path.mkdir(parents=True)
        for n, name in enumerate(NAMES):
            # Not by the name, which all speakers share.
            wave = np.random.default_rng(100 * s + n).normal(scale=0.1, size=17_640)
            soundfile.write(path / f"{name}.wav", wave, 44_100, subtype="PCM_16")
    about = "Audio files consist of audio WAV files sampled at 44.1 kHz\r\n"
    (folder / "AudioData" / "Info.txt").write_text(about, newline="")
    (folder / "AudioData" / "DC" / "._a01.wav").write_bytes(b"\0\5\26\7")
    return folder
