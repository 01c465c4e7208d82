"""A small nEMO: all nine speakers, four recordings each, and the table with its blanks."""

import zlib
from pathlib import Path

import numpy as np
import soundfile

SPEAKERS = {
    "EB0": ("female", 27),
    "IC0": ("female", 28),
    "KD0": ("female", 28),
    "KS0": ("male", 23),
    "MK0": ("female", 23),
    "MP0": ("male", 24),
    "SM0": ("male", 24),
    "TP0": ("male", 26),
    "WR0": ("male", 23),
}
EMOTIONS = ("anger", "fear", "happiness", "neutral", "sadness", "surprised")
SENTENCES = {
    1: "Lubię czytać przed snem.",
    38: "„Ród smoka” to serial telewizyjny.",
    64: "Ucho wykrywa dźwięki o różnej częstotliwości.",
    90: "Chorał gregoriański jest wykonywany podczas uroczystych nabożeństw.",
}
COLUMNS = ["file_id", "emotion", "raw_text", "normalized_text", "speaker_id", "gender", "age"]


def sound(path: Path, rate: int, channels: int = 1, seconds: float | None = None) -> None:
    """Write noise of 0.3 to 0.6 s that swells and fades: another one for each name of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(zlib.crc32(str(path.relative_to(path.parents[1])).encode()))
    length = round(rate * (random.uniform(0.3, 0.6) if seconds is None else seconds))
    wave = random.normal(scale=0.1, size=(length, channels)) * np.hanning(length)[:, None]
    soundfile.write(path, wave.clip(-1, 1), rate, subtype="PCM_16")


def make(folder: Path) -> Path:
    """Write `data.tsv` and `samples` with 36 recordings."""
    lines = ["\t".join(COLUMNS)]
    for i, (speaker, (gender, age)) in enumerate(SPEAKERS.items()):
        for j, (sentence, text) in enumerate(SENTENCES.items()):
            emotion = EMOTIONS[(i + j) % len(EMOTIONS)]
            name = f"{speaker}_{emotion}_{sentence}.wav"
            sound(folder / "samples" / name, 24_000)
            plain = text.lower().rstrip(".")
            lines.append(f"{name}\t{emotion}\t{text}\t{plain}\t        {speaker}\t{gender}\t{age}")
    # The rows are in no order.
    lines[1:] = sorted(lines[1:], key=lambda line: zlib.crc32(line.encode()))
    (folder / "data.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "README.md").write_text("# nEMO: Dataset of Emotional Speech in Polish\n")
    (folder / "samples" / "._EB0_anger_1.wav").write_bytes(b"\0\5\26\7")
    return folder
