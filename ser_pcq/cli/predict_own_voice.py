"""`ser-predict --own-voice` and `--own-voice-by`: adapt the model to who speaks, then predict."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ser_pcq.cli.terminal import progress, say
from ser_pcq.errors import SerError, few
from ser_pcq.inference.inputs import NamedFile, as_input
from ser_pcq.inference.jobs.earlier import Asked, Key, key_of
from ser_pcq.inference.jobs.job import Job
from ser_pcq.inference.jobs.voices import VoicesPredictor
from ser_pcq.inference.own_voice.adaptation import (
    AT_LEAST,
    SECONDS,
    Adaptation,
    adapt_to_voice,
    drawn,
)
from ser_pcq.inference.own_voice.hearing import HeardRecording, hear_each
from ser_pcq.inference.own_voice.speakers import speakers_of
from ser_pcq.inference.prediction import Prediction
from ser_pcq.inference.predictor import Predictor


def with_own_voices(job: Job, paths: Sequence[str], pattern: str | None) -> Job:
    """Return a job whose model is adapted to who speaks, and say what was done.

    Args:
        job: The job; all its recordings are looked at.
        paths: The files and folders that were named.
        pattern: What finds the speaker in the path of a recording below the folder that was
            named; None where one speaker speaks in all.

    Raises:
        SerError: When the model cannot be adapted, no speaker has recordings enough, or the
            pattern finds no speaker somewhere.
    """
    recordings = job.held()
    listed = "\0".join([pattern or "", *(str(key_of(one)) for one in recordings)])
    adapted_to = hashlib.sha256(listed.encode(errors="surrogateescape")).hexdigest()
    if pattern is None:
        heard = _heard(job, [recordings])
        adaptation = _adapted(job, recordings, heard, name=None, what="the voice")
        if not adaptation.is_enough:
            adaptation.checked()
        _report(adaptation)
        adapted = _of(adaptation, job.predictor)
        predictor = VoicesPredictor(adapted, (), {}, _answers(adaptation, recordings))
    else:
        predictor = _by_speaker(job, recordings, paths, pattern)
    return replace(job, predictor=predictor, own_voice=adapted_to)


def _by_speaker(
    job: Job, recordings: Sequence[Asked], paths: Sequence[str], pattern: str
) -> VoicesPredictor:
    """Adapt the model to each speaker."""
    predictor, folders = job.predictor, [Path(path) for path in paths]
    speakers = speakers_of([_below(one, folders) for one in recordings], pattern)
    own, few_heard, answers = {}, {}, dict[Key, Prediction]()
    of_speaker: dict[str, list[Asked]] = {speaker: [] for speaker in sorted(set(speakers))}
    for one, speaker in zip(recordings, speakers, strict=True):
        of_speaker[speaker].append(one)
    heard = _heard(job, of_speaker.values())
    for speaker, theirs in of_speaker.items():
        name = f"{predictor.classifier.name}+{speaker}"
        adaptation = _adapted(job, theirs, heard, name=name, what=speaker)
        answers |= _answers(adaptation, theirs)
        if not adaptation.is_enough:
            few_heard[speaker] = f"{speaker} ({adaptation.n_counted}, {adaptation.seconds:.0f} s)"
        _report(adaptation, f"{speaker}: ")
        own[speaker] = _of(adaptation, predictor)
    if len(few_heard) == len(own):
        raise SerError(
            "no speaker has recordings enough that count",
            given=few(few_heard.values()),
            accepted=f"{AT_LEAST} or more of one speaker, {SECONDS:g} s or more in all",
            do="correct the pattern, or leave --own-voice-by out",
        )
    return VoicesPredictor(predictor, zip(recordings, speakers, strict=True), own, answers)


def _heard(job: Job, of_speakers: Iterable[Sequence[Asked]]) -> Iterator[HeardRecording]:
    """Hear what is drawn of the recordings of each speaker, one after the other.

    All in one go, as several processes take seconds to start.
    """
    inputs = (as_input(theirs[k]) for theirs in of_speakers for k in drawn(len(theirs)))
    one = job.predictor
    return hear_each(one.classifier, one.options, inputs, jobs=job.jobs, timeout=job.timeout)


def _adapted(
    job: Job,
    recordings: Sequence[Asked],
    heard: Iterator[HeardRecording],
    *,
    name: str | None,
    what: str,
) -> Adaptation:
    """Adapt the model of a job to recordings of one speaker."""
    inputs = [as_input(one) for one in recordings]
    with progress(f"hearing {what}") as on_progress:
        return adapt_to_voice(
            job.predictor.classifier,
            job.predictor.options,
            inputs,
            name=name,
            on_progress=on_progress,
            heard_before=heard,
        )


def _answers(adaptation: Adaptation, recordings: Sequence[Asked]) -> dict[Key, Prediction]:
    """Return what need not be judged again."""
    return {key_of(recordings[place]): said for place, said in adaptation.answers.items()}


def _of(adaptation: Adaptation, predictor: Predictor) -> Predictor:
    """Return what predicts: the adapted model, or the one that there was."""
    found = adaptation.classifier
    return predictor if found is None else predictor.around(found)


def _report(adaptation: Adaptation, who: str = "") -> None:
    """Say what became of an adaptation."""
    for sentence in adaptation.sentences():
        say(f"ser-predict: {who}{sentence}")


def _below(one: Asked, folders: Sequence[Path]) -> str:
    """Return the path of a recording below the folder that was named, `/` between folders."""
    path = one.path if isinstance(one, NamedFile) else Path(one)
    for folder in folders:
        if path != folder and path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return path.as_posix()
