#!/usr/bin/env bash
# nEMO, Polish acted speech, six emotions: from the released corpus to WA and UA.
# Options and stages are those of every corpus: recipes/README.md.
corpus=nemo
. "$(dirname "$0")/../corpus.sh"
