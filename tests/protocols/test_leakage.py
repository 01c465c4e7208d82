"""The guard: every kind of leak is caught on folds built to contain it, and clean ones pass."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.speakers import corpus

from ser_pcq.config import ProtocolConfig
from ser_pcq.data.copy_names import root_of
from ser_pcq.data.directory import UNKNOWN_SPEAKER
from ser_pcq.errors import DataError
from ser_pcq.protocols.copies import with_originals
from ser_pcq.protocols.folds import make_folds
from ser_pcq.protocols.leakage import check_folds, check_provenance
from ser_pcq.protocols.provenance import Provenance, read_provenance, write_provenance
from ser_pcq.protocols.rules import PROTOCOLS, Fold, UtteranceGroups, groups_of, rule_of
from ser_pcq.protocols.verdict import LeakageError, describe

DATA = corpus(4, per_speaker=4, sessions=True)
GROUPS = groups_of(
    DATA.utterances, {u.utterance_id: f"hash of {u.utterance_id}" for u in DATA.utterances}
)
BY_SPEAKER = PROTOCOLS["leave-one-speaker-out"]
CLEAN = ["leave-one-speaker-out", "leave-one-session-out", "leave-one-sentence-out"]


def folds_for(name: str = "leave-one-speaker-out", **options) -> list[Fold]:
    options = {"valid_speakers": 1, "session_mates": "in", **options}
    return make_folds(DATA, ProtocolConfig(name=name, **options))


def kinds(verdict) -> set[str]:
    return {leak.kind for leak in verdict.leaks}


@pytest.mark.parametrize("name", CLEAN)
def test_clean_folds_pass_and_say_what_was_checked(name):
    verdict = check_folds(folds_for(name), GROUPS, PROTOCOLS[name], [])
    assert verdict.leaks == ()
    assert {"audio", "copies"} < set(verdict.verified)
    assert f"{name.split('-')[2]}s" in verdict.verified
    verdict.refuse()


@given(st.integers(0, 3), st.integers(0, 3), st.sampled_from(["train", "valid"]))
def test_a_test_utterance_that_is_added_to_another_side_is_always_caught(fold, place, side):
    folds = folds_for()
    moved = folds[fold].test[place]
    folds[fold] = dataclasses.replace(folds[fold], **{side: (*folds[fold].sides[side], moved)})
    verdict = check_folds(folds, GROUPS, BY_SPEAKER, [])
    assert "same-utterance" in kinds(verdict)
    assert moved in " ".join(verdict.leaky)
    assert "speakers" not in verdict.verified


def test_a_speaker_on_two_sides_is_caught_and_named():
    folds = folds_for()
    first = folds[0]
    folds[0] = dataclasses.replace(first, train=(*first.train, first.test[0]), test=first.test[1:])
    verdict = check_folds(folds, GROUPS, BY_SPEAKER, [])
    assert kinds(verdict) == {"shared-speaker"}
    with pytest.raises(LeakageError, match=r"s00.*--allow-leakage"):
        verdict.refuse()


def test_a_speaker_in_training_and_validation_is_caught():
    folds = folds_for()
    first = folds[0]
    folds[0] = dataclasses.replace(
        first, train=(*first.train, first.valid[0]), valid=first.valid[1:]
    )
    verdict = check_folds(folds, GROUPS, BY_SPEAKER, [])
    assert "train and in valid" in verdict.leaky[0]


def test_a_session_on_two_sides_is_caught_where_sessions_are_held_out():
    folds = folds_for()  # one speaker of two in a session
    assert kinds(check_folds(folds, GROUPS, PROTOCOLS["leave-one-session-out"], [])) == {
        "shared-session"
    }
    assert check_folds(folds, GROUPS, BY_SPEAKER, []).leaks == ()


def test_a_sentence_on_two_sides_is_caught_where_sentences_are_held_out():
    verdict = check_folds(folds_for(), GROUPS, PROTOCOLS["leave-one-sentence-out"], [])
    assert kinds(verdict) == {"shared-sentence"}


def test_a_random_split_is_leaky():
    folds = folds_for("random", folds=4)
    verdict = check_folds(folds, GROUPS, PROTOCOLS["random"], [])
    assert kinds(verdict) == {"shared-speaker"}
    assert "speakers" not in verdict.verified


def test_validation_on_the_test_fold_is_caught():
    verdict = check_folds(folds_for(valid_from="test"), GROUPS, BY_SPEAKER, [])
    assert kinds(verdict) == {"chosen-on-test"}


def test_copies_of_audio_are_caught_only_across_sides():
    folds = folds_for()
    across, within = (folds[0].test[0], folds[0].train[0]), tuple(folds[0].test[:2])
    verdict = check_folds(folds, GROUPS, BY_SPEAKER, [across, within])
    assert kinds(verdict) == {"copied-audio"}
    assert within[1] not in " ".join(verdict.leaky)
    assert "audio" not in verdict.verified
    assert check_folds(folds, GROUPS, BY_SPEAKER, [within]).leaks == ()


def test_two_who_talk_at_once_may_train_and_validate_but_never_stand_in_the_test_fold():
    (fold,) = (f for f in folds_for("leave-one-session-out") if f.held_out == "session0")
    rule = PROTOCOLS["leave-one-session-out"]
    speaker = {u.utterance_id: u.speaker for u in DATA.utterances}
    mates = (fold.valid[0], fold.train[0])
    assert GROUPS[mates[0]].session == GROUPS[mates[1]].session
    assert speaker[mates[0]] != speaker[mates[1]]
    assert check_folds([fold], GROUPS, rule, [mates]).leaks == ()
    # The very same recording is one all the same.
    same = {**GROUPS, mates[0]: dataclasses.replace(GROUPS[mates[0]], audio=GROUPS[mates[1]].audio)}
    assert kinds(check_folds([fold], same, rule, [mates])) == {"copied-audio"}
    tested = (fold.test[0], fold.train[0])
    assert kinds(check_folds([fold], GROUPS, rule, [tested])) == {"copied-audio"}
    # Partners in training, as some papers have it: what is heard of both is a leak.
    first = folds_for()[0]
    mates = next(
        (a, b)
        for a in first.test
        for b in (*first.train, *first.valid)
        if GROUPS[a].session == GROUPS[b].session
    )
    loose = rule_of("leave-one-speaker-out", "in")
    assert check_folds([first], GROUPS, loose, []).leaks == ()
    assert kinds(check_folds([first], GROUPS, loose, [mates])) == {"copied-audio"}
    strict = rule_of("leave-one-speaker-out", "out")
    assert kinds(check_folds([first], GROUPS, strict, [])) == {"shared-session"}
    verdict = check_folds(folds_for(session_mates="out"), GROUPS, strict, [])
    assert verdict.leaks == ()
    assert {"speakers", "sessions"} <= verdict.verified.keys()


@pytest.mark.parametrize("side", ["train", "valid", "test"])
def test_an_unknown_speaker_may_be_anybody(side):
    fold = folds_for()[0]
    name = fold.sides[side][0]
    groups = {**GROUPS, name: dataclasses.replace(GROUPS[name], speaker=UNKNOWN_SPEAKER)}
    verdict = check_folds([fold], groups, BY_SPEAKER, [])
    assert kinds(verdict) == {"unknown-speaker"}
    assert name in " ".join(verdict.leaky)
    assert "speakers" not in verdict.verified
    everybody = {
        i: dataclasses.replace(about, speaker=UNKNOWN_SPEAKER) for i, about in GROUPS.items()
    }
    folds = folds_for("random", folds=3)
    assert kinds(check_folds(folds, everybody, PROTOCOLS["random"], [])) == {"unknown-speaker"}


def test_one_speaker_does_not_talk_at_once_with_himself():
    (fold, *_) = folds_for("random", folds=3)
    rule = PROTOCOLS["random"]
    own = next(
        (a, b) for a in fold.train for b in fold.valid if GROUPS[a].speaker == GROUPS[b].speaker
    )
    assert GROUPS[own[0]].session == GROUPS[own[1]].session
    assert "copied-audio" not in kinds(check_folds([fold], GROUPS, rule, []))
    assert "copied-audio" in kinds(check_folds([fold], GROUPS, rule, [own]))


def test_whoever_trains_a_model_that_nobody_tests_leaks_nothing():
    everybody = {
        i: dataclasses.replace(about, speaker=UNKNOWN_SPEAKER) for i, about in GROUPS.items()
    }
    fold = Fold(1, "", tuple(everybody), (), ())
    assert check_folds([fold], everybody, PROTOCOLS["all"], []).leaks == ()


def test_nothing_is_said_of_audio_that_nobody_compared():
    assert "audio" not in check_folds(folds_for(), GROUPS, BY_SPEAKER, None).verified
    bare = groups_of(DATA.utterances)
    assert "audio" not in check_folds(folds_for(), bare, BY_SPEAKER, []).verified


def test_the_same_samples_are_caught_by_their_hash_alone():
    folds = folds_for()
    a, b = folds[0].test[0], folds[0].train[0]
    groups = {**GROUPS, b: dataclasses.replace(GROUPS[b], audio=GROUPS[a].audio)}
    verdict = check_folds(folds, groups, BY_SPEAKER, None)
    assert kinds(verdict) == {"copied-audio"}
    assert a in verdict.leaky[0]
    assert b in verdict.leaky[0]


def test_nothing_is_said_of_speakers_that_are_not_known():
    groups = {i: about for i, about in GROUPS.items() if i != DATA.utterances[0].utterance_id}
    assert "speakers" not in check_folds(folds_for(), groups, BY_SPEAKER, []).verified
    assert check_folds(folds_for(), {}, BY_SPEAKER, None).verified == {}


def test_an_augmented_copy_under_another_speaker_is_caught_by_table_and_by_name():
    folds = folds_for()
    original = folds[0].test[0]
    for name, about in (
        # As Kaldi names copies and speakers.
        ("sp0.9-" + original, UtteranceGroups(speaker="sp0.9-s00")),
        ("copy77", UtteranceGroups(speaker="other", original=original)),
    ):
        leaky = dataclasses.replace(folds[0], train=(*folds[0].train, name))
        groups = {**GROUPS, name: about}
        verdict = check_folds([leaky], groups, BY_SPEAKER, [])
        assert kinds(verdict) == {"augmented-copy"}
        assert original in verdict.leaky[0]


@pytest.mark.parametrize(
    "name",
    [
        *("sp1.1-a01", "rev1_a01", "a01-noise", "a01_aug2", "a01-music", "a01_sp0.9", "a01_aug_2"),
        *("a01-speed1.1", "a01_pitch+2", "a01_noise10db", "vol0.5-a01", "sp0.9-rev1_a01"),
    ],
)
def test_names_of_copies(name):
    assert root_of(name) == "a01"
    assert with_originals(dict.fromkeys(("a01", name), UtteranceGroups()))[name].original == "a01"


def test_names_that_only_look_like_copies_stand_for_themselves():
    for name in ("a01", "aa01", "noise", "Ses01F_impro01_F000", "03a01Fa", "1001_DFA_ANG_XX"):
        assert root_of(name) == name
    # Without another one of its root, an utterance is nobody's copy.
    alone = with_originals(dict.fromkeys(("sp1.1-b01", "a01"), UtteranceGroups()))
    assert alone["sp1.1-b01"].original == "sp1.1-b01"
    siblings = with_originals(dict.fromkeys(("sp0.9-x", "sp1.1-x"), UtteranceGroups()))
    assert {about.original for about in siblings.values()} == {"x"}


def fitted(fold: Fold, **changes) -> Provenance:
    seen = {"weights": fold.train, "normalisation": fold.train, "epoch": fold.valid}
    return Provenance({**seen, **changes})


def judge(fold: Fold, provenance: Provenance):
    return check_provenance([fold], {fold.number: provenance}, GROUPS, BY_SPEAKER)


def test_honest_fitting_passes():
    fold = folds_for()[0]
    verdict = judge(fold, fitted(fold))
    assert verdict.leaks == ()
    assert set(verdict.verified) == {"fitting", "statistics"}


@pytest.mark.parametrize(
    ("thing", "kind"),
    [
        ("epoch", "chosen-on-test"),
        ("temperature", "chosen-on-test"),
        ("hyper-parameters", "chosen-on-test"),
        ("weights", "fitted-on-test"),
        ("normalisation", "fitted-on-test"),
    ],
)
def test_whatever_has_seen_a_test_utterance_is_caught(thing, kind):
    fold = folds_for()[0]
    verdict = judge(fold, fitted(fold, **{thing: (*fold.train, fold.test[0])}))
    assert kind in kinds(verdict)
    assert fold.test[0] in " ".join(verdict.leaky)
    assert "fitting" not in verdict.verified


def test_statistics_from_more_than_the_training_utterances_are_caught():
    fold = folds_for()[0]
    verdict = judge(fold, fitted(fold, normalisation=(*fold.train, *fold.valid)))
    assert kinds(verdict) == {"statistics-outside-training"}
    assert judge(fold, fitted(fold, weights=(*fold.train, *fold.valid))).leaks == ()


def test_fitting_on_other_utterances_of_the_test_speaker_is_caught():
    fold = folds_for()[0]
    smaller = dataclasses.replace(fold, test=fold.test[1:])  # one is in no side at all
    verdict = judge(smaller, fitted(smaller, weights=(*fold.train, fold.test[0])))
    assert kinds(verdict) == {"shared-speaker"}


def test_a_fold_without_provenance_leaves_fitting_unverified():
    folds = folds_for()
    some = {folds[0].number: fitted(folds[0])}
    assert check_provenance(folds, some, GROUPS, BY_SPEAKER).verified == {}


def test_provenance_survives_its_file_and_stands_for_real_utterances(tmp_path):
    fold = folds_for()[1]
    before = fitted(fold, temperature=(*fold.valid, fold.train[0]))
    write_provenance(tmp_path, before, fold, "split")
    path = tmp_path / "provenance.json"
    assert read_provenance(path, fold, "split").seen == before.seen
    # Sides mean something in their own split only.
    with pytest.raises(DataError, match="another split"):
        read_provenance(path, fold, "another")
    text = path.read_text()
    assert fold.train[1] not in text  # whole sides are named, not listed


def test_empty_provenance_proves_nothing(tmp_path):
    fold = folds_for()[1]
    write_provenance(tmp_path, Provenance({"weights": fold.train}), fold, "split")
    with pytest.raises(DataError, match="does not say what was trained on"):
        read_provenance(tmp_path / "provenance.json", fold, "split")


def test_statistics_of_the_test_speaker_are_allowed_only_to_the_adapted_protocol():
    fold = folds_for()[0]
    everybody = (*fold.train, *fold.valid, *fold.test)
    adapted = fitted(fold, **{"speaker statistics": everybody})
    assert kinds(judge(fold, adapted)) == {"fitted-on-test"}
    verdict = check_provenance([fold], {fold.number: adapted}, GROUPS, BY_SPEAKER, adapted=True)
    assert verdict.leaks == ()
    assert "own speaker" in verdict.verified["adaptation"]
    assert "speaker statistics" not in verdict.verified["fitting"]


def test_messages_are_joined_over_folds():
    folds = folds_for("random", folds=4)
    lines = describe(check_folds(folds, GROUPS, PROTOCOLS["random"], []).leaks)
    assert any("fold 1, 2, 3, 4" in line for line in lines)
    assert len(lines) <= 2
