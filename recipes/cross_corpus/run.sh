#!/usr/bin/env bash
# Train on one corpus, test on others: WA and UA on the emotions that both have.
#
#   recipes/cross_corpus/run.sh --data-dir DIR --train NAME [--test "NAME ..."] [--map OLD=NEW,...]
#        [--conf NAME] [--encoder DIR] [--seeds "0 1"] [--work-dir DIR] [--stage N] [--stop-stage N]
#
# DIR holds data directories named after their corpora, as `ser-data prepare` writes them; --test
# names some of them, without it all others that are there are tested.
# Stages: 1 validate, 2 train on all speakers, 3 score on the others, 4 print the table.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data_dir="" train="" test="" map="" conf=pcq-whisper encoder="" seeds=0 work_dir=$here stage=1 stop_stage=4
. "$here/../options.sh"
if [ -z "$data_dir" ] || [ -z "$train" ]; then
  echo "$0: --data-dir and --train are needed (see --help)" >&2; exit 2
fi
if [ ! -f "$data_dir/$train/wav.scp" ]; then
  echo "$0: no data directory $data_dir/$train: write it with ser-data prepare" >&2; exit 2
fi
find_settings
tests=()
for name in ${test:-$(ls "$data_dir")}; do
  if [ "$name" = "$train" ]; then continue; fi
  if [ -f "$data_dir/$name/wav.scp" ]; then tests+=("$name"); else say "not there, left out: $name"; fi
done
if [ ${#tests[@]} = 0 ]; then echo "$0: no other data directory in $data_dir" >&2; exit 2; fi
exp=$work_dir/exp/$train/$conf
options=(--cache-dir "$work_dir/cache" --set protocol.name=all --resume)
if [ -n "$encoder" ]; then options+=(--set "context.encoder=\"$encoder\""); fi
scoring=(--shared-classes --cache-dir "$work_dir/cache" --no-figures)
if [ -n "$map" ]; then scoring+=(--map "$map"); fi

if at 1; then for name in "$train" "${tests[@]}"; do ser-data validate "$data_dir/$name"; done; fi
for seed in $seeds; do
  if at 2; then
    say "train on $train, seed $seed"
    ser-train "$settings" "$data_dir/$train" "$exp/seed_$seed" --seed "$seed" "${options[@]}"
  fi
  if at 3; then for name in "${tests[@]}"; do
    say "$train on $name, seed $seed"
    mkdir -p "$exp/on_$name"
    ser-eval "$exp/seed_$seed" "$data_dir/$name" --output-dir "$exp/on_$name/seed_$seed" "${scoring[@]}" |
      tee "$exp/on_$name/seed_$seed.txt"
  done; fi
done
if at 4; then for name in "${tests[@]}"; do for seed in $seeds; do
  awk -v OFS='\t' -v row="$train	$name	$seed" '/utterances,/ {n = $1} /pooled WA/ {wa = $3} /pooled UA/ {ua = $3}
    END {print row, n, wa, ua}' "$exp/on_$name/seed_$seed.txt"
done; done | { printf 'trained on\ttested on\tseed\tutterances\tWA %%\tUA %%\n'; cat; }; fi
