"""Folds: disjoint, complete, reproducible, and refused where the data cannot give them."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_pcq.config import ProtocolConfig
from ser_pcq.datadir import DataDir, Utterance
from ser_pcq.errors import DataError
from ser_pcq.protocols import Fold, check_disjoint, make_folds, write_split


def corpus(n_speakers: int, per_speaker: int = 3, sessions: bool = True) -> DataDir:
    utterances = [
        Utterance(
            utterance_id=f"s{s:02d}-{i}",
            audio=Path("none.wav"),
            speaker=f"s{s:02d}",
            emotion=("anger", "neutral")[i % 2],
            session=f"session{s // 2}" if sessions else None,
        )
        for s in range(n_speakers)
        for i in range(per_speaker)
    ]
    return DataDir(Path("data"), tuple(utterances))


@given(st.integers(3, 12), st.integers(1, 2))
def test_leave_one_speaker_out(n_speakers, n_valid):
    if n_valid >= n_speakers - 1:
        return
    data = corpus(n_speakers)
    folds = make_folds(data, ProtocolConfig(valid_speakers=n_valid))
    speaker = {u.utterance_id: u.speaker for u in data.utterances}
    tested = [i for fold in folds for i in fold.test]
    assert sorted(tested) == sorted(speaker)  # every utterance is tested exactly once
    validated = []
    for fold in folds:
        sides = [{speaker[i] for i in side} for side in (fold.train, fold.valid, fold.test)]
        assert [len(s) for s in sides[1:]] == [n_valid, 1]
        assert set.union(*sides) == set(data.speakers)
        assert sum(map(len, sides)) == n_speakers  # disjoint
        validated += sides[1]
    assert all(validated.count(s) == n_valid for s in data.speakers)


def test_leave_one_session_out_holds_out_both_speakers():
    folds = make_folds(corpus(6), ProtocolConfig(name="leave-one-session-out"))
    assert [fold.held_out for fold in folds] == ["session0", "session1", "session2"]
    assert {i[:3] for i in folds[0].test} == {"s00", "s01"}
    assert {i[:3] for i in folds[0].valid} == {"s02"}


def test_all_trains_on_everybody_and_tests_nobody():
    (fold,) = make_folds(corpus(4), ProtocolConfig(name="all"))
    assert len(fold.train) == 12
    assert fold.valid == fold.test == ()
    assert fold.name == "all"


@pytest.mark.parametrize(
    ("data", "config", "message"),
    [
        (corpus(1), ProtocolConfig(), "needs two"),
        (corpus(2), ProtocolConfig(), "too few speakers"),
        (corpus(4), ProtocolConfig(valid_speakers=3), "too few speakers"),
        (corpus(4, sessions=False), ProtocolConfig(name="leave-one-session-out"), "needs sessions"),
    ],
)
def test_what_the_data_cannot_give_is_refused(data, config, message):
    with pytest.raises(DataError, match=message):
        make_folds(data, config)


def test_a_speaker_on_two_sides_is_named():
    data = corpus(4)
    fold = make_folds(data, ProtocolConfig())[0]
    leaky = dataclasses.replace(fold, train=(*fold.train, fold.test[0]))
    with pytest.raises(DataError, match="s00"):
        check_disjoint(leaky, data)


def test_a_split_is_written_once_and_never_changed(tmp_path):
    config = ProtocolConfig()
    path = tmp_path / "split.json"
    folds = make_folds(corpus(4), config)
    write_split(path, folds, config)
    before = path.read_bytes()
    write_split(path, folds, config)
    assert path.read_bytes() == before
    assert json.loads(before)["folds"][0]["test"] == list(folds[0].test)
    with pytest.raises(DataError, match="another split"):
        write_split(path, make_folds(corpus(5), config), config)
    path.write_text("{")
    with pytest.raises(DataError, match="another split"):
        write_split(path, folds, config)


def test_folds_do_not_depend_on_the_order_of_the_utterances():
    data = corpus(5)
    turned = DataDir(data.path, tuple(reversed(data.utterances)))

    def as_sets(folds: list[Fold]) -> list[tuple]:
        return [(f.number, f.held_out, set(f.train), set(f.valid), set(f.test)) for f in folds]

    assert as_sets(make_folds(data, ProtocolConfig())) == as_sets(
        make_folds(turned, ProtocolConfig())
    )
