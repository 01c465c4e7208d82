#!/usr/bin/env bash
# EMO-DB, seven emotions: from the released corpus to WA and UA.
# Options and stages are those of every corpus: recipes/README.md. Stage 5 also puts the model into
# the package.
corpus=emodb
# The graph that predicts without torch: in 8 bits where that is faster (--precision).
conf=whisper-discriminant model=emodb-large precision=int8
. "$(dirname "$0")/../corpus.sh"
if at 5; then ship "$here" "$model" "$everybody/all/checkpoint" "$precision" MIT; fi
