#!/usr/bin/env bash
# EMOVO, Italian acted speech, seven emotions: from the released corpus to WA and UA.
# Options and stages are those of every corpus: recipes/README.md.
corpus=emovo
. "$(dirname "$0")/../corpus.sh"
