#!/usr/bin/env bash
# Train on one corpus, test on others: WA and UA on the emotions that both have.
#
#   recipes/cross_corpus/run.sh --data-dir DIR --train NAME [--test "NAME ..."] [--map OLD=NEW,...]
#        [--conf NAME] [--encoder DIR] [--seeds "0 1"] [--work-dir DIR] [--stage N] [--stop-stage N]
#
# DIR holds data directories, as `ser-data prepare` writes them; --test names some of them, without
# it all those of other corpora are tested. What cannot be scored is said, and left out.
# Stages: 1 validate, 2 train on all speakers, 3 score on the others, 4 print the table.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data_dir="" train="" test="" map="" conf=pcq-whisper encoder="" seeds=0 work_dir=$here stage=1 stop_stage=4
. "$here/../options.sh"
if [ ! -f "$data_dir/$train/wav.scp" ]; then
  echo "$0: --data-dir and --train must name a data directory (see --help)" >&2; exit 2
fi
find_settings
corpora_of() { cat "$data_dir/$1/corpus" "$data_dir/$1/utt2corpus" 2> /dev/null | awk '{print $NF}' | sort -u; }
if [ -n "$test" ]; then read -ra names <<< "$test"; else names=("$data_dir"/*/); fi
tests=()
for name in "${names[@]}"; do
  name=$(basename "$name")
  if [ ! -f "$data_dir/$name/wav.scp" ]; then say "no data directory, left out: $name"
  elif [ "$name" = "$train" ]; then continue
  elif [ -z "$test" ] && [ -n "$(comm -12 <(corpora_of "$name") <(corpora_of "$train"))" ]; then
    say "the same corpus, left out: $name"
  else tests+=("$name"); fi
done
if [ ${#tests[@]} = 0 ]; then echo "$0: no other corpus in $data_dir" >&2; exit 2; fi
exp=$work_dir/exp/$train/$conf cache=$work_dir/cache
options_for_everybody "$here/../$(cat "$data_dir/$train/corpus" 2> /dev/null || true)"
if [ -n "$encoder" ]; then changes+=(--set "context.encoder=\"$encoder\""); fi
scoring=(--shared-classes --cache-dir "$cache" --no-figures ${map:+--map "$map"})

if at 1; then for name in "$train" "${tests[@]}"; do ser-data validate "$data_dir/$name"; done; fi
for seed in $seeds; do
  say "train on $train, seed $seed"
  if at 2; then ser-train "$settings" "$data_dir/$train" "$exp/seed_$seed" --seed "$seed" --cache-dir "$cache" --resume "${changes[@]}"; fi
  if at 3; then for name in "${tests[@]}"; do
    out=$exp/on_$name/seed_$seed
    mkdir -p "$exp/on_$name" && rm -f "$out.txt"
    if ser-eval "$exp/seed_$seed" "$data_dir/$name" --output-dir "$out" "${scoring[@]}" > "$out.tmp"
    then mv "$out.tmp" "$out.txt"; cat "$out.txt"; else rm "$out.tmp"; say "not scored: $name"; fi
  done; fi
done
if at 4; then printf 'trained on\ttested on\tseed\tutterances\tWA %%\tUA %%\n'; fi
if at 4; then for name in "${tests[@]}"; do for seed in $seeds; do if [ -f "$exp/on_$name/seed_$seed.txt" ]; then
  awk -v OFS='\t' -v row="$train	$name	$seed" '/utterances,/ {n = $1} /pooled WA/ {wa = $3} /pooled UA/ {ua = $3} END {print row, n, wa, ua}' "$exp/on_$name/seed_$seed.txt"
fi; done; done; fi
