"""IEMOCAP in small: five sessions of four dialogs, each cut from one recording of both actors."""

from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
DIALOGS = {
    1: ("Ses01F_impro01", "Ses01M_impro02", "Ses01F_script01_1", "Ses01M_script02_2"),
    2: ("Ses02F_impro04", "Ses02M_impro07", "Ses02F_script03_1", "Ses02M_script01_3"),
    3: ("Ses03F_impro02", "Ses03M_impro05a", "Ses03F_script02_1", "Ses03M_script03_2"),
    4: ("Ses04F_impro03", "Ses04M_impro06", "Ses04F_script01_2", "Ses04M_script02_1"),
    5: ("Ses05F_impro08", "Ses05M_impro05", "Ses05F_script03_2", "Ses05M_script01_1b"),
}
LABELS = {"F": ("ang", "hap"), "M": ("neu", "sad")}
"""Who wears the markers to what both actors say, so that a part of a session has four classes."""

OTHERS = ("xxx", "fru", "exc", "sur", "fru", "xxx", "fea", "exc", "oth", "dis")
"""What a further turn of each dialog is labelled, in turn."""

CRLF = "Ses02F_impro04"
LATIN = "Ses04M_impro06"
RATED = {
    "ang": "C-E2:\tAnger; Frustration;\t()",
    "hap": "C-E2:\tHappiness;\t(amused, a little; relieved)",
    "neu": "C-E2:\tNeutral;\t()",
    "sad": "C-E2:\tSadness;\t()",
    "exc": "C-E2:\tExcited;\t()",
}
STRAY = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "


def make(folder: Path) -> Path:
    """Write the tree; return the folder `IEMOCAP_full_release`."""
    root = folder / "IEMOCAP_full_release"
    others = 0
    for number, dialogs in DIALOGS.items():
        for place, dialog in enumerate(dialogs):
            labels = [*LABELS[dialog[5]], OTHERS[others % len(OTHERS)]]
            others += 1
            _write_dialog(root / f"Session{number}", dialog, labels, far=place == 0, seed=others)
    (root / "Documentation").mkdir()
    (root / "README.txt").write_text("Interactive emotional dyadic motion capture database\n")
    return root


def turns_of(dialog: str, labels: list[str], far: bool) -> list[tuple[str, str, float, float]]:
    """Return id, label, start and end (s) of each turn; both actors take turns and interrupt.

    With `far` the first two speak at once for more than a second.
    """
    turns = []
    numbers = {"F": 0, "M": 0}
    start, n = 0.5, 0
    for label in labels:
        # A label that is no class is said by one of them.
        for letter in "FM" if label in ("ang", "hap", "neu", "sad") else "M":
            length = 1.9 if far and n < 2 else 0.32 + 0.04 * (n % 6)
            turns.append((f"{dialog}_{letter}{numbers[letter]:03d}", label, start, start + length))
            start += 0.6 if far and n == 0 else length - 0.08
            numbers[letter] += 1
            n += 1
    return turns


def _write_dialog(session: Path, dialog: str, labels: list[str], far: bool, seed: int) -> None:
    """Write the recordings, labels and transcription of a dialog, and what lies beside them."""
    turns = turns_of(dialog, labels, far)
    sound = _speech(turns[-1][3] + 0.5, seed)
    _write_audio(session, dialog, turns, sound)
    evaluation = session / "dialog" / "EmoEvaluation"
    for other, line in (
        ("Attribute", ":act 3; :val 3; :dom  2; :();"),
        ("Categorical", ":Neutral state; :();"),
        ("Self-evaluation", ":Happiness; :();"),
    ):
        (evaluation / other).mkdir(parents=True, exist_ok=True)
        rows = "".join(f"{turn_id} {line}\n" for turn_id, *_ in turns)
        (evaluation / other / f"{dialog}_e2.txt").write_text(rows)
    end = "\r\n" if dialog == CRLF else "\n"
    text = "\n".join(["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", "", *_blocks(turns)])
    (evaluation / f"{dialog}.txt").write_bytes(text.replace("\n", end).encode())
    (evaluation / f"._{dialog}.txt").write_bytes(STRAY)
    transcriptions = session / "dialog" / "transcriptions"
    transcriptions.mkdir(exist_ok=True)
    said = "Au café, naïve" if dialog == LATIN else "It's all right"
    lines = [f"{i} [{a:08.4f}-{b:08.4f}]: {said}, {i[-4:]}." for i, _, a, b in turns]
    lines.insert(1, f"{dialog}_MXX0 [{turns[0][2]:08.4f}-{turns[0][3]:08.4f}]: Hmm. [LAUGHTER]")
    lines.insert(3, "M: Yeah.")
    encoding = "latin-1" if dialog == LATIN else "utf-8"
    (transcriptions / f"{dialog}.txt").write_text("\n".join(lines) + "\n", encoding=encoding)
    (transcriptions / f"._{dialog}.txt").write_bytes(STRAY)


def _write_audio(session: Path, dialog: str, turns: list, sound: np.ndarray) -> None:
    """Cut the turns out of the recording of a dialog."""
    whole = session / "dialog" / "wav"
    cuts = session / "sentences" / "wav" / dialog
    for folder in (whole, cuts):
        folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(whole / f"{dialog}.wav", np.stack([sound, 0.3 * sound], axis=1), RATE)
    for turn_id, _, start, end in turns:
        cut = sound[round(start * RATE) : round(end * RATE)]
        soundfile.write(cuts / f"{turn_id}.wav", cut, RATE, subtype="PCM_16")
    (cuts / f"._{turns[0][0]}.wav").write_bytes(STRAY)


def _blocks(turns: list[tuple[str, str, float, float]]) -> list[str]:
    """Return the lines of a label file after its header, blocks with blank lines between them."""
    lines = []
    for n, (turn_id, label, start, end) in enumerate(turns):
        actor = f"{turn_id[-4]}1"
        activation = 2 + n % 3
        lines += [
            f"[{start:.4f} - {end:.4f}]\t{turn_id}\t{label}\t[2.5000, {activation:.4f}, 3.0000]",
            RATED.get(label, "C-E2:\tOther;\t(hard to say)"),
            "C-E3:\tNeutral state;\t()",
            f"C-{actor}:\tFrustration; Surprise;\t(first one; then the other, I think)",
            f"A-E3:\tval 3; act {activation}; dom  3;\t()",
            f"A-E4:\tval 2; act {activation}; dom ;\t(curious)",
            f"A-{actor}:\tval 4; act 5; dom  3;\t()",
            "",
        ]
    return lines


def _speech(seconds: float, seed: int) -> np.ndarray:
    """Make up a recording of both actors: two wandering voices over a little noise; (time,)."""
    rng = np.random.default_rng(seed)
    n_samples = round(seconds * RATE)
    times = np.arange(n_samples) / RATE
    sound = 0.01 * rng.standard_normal(n_samples)
    for lowest, highest in ((90, 160), (170, 320)):
        knots = np.arange(0.0, seconds + 0.2, 0.12)
        pitch = np.interp(times, knots, rng.uniform(lowest, highest, len(knots)))
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        for harmonic in range(1, 14):
            level = np.interp(times, knots, rng.uniform(0, 1, len(knots)) ** 2) / harmonic**0.5
            sound += level * np.sin(harmonic * phase)
    return 0.5 * sound / np.abs(sound).max()
