"""The documentation names only what exists: links, commands, options, configuration keys."""

import re
import subprocess
import sys
import tomllib
from pkgutil import resolve_name

import pytest
from support.pages import blocks
from support.paths import ROOT

from ser_pcq.config import Config
from ser_pcq.config.toml import to_dict
from ser_pcq.data.corpora import CORPORA
from ser_pcq.data.download.releases import RELEASES

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("recipes/**/*.md")])


@pytest.fixture(scope="module")
def known_options(command) -> dict[str, set[str]]:
    """Options that each command lists in its help, its sub-commands' included."""
    helps = {name: [(name, "--help")] for name in ("train", "eval", "predict", "adapt", "export")}
    prepared = [*CORPORA, "folder", "csv", "audformat", "datasets"]
    others = ("download", "export", "generate", "validate", "summary", "split", "listeners")
    others += ("combine", "subset")
    helps["data"] = [("data", "--help"), *(("data", name, "--help") for name in others)]
    helps["data"] += [("data", "prepare", name, "--help") for name in prepared]
    helps["data"] += [("data", "export", name, "--help") for name in ("csv", "audformat")]
    return {
        f"ser-{name}": {
            option
            for arguments in calls
            for option in re.findall(r"--[a-z][a-z-]*", command(*arguments).stdout)
        }
        for name, calls in helps.items()
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_are_called_with_options_that_they_have(page, known_options):
    for block in blocks(page, "sh", "bash", "console", ""):
        for line in block.replace("\\\n", " ").splitlines():
            called = re.search(r"\b(ser-(?:data|train|eval|predict|adapt|export))\b(.*)", line)
            if called:
                options = set(re.findall(r"(?<!\S)--[a-z][a-z-]*", called[2]))
                unknown = options - known_options[called[1]]
                assert not unknown, f"{page.name}: {line.strip()}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_configuration_keys_exist(page):
    tables = to_dict(Config())
    code = " ".join(re.findall(r"`[^`\n]+`", page.read_text()))
    for section, key in re.findall(rf"(?<![\w.])({'|'.join(tables)})\.([a-z_]+)\b(?!\()", code):
        if key not in ("py", "md", "json", "csv", "wav", "toml", "safetensors", "onnx"):
            assert key in tables[section], f"{page.name}: {section}.{key}"


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_python_of_the_pages_runs(page):
    examples = blocks(ROOT / page, "python")
    assert examples
    for example in examples:
        result = subprocess.run(
            [sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr


def test_the_readme_starts_with_what_it_is_a_result_and_the_two_commands():
    head = "\n".join((ROOT / "README.md").read_text().splitlines()[:45])
    for word in ("make demo", "make test", "| WA |", "speech emotion recognition"):
        assert word in head


def test_the_table_of_corpora_says_what_their_modules_say():
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs" / "data.md").read_text().splitlines()
        if "`ser-data prepare " in line and line.startswith("| [")
    ]
    expected = [
        [
            f"[{c.title}](../recipes/{name}/README.md)",
            c.language,
            c.size,
            c.licence,
            ", ".join(c.labels),
            c.protocol,
            f"`ser-data prepare {name} CORPUS_DIR DATA_DIR`",
        ]
        for name, c in CORPORA.items()
        if name != "synthetic"
    ]
    assert rows == expected


def test_every_corpus_says_where_it_can_be_had():
    assert RELEASES.keys() == CORPORA.keys() - {"synthetic"}


def test_the_tree_of_the_architecture_is_the_tree():
    tree = ARCHITECTURE.split("```text\n")[1].split("```")[0]
    folders: list[str] = []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.split()[0]
        folders[depth:] = [name]
        assert ROOT.joinpath(*folders).exists(), "/".join(folders)
    named = set(re.findall(r"^  (\w+)(?:/|\.py)", tree, re.MULTILINE))
    rooms = {path.stem for path in (ROOT / "ser_pcq").iterdir() if (path / "__init__.py").exists()}
    assert rooms <= named


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(ser_pcq\.[\w.]+)`", ARCHITECTURE))))
def test_what_the_walks_of_the_architecture_pass_exists(name):
    assert resolve_name(name)


def test_the_order_of_the_rooms_is_the_one_that_is_checked():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c["layers"] for c in settings["contracts"] if c["type"] == "layers")
    order = [layer.removeprefix("ser_pcq.") for layer in reversed(layers)]
    assert f"`{' < '.join(order)}`" in ARCHITECTURE
