"""Fingerprints of a data directory: computed once, and again when a file changes or is damaged."""

import dataclasses
import shutil

import pytest
from support import tiny

from ser_pcq.errors import DataError
from ser_pcq.protocols import copies as audio_copies
from ser_pcq.protocols.copies import audio_facts, read_copies, write_audio_facts


@pytest.fixture
def data(tmp_path):
    return tiny.make_data_dir(tmp_path / "tiny", speakers=2, per_class=2)


def test_facts_are_kept_until_a_file_changes(data, tmp_path, monkeypatch):
    first = audio_facts(data, tmp_path)
    assert first.copies == ()
    assert [one.utterance_id for one in first.prints] == [u.utterance_id for u in data.utterances]
    read = []
    monkeypatch.setattr(audio_copies, "audio_print", lambda *args: read.append(args))
    monkeypatch.setattr(audio_copies, "find_copies", lambda prints: read.append(prints))
    again = audio_facts(data, tmp_path)
    assert read == []
    assert [one.digest for one in again.prints] == [one.digest for one in first.prints]
    monkeypatch.undo()
    shutil.copy(data.utterances[0].audio, data.utterances[1].audio)
    (copy,) = audio_facts(data, tmp_path).copies
    assert (copy.a, copy.b) == tuple(u.utterance_id for u in data.utterances[:2])
    assert copy.kind == "same"


def test_damaged_entries_are_made_again(data, tmp_path):
    first = audio_facts(data, tmp_path)
    for path in (tmp_path / "prints").iterdir():
        path.write_bytes(b"damaged")
    again = audio_facts(data, tmp_path)
    assert [one.digest for one in again.prints] == [one.digest for one in first.prints]


def test_a_missing_recording_is_named(data, tmp_path):
    gone = dataclasses.replace(data.utterances[0], audio=tmp_path / "none.wav")
    changed = dataclasses.replace(data, utterances=(gone, *data.utterances[1:]))
    with pytest.raises(DataError, match=gone.utterance_id):
        audio_facts(changed, tmp_path)


def test_copies_in_a_file_belong_to_their_split(data, tmp_path):
    shutil.copy(data.utterances[0].audio, data.utterances[1].audio)
    facts = audio_facts(data, tmp_path)
    path = tmp_path / "audio.json"
    write_audio_facts(path, facts, "split")
    assert read_copies(path, "split") == facts.pairs
    with pytest.raises(DataError, match="another split"):
        read_copies(path, "other")
    path.write_text("{")
    with pytest.raises(DataError, match="does not fit"):
        read_copies(path, "split")
    assert read_copies(tmp_path / "none.json", "split") is None
