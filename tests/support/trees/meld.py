"""A small MELD with extracted audio: six main roles and a few others in each partition."""

import csv
from pathlib import Path

from support.trees.nemo import sound

FOLDERS = {
    "train": "train_splits",
    "dev": "dev_splits_complete",
    "test": "output_repeated_splits_test",
}
MAIN = ("Chandler", "Joey", "Monica", "Phoebe", "Rachel", "Ross")
OTHERS = {
    "train": ("All", "Ross and Joey", "Dr. Leedbetter", "The Interviewer"),
    "dev": ("All", "Mrs. Green", "Dr. Ledbetter"),
    "test": ("All", "Joey and Ross", "Doctor Connelly"),
}
EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
COLUMNS = [
    *("Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID"),
    *("Season", "Episode", "StartTime", "EndTime"),
]
TEXTS = (
    "also I was the point person on my company\x92s transition from the KL-5 to GR-6 system.",
    "Uhh\x85. \x93What?\x94",
    'I don\'t want to raise the question of "Us."',
)


def make(folder: Path) -> Path:
    """Write the three tables, the folders of clips, and what lies about in them."""
    for part, name in FOLDERS.items():
        rows = []
        for i, speaker in enumerate((*MAIN, *OTHERS[part])):
            # A dialogue each; the numbers of dialogues begin at 0 in each partition.
            for j in range(2):
                clip = f"dia{i}_utt{j}"
                rows.append(_row(len(rows), speaker, EMOTIONS[(i + 3 * j) % 7], i, j))
                sound(folder / name / f"{clip}.wav", 16_000)
                (folder / name / f"{clip}.mp4").write_bytes(b"\0\0\0 ftypisom")
        if part == "train":
            rows.append(_row(len(rows), "Rachel", "neutral", 125, 3))
            (folder / name / "dia125_utt3.mp4").write_bytes(b"\0\0\0 ftypisom")
        if part == "dev":
            rows.append(_row(len(rows), "Phoebe", "neutral", 110, 7))
            sound(folder / name / "dia66_utt9.wav", 16_000)
        if part == "test":
            sound(folder / name / "final_videos_testdia101_utt0.wav", 16_000)
            (folder / name / "._dia0_utt0.mp4").write_bytes(b"\0\5\26\7")
        with (folder / f"{part}_sent_emo.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\r\n").writerows([COLUMNS, *rows])
    (folder / "README.txt").write_text("MELD\n")
    return folder


def _row(n: int, speaker: str, emotion: str, dialogue: int, utterance: int) -> list[str]:
    """Return the cells of a row."""
    numbers = [str(dialogue), str(utterance), "8", "21"]
    times = ["00:16:16,059", "00:16:21,731"]
    return [str(n + 1), TEXTS[n % len(TEXTS)], speaker, emotion, "neutral", *numbers, *times]
