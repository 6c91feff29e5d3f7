#!/bin/sh
# fuzz.sh: every fuzz target of the workspace, one after another, FUZZTIME each (default 10s).
set -eu
cd "$(dirname "$0")/.."
time=${FUZZTIME:-10s}
grep -rl --include='*_test.go' '^func Fuzz' pkg schemas services | sort | while read -r file; do
  for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
    sh scripts/step.sh "$target in $(dirname "$file")" \
      go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "./$(dirname "$file")" </dev/null || exit 1
  done
done
