#!/bin/sh
# bench.sh: the costs that the README promises, each measured now and here.
# BENCHTIME (default 1s) is how long each micro-benchmark runs.
set -eu
cd "$(dirname "$0")/.."
step() { sh scripts/step.sh "$@"; }
bench() { # bench NAME PATTERN PACKAGE: time and allocations
  step "$1" go test -run '^$' -bench "$2" -benchmem -benchtime "${BENCHTIME:-1s}" -timeout 10m "$3"
}

printf 'machine: %s, %s cores; commit %s\n' \
  "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1)" \
  "$(getconf _NPROCESSORS_ONLN)" "$(git describe --always --dirty 2>/dev/null || echo unknown)"
bench "Guard.Check: what a request pays" 'Check' ./pkg/sdk
bench "Step: what an event costs" 'Step' ./pkg/risk
bench "Rules: what 20 of them add" 'TwentyRules|Step' ./pkg/rules
step "event to flag in the guard, at a low and a high rate" \
  go test -run '^$' -bench 'EventToFlag' -benchtime 1x -timeout 10m ./services/scorer
step "backtest beside the live scorer, over the same events" \
  go test -run '^$' -bench 'Backtest$' -benchtime 200000x -timeout 10m ./services/scorer
