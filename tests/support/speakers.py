"""A data directory of speakers that was never written."""

from dataclasses import replace
from pathlib import Path

from ser_pcq.data.directory import DataDir, Utterance


def corpora(names: str, n_speakers: int = 3) -> DataDir:
    """Several corpora as `ser-data combine` joins them: a name for each letter."""
    utterances = [
        replace(
            u, utterance_id=f"{name}-{u.utterance_id}", speaker=f"{name}-{u.speaker}", corpus=name
        )
        for name in names
        for u in corpus(n_speakers).utterances
    ]
    return DataDir(Path("data"), tuple(utterances))


def corpus(n_speakers: int, per_speaker: int = 3, sessions: bool = False) -> DataDir:
    utterances = [
        Utterance(
            utterance_id=f"s{s:02d}-{i}",
            audio=Path("none.wav"),
            speaker=f"s{s:02d}",
            emotion=("anger", "neutral")[i % 2],
            session=f"session{s // 2}" if sessions else None,
            sentence=f"t{i}",
        )
        for s in range(n_speakers)
        for i in range(per_speaker)
    ]
    return DataDir(Path("data"), tuple(utterances))
