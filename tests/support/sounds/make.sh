#!/usr/bin/env bash
# Make the sounds for tests again: bash tests/support/sounds/make.sh (needs espeak-ng and sox).
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# say VOICE PITCH(0-99) WORDS_PER_MINUTE LOUDNESS(0-200) TEXT OUTPUT SOX_OUTPUT_OPTIONS...
say() {
    local voice=$1 pitch=$2 rate=$3 loudness=$4 text=$5 output=$6
    shift 6
    espeak-ng -v "$voice" -p "$pitch" -s "$rate" -a "$loudness" -w "$work/speech.wav" "$text"
    # -R: the same dither and stream numbers in every run. The tail of silence is cut off.
    sox -R "$work/speech.wav" "$@" "$output" reverse silence 1 0.02 0.1% reverse
}

say de+m3 35 130 70 "Der Lappen liegt auf dem Eisschrank." calm.wav -r 16000
say de+f2 85 190 120 "Das will sie am Mittwoch abgeben, am Mittwoch!" lively.wav -r 16000
say de+m1 20 95 45 "Heute abend könnte ich es ihm sagen." slow.flac -r 16000
say en+f3 70 190 120 "I told you to leave it there, right there!" stereo.ogg -r 44100 -c 2
say en+m7 45 160 100 "We will meet at seven, as always." telephone.wav -r 8000 -e u-law
