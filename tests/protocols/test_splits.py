"""Folds in files: written once, hashed, read again to the same folds, refused when they changed."""

import dataclasses
import json

import pytest
from support.speakers import corpus

from ser_pcq.config import ProtocolConfig
from ser_pcq.errors import DataError, SerError
from ser_pcq.protocols.folds import folds_of, make_folds
from ser_pcq.protocols.rules import UtteranceGroups, groups_of
from ser_pcq.protocols.split_file import (
    SplitError,
    as_groups,
    keep_split,
    make_split,
    read_split,
    write_split_file,
)


def write(path, config, data, by="utterance"):
    folds = make_folds(data, config)
    listed = folds if by == "utterance" else as_groups(folds, data, by)
    write_split_file(path, make_split(listed, config, by=by))
    return folds


@pytest.mark.parametrize("by", ["utterance", "speaker"])
def test_an_experiment_is_split_again_from_its_lists(tmp_path, by):
    data, config = corpus(5), ProtocolConfig(valid_speakers=2)
    folds = write(tmp_path / "s.json", config, data, by)
    again = folds_of(data, dataclasses.replace(config, split=str(tmp_path / "s.json")))
    assert again == folds
    fixed = ProtocolConfig(name="fixed", split=str(tmp_path / "s.json"))
    assert folds_of(data, fixed) == folds


def test_the_order_of_lists_does_not_matter(tmp_path):
    data, config = corpus(5), ProtocolConfig()
    folds = make_folds(data, config)
    turned = [dataclasses.replace(f, train=f.train[::-1], test=f.test[::-1]) for f in folds]
    write_split_file(tmp_path / "s.json", make_split(turned, config))
    assert folds_of(data, ProtocolConfig(split=str(tmp_path / "s.json"))) == folds


def test_lists_for_another_protocol_or_other_data_are_refused(tmp_path):
    path = tmp_path / "s.json"
    write(path, ProtocolConfig(), corpus(5))
    with pytest.raises(SplitError, match="another protocol"):
        folds_of(corpus(5), ProtocolConfig(name="leave-one-sentence-out", split=str(path)))
    with pytest.raises(SplitError, match="does not have"):
        folds_of(corpus(4), ProtocolConfig(split=str(path)))


def test_a_group_on_two_sides_cannot_be_listed_by_its_name():
    data = corpus(4, per_speaker=4)
    folds = make_folds(data, ProtocolConfig(name="leave-one-sentence-out"))
    with pytest.raises(DataError, match="two sides"):
        as_groups(folds, data, "speaker")


def test_a_changed_list_is_found_by_its_hash(tmp_path):
    path = tmp_path / "s.json"
    write(path, ProtocolConfig(), corpus(4))
    content = json.loads(path.read_text())
    content["folds"][0]["train"].append(content["folds"][0]["test"].pop())
    path.write_text(json.dumps(content))
    with pytest.raises(SplitError, match="changed"):
        read_split(path)
    for damage in ("{", "[]", '{"folds": [], "sha256": ""}', ""):
        path.write_text(damage)
        with pytest.raises(SplitError, match="damaged"):
            read_split(path)


def test_a_split_is_written_once_and_never_changed(tmp_path):
    data, config, path = (
        corpus(4, sessions=True),
        ProtocolConfig(session_mates="in"),
        tmp_path / "split.json",
    )
    groups = groups_of(data.utterances)
    content = make_split(make_folds(data, config), config, groups)
    keep_split(path, content)
    before = path.read_bytes()
    keep_split(path, content)
    assert path.read_bytes() == before
    split = read_split(path)
    assert split.folds == tuple(make_folds(data, config))
    assert split.groups["s00-0"] == UtteranceGroups("s00", "session0", "t0")
    # Other speakers, other recordings under the same names: another split.
    other = make_folds(corpus(5), config)
    for changed in (
        make_split(other, config, groups),
        make_split(split.folds, config, {**groups, "s00-0": UtteranceGroups(audio="0")}),
    ):
        with pytest.raises(SerError, match="another split"):
            keep_split(path, changed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folds: [], "no fold"),
        (lambda folds: [dataclasses.replace(folds[0], number=0)], "from 1"),
        (lambda folds: [dataclasses.replace(folds[0], train=())], "nothing to train on"),
        (lambda folds: [folds[0], dataclasses.replace(folds[1], test=())], "tests nothing"),
        (lambda folds: [folds[0], dataclasses.replace(folds[0], number=2)], "in two folds"),
        (lambda folds: [folds[0], folds[0]], "twice"),
    ],
)
def test_lists_that_cannot_be_used_are_refused(tmp_path, change, message):
    data, config, path = corpus(4), ProtocolConfig(), tmp_path / "lists.json"
    write_split_file(path, make_split(change(make_folds(data, config)), config))
    with pytest.raises(SplitError, match=message):
        folds_of(data, ProtocolConfig(name="fixed", split=str(path)))


def test_a_missing_file_and_a_missing_hash_are_named(tmp_path):
    with pytest.raises(SplitError, match="cannot be read"):
        read_split(tmp_path / "none.json")
    (tmp_path / "bare.json").write_text('{"folds": []}')
    with pytest.raises(SplitError, match="no hash"):
        read_split(tmp_path / "bare.json")
