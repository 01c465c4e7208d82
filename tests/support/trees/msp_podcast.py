"""A small MSP-Podcast, laid out as release 1.12: every partition, class and kind of speaker."""

from pathlib import Path

from support.trees.nemo import sound

SPEAKERS = {
    "Train": ("7", "112", "1045", "2001", "Unknown"),
    "Development": ("52", "860"),
    "Test1": ("30", "39", "1187", "Unknown"),
    "Test2": ("30", "1502"),
}
CLASSES = "NHASUFDCOX"
COLUMNS = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"


def make(folder: Path) -> Path:
    """Write `Labels`, `Audios` and `Transcripts`; each speaker has each of the ten classes."""
    lines = [COLUMNS]
    for i, (part, speakers) in enumerate(SPEAKERS.items()):
        for j, speaker in enumerate(speakers):
            for k, letter in enumerate(CLASSES):
                name = f"MSP-PODCAST_{10 * i + j:04d}_{8 + k:04d}"
                gender = "Unknown" if speaker == "Unknown" else ("Male", "Female")[int(speaker) % 2]
                rated = f"{2 + k / 4},{4.0 - k / 5:.6f},{2.6 + k / 6:.6f}"
                lines.append(f"{name}.wav,{letter},{rated},{speaker},{gender},{part}")
                sound(folder / "Audios" / f"{name}.wav", 16_000)
                transcript = folder / "Transcripts" / f"{name}.txt"
                transcript.parent.mkdir(exist_ok=True)
                transcript.write_text(f"And that was number {k}.\n")
    for n in range(3):
        sound(folder / "Audios" / f"MSP-PODCAST_9999_{n:04d}.wav", 16_000)
    (folder / "Labels").mkdir()
    (folder / "Labels" / "labels_consensus.csv").write_text("\n".join(lines) + "\n")
    (folder / "Labels" / "labels_detailed.csv").write_text("FileName,Worker\n")
    (folder / "Audios" / "._MSP-PODCAST_0000_0008.wav").write_bytes(b"\0\5\26\7")
    for name in ("readme.txt", "Speaker_ids.txt", "Partitions.txt"):
        (folder / name).write_text("MSP-PODCAST\n")
    return folder
