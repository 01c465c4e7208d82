"""A small EMOVO: all six speakers, in each of the seven emotions."""

from pathlib import Path

from support.trees.nemo import sound

SPEAKERS = ("f1", "f2", "f3", "m1", "m2", "m3")
EMOTIONS = ("dis", "gio", "neu", "pau", "rab", "sor", "tri")
SENTENCES = ["b1", "b2", "b3", "d1", "d2", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5"]


def make(folder: Path) -> Path:
    """Write `f1/dis-f1-b1.wav` and so on, 42 recordings, and the folder of documents."""
    for i, speaker in enumerate(SPEAKERS):
        for j, emotion in enumerate(EMOTIONS):
            sentence = SENTENCES[(2 * i + j) % len(SENTENCES)]
            sound(folder / speaker / f"{emotion}-{speaker}-{sentence}.wav", 48_000, channels=2)
    (folder / "documents").mkdir()
    (folder / "documents" / "LA STRUTTURA DI EMOVO.pdf").write_bytes(b"%PDF-1.4\n")
    (folder / "m3" / "._dis-m3-n1.wav").write_bytes(b"\0\5\26\7")
    (folder / "m3" / "Thumbs.db").write_bytes(b"\0")
    return folder
