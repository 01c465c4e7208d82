"""The utterances of a data directory as labelled recordings, to adapt a model to them."""

from pathlib import Path

from ser_pcq.data.directory import UNKNOWN_SPEAKER, read
from ser_pcq.data.utterance import Utterance
from ser_pcq.errors import DataError
from ser_pcq.inference.inputs import NamedFile
from ser_pcq.inference.labelled.recordings import Labelled
from ser_pcq.inference.span import Span


def labelled_recordings(folder: Path) -> tuple[list[Labelled], int]:
    """Read the utterances of a data directory that are not kept for testing.

    Returns:
        The recordings, and how many utterances of the split test are left out.

    Raises:
        DataError: When it is no sound data directory.
    """
    if not (folder / "wav.scp").exists():
        raise DataError(
            "this is no data directory",
            given=folder,
            accepted="a folder with wav.scp, utt2spk and utt2emo",
            do="make one: ser-data prepare folder RECORDINGS DATA_DIR, from a folder for each "
            "emotion, or ser-data prepare csv TABLE DATA_DIR",
        )
    utterances = read(folder).utterances
    used = [u for u in utterances if u.split != "test"]
    return list(map(_labelled, used)), len(utterances) - len(used)


def _labelled(utterance: Utterance) -> Labelled:
    """Return an utterance as it is heard."""
    u = utterance
    source = NamedFile(u.audio, u.audio, u.utterance_id, Span(u.start, u.end))
    # Speakers of two corpora may have the same id.
    speaker = None if u.speaker == UNKNOWN_SPEAKER else f"{u.corpus} {u.speaker}"
    return Labelled(source, u.emotion, speaker)
