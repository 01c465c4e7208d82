# Kaldi-style options: `--some-name VALUE` sets the variable some_name that the script has declared.
# Source it after the defaults: . "$(dirname "$0")/../options.sh"
# A script tells its use in its first comment; `usage_of` names other files that tell more of it.
usage() { for file in "${usage_of[@]:-$0}"; do sed -n '/^#!/d;/^#/!q;s/^# \{0,1\}//p' "$file"; echo; done >&2; }
while [ $# -gt 0 ]; do
  case "$1" in
    -h|--help) usage; exit 0 ;;
    --*)
      name=$(printf '%s' "${1#--}" | tr - _)
      if [ -z "${!name+set}" ]; then echo "$0: unknown option $1 (see --help)" >&2; exit 2; fi
      if [ $# -lt 2 ]; then echo "$0: $1 needs a value (see --help)" >&2; exit 2; fi
      printf -v "$name" '%s' "$2"; shift 2 ;;
    *) echo "$0: unexpected argument $1 (see --help)" >&2; exit 2 ;;
  esac
done
# `at N` is true when stage N is to be run.
at() { [ "$stage" -le "$1" ] && [ "$stop_stage" -ge "$1" ]; }
# Sets `settings` to the file of the configuration `conf`: the recipe's own, the common one, or a path.
find_settings() {
  for settings in "$here/conf/$conf.toml" "$here/../conf/$conf.toml" "$conf"; do
    if [ -f "$settings" ]; then conf=$(basename "$settings" .toml); return; fi
  done
  echo "$0: no configuration $conf, neither in the recipe's conf nor in recipes/conf" >&2; exit 2
}
# Sets `changes` to the options in a protocol file of the recipe in FOLDER: `changes_of FOLDER NAME`.
changes_of() {
  mapfile -t changes < "$1/protocols/$2"
  changes=("${changes[@]//@RECIPE@/"$1"}")
}
# Sets `changes` to what trains on all speakers as the recipe in FOLDER trains its clean folds.
options_for_everybody() {
  changes=()
  if [ -f "$1/protocols/clean" ]; then changes_of "$1" clean; fi
  changes+=(--set protocol.name=all --set 'protocol.split=""')
}
# Puts the model in a folder into the package, where a card in FOLDER/cards says it was made with `conf`:
# `ship FOLDER MODEL CHECKPOINT PRECISION LICENCE`. Encoder and fingerprints are stored once for all models.
# Its speech head is added after that: benchmarks/no_speech/head.py.
ship() {
  local card=$1/cards/$2.md to=$1/../../ser_pcq/models/embedded/$2
  if ! grep -qs "^Configuration: \`$conf\`" "$card"; then
    say "$2 stays out of the package: there is no card of it that names $conf"; return
  fi
  ser-export "$3" "$to" --folder --common "$to/../shared" --license "$5"
  if [ -f "$1/cards/LICENSE" ]; then cp "$1/cards/LICENSE" "$to/LICENSE"; fi
  cat "$3/README.md" "$card" > "$to/README.md"
  ser-export "$to" "$to/model.onnx" --share-weights --precision "$4"
}
say() { echo "== $*" >&2; }
# The commands of `make train` serve where none are on the path.
commands=$(cd "$(dirname "$0")/../.." && pwd)/.venv/bin
command -v ser-data > /dev/null || PATH=$commands:$PATH
if ! command -v ser-data > /dev/null; then
  echo "$0: ser-data is not on the path: run 'make train' first, or activate the environment" >&2; exit 1
fi
