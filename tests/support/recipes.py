"""Running a recipe as a user does."""

import subprocess

from support.paths import RECIPES


def run(recipe, *options, env, recipes=RECIPES):
    return subprocess.run(
        [recipes / recipe / "run.sh", *map(str, options)],
        env=env,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
