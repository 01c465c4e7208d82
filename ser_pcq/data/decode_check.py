"""Decode every recording of a data directory: which are damaged, silent, clipped or repeated."""

from collections.abc import Sequence
from typing import Protocol

from ser_pcq.audio.fingerprint import AudioPrint, find_copies
from ser_pcq.data.directory import UNKNOWN_SPEAKER, DataDir, Utterance
from ser_pcq.data.recording_faults import Finding, Inspection, inspect_recording, kind_of
from ser_pcq.processes import TIMEOUT, Crash, Progress, map_isolated, no_progress, usable_cores


class Inspect(Protocol):
    """Is called with the utterances of one recording, in another process."""

    def __call__(self, utterances: Sequence[Utterance], /) -> list[Inspection]:
        """Return what was found in each, in order."""


def check_recordings(
    data: DataDir,
    *,
    jobs: int | None = None,
    timeout: float = TIMEOUT,
    on_progress: Progress = no_progress,
    inspect: Inspect = inspect_recording,
) -> list[Finding]:
    """Decode all recordings and compare them with one another.

    Args:
        data: The data directory.
        jobs: Processes that decode; one for each usable core when None. Findings do not depend on
            it.
        timeout: s without any progress after which a recording is given up.
        on_progress: Takes recordings done and recordings in all.
        inspect: What looks at the utterances of one recording.

    Returns:
        What was found, sorted by kind, utterance and detail.

    Raises:
        SerError: When no process can be started.
    """
    recordings: dict[str, list[Utterance]] = {}
    for u in data.utterances:
        recordings.setdefault(str(u.audio), []).append(u)
    groups = list(recordings.values())
    results = map_isolated(
        inspect, groups, jobs=jobs or usable_cores(), timeout=timeout, on_progress=on_progress
    )
    findings: list[Finding] = []
    prints: list[AudioPrint] = []
    for group, result in zip(groups, results, strict=True):
        if isinstance(result, Crash):
            detail = f"{result.reason.sentence}; given: {group[0].audio}"
            kind = kind_of(result.reason)
            findings += [Finding(kind, u.utterance_id, detail) for u in group]
            continue
        for inspection in result:
            findings += inspection.findings
            if inspection.print is not None:
                prints.append(inspection.print)
    findings += find_duplicates(data.utterances, prints)
    return sorted(findings, key=lambda f: (f.kind, f.utterance_id.encode(), f.detail))


def find_duplicates(utterances: Sequence[Utterance], prints: Sequence[AudioPrint]) -> list[Finding]:
    """Find utterances with the same or nearly the same audio.

    Of several with the same samples each but the first is a finding, with the first as the other
    one, and only the first is compared with the rest. Not reported are utterances that `utt2uniq`
    gives as copies of one another, and parts of one recording that overlap.

    Args:
        utterances: With everything that is known of them.
        prints: Of those that can be compared, each with its own id.

    Returns:
        One finding for each pair, about the id that is later in the order of bytes.
    """
    known = {u.utterance_id: u for u in utterances}
    by_digest: dict[str, list[AudioPrint]] = {}
    for item in sorted(prints, key=lambda p: p.utterance_id.encode()):
        by_digest.setdefault(item.digest, []).append(item)
    findings = [
        _duplicate("duplicate", known[first.utterance_id], known[item.utterance_id])
        for first, *others in by_digest.values()
        for item in others
        if not _are_augmented(known[first.utterance_id], known[item.utterance_id])
    ]
    for copy in find_copies([first for first, *_ in by_digest.values()]):
        a, b = known[copy.a], known[copy.b]
        if _are_augmented(a, b) or _overlap(a, b):
            continue
        shift = f", shifted by {copy.offset:+.2f} s" if copy.offset else ""
        extent = f"{copy.duration:.2f} s{shift}, {copy.error_rate:.0%} of the bits differ"
        kind = "overlap" if _are_partners(a, b) else "near-duplicate"
        findings.append(_duplicate(kind, a, b, extent))
    return findings


def _duplicate(kind: str, a: Utterance, b: Utterance, extent: str = "") -> Finding:
    """Report b as a duplicate of a, and where their labels contradict one another."""
    speakers = {a.speaker, b.speaker} - {UNKNOWN_SPEAKER}
    differs = tuple(
        name
        for name, is_different in (
            ("speaker", len(speakers) > 1),
            ("emotion", a.emotion != b.emotion),
        )
        if is_different
    )
    parts = [f"{'nearly ' if extent else ''}the same audio as {a.utterance_id}"]
    parts += [extent] if extent else []
    parts += [f"{name} {getattr(a, name)} there, {getattr(b, name)} here" for name in differs]
    return Finding(kind, b.utterance_id, "; ".join(parts), other=a.utterance_id, differs=differs)


def _are_augmented(a: Utterance, b: Utterance) -> bool:
    """Whether both are known to be copies of one original."""
    return a.original is not None and a.original == b.original


def _are_partners(a: Utterance, b: Utterance) -> bool:
    """Whether two speakers of one session may talk at once."""
    return a.session is not None and a.session == b.session and a.speaker != b.speaker


def _overlap(a: Utterance, b: Utterance) -> bool:
    """Whether two utterances share a part of one recording."""
    ends = [float("inf") if u.end is None else u.end for u in (a, b)]
    return (
        (a.start or 0.0) < ends[1]
        and (b.start or 0.0) < ends[0]
        and a.audio.resolve() == b.audio.resolve()
    )
