"""Folds: disjoint, complete, reproducible, and refused where the data cannot give them."""

import dataclasses
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.speakers import corpora, corpus

from ser_pcq.config import ProtocolConfig
from ser_pcq.data.directory import UNKNOWN_SPEAKER, DataDir
from ser_pcq.errors import DataError
from ser_pcq.protocols.folds import make_folds
from ser_pcq.protocols.leakage import check_folds
from ser_pcq.protocols.rules import PROTOCOLS, Fold, groups_of, protocol_name


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
    folds = make_folds(corpus(6, sessions=True), ProtocolConfig(name="leave-one-session-out"))
    assert [fold.held_out for fold in folds] == ["session0", "session1", "session2"]
    assert {i[:3] for i in folds[0].test} == {"s00", "s01"}
    assert {i[:3] for i in folds[0].valid} == {"s02"}


def test_leave_one_corpus_out_chooses_on_another_corpus():
    data = corpora("abcd")
    folds = make_folds(data, ProtocolConfig(name="leave-one-corpus-out"))
    assert [fold.held_out for fold in folds] == list("abcd")
    for fold, test, valid in zip(folds, "abcd", "bcda", strict=True):
        sides = [{i[0] for i in side} for side in (fold.train, fold.valid, fold.test)]
        assert sides == [set("abcd") - {test, valid}, {valid}, {test}]
    rule = PROTOCOLS["leave-one-corpus-out"]
    verdict = check_folds(folds, groups_of(data.utterances), rule, [])
    assert not verdict.leaks
    assert "corpora" in verdict.verified
    mixed = replace(folds[0], train=(*folds[0].train, folds[0].test[0]), test=folds[0].test[1:])
    kinds = {leak.kind for leak in check_folds([mixed], groups_of(data.utterances), rule, []).leaks}
    assert kinds == {"shared-corpus", "shared-speaker"}


def test_unknown_speakers_of_a_corpus_can_be_held_out_with_it():
    data = corpora("ab")
    unknown = [replace(u, speaker=UNKNOWN_SPEAKER) for u in data.utterances]
    config = ProtocolConfig(name="leave-one-corpus-out", valid_speakers=0)
    folds = make_folds(DataDir(data.path, tuple(unknown)), config)
    rule = PROTOCOLS["leave-one-corpus-out"]
    assert not check_folds(folds, groups_of(unknown), rule, []).leaks


def test_all_trains_on_everybody_and_tests_nobody():
    (fold,) = make_folds(corpus(4), ProtocolConfig(name="all"))
    assert len(fold.train) == 12
    assert fold.valid == fold.test == ()
    assert fold.name == "all"


@pytest.mark.parametrize(
    ("data", "config", "message"),
    [
        (corpus(1), ProtocolConfig(), "needs two"),
        (corpus(3), ProtocolConfig(name="k-fold-by-speaker", folds=4), "needs 4 speakers"),
        (
            corpus(2),
            ProtocolConfig(),
            r"too few speakers.*2 or more.*valid_speakers=0 --set .*last",
        ),
        (corpus(4), ProtocolConfig(valid_speakers=3), "too few speakers.*valid_speakers=2$"),
        (corpus(4), ProtocolConfig(name="leave-one-session-out"), "needs sessions"),
        (corpus(4), ProtocolConfig(name="official"), "own partition"),
        (corpus(4), ProtocolConfig(name="leave-one-corpus-out"), "corpus of each utterance"),
        (corpora("a"), ProtocolConfig(name="leave-one-corpus-out"), "needs two corpora"),
        (corpora("ab"), ProtocolConfig(name="leave-one-corpus-out"), "too few corpora"),
        (
            replace(
                corpora("abc"),
                utterances=tuple(
                    replace(u, emotion=f"{u.corpus} {u.emotion}") if u.corpus == "b" else u
                    for u in corpora("abc").utterances
                ),
            ),
            ProtocolConfig(name="leave-one-corpus-out", valid_speakers=0),
            "two emotions in common.*b has b",
        ),
        (corpus(2, sessions=True), ProtocolConfig(), "of its sessions.*session_mates"),
        (corpus(2, sessions=True), ProtocolConfig(valid_from="test"), "of its sessions"),
        (corpus(3, sessions=True), ProtocolConfig(), "valid_speakers.*session_mates"),
    ],
)
def test_what_the_data_cannot_give_is_refused(data, config, message):
    with pytest.raises(DataError, match=message):
        make_folds(data, config)


@pytest.mark.parametrize("name", ["leave-one-speaker-out", "k-fold-by-speaker"])
def test_nothing_of_a_tested_session_is_learnt_from_unless_it_is_asked_for(name):
    data = corpus(8, sessions=True)
    session = {u.utterance_id: u.session for u in data.utterances}
    for mates in ("out", "in"):
        folds = make_folds(data, ProtocolConfig(name=name, folds=4, session_mates=mates))
        assert sorted(i for fold in folds for i in fold.test) == sorted(session)
        for fold in folds:
            tested = {session[i] for i in fold.test}
            known = {session[i] for i in (*fold.train, *fold.valid)}
            assert fold.valid
            assert bool(tested & known) == (mates == "in")
            left_out = set(session) - {*fold.train, *fold.valid, *fold.test}
            assert all(session[i] in tested for i in left_out)
    assert protocol_name(ProtocolConfig(name=name)) == name
    named = protocol_name(ProtocolConfig(name=name, session_mates="in"))
    assert named == f"{name}, session-mates in training"


def test_the_official_partition_is_one_fold():
    sides = ("train", "valid", "test", "train")
    data = corpus(4)
    sided = tuple(dataclasses.replace(u, split=sides[int(u.speaker[1:])]) for u in data.utterances)
    (fold,) = make_folds(DataDir(data.path, sided), ProtocolConfig(name="official"))
    speakers = {name: {i[:3] for i in ids} for name, ids in fold.sides.items()}
    assert speakers == {"train": {"s00", "s03"}, "valid": {"s01"}, "test": {"s02"}}
    on_test = ProtocolConfig(name="official", valid_from="test")
    assert make_folds(DataDir(data.path, sided), on_test)[0].valid == fold.test


@pytest.mark.parametrize(
    "name", sorted(PROTOCOLS.keys() - {"official", "fixed", "leave-one-corpus-out"})
)
def test_speakers_that_nobody_knows_are_not_held_out(name):
    data = corpus(4, per_speaker=6, sessions=True)
    first, *others = data.utterances
    unknown = DataDir(data.path, (dataclasses.replace(first, speaker=UNKNOWN_SPEAKER), *others))
    config = ProtocolConfig(name=name, folds=3)
    if name in ("random", "all", "leave-one-sentence-out"):
        assert make_folds(unknown, config)
    else:
        with pytest.raises(DataError, match=r"who speaks.*s00-0.*protocol\.name=random"):
            make_folds(unknown, config)
    if name == "random":
        with pytest.raises(DataError, match="who speaks"):
            make_folds(unknown, dataclasses.replace(config, adapt="speaker"))


def test_leave_one_sentence_out_holds_sentences_out_and_validates_on_others():
    folds = make_folds(corpus(3, per_speaker=4), ProtocolConfig(name="leave-one-sentence-out"))
    assert [fold.held_out for fold in folds] == ["t0", "t1", "t2", "t3"]
    for fold in folds:
        sides = [{i[-1] for i in ids} for ids in fold.sides.values()]
        assert [len(s) for s in sides] == [2, 1, 1]
        assert len(set.union(*sides)) == 4


@given(st.integers(4, 14), st.integers(2, 4))
def test_k_fold_by_speaker_tests_every_speaker_once_in_parts_of_like_size(n_speakers, n_folds):
    data = corpus(n_speakers)
    config = ProtocolConfig(name="k-fold-by-speaker", folds=n_folds, valid_speakers=1)
    folds = make_folds(data, config)
    assert len(folds) == n_folds
    tested = [{i[:3] for i in fold.test} for fold in folds]
    assert sorted(s for speakers in tested for s in speakers) == list(data.speakers)
    sizes = [len(fold.test) for fold in folds]
    assert max(sizes) - min(sizes) <= 3  # one speaker's utterances
    for fold in folds:
        sides = [{i[:3] for i in ids} for ids in fold.sides.values()]
        assert sum(map(len, sides)) == n_speakers  # disjoint, and nobody is left out


def test_random_deals_each_emotion_evenly_and_another_seed_deals_otherwise():
    data = corpus(10, per_speaker=6)
    config = ProtocolConfig(name="random", folds=5)
    folds = make_folds(data, config)
    emotion = {u.utterance_id: u.emotion for u in data.utterances}
    assert sorted(i for fold in folds for i in fold.test) == sorted(emotion)
    for fold in folds:
        assert len(fold.test) == len(fold.valid) == 12
        assert sum(emotion[i] == "anger" for i in fold.test) == 6
    assert folds == make_folds(data, config)
    other = make_folds(data, dataclasses.replace(config, seed=1))
    assert folds[0].test != other[0].test


def test_as_published_the_test_fold_validates():
    config = ProtocolConfig(valid_from="test")
    for fold in make_folds(corpus(4), config):
        assert fold.valid == fold.test
        assert len(fold.train) == 9
    assert protocol_name(config) == "leave-one-speaker-out, chosen on the test fold"


def test_a_shipped_model_validates_only_where_it_is_trained_again_on_everybody():
    (fold,) = make_folds(corpus(4), ProtocolConfig(name="all", refit=True))
    assert len(fold.valid) == 3
    assert len(fold.train) == 9
    assert fold.test == ()


def test_folds_do_not_depend_on_the_order_of_the_utterances():
    data = corpus(5)
    turned = DataDir(data.path, tuple(reversed(data.utterances)))

    def as_sets(folds: list[Fold]) -> list[tuple]:
        return [(f.number, f.held_out, set(f.train), set(f.valid), set(f.test)) for f in folds]

    assert as_sets(make_folds(data, ProtocolConfig())) == as_sets(
        make_folds(turned, ProtocolConfig())
    )
