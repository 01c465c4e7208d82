"""The public names are those that `ser_pcq` exports, and the pages use no other."""

import ast
from doctest import script_from_examples

import pytest
from support.pages import blocks
from support.paths import ROOT

import ser_pcq

# The code of extending.md becomes part of the package.
PAGES = sorted({ROOT / "README.md", *ROOT.glob("docs/*.md")} - {ROOT / "docs" / "extending.md"})
SOURCE = ROOT / "ser_pcq" / "__init__.py"


@pytest.mark.parametrize("name", ser_pcq.__all__)
def test_a_public_name_exists_and_is_listed(name):
    thing = getattr(ser_pcq, name)
    assert not callable(thing) or thing.__doc__
    assert name in dir(ser_pcq)
    listed = (ROOT / "docs" / "python.md").read_text().partition("## All public names")[2]
    assert f"`{name}`" in listed


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'predictor'"):
        _ = ser_pcq.predictor


def test_type_checkers_see_the_names_where_they_are_defined():
    """Names and modules of the block for type checkers are those of `_HOMES`."""
    guarded = next(node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If))
    packages: dict[str, str] = {}
    seen: dict[str, str] = {}
    for node in guarded.body:
        if isinstance(node, ast.ImportFrom):
            module = node.module.removeprefix("ser_pcq.")
            for alias in node.names:
                if alias.asname == alias.name:
                    seen[alias.name] = module
                else:
                    packages[alias.asname] = f"{module}.{alias.name}"
        else:
            seen[node.targets[0].id] = f"{packages[node.value.value.id]}:{node.value.attr}"
    assert seen == ser_pcq._HOMES


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_pages_import_public_names_only(page):
    examples = [*blocks(page, "python"), *map(script_from_examples, blocks(page, "pycon"))]
    for example in examples:
        for node in ast.walk(ast.parse(example)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("ser_pcq"):
                assert node.module == "ser_pcq"
                assert {alias.name for alias in node.names} <= set(ser_pcq.__all__)
            elif isinstance(node, ast.Import):
                assert not [a.name for a in node.names if a.name.startswith("ser_pcq.")]
