#!/usr/bin/env bash
# RAVDESS, acted English speech, eight emotions: from the released corpus to WA and UA.
# Options and stages are those of every corpus: recipes/README.md.
corpus=ravdess
. "$(dirname "$0")/../corpus.sh"
