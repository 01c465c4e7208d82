#!/usr/bin/env bash
# EMO-DB, seven emotions: from the released corpus to WA and UA.
# Options and stages are those of every corpus: recipes/README.md. Stage 5 also puts the model into
# the package.
corpus=emodb
# The graph that predicts without torch: in 8 bits where that is faster (--precision).
conf=whisper-discriminant model=emodb-large precision=int8
. "$(dirname "$0")/../corpus.sh"
if at 5; then
  # Only a model that is as its card says gets into the package.
  if grep -qs "^Configuration: \`$conf\`" "$here/cards/$model.md"; then
    shipped=$here/../../ser_pcq/models/embedded/$model
    # Encoder and fingerprints are stored once for all models that have them.
    ser-export "$everybody/all/checkpoint" "$shipped" --folder --common "$shipped/../shared" \
      --license MIT
    cat "$everybody/all/checkpoint/README.md" "$here/cards/$model.md" > "$shipped/README.md"
    ser-export "$shipped" "$shipped/model.onnx" --share-weights --precision "$precision"
  else
    say "$model stays out of the package: there is no card of it that names $conf"
  fi
fi
