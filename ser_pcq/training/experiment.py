"""The experiment folder: what all folds share, and the proof that they are of one kind.

::

    EXP_DIR/config.json  split.json  audio.json
    EXP_DIR/fold_01/checkpoint/  predictions.csv  provenance.json  history.csv  tensorboard/

How one fold gets from data to predictions is in `run_fold`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ser_pcq.config import Config
from ser_pcq.config.toml import from_dict, to_dict
from ser_pcq.data.directory import DataDir
from ser_pcq.errors import ConfigError, DataError, SerError
from ser_pcq.files import write_json
from ser_pcq.models.checkpoint import shareable_config
from ser_pcq.models.encoders.context import ContextEncoder
from ser_pcq.protocols.copies import AUDIO, AudioFacts, audio_facts, write_audio_facts
from ser_pcq.protocols.folds import folds_of
from ser_pcq.protocols.leakage import check_folds
from ser_pcq.protocols.rules import Fold, UtteranceGroups, groups_of, rule_of
from ser_pcq.protocols.split_file import SPLIT, Split, check_split, keep_split, make_split
from ser_pcq.protocols.verdict import Verdict
from ser_pcq.training.contract import OnProgress, ignore_progress


@dataclass(frozen=True)
class Experiment:
    """What all folds of an experiment share.

    Attributes:
        config: The configuration.
        data: The data directory.
        folds: Every fold of the protocol.
        exp_dir: The experiment folder.
        cache_dir: Folder for a frozen encoder's output.
        seed: Of initial weights, shuffling, dropout and augmentation.
        device: `auto`, `cpu` or `cuda`.
        audio: Which recordings are copies of one another.
        allow_leakage: Continue where the guard finds a leak, and mark scores and models as leaky.
    """

    config: Config
    data: DataDir
    folds: tuple[Fold, ...]
    exp_dir: Path
    cache_dir: Path
    seed: int
    device: str
    audio: AudioFacts
    allow_leakage: bool = False

    def fold_dir(self, fold: Fold) -> Path:
        """Return the folder of a fold."""
        return self.exp_dir / fold.name

    @property
    def speaker_of(self) -> dict[str, str]:
        """Return utterance id to speaker."""
        return {u.utterance_id: u.speaker for u in self.data.utterances}

    @cached_property
    def groups(self) -> dict[str, UtteranceGroups]:
        """Return the groups of each utterance, the hash of its samples included."""
        digests = {one.utterance_id: one.digest for one in self.audio.prints}
        return groups_of(self.data.utterances, digests)

    @cached_property
    def verdict(self) -> Verdict:
        """Return what the guard says of the folds."""
        protocol = self.config.protocol
        rule = rule_of(protocol.name, protocol.session_mates)
        return check_folds(self.folds, self.groups, rule, self.audio.pairs)

    def split(self) -> Split:
        """Return what `split.json` says."""
        return make_split(self.folds, self.config.protocol, self.groups)

    def record(self) -> dict[str, Any]:
        """Return what a folder was made with, except its split and the encoder's weights."""
        utterances = [(u.utterance_id, u.speaker, u.emotion) for u in self.data.utterances]
        return {
            "config": to_dict(shareable_config(self.config)),
            "seed": self.seed,
            "data": hashlib.sha256(json.dumps(sorted(utterances)).encode()).hexdigest(),
        }

    def check_record(self, **more: str) -> bool:
        """Compare `config.json` with this experiment; return False where there is none.

        Args:
            more: Further entries to compare, such as the encoder's fingerprint.

        Raises:
            SerError: When the folder was made with something else, naming what differs.
        """
        path = self.exp_dir / "config.json"
        if not path.exists():
            return False
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            # Keys that an earlier version did not have are at their defaults.
            known["config"] = to_dict(from_dict(known["config"]))
            differing = [k for k, v in {**self.record(), **more}.items() if known[k] != v]
        except (ValueError, KeyError, TypeError, ConfigError):
            differing = ["a damaged config.json"]
        if differing:
            raise SerError(
                "the experiment folder was made with something else",
                given=f"{self.exp_dir}, differing in: {', '.join(differing)}",
                do="use a new experiment folder",
            )
        return True

    def write_record(self, encoder: ContextEncoder | None) -> None:
        """Write `config.json`, `split.json` and `audio.json`, once all could be loaded.

        Raises:
            SerError: When the folder was made with other data or another encoder.
        """
        fingerprint = "none" if encoder is None else encoder.fingerprint()
        known = self.check_record(encoder=fingerprint)
        split = self.split()
        keep_split(self.exp_dir / SPLIT, split)
        write_audio_facts(self.exp_dir / AUDIO, self.audio, split.sha256)
        # The last one: where it is, the others are.
        if not known:
            write_json(self.exp_dir / "config.json", {**self.record(), "encoder": fingerprint})

    def is_finished(self, fold: Fold) -> bool:
        """Return whether the fold has been trained and scored."""
        return (self.fold_dir(fold) / "finished.json").is_file()

    def select(self, numbers: Sequence[int]) -> list[Fold]:
        """Return the folds with these numbers; all of them when there are none.

        Raises:
            DataError: For a number that the protocol does not have.
        """
        known = {fold.number: fold for fold in self.folds}
        for number in numbers:
            if number not in known:
                raise DataError("no such fold", given=number, accepted=f"1 to {len(known)}")
        return [known[n] for n in sorted(set(numbers))] or list(self.folds)

    def unfinished(self, numbers: Sequence[int], *, keep_finished: bool) -> list[Fold]:
        """Return those of the folds with these numbers (see `select`) that are still to be trained.

        Args:
            numbers: Numbers of folds; none for all.
            keep_finished: Leave finished folds out; otherwise they are refused, because training
                would replace them.

        Raises:
            DataError: For a number that the protocol does not have.
            SerError: When some are finished and that is not expected.
        """
        chosen = self.select(numbers)
        finished = [fold for fold in chosen if self.is_finished(fold)]
        if finished and not keep_finished:
            raise SerError(
                f"{len(finished)} of these folds are finished already",
                given=self.exp_dir,
                do="keep them and train the rest with --resume, or use a new folder",
            )
        return [fold for fold in chosen if fold not in finished]


def open_experiment(
    config: Config,
    data: DataDir,
    exp_dir: Path,
    *,
    cache_dir: Path,
    seed: int,
    device: str = "auto",
    allow_leakage: bool = False,
    on_compare: OnProgress = ignore_progress,
) -> Experiment:
    """Make or reopen an experiment folder; refuse one that was made with something else.

    Args:
        config: The configuration.
        data: The data directory.
        exp_dir: The experiment folder.
        cache_dir: Folder for what is computed once of each recording.
        seed: Of everything random.
        device: `auto`, `cpu` or `cuda`.
        allow_leakage: Continue where the guard finds a leak.
        on_compare: Called while recordings are compared with one another.

    Raises:
        SerError: When the folder holds another configuration, seed or split.
        LeakageError: When the folds leak and that is not allowed.
    """
    if len(data.labels) < 2:
        raise DataError(
            "training needs two emotions",
            given=", ".join(data.labels) or "none",
            accepted="2 or more labels",
            do="prepare data with at least two",
        )
    folds = folds_of(data, config.protocol)
    audio = audio_facts(data, cache_dir, on_progress=on_compare)
    experiment = Experiment(
        config, data, tuple(folds), exp_dir, cache_dir, seed, device, audio, allow_leakage
    )
    if experiment.check_record():
        check_split(exp_dir / SPLIT, experiment.split())
    if not allow_leakage:
        experiment.verdict.refuse()
    return experiment
