"""Who speaks in which recording, as names of files say it."""

from collections.abc import Sequence

from ser_pcq.audio.name_pattern import name_pattern, no_speaker
from ser_pcq.errors import SerError, few


def speakers_of(names: Sequence[str], pattern: str) -> list[str]:
    """Return the speaker of each recording.

    Args:
        names: Paths of recordings, `/` between folders.
        pattern: A regular expression that is searched in each, with a group named `speaker`.

    Raises:
        SerError: When it is no such expression, or finds no speaker in one of the names.
    """
    compiled = name_pattern(pattern)
    if "speaker" not in compiled.groupindex:
        raise no_speaker(pattern)
    matches = [compiled.search(name) for name in names]
    speakers = [(match and match["speaker"]) or "" for match in matches]
    odd = [name for name, speaker in zip(names, speakers, strict=True) if not speaker]
    if odd:
        raise SerError(
            f"the pattern finds no speaker in {len(odd)} of {len(names)} recordings",
            given=f"{pattern} in {few(odd)}",
            accepted="one that finds a speaker in each",
            do="correct the pattern, or leave these recordings out",
        )
    return speakers
