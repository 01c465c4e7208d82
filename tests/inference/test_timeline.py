"""Long recordings: nothing lost, nothing doubled, and no more memory than a window needs."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fake_speech import LABELS, RATE, BandClassifier, LevelDetector, cut, sound

from ser_pcq.audio.speech import FRAME, NoDetector
from ser_pcq.errors import SerError
from ser_pcq.inference.prediction import EmotionSegment
from ser_pcq.inference.timeline.timeline import EmotionTimeline, WindowConfig

SMALL = WindowConfig(
    window=1.024, hop=0.256, min_speech=0.1, smoothing=0.256, min_segment=0.5, max_pause=0.2
)
SHARP = WindowConfig(
    window=0.256, hop=0.256, min_speech=0.03, smoothing=0, min_segment=0, max_pause=0.2
)
PARTS = st.lists(
    st.tuples(st.sampled_from([*LABELS, None]), st.floats(0.01, 2.0)), min_size=1, max_size=7
)


class Summary(NamedTuple):
    whole: EmotionSegment | None
    speech_duration: float
    duration: float


def judged(samples, config=SMALL, blocks=None, detector=None, batch_size=3):
    timeline = EmotionTimeline(
        BandClassifier(), detector or LevelDetector(), config, batch_size=batch_size
    )
    segments = list(timeline.segments(blocks or [samples]))
    return segments, Summary(timeline.whole(), timeline.speech_duration, timeline.duration)


@settings(max_examples=40, deadline=None)
@given(PARTS, st.lists(st.integers(1, 9000), min_size=1, max_size=5))
def test_how_the_audio_is_cut_into_blocks_makes_no_difference(parts, lengths):
    samples = sound(*parts)
    assert judged(samples, blocks=cut(samples, lengths)) == judged(samples)


@settings(max_examples=60, deadline=None)
@given(PARTS, st.sampled_from([SMALL, SHARP, WindowConfig()]))
def test_segments_are_ordered_inside_the_recording_and_never_over_a_pause(parts, config):
    samples = sound(*parts)
    segments, summary = judged(samples, config)
    assert summary.duration == len(samples) / RATE
    assert 0 <= summary.speech_duration <= summary.duration
    edges = [edge for s in segments for edge in (s.start, s.end)]
    assert edges == sorted(edges)
    assert all(s.start < s.end for s in segments)
    assert all(0 <= edge <= summary.duration for edge in edges)
    for before, after in pairwise(segments):
        assert before.label != after.label or before.end < after.start
    for s in segments:
        assert s.confidence == s.probabilities[s.label]
        assert sum(s.probabilities.values()) == pytest.approx(1)
        assert tuple(s.probabilities) == LABELS
    detector = LevelDetector()
    is_speech = np.concatenate([detector.feed(samples), detector.flush()]) > 0.5
    for s in segments:  # begin and end with speech, hold no pause that is too long
        first, last = round(s.start * RATE / FRAME), -(-round(s.end * RATE) // FRAME)
        inside = is_speech[first:last]
        silent = max(len(run) for run in "".join("01"[int(x)] for x in inside).split("1"))
        assert silent * FRAME / RATE <= config.max_pause
    assert (summary.whole is None) == (not segments)
    if summary.whole is not None:
        assert (summary.whole.start, summary.whole.end) == (0, summary.duration)
        assert summary.whole.confidence == max(summary.whole.probabilities.values())
        assert sum(summary.whole.probabilities.values()) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(PARTS, st.integers(1, 9))
def test_a_recording_that_begins_whole_hops_later_has_its_segments_later(parts, n_hops):
    samples = sound((None, 1.3), *parts)  # what comes before is silence either way
    shift = n_hops * SMALL.hop
    early, _ = judged(samples)
    late, _ = judged(sound((None, shift), (None, 1.3), *parts))
    assert len(early) == len(late)
    for a, b in zip(early, late, strict=True):
        assert (a.start + shift, a.end + shift) == pytest.approx((b.start, b.end))
        assert a.label == b.label
        assert a.probabilities == pytest.approx(b.probabilities, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(PARTS, st.integers(1, 12))
def test_the_batch_size_changes_no_result(parts, batch_size):
    samples = sound(*parts)
    one, several = (judged(samples, batch_size=n) for n in (1, batch_size))
    assert [(s.start, s.end, s.label) for s in one[0]] == [
        (s.start, s.end, s.label) for s in several[0]
    ]
    assert (one[1].whole is None) == (several[1].whole is None)
    if one[1].whole is not None:
        assert one[1].whole.probabilities == pytest.approx(several[1].whole.probabilities)


def test_the_segments_are_those_of_the_recording():
    samples = sound(("low", 2.048), ("high", 2.048), (None, 1.024), ("middle", 1.024), (None, 0.5))
    segments, summary = judged(samples, SHARP)
    assert [(s.label, s.start, s.end) for s in segments] == [
        ("low", 0, 2.048),
        ("high", 2.048, 4.096),
        ("middle", 5.12, 6.144),
    ]
    assert all(s.confidence > 0.9 for s in segments)
    assert summary.speech_duration == pytest.approx(5.12)
    assert summary.duration == pytest.approx(6.644)
    segments, _ = judged(samples)  # windows of four hops blur by up to their length
    assert [s.label for s in segments] == ["low", "high", "middle"]
    assert segments[1].start == pytest.approx(2.048, abs=0.6)


def test_what_is_short_joins_its_neighbour_and_short_pauses_part_nothing():
    samples = sound(
        ("low", 1.024), (None, 0.128), ("low", 1.024), ("high", 0.256), ("low", 1.024), (None, 1)
    )
    config = WindowConfig(
        window=0.256, hop=0.256, min_speech=0.03, smoothing=0, min_segment=0.5, max_pause=0.2
    )
    (segment,), _ = judged(samples, config)
    assert (segment.label, segment.start) == ("low", 0)
    assert segment.end == pytest.approx(3.456, abs=1e-6)
    assert 0.02 < segment.probabilities["high"] < 0.2  # what joined counts
    assert len(judged(samples, SHARP)[0]) >= 3


@pytest.mark.parametrize("n", [0, 1, 100, 1599, 1600, 4096, 16_383, 16_384, 16_385, 20_000])
@pytest.mark.parametrize("detector", [LevelDetector, NoDetector])
def test_every_length_is_told_whole(n, detector):
    samples = sound(("high", n / RATE))
    segments, summary = judged(samples, detector=detector())
    if n < 1600:
        assert (segments, summary.whole) == ([], None)
    else:
        (segment,) = segments
        assert (segment.label, segment.start, segment.end) == ("high", 0, n / RATE)
        assert (summary.whole.label, summary.duration) == ("high", n / RATE)


def test_windows_have_one_length_and_the_last_one_is_moved_back_to_the_end():
    samples = sound(("low", 3.0))
    classifier = BandClassifier()
    timeline = EmotionTimeline(classifier, LevelDetector(), SMALL, batch_size=4)
    list(timeline.segments([samples]))
    assert {length for _, length in classifier.batches} == {16_384}
    assert max(n for n, _ in classifier.batches) <= 4
    assert sum(n for n, _ in classifier.batches) == (48_000 - 16_384) // 4096 + 2
    short = BandClassifier()
    list(EmotionTimeline(short, LevelDetector(), SMALL).segments([samples[:9000]]))
    assert short.batches == [(1, 9000)]


def test_silence_is_never_judged():
    classifier = BandClassifier()
    timeline = EmotionTimeline(classifier, LevelDetector(), SMALL)
    assert list(timeline.segments([sound((None, 8.0))])) == []
    assert classifier.batches == []
    assert timeline.whole() is None
    assert timeline.speech_duration == 0


@pytest.mark.parametrize("pattern", ["speech", "silence", "both", "one emotion"])
def test_memory_does_not_grow_with_the_recording(pattern):
    parts = {
        "speech": [("low", 2.0), ("high", 2.0)],
        "silence": [(None, 4.0)],
        "both": [("low", 0.7), (None, 1.1), ("middle", 1.3), (None, 0.9)],
        "one emotion": [("low", 4.0)],
    }[pattern]
    minute = sound(*parts)
    timeline = EmotionTimeline(BandClassifier(), LevelDetector(), SMALL, batch_size=4)
    held, states = [], []

    def blocks():
        for _ in range(60):
            yield from cut(minute, [3000])
            held.append(timeline.samples_held)
            windows = timeline._windows
            states.append(
                len(windows.cells) + len(windows._sums) + len(timeline._stretches.pieces)
                + len(windows._frames) + len(windows._parts)
            )  # fmt: skip

    for _ in timeline.segments(blocks()):
        pass
    limit = SMALL.window_samples + 2 * SMALL.hop_samples + 4 * SMALL.window_samples
    assert max(held) <= limit
    assert max(states) < 250
    assert max(states[30:]) <= max(states[:30])


def test_segments_are_told_as_they_close():
    seen = []
    samples = sound(("low", 2.0), (None, 2.0), ("high", 2.0), (None, 6.0))

    def blocks():
        for i, block in enumerate(cut(samples, [1600])):
            seen.append(i / 10)
            yield block

    timeline = EmotionTimeline(BandClassifier(), LevelDetector(), SMALL, batch_size=1)
    times = [(seen[-1], s.label) for s in timeline.segments(blocks())]
    assert [label for _, label in times] == ["low", "high"]
    assert times[0][0] <= 2.0 + SMALL.window + 2 * SMALL.hop + 0.2
    assert times[1][0] <= 6.0 + SMALL.window + 2 * SMALL.hop + 0.2


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"window": 0.05}, "window"),
        ({"window": float("nan")}, "window"),
        ({"hop": 0.0}, "hop"),
        ({"hop": 5.0}, "hop"),
        ({"hop": 0.3}, "whole number of hops"),
        ({"min_speech": -1}, "min_speech"),
        ({"smoothing": -0.1}, "smoothing"),
        ({"min_segment": float("inf")}, "min_segment"),
        ({"max_pause": -0.1}, "max_pause"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values, word):
    with pytest.raises(SerError, match=word):
        WindowConfig(**values)
    with pytest.raises(SerError, match="batch_size"):
        EmotionTimeline(BandClassifier(), NoDetector(), batch_size=0)
