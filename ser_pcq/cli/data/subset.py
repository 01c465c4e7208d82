"""`ser-data subset`: a part of a data directory."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ser_pcq.cli.data.prepare import describe, number
from ser_pcq.cli.terminal import say, waiting
from ser_pcq.data import directory as datadir

NAME = "ser-data"


def register(app: typer.Typer) -> None:
    """Add the command to `ser-data`."""
    app.command()(subset)


def _names(flag: str, text: str) -> Any:
    """Make an option that takes names."""
    return typer.Option(flag, metavar="NAME,…", help=f"{text}; may be repeated.")


def _limit(flag: str, text: str) -> Any:
    """Make an option that limits a number of utterances."""
    return typer.Option(flag, metavar="N", min=1, help=f"At most N utterances{text}, at random.")


Names = list[str] | None
Limit = int | None


def subset(
    data_dir: Annotated[Path, typer.Argument(metavar="DATA_DIR", help="The data directory.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The data directory to make.")],
    speakers: Annotated[Names, _names("--speakers", "Only these speakers")] = None,
    emotions: Annotated[Names, _names("--emotions", "Only these emotions")] = None,
    corpora: Annotated[Names, _names("--corpora", "Only these corpora")] = None,
    without_speakers: Annotated[
        Names, _names("--exclude-speakers", "All but these speakers")
    ] = None,
    without_emotions: Annotated[
        Names, _names("--exclude-emotions", "All but these emotions")
    ] = None,
    without_corpora: Annotated[Names, _names("--exclude-corpora", "All but these corpora")] = None,
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="Only these utterances: their ids at the beginning of lines.",
        ),
    ] = None,
    max_utterances: Annotated[Limit, _limit("--max", "")] = None,
    max_per_speaker: Annotated[Limit, _limit("--max-per-speaker", " of each speaker")] = None,
    max_per_emotion: Annotated[Limit, _limit("--max-per-emotion", " of each emotion")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
) -> None:
    """Make a data directory of some utterances of another, which stays as it is.

    Utterances are kept that fit all options. Where there are more than a limit allows, they are
    drawn at random, the same ones for the same seed.
    """
    from ser_pcq.data.labels import Relabelling, parse_names
    from ser_pcq.data.prepared import Prepared, refuse_existing, store
    from ser_pcq.data.subset import Choice, Kind, Limits, choose, draw, read_ids

    limits = Limits(max_utterances, max_per_speaker, max_per_emotion)
    only: dict[Kind, Names] = {"speaker": speakers, "emotion": emotions, "corpus": corpora}
    without: dict[Kind, Names] = {
        "speaker": without_speakers,
        "emotion": without_emotions,
        "corpus": without_corpora,
    }
    asked = (*only.values(), *without.values(), listed)
    if not any(asked) and limits == Limits():
        raise typer.BadParameter("say what to keep", param_hint="--speakers, --emotions, … --max")
    choice = Choice(
        {kind: parse_names(names or ()) for kind, names in only.items()},
        {kind: parse_names(names or ()) for kind, names in without.items()},
        None if listed is None else read_ids(listed),
    )
    refuse_existing(out)
    data = datadir.read(data_dir)
    chosen = choose(data, choice)
    drawn = draw(chosen, limits, seed)
    if len(drawn) < len(chosen):
        found = number(len(chosen), "utterance")
        say(f"{NAME}: note: drew {len(drawn)} of {found}, with seed {seed}")
    with waiting("writing the data directory"):
        written = store(Prepared(list(drawn)), out, Relabelling({}), corpus=None)
    say(f"{NAME}: wrote {out}: {describe(written)}")
