"""What the project promises of itself: small files, no pickles, no corpus audio, no paths."""

import ast
import subprocess
from pathlib import Path

import pytest
from support import slow
from support.paths import ROOT

SOURCES = sorted((ROOT / "ser_pcq").rglob("*.py"))


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("needs a git checkout: the source came without one")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_readable(path):
    source = path.read_text()
    assert source.count("\n") <= 300, "wants its own noun"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{node.name} wants its own noun"


def test_no_folder_is_a_pile():
    folders = {path.parent for path in SOURCES}
    modules = {folder: len(list(folder.glob("*.py"))) for folder in folders}
    assert {f: n for f, n in modules.items() if n > 16} == {}, "wants rooms"
    assert modules[ROOT / "ser_pcq"] <= 6


def test_every_public_thing_has_a_docstring():
    for path in SOURCES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path.name}: {node.name}"


def test_no_pickle_is_ever_loaded():
    for path in SOURCES:
        source = path.read_text()
        assert "import pickle" not in source
        for line in source.splitlines():
            if "torch.load(" in line:
                assert "weights_only=True" in line


def test_no_corpus_audio_and_no_large_file_is_tracked():
    audio = {".wav", ".flac", ".ogg", ".mp3", ".aiff", ".m4a"}
    for path in tracked():
        if path.suffix in audio:
            # The sounds of tests and of the stored experiments are synthetic; the examples are
            # attributed, by name, to a corpus that may be passed on.
            if path.parent == ROOT / "examples":
                assert f"`{path.name}`" in (path.parent / "README.md").read_text(encoding="utf-8")
                continue
            if path.parent == ROOT / "voice_example":
                assert f"\n{path.name}," in (path.parent / "meant.csv").read_text(encoding="utf-8")
                continue
            assert str(path.parent).endswith(("support/sounds", "experiments/corpus")), path
        # The folds of a corpus are the same blob beside each of its results.
        limit = 3e6 if path.name == "split.json" else 1e6
        limit = 25e6 if "embedded" in path.parts else limit
        assert path.stat().st_size < limit, path


def test_no_path_of_a_machine_is_written_down():
    for path in tracked():
        if path.suffix in {".py", ".md", ".toml", ".sh", ".json", ".csv", ".cff"}:
            text = path.read_text(encoding="utf-8")
            for word in ("/home" + "/", "/root" + "/", "/work" + "/", "/tmp" + "/w"):
                assert word not in text, f"{path}: {word}"


def test_what_is_listed_as_slow_is_there():
    names: dict[str, set[str]] = {}
    for entry in slow.listed():
        file, name = entry.split("::")
        if file not in names:
            body = ast.parse((ROOT / file).read_text()).body
            names[file] = {node.name for node in body if hasattr(node, "name")}
        assert name in names[file], f"{entry}: see support/slow.py"
