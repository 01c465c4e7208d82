"""Where things lie in the checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ser_pcq"
RECIPES = ROOT / "recipes"
SOUNDS = ROOT / "tests" / "support" / "sounds"
