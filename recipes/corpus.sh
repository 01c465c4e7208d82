# From a released corpus to WA and UA: what every corpus does alike.
#
#   run.sh --corpus-dir DIR [--prepare "OPTIONS"] [--data-name NAME] [--encoder DIR] [--conf NAME]
#          [--protocol NAME] [--seeds "0 1"] [--jobs N] [--work-dir DIR] [--stage N] [--stop-stage N]
#
# Stages: 0 prepare, 1 validate, 2 train the folds, 3 score; on request 4: keep the predictions
# beside the recipe's results, 5: train a model on all speakers.
# --protocol is the name of a file in the recipe's folder protocols; "clean" is the only one for
# headline numbers; "all" runs one after the other and ends with what each adds to clean.
# --conf is conf/NAME.toml of the recipe, else of recipes/conf. --prepare holds further options of
# `ser-data prepare`, and --data-name then keeps what comes of it apart. --encoder is the folder of
# a context encoder; the lower part of Whisper base is in the package.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
corpus_dir="" prepare="" data_name=$corpus encoder="" conf=${conf:-pcq-whisper} protocol=clean seeds="0 1"
jobs=2 work_dir=$here stage=0 stop_stage=3 model=${model:-$corpus-pcq}
usage_of=("$0" "$here/../corpus.sh")
. "$here/../options.sh"
find_settings
names=$protocol
if [ "$protocol" = all ]; then
  names=clean
  for file in "$here"/protocols/*; do
    if [ "${file##*/}" != clean ]; then names+=" ${file##*/}"; fi
  done
fi
data=$work_dir/data/$data_name
exp=$work_dir/exp/$data_name/$conf kept=$here/results/$conf
everybody=$work_dir/exp/$model
options=(--cache-dir "$work_dir/cache" --jobs "$jobs" --resume)
if [ -n "$encoder" ]; then options+=(--set "context.encoder=\"$encoder\""); fi

if at 0; then
  if [ -z "$corpus_dir" ]; then echo "$0: --corpus-dir is needed (see --help)" >&2; exit 2; fi
  # Options are words without blanks: they may fall apart at blanks.
  # shellcheck disable=SC2086
  ser-data prepare "$corpus" "$corpus_dir" "$data" $prepare
fi
if at 1; then say "validate"; ser-data validate "$data"; ser-data summary "$data"; fi
inflation=()
for name in $names; do
  if [ ! -f "$here/protocols/$name" ]; then echo "$0: no protocol $name (see --help)" >&2; exit 2; fi
  changes_of "$here" "$name"
  leaky=(); if [[ " ${changes[*]} " == *" --allow-leakage "* ]]; then leaky=(--allow-leakage); fi
  if at 2; then for seed in $seeds; do
    say "$conf, $name, seed $seed"
    ser-train "$settings" "$data" "$exp/$name/seed_$seed" --seed "$seed" "${options[@]}" "${changes[@]}"
  done; fi
  if at 3; then say "score $name"; ser-eval "$exp/$name" "${leaky[@]}"; fi
  if at 4; then ser-eval "$exp/$name" --output-dir "$kept/$name" --no-figures "${leaky[@]}"; fi
  if [ "$name" != clean ]; then inflation+=(--inflation "$exp/$name"); fi
done
if at 3 && [ ${#inflation[@]} -gt 0 ] && [ "$protocol" = all ]; then
  ser-eval "$exp/clean" "${inflation[@]}" || say "no table of what each protocol adds"
fi
if at 5; then
  say "$model, on all speakers"
  options_for_everybody "$here"
  ser-train "$settings" "$data" "$everybody" "${options[@]}" "${changes[@]}"
fi
