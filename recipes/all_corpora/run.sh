#!/usr/bin/env bash
# Several corpora as one: each is left out in turn, and a model of the others is tested on it.
#
#   recipes/all_corpora/run.sh --data-dir DIR [--corpora "NAME ..."] [--drop LABEL,...] [--map OLD=NEW,...]
#        [--labels LABEL,...] [--conf NAME] [--protocol NAME] [--encoder DIR] [--seeds "0 1"]
#        [--jobs N] [--model NAME] [--precision int8|float32] [--work-dir DIR] [--stage N] [--stop-stage N]
#
# DIR holds data directories, as `ser-data prepare` writes them; --corpora names some of them.
# --protocol is a file of the folder protocols: "clean" leaves each corpus out, "emodb-speakers" each
# speaker of EMO-DB, with the others in training. The last table of stage 3 is among --labels alone.
# Stages: 0 combine, 1 validate, 2 train, 3 score; on request 4: keep the predictions beside the
# recipe's results, 5: train a model on all corpora, for the package where there is a card of it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data_dir="" corpora="" drop="" map="" labels=anger,happiness,neutral,sadness conf=voices-large encoder=""
protocol=clean seeds=0 jobs=1 model="" precision=int8 work_dir=$here stage=0 stop_stage=3
. "$here/../options.sh"
find_settings
if [ ! -f "$here/protocols/$protocol" ]; then echo "$0: no protocol $protocol (see --help)" >&2; exit 2; fi
changes_of "$here" "$protocol"
data=$work_dir/data/all_corpora exp=$work_dir/exp/all_corpora/$conf kept=$here/results/$conf
options=(--cache-dir "$work_dir/cache" --jobs "$jobs" --resume)
if [ -n "$encoder" ]; then options+=(--set "context.encoder=\"$encoder\""); fi

if at 0; then
  parts=()
  for name in ${corpora:-$(ls "$data_dir" 2> /dev/null)}; do
    if [ "$data_dir/$name" -ef "$data" ]; then continue
    elif [ -f "$data_dir/$name/wav.scp" ]; then parts+=("$data_dir/$name")
    else say "no data directory, left out: $name"; fi
  done
  if [ ${#parts[@]} -lt 2 ]; then echo "$0: --data-dir must hold two data directories or more (see --help)" >&2; exit 2; fi
  ser-data combine "${parts[@]}" "$data" ${drop:+--drop "$drop"} ${map:+--map "$map"}
fi
if at 1; then say "validate"; ser-data validate "$data"; ser-data summary "$data"; fi
if at 2; then for seed in $seeds; do
  say "$conf, seed $seed"
  ser-train "$settings" "$data" "$exp/$protocol/seed_$seed" --seed "$seed" "${options[@]}" "${changes[@]}"
done; fi
if at 3; then
  say "score"; ser-eval "$exp/$protocol"
  if [ -n "$labels" ]; then say "among $labels"; ser-eval "$exp/$protocol" --labels "$labels"; fi
fi
if at 4; then ser-eval "$exp/$protocol" --output-dir "$kept/$protocol" --no-figures; fi
if at 5; then
  options_for_everybody "$here"; everybody=$work_dir/exp/${model:=$conf}
  say "$model, on all corpora"
  ser-train "$settings" "$data" "$everybody" "${options[@]}" "${changes[@]}"
  ship "$here" "$model" "$everybody/all/checkpoint" "$precision" CC-BY-NC-SA-4.0
fi
