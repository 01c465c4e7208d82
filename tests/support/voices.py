"""A small linear recognizer, really trained over a random encoder, and recordings for it."""

from pathlib import Path

from ser_pcq.config.toml import from_dict
from ser_pcq.data import directory as datadir
from ser_pcq.data.corpora import synthetic
from ser_pcq.training.experiment import open_experiment
from ser_pcq.training.run_fold import run_fold
from support import tiny


def discriminant(encoder: Path, **protocol: object) -> dict[str, dict]:
    """Tables of a configuration; utterances are heard whole."""
    return {
        "model": {"name": "discriminant"},
        "context": {"encoder": str(encoder), "layers": [1, 2]},
        "segment": {"duration": 1.0, "padding": "none"},
        "statistics": {"speech_ranges": [0], "parts": [1]},
        "discriminant": {"shrinkages": [0.3, 0.7], "several": "average"},
        "protocol": {"valid_speakers": 0, **protocol},
    }


def trained(folder: Path, *, left_out: str = "nothing", **changes: dict) -> Path:
    """Train on a made-up corpus, without utterances that end in a text; return the package."""
    data = tiny.make_data_dir(folder, speakers=4, per_class=4)
    kept = [u for u in data.utterances if not u.utterance_id.endswith(left_out)]
    datadir.write(folder / "kept", kept)
    data = datadir.read(folder / "kept")
    tables = discriminant(tiny.save_whisper(folder / "whisper"), name="all")
    for section, values in changes.items():
        tables.setdefault(section, {}).update(values)
    experiment = open_experiment(
        from_dict(tables), data, folder / "exp", cache_dir=folder / "cache", seed=0, device="cpu"
    )
    run_fold(experiment, experiment.folds[0], None)
    return folder / "exp" / "all" / "checkpoint"


def recordings(folder: Path, per_class: int = 5, speakers: int = 1) -> list[Path]:
    """Make recordings of three emotions, `f01_anger_01.wav`, by speakers whom the model knows.

    They are others than those that it was trained on.
    """
    synthetic.generate(folder, seed=7, speakers=speakers, per_class=per_class)
    return sorted((folder / "wav").glob("*.wav"))
