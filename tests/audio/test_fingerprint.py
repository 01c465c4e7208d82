"""A recording is found again however it is stored, and another one is never taken for it."""

import json
import runpy
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from support.paths import ROOT, SOUNDS

from ser_pcq.audio.find import find_audio
from ser_pcq.audio.fingerprint import (
    STEP,
    WINDOW,
    AudioPrint,
    Copy,
    audio_print,
    find_copies,
    load_prints,
    save_prints,
)
from ser_pcq.audio.fingerprint_match import shared_stretches
from ser_pcq.audio.waveform import SAMPLE_RATE, read_waveform
from ser_pcq.data.corpora import synthetic
from ser_pcq.errors import AudioError, DataError

# What the benchmark alters recordings with, so that both speak of the same copies.
BENCHMARK = runpy.run_path(str(ROOT / "benchmarks" / "fingerprint.py"))

Recordings = dict[str, np.ndarray]


def read_all(folder: Path) -> Recordings:
    return {path.stem: read_waveform(path) for path in find_audio([folder])}


def print_all(recordings: Recordings) -> list[AudioPrint]:
    return [audio_print(name, samples) for name, samples in recordings.items()]


@pytest.fixture(scope="module")
def emodb(emodb_dir: Path) -> Recordings:
    return read_all(emodb_dir / "wav")


@pytest.fixture(scope="module")
def emodb_prints(emodb: Recordings) -> list[AudioPrint]:
    return print_all(emodb)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    folder = tmp_path_factory.mktemp("synthetic")
    return read_all(synthetic.generate(folder)) | read_all(SOUNDS)


def find_altered(recordings: Recordings, all_prints: list[AudioPrint], kind: str) -> list[Copy]:
    """Altered recordings are found among all, and nothing else is."""
    copies = {
        name: BENCHMARK["altered"](samples, kind, seed)
        for seed, (name, samples) in enumerate(recordings.items())
    }
    found = find_copies(print_all(copies), all_prints)
    assert [(pair.a, pair.b) for pair in found] == [(name, name) for name in recordings]
    return found


def test_no_two_recordings_of_emodb_are_copies(emodb_prints: list[AudioPrint]) -> None:
    assert len(emodb_prints) == 535
    assert find_copies(emodb_prints) == []


def test_no_two_made_up_recordings_are_copies(made_up: Recordings, tmp_path: Path) -> None:
    assert len(made_up) == 41
    assert find_copies(print_all(made_up)) == []
    more = synthetic.generate(tmp_path, seed=1, labels=list(synthetic.STYLES), per_class=5)
    assert find_copies(print_all(read_all(more)), print_all(made_up)) == []
    assert find_copies(print_all(read_all(more))) == []


@pytest.mark.parametrize("alteration", BENCHMARK["FOUND"])
def test_altered_recordings_of_emodb_are_found(
    emodb: Recordings, emodb_prints: list[AudioPrint], alteration: str
) -> None:
    found = find_altered(dict(list(emodb.items())[::18]), emodb_prints, alteration)
    assert {pair.kind for pair in found} == {"same" if alteration == "FLAC" else "nearly the same"}


# Sums of harmonics have little between them, so that noise and a shift of pitch meet more bits.
HARD = {"noise, 20 dB", "speed × 0.99"}


@pytest.mark.parametrize("alteration", [name for name in BENCHMARK["FOUND"] if name not in HARD])
def test_altered_made_up_recordings_are_found(made_up: Recordings, alteration: str) -> None:
    long = {name: s for name, s in made_up.items() if len(s) > 1.5 * SAMPLE_RATE}
    assert len(long) > 20
    find_altered(long, print_all(made_up), alteration)


def test_joined_recordings_are_found_at_their_place(made_up: Recordings) -> None:
    names = list(made_up)[:3]
    parts = [made_up[name] for name in names]
    both_ways = {}
    joined = audio_print("joined", np.concatenate(parts))
    for pair in find_copies([joined], print_all(made_up)):
        both_ways[pair.b] = pair.offset
    assert list(both_ways) == names
    starts = np.cumsum([0] + [len(part) for part in parts[:-1]]) / SAMPLE_RATE
    np.testing.assert_allclose(list(both_ways.values()), starts, atol=STEP / SAMPLE_RATE)
    turned = find_copies(print_all(made_up), [joined])
    assert {pair.a: -pair.offset for pair in turned} == both_ways


def test_offsets_turn_with_the_order_of_a_pair(made_up: Recordings) -> None:
    samples = made_up["f02_anger_01"]
    whole, part = audio_print("whole", samples), audio_print("part", samples[4_000:])
    pairs = {
        (p.a, p.b): p.offset
        for p in find_copies([whole, part, replace(whole, utterance_id="twin")])
    }
    assert pairs == {("whole", "part"): 0.25, ("whole", "twin"): 0.0, ("part", "twin"): -0.25}


def test_what_two_longer_recordings_share_is_found(made_up: Recordings) -> None:
    start, end, shared, other = (made_up[name] for name in list(made_up)[5:9])
    [pair] = find_copies(
        [audio_print("a", np.concatenate([start, shared[:16_000]]))],
        [audio_print("b", np.concatenate([end, shared[:16_000], other]))],
    )
    assert pair.duration == pytest.approx(1.0, abs=0.2)
    assert pair.offset == pytest.approx((len(start) - len(end)) / SAMPLE_RATE, abs=0.026)
    assert pair.error_rate < 0.2


def test_same_samples_are_the_same_whatever_the_name() -> None:
    noise = np.random.default_rng(0).normal(size=SAMPLE_RATE).astype(np.float32)
    noise[:100] = 0
    signed = np.where(noise == 0, np.float32(-0.0), noise)
    [pair] = find_copies([audio_print("a", noise), audio_print("b", signed)])
    assert pair == Copy("a", "b", "same", 0.0, pair.duration, 0.0)
    assert pair.duration == pytest.approx(1.0, abs=STEP / SAMPLE_RATE)
    [short] = find_copies([audio_print("a", noise[:200])], [audio_print("a", noise[:200])])
    assert (short.kind, short.duration) == ("same", 0.0)


def test_silence_and_steady_tones_agree_with_nothing(tone, tmp_path: Path) -> None:
    still = {f"silence {n}": np.full(n, 0.25) for n in (16_000, 32_000, 32_001)}
    for seconds in (1.5, 2.0, 2.5):
        path = tone(tmp_path / "tone.wav", seconds=seconds)
        still[f"tone {seconds}"] = read_waveform(path)
    prints = print_all(still)
    assert not any(item.codes.any() for item in prints)
    assert all(len(item.codes) for item in prints)
    assert find_copies(prints) == []


def test_pauses_do_not_agree(made_up: Recordings) -> None:
    pause = np.zeros(3 * SAMPLE_RATE, dtype=np.float32)
    paused = {
        name: np.concatenate([samples[:8_000], pause, samples[8_000:]])
        for name, samples in made_up.items()
    }
    prints = print_all(paused)
    assert np.mean(np.concatenate([item.codes for item in prints]) == 0) > 0.4
    assert find_copies(prints) == []


def test_level_changes_nothing_and_a_second_costs_160_bytes() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=10 * SAMPLE_RATE) * 0.1
    item = audio_print("a", noise)
    np.testing.assert_array_equal(audio_print("a", noise * 8).codes, item.codes)
    assert item.codes.dtype == np.uint32
    assert len(item.codes) == (len(noise) - WINDOW) // STEP
    assert item.codes.nbytes < 160 * 10


def test_equal_input_gives_equal_prints_and_pairs(made_up: Recordings) -> None:
    longer = {f"{name} 2": BENCHMARK["altered"](s, "MP3", 0) for name, s in made_up.items()}
    once, again = (print_all({**made_up, **longer}) for _ in range(2))
    for a, b in zip(once, again, strict=True):
        assert a.digest == b.digest
        np.testing.assert_array_equal(a.codes, b.codes)
    pairs = find_copies(once)
    assert find_copies(again) == pairs
    order = [item.utterance_id for item in once]
    assert pairs == sorted(pairs, key=lambda pair: (order.index(pair.a), order.index(pair.b)))
    turned = find_copies(once[::-1])
    assert {(p.b, p.a) for p in turned} == {(p.a, p.b) for p in pairs}


def test_two_lists_are_compared_crosswise_only(made_up: Recordings) -> None:
    first, second, third, *_ = print_all(made_up)
    twin = replace(first, utterance_id="twin")
    assert [(c.a, c.b) for c in find_copies([first, second, twin])] == [
        (first.utterance_id, "twin")
    ]
    assert find_copies([first, twin], [second, third]) == []
    found = find_copies([first, second], [third, twin, second])
    assert [(c.a, c.b) for c in found] == [
        (first.utterance_id, "twin"),
        (second.utterance_id, second.utterance_id),
    ]
    assert find_copies([]) == find_copies([], [first]) == find_copies([first], []) == []


def score_by_hand(a: np.ndarray, b: np.ndarray) -> int:
    """What the best run of any alignment reaches, place by place."""
    best = 0
    for offset in range(1 - len(b), len(a)):
        run = 0
        for place in range(max(0, offset), min(len(a), len(b) + offset)):
            x, y = int(a[place]), int(b[place - offset])
            run = max(0, run + (9 - (x ^ y).bit_count() if x and y else 0))
            best = max(best, run)
    return best


def test_stretches_are_those_of_an_exhaustive_search() -> None:
    rng = np.random.default_rng(2)
    whole = rng.integers(1, 1 << 32, 60, dtype=np.uint32)
    rows = []
    for k in range(24):
        # Some codes are hit more than others, as in sound.
        flips = rng.random((60, 32)) < 0.024 * k * rng.random((60, 1))
        wrong = (flips @ (1 << np.arange(32, dtype=np.uint64))).astype(np.uint32)
        row = np.where(rng.random(60) < 0.1, 0, whole ^ wrong).astype(np.uint32)
        first = rng.integers(0, 20)
        rows.append(np.concatenate([rng.integers(1, 1 << 32, k, dtype=np.uint32), row[first:]]))
    found = shared_stretches(rows, np.ones((len(rows), 2), dtype=bool))
    expected = {
        (i, j): score
        for i in range(len(rows))
        for j in range(i + 1, len(rows))
        if (score := score_by_hand(rows[i], rows[j])) >= 72
    }
    assert 50 < len(expected) < 24 * 23 // 2
    assert [(s.first, s.second) for s in found] == sorted(expected)
    for stretch in found:
        a, b = rows[stretch.first], rows[stretch.second]
        begin = max(0, stretch.offset)
        end = min(len(a), len(b) + stretch.offset)
        cut = score_by_hand(a[begin:end], b[begin - stretch.offset : end - stretch.offset])
        assert cut == expected[stretch.first, stretch.second]
        assert 0 <= stretch.error_rate < 9 / 32
        assert stretch.length <= end - begin


def test_thousands_of_recordings_take_seconds() -> None:
    rng = np.random.default_rng(3)
    prints = [
        AudioPrint(f"{k}", f"{k:032x}", rng.integers(1, 1 << 32, 150, dtype=np.uint32))
        for k in range(4_000)
    ]
    for k in range(0, 4_000, 400):
        flips = rng.random((100, 32)) < 0.1
        wrong = (flips @ (1 << np.arange(32, dtype=np.uint64))).astype(np.uint32)
        codes = np.concatenate([prints[k + 1].codes[:30], prints[k].codes[50:] ^ wrong])
        prints[k + 1] = replace(prints[k + 1], codes=codes)
    start = time.process_time()
    found = find_copies(prints)
    assert time.process_time() - start < 20  # about 2 s; a loop over pairs takes minutes
    assert [(c.a, c.b, c.offset) for c in found] == [
        (f"{k}", f"{k + 1}", 0.5) for k in range(0, 4_000, 400)
    ]


def test_what_stands_in_very_many_recordings_is_passed_over() -> None:
    rng = np.random.default_rng(4)
    beep = rng.integers(1, 1 << 32, 15, dtype=np.uint32)
    prints = []
    for k in range(1_100):
        own = rng.integers(1, 1 << 32, 40, dtype=np.uint32)
        if k == 7:
            own = prints[3].codes[len(beep) :]
        prints.append(AudioPrint(f"{k}", f"{k:032x}", np.concatenate([beep, own])))
    prints[7].codes[0] ^= np.uint32(1)
    pairs = [(c.a, c.b) for c in find_copies(prints)]
    assert ("3", "7") in pairs
    # Of 604,450 pairs that share the beep, those whose own codes happened to be alike in one place.
    assert len(pairs) < 50


def test_prints_come_back_from_the_file_as_they_were(made_up: Recordings, tmp_path: Path) -> None:
    made_up = {**made_up, "Übung 'é'/\udcff": np.ones(500), "none": np.ones(20)}
    prints = print_all(made_up)
    path = tmp_path / "new" / "prints.safetensors"
    save_prints(path, prints)
    back = load_prints(path)
    for a, b in zip(prints, back, strict=True):
        assert (a.utterance_id, a.digest) == (b.utterance_id, b.digest)
        np.testing.assert_array_equal(a.codes, b.codes)
    assert find_copies(back) == find_copies(prints)
    seconds = sum(map(len, made_up.values())) / SAMPLE_RATE
    assert path.stat().st_size < 160 * seconds + 45 * len(prints) + 500
    save_prints(tmp_path / "again", back)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    save_prints(path, [])
    assert load_prints(path) == []


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_prints(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_damaged_files_of_prints_are_refused(made_up: Recordings, tmp_path: Path) -> None:
    path = tmp_path / "prints.safetensors"
    assert "cannot be read" in refused(path)
    save_prints(path, print_all(made_up))
    content = path.read_bytes()
    for damage in (b"", b"RIFF and so on", content[:50], content[:-1], content + b"\0"):
        path.write_bytes(damage)
        assert "cannot be read" in refused(path)
    path.write_bytes(content.replace(b'"lengths"', b'"strengths"'[:9] + b'"'))
    assert "cannot be read" in refused(path)


@pytest.mark.parametrize(
    ("about", "lengths", "wrong"),
    [
        (None, [2, 3], "this version"),
        ({"format": "ser-pcq-prints/0", "utterance_ids": ["a", "b"]}, [2, 3], "this version"),
        ({"format": "ser-pcq-prints/1"}, [2, 3], "cannot be read"),
        ({"format": "ser-pcq-prints/1", "utterance_ids": ["a"]}, [2, 3], "cannot be read"),
        ({"format": "ser-pcq-prints/1", "utterance_ids": ["a", "b"]}, [2, 4], "cannot be read"),
        (["a", "b"], [2, 3], "cannot be read"),
    ],
)
def test_foreign_files_are_refused(tmp_path: Path, about, lengths: list[int], wrong: str) -> None:
    tensors = {
        "codes": np.arange(5, dtype=np.uint32),
        "digests": np.zeros(32, dtype=np.uint8),
        "lengths": np.array(lengths, dtype=np.uint32),
    }
    metadata = None if about is None else {"prints": json.dumps(about)}
    save_file(tensors, tmp_path / "a.safetensors", metadata=metadata)
    assert wrong in refused(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(0), "empty"),
        (np.array([0.0, np.nan] * 8_000), "not_finite"),
        (np.array([np.inf] * 8_000), "not_finite"),
        (np.zeros((2, 8_000)), "not_mono"),
    ],
)
def test_what_is_no_recording_is_refused(samples: np.ndarray, reason: str) -> None:
    with pytest.raises(AudioError) as caught:
        audio_print("utterance 7", samples)
    assert caught.value.reason.word == reason
    assert "utterance 7" in str(caught.value)


def test_an_id_stands_once_in_a_list(tmp_path: Path) -> None:
    item = audio_print("a", np.ones(500))
    for call in (
        lambda: find_copies([item, item]),
        lambda: find_copies([item], [item, item]),
        lambda: save_prints(tmp_path / "prints", [item, item]),
    ):
        with pytest.raises(DataError, match="is in a list of prints twice"):
            call()
    assert not (tmp_path / "prints").exists()


def test_prints_need_no_network_library() -> None:
    code = "import sys, ser_pcq.audio.fingerprint; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
