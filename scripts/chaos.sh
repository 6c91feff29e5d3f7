#!/bin/sh
# chaos.sh: processes killed, stopped, woken and starved while events flow, then every promise against a serial reference; then a worker that
# is cut off, and nodes of the broker that say nothing or have lost the others.
# Then the same on a real Apache Kafka, one broker and a cluster of three, which are killed, stopped and woken too, where there is Java and Maven.
# CHAOS_FAULTS (default 25) is how many things go wrong, CHAOS_SEED (default 1) which. RISKD_TEST_LOG=1 shows what the processes say.
# Where it fails it leaves a folder with stacks, words and the servers' view of their streams; CHAOS_KEEP=1 wants that of a good run too.
set -eu
cd "$(dirname "$0")/.."
line=$(mktemp)
trap 'rm -f "$line"' EXIT
# chaos <what> <tests> runs them with the program as it is shipped and prints their last line.
chaos() {
  : >"$line"
  RISKD_CHAOS=$line RISKD_BIN=$(pwd)/bin/riskd sh scripts/step.sh "chaos: $1" \
    go test -tags chaos -count=1 -v -run "$2" -timeout 60m ./services/scorer || { cat "$line"; exit 1; }
  cat "$line"
}
chaos "${CHAOS_FAULTS:-25} faults" '^TestChaos$'
chaos "a worker whose network is gone" '^TestChaosAWorkerThatIsCutOff'
chaos "a node that says nothing" '^TestChaosASilentNode'
chaos "a node that has lost the others" '^TestChaosANodeThatIsCutOff'

sh scripts/kafka/setup.sh "${RISKD_DATA:-.riskd}" || { [ $? = 3 ] && exit 0; exit 1; } # it has said why
sh scripts/step.sh "chaos on Apache Kafka" \
  go test -tags chaos -p 1 -count=1 -v -run '^TestChaos.*(Kafka|Broker)' -timeout 60m ./pkg/broker/kafka ./services/scorer >"$line" 2>&1 || { cat "$line"; exit 1; }
grep '^chaos:' "$line"
