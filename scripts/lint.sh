#!/bin/sh
# lint.sh: formatting, vet, staticcheck over all modules, and the rules in pkg/internal/lint.
set -eu
cd "$(dirname "$0")/.."
tags=integration,chaos # all there are, so that no test is left out
step() { sh scripts/step.sh "$@"; }

formatted() {
  unformatted=$(find pkg schemas services scripts -name '*.go' -not -path '*/node_modules/*' -print0 | xargs -0 gofmt -l)
  [ -z "$unformatted" ] || { printf 'not formatted (run gofmt -w):\n%s\n' "$unformatted" >&2; return 1; }
}

case ${1:-all} in
  formatted) formatted ;;
  all)
    step "gofmt" sh scripts/lint.sh formatted
    step "go vet" go vet -tags "$tags" work
    step "staticcheck" "$(sh scripts/tool.sh staticcheck)" -tags "$tags" $(go list -f '{{.Dir}}/...' -m)
    step "rules of the house" go test -count=1 -timeout 2m ./pkg/internal/lint # it reads files that the test cache does not know of
    ;;
  *) echo "lint.sh: unknown part $1" >&2; exit 2 ;;
esac
