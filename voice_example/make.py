"""Make the recordings of this folder again: python voice_example/make.py path/to/emodb/wav.

Thirty recordings of one speaker of EMO-DB, spread over all of hers, through a bad telephone line:
narrow, overdriven, with noise. Needs the extra train. MP3 files may differ in a few bytes between
versions of the encoder.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy.signal import butter, sosfilt

from ser_pcq.data.corpora.emodb import EMOTIONS

HERE = Path(__file__).resolve().parent
SPEAKER, N = "08", 30


def through_the_line(samples: np.ndarray, rate: int, random: np.random.Generator) -> np.ndarray:
    """Return what is heard at 8 kHz: 500 to 2500 Hz, compressed, with noise 8 dB below."""
    narrow = sosfilt(butter(4, [500, 2500], "bandpass", fs=rate, output="sos"), samples)
    speech = np.tanh(5 * narrow / np.abs(narrow).max())
    noise = random.standard_normal(len(speech))
    noise = sosfilt(butter(2, [300, 3000], "bandpass", fs=rate, output="sos"), noise)
    noise *= np.sqrt((speech**2).mean() / (noise**2).mean()) * 10 ** (-8 / 20)
    heard = soxr.resample(speech + noise, rate, 8_000)
    return np.asarray(0.5 * heard / np.abs(heard).max())


def write(name: str, rows: list[dict[str, str]]) -> None:
    """Write a table."""
    with (HERE / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Write the recordings, and the tables."""
    own = sorted(Path(sys.argv[1]).glob(f"{SPEAKER}*.wav"))
    drawn = [own[k * len(own) // N] for k in range(N)]
    rows = []
    for number, source in enumerate(drawn, start=1):
        samples, rate = soundfile.read(source)
        name = f"{number:02}.mp3"
        heard = through_the_line(samples, rate, np.random.default_rng(number))
        soundfile.write(HERE / name, heard, 8_000, bitrate_mode="CONSTANT", compression_level=0.9)
        rows.append({"file": name, "meant": EMOTIONS[source.stem[5]], "recording": source.name})
    write("meant.csv", rows)
    # Half of them with labels, to learn from, and the others to try what was learnt.
    taught = [{"path": r["file"], "emotion": r["meant"], "speaker": SPEAKER} for r in rows[::2]]
    write("taught.csv", taught)
    write("others.csv", rows[1::2])


if __name__ == "__main__":
    main()
