#!/usr/bin/env bash
# MSP-Podcast, English podcasts, eight emotions: from the released corpus to WA and UA.
# Options and stages are those of every corpus: recipes/README.md.
corpus=msp-podcast
. "$(dirname "$0")/../corpus.sh"
