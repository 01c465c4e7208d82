"""Adapting a predictor to a voice: which recordings count, and when nothing is done."""

import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from support.voices import recordings, trained

from ser_pcq import PredictOptions, load
from ser_pcq.errors import SerError
from ser_pcq.inference.jobs.voices import VoicesPredictor
from ser_pcq.inference.own_voice import adaptation
from ser_pcq.inference.own_voice.adaptation import adapt_to_voice
from ser_pcq.inference.own_voice.hearing import hear_each, hear_voice
from ser_pcq.inference.own_voice.speakers import speakers_of
from ser_pcq.inference.predictor import Predictor


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return load(trained(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    return recordings(tmp_path_factory.mktemp("voice"))


@pytest.fixture
def faulty(tmp_path, voice):
    """Recordings that do not count."""
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    (tmp_path / "no_audio.wav").write_text("no audio")
    soundfile.write(tmp_path / "noise.wav", np.random.default_rng(0).normal(0, 0.1, 48_000), 16_000)
    shutil.copy(voice[0], tmp_path / "again.wav")
    return [tmp_path / n for n in ("silent.wav", "no_audio.wav", "noise.wav", "again.wav", "gone")]


def hear(predictor, inputs, **options):
    classifier = predictor.classifier
    return hear_voice(hear_each(classifier, predictor.options, inputs, **options), classifier.width)


def test_what_has_no_answer_or_was_heard_before_does_not_count(predictor, voice, faulty):
    heard = hear(predictor, [*voice[:2], *faulty])
    words = {one.path.rpartition("/")[2]: one.reason.word for one in heard.left_out}
    assert words == {
        "silent.wav": "silent",
        "no_audio.wav": "unreadable",
        "noise.wav": "no_speech",
        "again.wav": "repeated",
        "gone": "missing",
    }
    np.testing.assert_allclose(heard.vectors, predictor.embed(voice[:2]))
    assert len(heard.prints) == 2
    seconds = sum(soundfile.info(path).duration for path in voice[:2])
    assert heard.seconds == pytest.approx(seconds)


def test_a_predictor_is_adapted_from_whatever_holds_recordings(predictor, voice):
    one = predictor.adapted(voice)
    two = predictor.adapted([soundfile.read(path, dtype="float32") for path in voice])
    said = one.predict(voice[0])
    assert said.probabilities == two.predict(voice[0]).probabilities
    assert said.model == "exp+own-voice"
    assert said.probabilities != predictor.predict(voice[0]).probabilities
    assert one.adapted(voice).classifier.name == "exp+own-voice"
    with pytest.raises(SerError, match="pickled"):
        pickle.dumps(one)


def test_options_stay(predictor, voice):
    strict = Predictor(predictor.classifier, replace(predictor.options, min_confidence=1.0))
    adapted = strict.adapted(voice)  # what the first model is unsure of counts as well
    assert adapted.predict(voice[0]).status == "abstained"


def test_too_few_recordings_are_refused_by_name(predictor, voice, faulty):
    with pytest.raises(SerError) as caught:
        predictor.adapted([*voice[:9], *faulty])
    message = str(caught.value)
    assert "too few recordings of the voice count; given: 9 of 14, without" in message
    assert "silent.wav (silent: " in message
    assert "accepted: 10 or more" in message
    assert len(predictor.adapted(voice[:10]).classifier.prints) == 10


def test_pieces_of_words_are_refused_by_their_length(predictor, voice):
    pieces = [soundfile.read(path, dtype="float32")[0][:8000] for path in voice]
    with pytest.raises(SerError, match="too short") as error:
        predictor.adapted(pieces, 16000)
    assert "15 recordings, 7.5 s in all" in str(error.value)


def test_one_emotion_alone_changes_nothing(predictor, tmp_path):
    angry = [p for p in recordings(tmp_path, per_class=12) if "anger" in p.name]
    found = adapt_to_voice(predictor.classifier, predictor.options, angry)
    assert found.classifier is None
    assert found.spread < 1.25
    assert "not adapted: the recordings may be of one emotion" in found.sentences()[-1]
    with pytest.raises(SerError, match="add recordings of other emotions"):
        predictor.adapted(angry)


def test_a_model_that_does_not_say_how_emotions_vary_is_adapted_and_says_so(predictor, voice):
    first = adapt_to_voice(predictor.classifier, predictor.options, voice)
    older = replace(first.classifier, base=replace(first.classifier.base, within=None))
    found = adapt_to_voice(older, predictor.options, voice)
    assert found.spread is None
    assert "does not say whether" in found.sentences()[-1]
    assert "differ" in first.sentences()[-1]


def test_of_many_recordings_some_are_drawn(predictor, voice, monkeypatch):
    monkeypatch.setattr(adaptation, "AT_MOST", 11)
    one, two = (adapt_to_voice(predictor.classifier, predictor.options, voice) for _ in range(2))
    assert (one.n_given, one.n_heard, one.n_counted) == (15, 11, 11)
    assert one.sentences()[0].startswith("15 recordings were given, and 11 of them heard, drawn")
    np.testing.assert_array_equal(one.classifier.head.weight, two.classifier.head.weight)


def test_progress_is_reported(predictor, voice):
    seen = []
    adapt_to_voice(
        predictor.classifier, predictor.options, voice, on_progress=lambda *one: seen.append(one)
    )
    assert seen == [(k, 15) for k in range(1, 16)]


def test_channels_cannot_be_split(predictor, voice):
    split = Predictor(predictor.classifier, PredictOptions(predictor.options.model, mix="split"))
    with pytest.raises(SerError, match="channels"):
        split.adapted(voice)


def test_speakers_are_found_in_names():
    names = ["day/anna_1.wav", "anna_2.wav", "ben_1.wav"]
    assert speakers_of(names, r"(?P<speaker>[^/_]+)_[^/]*$") == ["anna", "anna", "ben"]
    with pytest.raises(
        SerError, match=r"finds no speaker in 2 of 3 recordings; given:.*anna_2.wav"
    ):
        speakers_of(names, r"(?P<speaker>.*)/")
    with pytest.raises(SerError, match="no group named speaker"):
        speakers_of(names, "(.*)")
    with pytest.raises(SerError, match="not a regular expression"):
        speakers_of(names, "(?P<speaker>")


def test_each_recording_is_judged_by_the_model_of_its_speaker(predictor, voice):
    adapted = predictor.adapted(voice)
    both = VoicesPredictor(predictor, [(voice[0], "anna"), (voice[1], "ben")], {"anna": adapted})
    results = list(both.predict_all(voice[:3]))
    assert [one.model for one in results] == ["exp+own-voice", "exp", "exp"]
    assert results[0].probabilities == adapted.predict(voice[0]).probabilities
    assert results[1].probabilities == predictor.predict(voice[1]).probabilities
    assert list(both.predict_all(voice[:3], jobs=2)) == results


def test_several_processes_hear_the_same(predictor, voice, faulty):
    inputs = [*voice, *faulty]
    one, two = (hear(predictor, inputs, jobs=jobs) for jobs in (1, 2))
    np.testing.assert_array_equal(one.vectors, two.vectors)
    assert [p.digest for p in one.prints] == [p.digest for p in two.prints]
    assert (one.seconds, one.left_out, one.results) == (two.seconds, two.left_out, two.results)
    assert one.places == tuple(range(len(voice)))


@pytest.mark.parametrize("least", [0.0, 0.6])
def test_answers_to_what_was_heard_are_those_of_the_adapted_model(predictor, voice, faulty, least):
    options = replace(predictor.options, min_confidence=least)
    inputs = [*faulty[:2], *voice]
    found = adapt_to_voice(predictor.classifier, options, inputs)
    judged = Predictor(found.classifier, options).predict_all(inputs)
    for place, said in enumerate(judged):
        assert found.answers.get(place) == (said if place > 1 else None)


def test_what_is_judged_in_windows_is_judged_again(predictor, voice, tmp_path):
    samples = [soundfile.read(path, dtype="float32")[0] for path in voice]
    long = np.concatenate(samples * 3)[: 16_000 * 31]
    assert len(long) == 16_000 * 31
    soundfile.write(tmp_path / "long.wav", long, 16_000)
    found = adapt_to_voice(predictor.classifier, predictor.options, [*voice, tmp_path / "long.wav"])
    assert found.n_counted == len(voice) + 1
    assert set(found.answers) == set(range(len(voice)))
    timed = replace(predictor.options, segments=True)
    assert not adapt_to_voice(predictor.classifier, timed, voice).answers
