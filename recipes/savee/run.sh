#!/usr/bin/env bash
# SAVEE, acted British English speech, seven emotions: from the released corpus to WA and UA.
# Options and stages are those of every corpus: recipes/README.md.
corpus=savee
. "$(dirname "$0")/../corpus.sh"
