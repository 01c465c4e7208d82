#!/usr/bin/env bash
# CREMA-D, acted English speech, six emotions: from the released corpus to WA and UA.
# Options and stages are those of every corpus: recipes/README.md.
corpus=crema-d
. "$(dirname "$0")/../corpus.sh"
