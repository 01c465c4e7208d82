#!/usr/bin/env bash
# EMO-DB, seven emotions, leave one speaker out, from the released corpus to WA and UA.
#
#   recipes/emodb/run.sh --corpus-dir DIR [--encoder DIR] [--conf NAME] [--seeds "0 1"]
#                        [--jobs N] [--work-dir DIR] [--stage N] [--stop-stage N]
#
# Stages: 0 prepare, 1 validate, 2 train the folds, 3 score; on request 4: train the model that
# ships, on all speakers, and 5: copy the predictions beside the recipe's results.
# --encoder is the folder of the context encoder; without it the hub is asked for it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
corpus_dir=""
encoder=""
conf=pcq-whisper
seeds="0 1"
jobs=2
work_dir=$here
stage=0
stop_stage=3
. "$here/../options.sh"
data=$work_dir/data
exp=$work_dir/exp/$conf
options=(--cache-dir "$work_dir/cache" --resume)
if [ -n "$encoder" ]; then options+=(--set "context.encoder=\"$encoder\""); fi

if at 0; then
  say "prepare"
  if [ -z "$corpus_dir" ]; then echo "$0: --corpus-dir is needed (see --help)" >&2; exit 2; fi
  ser-data prepare emodb "$corpus_dir" "$data"
fi
if at 1; then say "validate"; ser-data validate "$data"; ser-data summary "$data"; fi
if at 2; then
  for seed in $seeds; do
    say "train, seed $seed"
    ser-train "$here/conf/$conf.toml" "$data" "$exp/seed_$seed" --seed "$seed" --jobs "$jobs" \
      "${options[@]}"
  done
fi
if at 3; then say "score"; ser-eval "$exp"; fi
if at 4; then
  say "train on all speakers"
  ser-train "$here/conf/$conf.toml" "$data" "$exp/all" "${options[@]}" --set protocol.name=all
fi
if at 5; then
  for seed in $seeds; do
    mkdir -p "$here/results/$conf/seed_$seed"
    cp "$exp/seed_$seed/predictions.csv" "$exp/seed_$seed/scores.json" "$here/results/$conf/seed_$seed"
  done
fi
