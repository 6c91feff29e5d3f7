#!/bin/sh
# verify.sh: what must hold before a merge and no test can see. Changes nothing.
set -eu
cd "$(dirname "$0")/.."
repo=$PWD
step() { sh scripts/step.sh "$@"; }

# compared_with prints the commit whose users must not break: the last release, else where this
# branch left main, else the commit before.
compared_with() {
  git describe --tags --abbrev=0 2>/dev/null && return
  left=$(git merge-base HEAD origin/main 2>/dev/null || true)
  [ -z "$left" ] || [ "$left" = "$(git rev-parse HEAD)" ] || { echo "$left"; return; }
  git rev-parse --verify -q 'HEAD~1^{commit}' || true
}

case ${1:-all} in
  generated)
    fresh=$(mktemp -d)
    trap 'rm -rf "$fresh"' EXIT
    sh scripts/generate.sh "$fresh"
    diff -r -q "$fresh/gen" schemas/gen || { echo "generated files are stale: run make generate" >&2; exit 1; }
    ;;
  tidy) # each module as a stranger sees it: without the workspace
    for dir in $(go list -f '{{.Dir}}' -m); do
      printf '    %s\n' "${dir#"$repo"/}"
      (cd "$dir" && GOWORK=off go mod tidy -diff && GOWORK=off go build ./...)
    done
    (cd scripts/tools && GOWORK=off go mod tidy -diff && GOWORK=off go mod tidy -modfile=buf.mod -diff)
    ;;
  schemas)
    buf=$(sh scripts/tool.sh buf)
    (cd schemas && "$buf" lint)
    base=$(compared_with)
    if [ -z "$base" ]; then
      echo "    no earlier commit here: nothing to compare the schemas with"
    elif ! git cat-file -e "$base:schemas/buf.yaml" 2>/dev/null; then
      echo "    $base has no schemas yet: nothing to compare with"
    else
      before=$(mktemp -d)
      trap 'rm -rf "$before"' EXIT
      git archive "$base" schemas | tar -x -C "$before"
      (cd schemas && "$buf" breaking --against "$before/schemas")
    fi
    ;;
  all)
    step "the console's pages are of these sources" sh scripts/console.sh check
    step "generated files are fresh" sh scripts/verify.sh generated
    step "schemas keep their promises" sh scripts/verify.sh schemas
    step "each module builds and is tidy alone" sh scripts/verify.sh tidy
    step "formatting" sh scripts/lint.sh formatted
    ;;
  *) echo "verify.sh: unknown part $1" >&2; exit 2 ;;
esac
