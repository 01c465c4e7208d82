"""`ser-data prepare folder|csv|audformat|datasets`: your own data, in several forms."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from ser_pcq.cli.data.prepare import DataDir, Drop, Map, keep
from ser_pcq.cli.terminal import waiting
from ser_pcq.data.readers.columns import DEFAULTS, Columns
from ser_pcq.data.readers.folder import GROUPS

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder.")]
Corpus = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Name the corpus: speakers of data directories with different corpus names are "
        "different people, even with equal ids; without a name equal ids are one person.",
    ),
]


_WHAT = {
    "path": "Path of the audio",
    "id": "Id of the utterance",
    "sentence": "Id of the sentence, for a fixed set",
    "text": "What is said",
    "gender": "m, f or o",
    "start": "Where it begins in the audio, s",
    "end": "Where it ends in the audio, s",
    "split": "train, valid or test",
    "original": "Id of the utterance that it is a copy of",
    "ratings": "What single raters said",
}
"""What a column holds, where the name of the option does not make it clear."""


def _column(fact: str) -> Any:
    """Make the option that names the column of a fact."""
    what = _WHAT.get(fact, fact.capitalize())
    text = f"{what}: by default {', '.join(DEFAULTS[fact])}."
    return typer.Option(f"--{fact}", metavar="COLUMN", help=text)


AudioPath = Annotated[str | None, _column("path")]
Audio = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="Audio: by default the column that holds it."),
]
Emotion = Annotated[str | None, _column("emotion")]
Speaker = Annotated[str | None, _column("speaker")]
Id = Annotated[str | None, _column("id")]
Session = Annotated[str | None, _column("session")]
Sentence = Annotated[str | None, _column("sentence")]
Text = Annotated[str | None, _column("text")]
Gender = Annotated[str | None, _column("gender")]
Start = Annotated[str | None, _column("start")]
End = Annotated[str | None, _column("end")]
Split = Annotated[str | None, _column("split")]
Original = Annotated[str | None, _column("original")]
Valence = Annotated[str | None, _column("valence")]
Activation = Annotated[str | None, _column("activation")]
Dominance = Annotated[str | None, _column("dominance")]
Ratings = Annotated[str | None, _column("ratings")]
AudioDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Where relative paths begin. Else in the folder of the table."
    ),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        metavar="CHARACTER",
        help="Between columns: a character, or comma, tab, semicolon, pipe. Else the one that "
        "the header shows.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to `ser-data prepare`."""
    app.command("folder")(_folder)
    app.command("csv")(_csv)
    app.command("audformat")(_audformat)
    app.command("datasets")(_datasets)


def _folder(
    folder: Folder,
    data_dir: DataDir,
    speaker: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN",
            help="Regular expression that finds the speaker in each path below DIR, as in "
            r"'(?P<speaker>[^/_]+)_[^/]*$'. Groups: " + ", ".join(GROUPS) + ".",
        ),
    ] = None,
    corpus: Corpus = None,
    mapping: Map = None,
    drop: Drop = None,
) -> None:
    """A folder of recordings with a folder for each emotion."""
    from ser_pcq.data.readers.folder import read_folder

    with waiting("reading"):
        prepared = read_folder(folder, pattern=speaker)
    keep(prepared, data_dir, corpus=corpus, mapping=mapping, drop=drop)


def _csv(
    table: Annotated[
        Path, typer.Argument(metavar="TABLE", help="CSV or TSV with a header, in UTF-8.")
    ],
    data_dir: DataDir,
    path: AudioPath = None,
    emotion: Emotion = None,
    speaker: Speaker = None,
    utterance_id: Id = None,
    session: Session = None,
    sentence: Sentence = None,
    text: Text = None,
    gender: Gender = None,
    start: Start = None,
    end: End = None,
    split: Split = None,
    original: Original = None,
    valence: Valence = None,
    activation: Activation = None,
    dominance: Dominance = None,
    ratings: Ratings = None,
    audio_dir: AudioDir = None,
    delimiter: Delimiter = None,
    corpus: Corpus = None,
    mapping: Map = None,
    drop: Drop = None,
) -> None:
    """A table with a row for each utterance, CSV or TSV.

    Options name its columns; '' means that there is none. Without the option a column is known by
    its usual names, in any case.
    """
    from ser_pcq.data.readers.table import read_table

    columns = Columns(
        path=path,
        emotion=emotion,
        speaker=speaker,
        id=utterance_id,
        session=session,
        sentence=sentence,
        text=text,
        gender=gender,
        start=start,
        end=end,
        split=split,
        original=original,
        valence=valence,
        activation=activation,
        dominance=dominance,
        ratings=ratings,
    )
    with waiting("reading"):
        prepared = read_table(table, columns=columns, delimiter=delimiter, audio_dir=audio_dir)
    keep(prepared, data_dir, corpus=corpus, mapping=mapping, drop=drop)


def _audformat(
    folder: Folder,
    data_dir: DataDir,
    table: Annotated[
        list[str] | None,
        typer.Option(metavar="TABLE", help="Table with emotions; may be repeated."),
    ] = None,
    emotion: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Column or scheme. Else emotion or label."),
    ] = None,
    speaker: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"Column or scheme; '' for none. Else one of: {', '.join(DEFAULTS['speaker'])}.",
        ),
    ] = None,
    corpus: Corpus = None,
    mapping: Map = None,
    drop: Drop = None,
) -> None:
    """A database in audformat. Needs the package audformat."""
    from ser_pcq.data.readers.audformat import read_audformat

    with waiting("reading"):
        prepared = read_audformat(folder, tables=table or (), emotion=emotion, speaker=speaker)
    keep(prepared, data_dir, corpus=corpus, mapping=mapping, drop=drop)


def _datasets(
    folder: Folder,
    data_dir: DataDir,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Take this split only. Else all of them.")
    ] = None,
    audio: Audio = None,
    emotion: Emotion = None,
    speaker: Speaker = None,
    utterance_id: Id = None,
    session: Session = None,
    sentence: Sentence = None,
    text: Text = None,
    gender: Gender = None,
    start: Start = None,
    end: End = None,
    corpus: Corpus = None,
    mapping: Map = None,
    drop: Drop = None,
) -> None:
    """Hugging Face datasets: saved to disk, parquet, or an audio folder with metadata.

    Audio that is embedded is written to DATA_DIR/audio. Needs the package datasets. Options name
    columns, as for `csv`.
    """
    from ser_pcq.data.labels import Relabelling
    from ser_pcq.data.readers.hf_datasets import read_datasets

    columns = Columns(
        path=audio,
        emotion=emotion,
        speaker=speaker,
        id=utterance_id,
        session=session,
        sentence=sentence,
        text=text,
        gender=gender,
        start=start,
        end=end,
    )
    with waiting("reading"):
        source = read_datasets(folder, data_dir / "audio", split=split, columns=columns)
    # Wrong labels are refused before anything is written.
    kept = Relabelling.parse(mapping, drop).of(source.prepared.utterances)
    with ExitStack() as stack:
        with waiting("writing the recordings"):
            stack.enter_context(source.extracted({u.audio for u in kept}))
        keep(source.prepared, data_dir, corpus=corpus, mapping=mapping, drop=drop)
