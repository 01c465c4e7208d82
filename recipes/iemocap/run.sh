#!/usr/bin/env bash
# IEMOCAP, acted English dialogues, four emotions: from the released corpus to WA and UA.
# Options and stages are those of every corpus: recipes/README.md.
corpus=iemocap
. "$(dirname "$0")/../corpus.sh"
