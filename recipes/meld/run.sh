#!/usr/bin/env bash
# MELD, audio of English TV dialogues, seven emotions: from the released corpus to WA and UA.
# Options and stages are those of every corpus: recipes/README.md.
corpus=meld
. "$(dirname "$0")/../corpus.sh"
