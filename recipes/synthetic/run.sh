#!/usr/bin/env bash
# The whole path on a tiny generated corpus, in about a minute: generate, prepare, train, score.
#
#   recipes/synthetic/run.sh [--work-dir DIR] [--seed N] [--jobs N] [--stage N] [--stop-stage N]
#
# Stages: 0 generate and prepare, 1 validate, 2 train the folds, 3 score, 4 predict.
# The corpus is synthesised sound, no speech: its scores prove the path and nothing else.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work_dir=$here
conf=pcq-tiny
seed=0
jobs=1
stage=0
stop_stage=4
. "$here/../options.sh"
data=$work_dir/data
exp=$work_dir/exp/$conf

if at 0; then
  say "generate and prepare"
  ser-data generate synthetic "$work_dir/corpus"
  ser-data prepare synthetic "$work_dir/corpus" "$data"
fi
if at 1; then say "validate"; ser-data validate "$data"; ser-data summary "$data"; fi
if at 2; then
  say "train"
  ser-train "$here/conf/$conf.toml" "$data" "$exp" --seed "$seed" --jobs "$jobs" --resume
fi
if at 3; then say "score"; ser-eval "$exp"; fi
if at 4; then say "predict"; ser-predict "$work_dir"/corpus/wav/*_01.wav --model "$exp/fold_01"; fi
