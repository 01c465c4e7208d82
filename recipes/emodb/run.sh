#!/usr/bin/env bash
# EMO-DB, seven emotions, leave one speaker out, from the released corpus to WA and UA.
#
#   recipes/emodb/run.sh --corpus-dir DIR [--encoder DIR] [--conf NAME] [--seeds "0 1"]
#                        [--jobs N] [--work-dir DIR] [--stage N] [--stop-stage N]
#
# Stages: 0 prepare, 1 validate, 2 train the folds, 3 score; on request 4: keep the predictions
# beside the recipe's results, 5: train on all speakers the model that ships with the package.
# --encoder is the folder of a context encoder; the lower part of Whisper base is in the package.
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
data=$work_dir/data/emodb
exp=$work_dir/exp/$conf
shipped=$here/../../ser_pcq/embedded/emodb-pcq
all=$work_dir/exp/emodb-pcq
options=(--cache-dir "$work_dir/cache" --jobs "$jobs" --resume)
if [ -n "$encoder" ]; then options+=(--set "context.encoder=\"$encoder\""); fi

if at 0; then
  if [ -z "$corpus_dir" ]; then echo "$0: --corpus-dir is needed (see --help)" >&2; exit 2; fi
  ser-data prepare emodb "$corpus_dir" "$data"
fi
if at 1; then say "validate"; ser-data validate "$data"; ser-data summary "$data"; fi
if at 2; then
  for seed in $seeds; do
    ser-train "$here/conf/$conf.toml" "$data" "$exp/seed_$seed" --seed "$seed" "${options[@]}"
  done
fi
if at 3; then say "score"; ser-eval "$exp"; fi
if at 4; then
  for seed in $seeds; do
    mkdir -p "$here/results/$conf/seed_$seed"
    cp "$exp/seed_$seed/"{predictions.csv,config.json,split.json} "$here/results/$conf/seed_$seed"
  done
  ser-eval "$here/results/$conf"
fi
if at 5; then
  ser-train "$here/conf/$conf.toml" "$data" "$all" "${options[@]}" --set protocol.name=all
  mkdir -p "$shipped" && cp "$all/all/checkpoint/"{model.safetensors,checkpoint.json} "$shipped"
  cat "$all/all/checkpoint/README.md" "$here/card.md" > "$shipped/README.md"
fi
