"""A small CREMA-D: 20 of its actors, three recordings each, and the table of the actors."""

import csv
from pathlib import Path

import numpy as np
import soundfile

from support.trees.ravdess import sound

ACTORS = (*range(1001, 1017), 1064, 1076, 1090, 1091)
WOMEN = (1002, 1003, 1004, 1006, 1007, 1008, 1009, 1010, 1012, 1013, 1076, 1091)
EMOTIONS = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
SENTENCES = ("DFA", "TAI", "WSI", "MTI")
SILENT = "1076_MTI_SAD_XX"


def make(folder: Path) -> Path:
    """Write a clone of the repository, with its table and a folder that is not read."""
    audio = folder / "AudioWAV"
    for n, actor in enumerate(ACTORS):
        for step in range(3):
            emotion = EMOTIONS[(n + 2 * step + n // 6) % 6]
            level, sentence = ("LO", "IEO") if step == 2 else ("XX", SENTENCES[(n + step) % 3])
            sound(audio / f"{actor}_{sentence}_{emotion}_{level}.wav", rate=16_000)
    soundfile.write(audio / f"{SILENT}.wav", np.zeros(16_000, dtype=np.int16), 16_000)
    (audio / f"._{actor}_DFA_ANG_XX.wav").write_bytes(b"\0\5\26\7")
    (folder / "AudioMP3").mkdir()
    (folder / "AudioMP3" / "1001_DFA_ANG_XX.mp3").write_bytes(b"ID3")
    (folder / ".gitattributes").write_text("*.wav filter=lfs diff=lfs merge=lfs -text\n")
    with (folder / "VideoDemographics.csv").open("w", newline="", encoding="utf-8") as file:
        file.write('"ActorID","Age","Sex","Race","Ethnicity"\n')
        table = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        for actor in ACTORS:
            sex = "Female" if actor in WOMEN else "Male"
            table.writerow((actor, 20 + actor % 50, sex, "Caucasian", "Not Hispanic"))
    return folder
