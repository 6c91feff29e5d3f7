#!/bin/sh
# pipeline.sh: what riskd costs beside its broker, measured in one run of 13 minutes; the page goes to artifacts/.
# RISKD_PIPELINE_USERS (default 1000000) is how many users the restart is measured with.
# With "kafka" it is the same on a real Apache Kafka, and the files are artifacts/pipeline-kafka.*.
set -eu
cd "$(dirname "$0")/.."
out=$(pwd)/artifacts
mkdir -p "$out"
name=pipeline test=TestPipeline dir=RISKD_PIPELINE
if [ "${1:-nats}" = kafka ]; then
  name=pipeline-kafka test=TestPipelineOnApacheKafka dir=RISKD_PIPELINE_KAFKA
fi
rm -f "$out/$name.txt"
: >"$out/$name.log"
export RISKD_DATA="${RISKD_DATA:-$(pwd)/.riskd}"
# go test prints nothing before its end: the lines of progress go through a file.
tail -f "$out/$name.log" &
tail=$!
trap 'kill $tail 2>/dev/null || true' EXIT
export "$dir=$out"
RISKD_PIPELINE_PROGRESS=$out/$name.log RISKD_BIN=$(pwd)/bin/riskd sh scripts/step.sh "pipeline: raw, relay, scorer, everything" \
  go test -count=1 -run "^$test\$" -timeout 20m ./services/scorer
echo "page: artifacts/$name.html"
cat "$out/$name.txt"
