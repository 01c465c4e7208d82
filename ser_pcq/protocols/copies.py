"""Which utterances are copies of one another: by how they sound, and by their ids.

Comparing recordings is done once; its result is kept.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ser_pcq.audio.fingerprint import (
    AudioPrint,
    Copy,
    audio_print,
    find_copies,
    load_prints,
    save_prints,
)
from ser_pcq.data.copy_names import originals_by_name
from ser_pcq.data.directory import DataDir, Utterance
from ser_pcq.data.waveforms import read_utterance
from ser_pcq.errors import DataError, SerError
from ser_pcq.files import write_json
from ser_pcq.protocols.rules import Groups, UtteranceGroups

AUDIO = "audio.json"

# Goes up when fingerprints change, so that older ones are made again.
VERSION = 1


@dataclass(frozen=True)
class AudioFacts:
    """What comparing recordings gave.

    Attributes:
        prints: The fingerprint of every utterance.
        copies: Utterances with the same or nearly the same audio.
    """

    prints: tuple[AudioPrint, ...]
    copies: tuple[Copy, ...]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Return the ids of the copies, pair by pair."""
        return [(copy.a, copy.b) for copy in self.copies]


def _key(utterances: Sequence[Utterance]) -> str:
    """Return a hash of the files and times: what is kept is good while they stay as they are."""
    parts: list[object] = [VERSION]
    for u in utterances:
        try:
            stat = u.audio.stat()
        except OSError as error:
            raise DataError(f"the audio of {u.utterance_id} is missing", given=u.audio) from error
        place = str(u.audio.resolve())
        parts.append((u.utterance_id, place, stat.st_size, stat.st_mtime_ns, u.start, u.end))
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "replace")).hexdigest()[:32]


def prints_of(
    data: DataDir, cache_dir: Path, *, on_progress: Callable[[int, int], None]
) -> tuple[AudioPrint, ...]:
    """Return the fingerprint of every utterance, from the cache where the files are unchanged.

    Raises:
        DataError: When a recording cannot be read.
    """
    kept = cache_dir / "prints" / f"{_key(data.utterances)}.safetensors"
    if kept.exists():
        try:
            return tuple(load_prints(kept))
        except SerError:
            kept.unlink(missing_ok=True)
    prints = []
    for done, u in enumerate(data.utterances, start=1):
        prints.append(audio_print(u.utterance_id, read_utterance(u)))
        on_progress(done, len(data.utterances))
    save_prints(kept, prints)
    return tuple(prints)


def audio_facts(
    data: DataDir,
    cache_dir: Path,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> AudioFacts:
    """Compare all recordings of a data directory with one another.

    Args:
        data: The data directory.
        cache_dir: Where fingerprints are kept.
        on_progress: Called with (done, total) while recordings are read.

    Raises:
        DataError: When a recording cannot be read.
    """
    prints = prints_of(data, cache_dir, on_progress=on_progress)
    # Every fold of an experiment asks again.
    kept = cache_dir / "prints" / f"{_key(data.utterances)}.json"
    try:
        copies = [Copy(**one) for one in json.loads(kept.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        copies = find_copies(prints)
        write_json(kept, [asdict(copy) for copy in copies])
    return AudioFacts(prints, tuple(copies))


def write_audio_facts(path: Path, facts: AudioFacts, split_sha256: str) -> None:
    """Write the copies among the recordings whose hashes the split holds."""
    copies = [asdict(copy) for copy in facts.copies]
    write_json(path, {"split_sha256": split_sha256, "copies": copies})


def read_copies(path: Path, split_sha256: str) -> list[tuple[str, str]] | None:
    """Return the pairs of ids that `write_audio_facts` wrote for a split; None without such a file.

    Raises:
        DataError: When the file is damaged, or about another split.
    """
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["split_sha256"] != split_sha256:
            raise ValueError("it is about another split")
        return [(str(copy["a"]), str(copy["b"])) for copy in content["copies"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{AUDIO} does not fit", given=f"{path} ({error})") from error


def with_originals(groups: Groups) -> dict[str, UtteranceGroups]:
    """Return the groups with an original for every utterance: as given, or as its id says."""
    named = originals_by_name(groups)
    return {
        i: about if about.original is not None else replace(about, original=named[i])
        for i, about in groups.items()
    }
