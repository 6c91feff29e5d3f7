#!/bin/sh
# test.sh unit|integration|all: the tests of all modules, ending with Go's own summary.
#
# unit needs nothing but Go. integration and all need the set-up and the binaries in bin/ (make
# does both) and take a Chromium when there is one. Packages are tested one at a time by default,
# because several start a broker and an engine and measure time; TESTFLAGS adds flags of go test.
set -eu
cd "$(dirname "$0")/.."
what=${1:-all}
step() { sh scripts/step.sh "$@"; }

run() { # run NAME FLAGS... : every package of the workspace
  name=$1
  shift
  # shellcheck disable=SC2086 # TESTFLAGS is a list
  step "$name" go test -p "${TEST_PARALLEL:-1}" -timeout "${TEST_TIMEOUT:-10m}" "$@" ${TESTFLAGS:-} work
}

browser() {
  if path=$(sh scripts/chromium.sh); then
    export RISKD_CHROMIUM="$path"
  else
    echo "==> the browser proof is left out, for the reason above" >&2
  fi
}

case $what in
  unit)
    export RISKD_SKIP_ENGINE=1 # tests of the engine itself; others that need it say so and are skipped
    run "unit tests"
    ;;
  integration)
    browser
    # Only packages that have something more to show with the tag.
    packages=$(grep -rl --include='*_test.go' '^//go:build integration' pkg schemas services | xargs -r -n 1 dirname | sort -u | sed 's|^|./|')
    # shellcheck disable=SC2086
    step "integration tests" go test -p 1 -timeout "${TEST_TIMEOUT:-10m}" -tags integration ${TESTFLAGS:-} $packages
    ;;
  all)
    step "lint" sh scripts/lint.sh
    browser
    run "unit and integration tests" -tags integration
    ;;
  *) echo "test.sh: want unit, integration or all" >&2; exit 2 ;;
esac
