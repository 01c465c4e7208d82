"""`ser-predict PATH…`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ser_pcq.cli.predict_options import (
    Column,
    Embeddings,
    Jobs,
    List,
    MinConfidence,
    Mix,
    Model,
    Models,
    Output,
    OutputDir,
    OutputFormat,
    OwnVoice,
    OwnVoiceBy,
    Paths,
    Plot,
    Raw,
    Resume,
    Segments,
    Speech,
    SpeechOption,
    Stream,
    Timeout,
)
from ser_pcq.cli.terminal import (
    VERSION_OPTION,
    end_tidily,
    new_app,
    progress,
    quiet_libraries,
    run,
    say,
)
from ser_pcq.inference.formats import FORMATS
from ser_pcq.processes import TIMEOUT

if TYPE_CHECKING:
    from ser_pcq.cli.predict_recordings import Wanted
    from ser_pcq.inference.jobs.job import Job

ALONE = (
    "goes with --model, --segments, --speech, --min-confidence, --mix, --own-voice, "
    "--own-voice-by and --device alone"
)

app = new_app(help="Predict the emotion in recordings of speech.")


@app.command()
def predict(
    context: typer.Context,
    paths: Paths = None,
    list_file: List = None,
    column: Column = None,
    model: Model = None,
    models: Models = False,
    output_format: OutputFormat = None,
    min_confidence: MinConfidence = 0.0,
    segments: Segments = False,
    speech: SpeechOption = Speech.auto,
    output: Output = None,
    output_dir: OutputDir = None,
    resume: Resume = False,
    jobs: Jobs = 1,
    timeout: Timeout = None,
    plot: Plot = None,
    embeddings: Embeddings = None,
    mix: Mix = "all",
    own_voice: OwnVoice = False,
    own_voice_by: OwnVoiceBy = None,
    stream: Stream = False,
    raw: Raw = False,
    rate: Annotated[int, typer.Option(help="Hz, of raw samples.")] = 16_000,
    channels: Annotated[int, typer.Option(help="Channels, of raw samples.")] = 1,
    encoding: Annotated[str, typer.Option(help="Raw samples: s16le, f32le, …")] = "s16le",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "cpu",
    version: bool = VERSION_OPTION,
) -> None:
    """Print the emotion in each recording.

    Exit code: 0 all well, 1 a file failed, 2 wrong usage. Abstaining is not a failure.
    """
    name = output_format or _by_name(output)
    if models:
        _print_models(context, name)
        return
    own_voices = _own_voices(mix, all_one=own_voice, pattern=own_voice_by)
    if stream:
        others = (paths, list_file, column, segments, output, output_dir, resume, plot, embeddings)
        alone = not any((*others, min_confidence, jobs > 1, mix != "all", own_voice_by))
        samples = (encoding, rate, channels)
        _stream(model, name, speech, device, samples, raw=raw, alone=alone, own_voice=own_voice)
        return
    _refuse_misplaced(name, output, output_dir, jobs, timeout, resume=resume, raw=raw)
    if embeddings and any((output_format, output, output_dir, resume, plot, jobs > 1)):
        raise typer.BadParameter(ALONE, param_hint="--embeddings")
    from ser_pcq.cli.predict_output import deliver, refuse_outputs
    from ser_pcq.cli.predict_recordings import wanted_recordings

    wanted = wanted_recordings(paths or [], list_file, column)
    timed = segments or plot is not None or FORMATS[name].needs_segments
    with progress("loading the model"):
        job = _load(wanted, model, device, min_confidence, timed, speech, mix, jobs, timeout)
    if own_voices:
        refuse_outputs(job, name, output, output_dir, embeddings, resume=resume)
        job = _with_own_voices(job, paths or [], own_voice_by)
    deliver(job, name, output, output_dir, plot, embeddings, resume=resume, segments=segments)
    _end(job)


def _end(job: "Job") -> None:
    """Say how many files failed, if any, and end with 1 then.

    Raises:
        Exit: For this.
    """
    if job.n_failed:
        say(f"ser-predict: {job.n_failed} of {job.n_done} files could not be judged")
        raise typer.Exit(1)


def _by_name(output: Path | None) -> str:
    """Return the format that the name of an output asks for."""
    suffixes = {kind.suffix: name for name, kind in FORMATS.items() if not kind.one_recording}
    return suffixes.get("" if output is None else output.suffix.lower(), "table")


def _print_models(context: typer.Context, name: str) -> None:
    """Print which models there are."""
    from ser_pcq.cli.predict_models import LIST_FORMATS, print_models

    sources = {one: context.get_parameter_source(one) for one in context.params}
    given = {one for one, source in sources.items() if source and source.name == "COMMANDLINE"}
    others = sorted(given - {"models", "output_format"})
    if others or name not in LIST_FORMATS:
        accepted = f"goes with --format {' or '.join(LIST_FORMATS)} alone"
        beside = f", not with {', '.join(others)}" if others else f", not {name}"
        raise typer.BadParameter(accepted + beside, param_hint="--models")
    print_models(name)


def _stream(
    model: str | None,
    name: str,
    speech: Speech,
    device: str,
    samples: tuple[str, int, int],
    *,
    raw: bool,
    alone: bool,
    own_voice: bool,
) -> None:
    """Judge standard input; `samples` are encoding, rate in Hz and number of channels."""
    from ser_pcq.cli.predict_stream import STREAM_FORMATS, print_stream
    from ser_pcq.inference.stream import PcmFormat

    if not alone or name not in STREAM_FORMATS:
        raise typer.BadParameter(
            "--stream goes with --model, --speech, --own-voice, --device, --format table or jsonl, "
            "--raw, --rate, --channels and --encoding alone"
        )
    what = PcmFormat(*samples)
    print_stream(model, what, speech.value, device, name, raw=raw, own_voice=own_voice)


def _refuse_misplaced(
    name: str,
    output: Path | None,
    output_dir: Path | None,
    jobs: int,
    timeout: float | None,
    *,
    resume: bool,
    raw: bool,
) -> None:
    """Refuse options without what they need: a folder for one recording per file, for example.

    Raises:
        BadParameter: When options do not go together.
    """
    if raw:
        raise typer.BadParameter("goes with --stream only", param_hint="--raw")
    kind = FORMATS[name]
    if kind.one_recording != (output_dir is not None):
        needs = "needs" if kind.one_recording else "does not take"
        raise typer.BadParameter(f"--format {name} {needs} --output-dir")
    if output is not None and output_dir is not None:
        raise typer.BadParameter(f"--format {name} does not take --output")
    if resume and output is None and output_dir is None:
        raise typer.BadParameter("--resume needs --output or --output-dir")
    if timeout is not None and jobs == 1:
        raise typer.BadParameter("goes with --jobs 2 or more only", param_hint="--timeout")


def _own_voices(mix: str, *, all_one: bool, pattern: str | None) -> bool:
    """Tell whether the model is to be adapted to voices.

    Raises:
        BadParameter: When other options do not go with that.
    """
    if not all_one and pattern is None:
        return False
    flag = "--own-voice" if all_one else "--own-voice-by"
    if all_one and pattern is not None:
        raise typer.BadParameter("takes the place of --own-voice", param_hint="--own-voice-by")
    if mix == "split":
        raise typer.BadParameter("does not go with --mix split", param_hint=flag)
    return True


def _with_own_voices(job: "Job", paths: list[str], pattern: str | None) -> "Job":
    """Adapt the model of a job to who speaks."""
    from ser_pcq.cli.predict_own_voice import with_own_voices

    return with_own_voices(job, paths, pattern)


def _load(
    wanted: "Wanted",
    model: str | None,
    device: str,
    min_confidence: float,
    segments: bool,
    speech: Speech,
    mix: str,
    jobs: int,
    timeout: float | None,
) -> "Job":
    """Load the model that is named, or the default, and say what its licence does not allow."""
    from ser_pcq.cli.licence_notice import say_licence
    from ser_pcq.inference.jobs.job import Job
    from ser_pcq.inference.predictor import load

    predictor = load(
        model or None,
        device=device,
        min_confidence=min_confidence,
        segments=segments,
        speech=speech.value,
        mix=mix,
    )
    say_licence(predictor.classifier)
    return Job(
        predictor,
        wanted.recordings,
        wanted.total,
        wanted.has_utterances,
        jobs,
        timeout or TIMEOUT,
    )


def main() -> None:
    """Entry point of `ser-predict`."""
    quiet_libraries()
    end_tidily()
    run(app, "ser-predict")


if __name__ == "__main__":
    main()
