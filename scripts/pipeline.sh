#!/bin/sh
# pipeline.sh: what riskd costs beside its broker, measured in one run of five minutes; the page goes to artifacts/.
# RISKD_PIPELINE_USERS (default 1000000) is how many users the restart is measured with.
# With "kafka" it is the drain and the latencies on a real Apache Kafka; its lines go to artifacts/pipeline-kafka.txt.
set -eu
cd "$(dirname "$0")/.."
out=$(pwd)/artifacts
mkdir -p "$out"
if [ "${1:-nats}" = kafka ]; then
  RISKD_PIPELINE_KAFKA=$out sh scripts/step.sh "pipeline on Apache Kafka: raw, relay, scorer" \
    go test -count=1 -run '^TestPipelineOnApacheKafka$' -timeout 20m ./services/scorer
  cat "$out/pipeline-kafka.txt"
  exit
fi
rm -f "$out/pipeline.txt"
: >"$out/pipeline.log"
export RISKD_DATA="${RISKD_DATA:-$(pwd)/.riskd}"
# go test prints nothing before its end: the lines of progress go through a file.
tail -f "$out/pipeline.log" &
tail=$!
trap 'kill $tail 2>/dev/null || true' EXIT
RISKD_PIPELINE=$out RISKD_PIPELINE_PROGRESS=$out/pipeline.log RISKD_BIN=$(pwd)/bin/riskd sh scripts/step.sh "pipeline: raw, relay, scorer, everything" \
  go test -count=1 -run '^TestPipeline$' -timeout 12m ./services/scorer
echo "page: artifacts/pipeline.html"
cat "$out/pipeline.txt"
