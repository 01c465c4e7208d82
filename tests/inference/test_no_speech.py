"""Other sounds than speech get no emotion, or a warning; speech is speech however it comes."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from no_speech.synthesis import RATE, SYNTHESISED
from support.paths import ROOT

from ser_pcq import load
from ser_pcq.audio.find import find_audio
from ser_pcq.audio.speech import EnergyDetector
from ser_pcq.audio.waveform import read_waveform
from ser_pcq.inference.stream import live
from ser_pcq.models.classifier import HearsSpeech, judged, load_classifier
from ser_pcq.models.folder import embedded_models
from ser_pcq.models.speech_head.head import DOUBTFUL, NONE

SEED = 100  # none of those that the heads were fitted with

EXAMPLES = [path for path in find_audio([ROOT / "examples"]) if path.suffix != ".m4a"]


@pytest.fixture(scope="module", params=embedded_models())
def predictor(request):
    return load(request.param, speech="energy")


def made(name, seed=SEED):
    wave = SYNTHESISED[name][1](np.random.default_rng(seed))
    return (0.5 * wave / np.abs(wave).max()).astype(np.float32)


def is_told(prediction):
    return (prediction.reason is not None and prediction.reason.word == "no_speech") or any(
        one.word == "perhaps_no_speech" for one in prediction.warnings
    )


def test_every_embedded_model_has_a_head(predictor):
    assert isinstance(predictor.classifier, HearsSpeech)
    assert predictor.classifier.has_speech_head


def test_nine_in_ten_made_up_sounds_are_refused_or_flagged(predictor):
    told = {
        (name, seed): is_told(predictor.predict(made(name, seed), RATE))
        for name in SYNTHESISED
        for seed in range(SEED, SEED + 3)
    }
    assert np.mean(list(told.values())) >= 0.9, [name for name, is_so in told.items() if not is_so]


def test_the_speech_of_the_examples_is_speech_at_any_level(predictor):
    assert len(EXAMPLES) >= 6
    for path in EXAMPLES:
        wave = read_waveform(path)
        for gain in (1.0, 0.02, 0.5 / np.abs(wave).max()):
            prediction = predictor.predict((gain * wave).astype(np.float32), RATE)
            assert prediction.status == "ok", path
            assert not is_told(prediction), path


@pytest.mark.parametrize("name", ["melody", "drums", "rain", "birdsong"])
def test_speech_over_other_sounds_is_speech(predictor, name):
    other = made(name)
    for path in EXAMPLES:
        wave = read_waveform(path)
        beneath = np.resize(other, len(wave))
        beneath *= np.sqrt(np.mean(wave**2) / np.mean(beneath**2) / 10**1.5)
        assert predictor.predict(wave + beneath, RATE).status == "ok", path


def test_gain_makes_no_difference(predictor):
    for name in ("melody", "laughter", "keyboard"):
        loud, quiet = judged(predictor.classifier, [made(name), 0.02 * made(name)]).speech
        # Encoders in 8 bits round a little differently.
        assert abs(loud - quiet) < 0.2, name


def test_a_stretch_of_music_in_a_long_recording_has_no_segment(predictor):
    speech = np.concatenate([read_waveform(path) for path in EXAMPLES[:4]])
    music = np.concatenate([made("melody", seed) for seed in range(SEED, SEED + 3)])
    start, end = len(speech) / RATE, (len(speech) + len(music)) / RATE
    samples = np.concatenate([speech, music, speech, speech])
    with_segments = load(predictor.options.model, segments=True, speech="energy")
    prediction = with_segments.predict(samples, RATE)
    assert prediction.duration > 30
    assert prediction.status == "ok"
    inside = [min(s.end, end - 3) - max(s.start, start + 3) for s in prediction.segments]
    assert sum(max(0.0, length) for length in inside) <= 1.0
    assert sum(s.end - s.start for s in prediction.segments) > start


def test_music_alone_is_refused_however_long_and_says_nothing_in_a_stream(predictor):
    music = np.concatenate([made("melody", seed) for seed in range(SEED, SEED + 7)])
    assert predictor.predict(music, RATE).reason.word == "no_speech"
    heard = list(live([music[: 10 * RATE]], predictor.classifier, EnergyDetector()))
    assert sum(result.emotion is not None for result in heard) <= 1


def test_vectors_of_a_recording_with_music_are_those_of_its_speech(predictor):
    speech = np.concatenate([read_waveform(path) for path in EXAMPLES])
    rows = predictor.embed([made("melody"), speech[: 4 * RATE]], RATE)
    assert np.isnan(rows[0]).all() or is_told(predictor.predict(made("melody"), RATE))
    assert np.isfinite(rows[1]).all()


def test_torch_and_graph_agree(predictor):
    from ser_pcq.models.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(predictor.options.model)
    waves = [made("melody"), read_waveform(EXAMPLES[0])]
    by_graph = judged(predictor.classifier, waves).speech
    by_torch = judged(checkpoint, waves).speech
    # The graph of the large model is in 8 bits.
    np.testing.assert_allclose(by_graph, by_torch, atol=0.5)
    assert by_torch[0] < DOUBTFUL <= by_torch[1]
    assert NONE < DOUBTFUL


def test_real_sounds_are_refused_or_flagged(predictor):
    """At least nine in ten of those that no head was fitted with."""
    folder = Path(os.environ.get("SER_PCQ_NO_SPEECH", ROOT.parent / "no_speech"))
    if not (folder / "test").is_dir():
        pytest.skip(f"needs {folder}/test, which benchmarks/no_speech/collect.py writes")
    paths = find_audio([folder / "test"])
    told = [is_told(predictor.predict(path)) for path in paths]
    assert len(paths) >= 50
    assert np.mean(told) >= 0.9


def test_no_more_than_one_recording_in_a_hundred_is_flagged(predictor, emodb_dir):
    told = [is_told(predictor.predict(path)) for path in sorted(emodb_dir.glob("wav/*.wav"))[::5]]
    assert np.mean(told) <= 0.01


def test_a_model_without_a_head_predicts_as_before(tmp_path):
    import onnx

    from ser_pcq.models.onnx_export.export import export_onnx
    from ser_pcq.models.onnx_export.speech import without_head

    path = tmp_path / "plain.onnx"
    export_onnx("emodb-small", path)
    model = onnx.load(path)
    without_head(model.graph)
    onnx.save(model, path)
    plain = load(path, speech="energy")
    assert not plain.classifier.has_speech_head
    assert np.isnan(judged(plain.classifier, [made("melody")]).speech).all()
    assert plain.predict(made("melody"), RATE).status == "ok"
    with_head = load_classifier("emodb-small")
    np.testing.assert_array_equal(
        plain.classifier.probabilities([made("drums")]), with_head.probabilities([made("drums")])
    )


def test_a_head_is_fitted_and_added_by_one_call(tmp_path):
    from ser_pcq.models.sharing.packages import write_package
    from ser_pcq.training.speech_head.add import add_speech_head

    for name in SYNTHESISED:
        path = tmp_path / "sounds" / f"{name}.flac"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, made(name), RATE)
    package = tmp_path / "package"
    write_package("emodb-small", package)
    before = load_classifier(str(package)).probabilities([made("drums")])
    fitted = add_speech_head(str(package), tmp_path / "sounds", [ROOT / "examples"])
    assert 0 <= fitted.refused <= fitted.caught <= 1
    again = load_classifier(str(package))
    np.testing.assert_array_equal(again.probabilities([made("drums")]), before)
    wave = read_waveform(EXAMPLES[0])
    rows = judged(again, [wave])
    expected = fitted.head.scores(again.embeddings([wave]))
    np.testing.assert_allclose(rows.speech, expected, atol=1e-3)
