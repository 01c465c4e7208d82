#!/usr/bin/env bash
# EMO-DB, seven emotions, from the released corpus to WA and UA.
#
#   recipes/emodb/run.sh --corpus-dir DIR [--encoder DIR] [--conf NAME] [--protocol NAME]
#                        [--seeds "0 1"] [--jobs N] [--work-dir DIR] [--stage N] [--stop-stage N]
#
# Protocols: clean (the only one for headline numbers), as-published, random, speaker-adapted,
# leave-one-sentence-out; "all" runs one after the other and ends with the inflation table.
# Stages: 0 prepare, 1 validate, 2 train the folds, 3 score, and with "all" say what each protocol
# adds to clean; on request 4: keep the predictions beside the recipe's results, 5: train on all
# speakers the model that ships with the package.
# --encoder is the folder of a context encoder; the lower part of Whisper base is in the package.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
corpus_dir="" encoder="" conf=pcq-whisper protocol=clean seeds="0 1"
jobs=2 work_dir=$here stage=0 stop_stage=3
. "$here/../options.sh"
names=$protocol
if [ "$protocol" = all ]; then names="clean as-published random speaker-adapted leave-one-sentence-out"; fi
data=$work_dir/data/emodb
exp=$work_dir/exp/$conf kept=$here/results/$conf
shipped=$here/../../ser_pcq/embedded/emodb-pcq
everybody=$work_dir/exp/emodb-pcq
options=(--cache-dir "$work_dir/cache" --jobs "$jobs" --resume)
if [ -n "$encoder" ]; then options+=(--set "context.encoder=\"$encoder\""); fi

if at 0; then
  if [ -z "$corpus_dir" ]; then echo "$0: --corpus-dir is needed (see --help)" >&2; exit 2; fi
  ser-data prepare emodb "$corpus_dir" "$data"
fi
if at 1; then say "validate"; ser-data validate "$data"; ser-data summary "$data"; fi
inflation=()
for name in $names; do
  if [ ! -f "$here/protocols/$name" ]; then echo "$0: no protocol $name (see --help)" >&2; exit 2; fi
  mapfile -t changes < "$here/protocols/$name"
  leaky=(); if [[ " ${changes[*]} " == *" --allow-leakage "* ]]; then leaky=(--allow-leakage); fi
  if at 2; then for seed in $seeds; do
    say "$conf, $name, seed $seed"
    ser-train "$here/conf/$conf.toml" "$data" "$exp/$name/seed_$seed" --seed "$seed" "${options[@]}" "${changes[@]}"
  done; fi
  if at 3; then say "score $name"; ser-eval "$exp/$name" "${leaky[@]}"; fi
  if at 4; then ser-eval "$exp/$name" --output-dir "$kept/$name" --no-figures "${leaky[@]}"; fi
  if [ "$name" != clean ]; then inflation+=(--inflation "$exp/$name"); fi
done
if at 3 && [ "$protocol" = all ]; then ser-eval "$exp/clean" "${inflation[@]}"; fi
if at 5; then
  ser-train "$here/conf/$conf.toml" "$data" "$everybody" "${options[@]}" --set protocol.name=all
  mkdir -p "$shipped" && cp "$everybody/all/checkpoint/"*.{safetensors,json} "$shipped"
  cat "$everybody/all/checkpoint/README.md" "$here/card.md" > "$shipped/README.md"
fi
