"""A data directory of speakers that was never written."""

from pathlib import Path

from ser_pcq.data.directory import DataDir, Utterance


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
