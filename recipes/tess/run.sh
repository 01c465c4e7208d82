#!/usr/bin/env bash
# TESS, acted English speech, seven emotions: from the released corpus to WA and UA.
# Options and stages are those of every corpus: recipes/README.md.
corpus=tess
. "$(dirname "$0")/../corpus.sh"
