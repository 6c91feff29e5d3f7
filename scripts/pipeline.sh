#!/bin/sh
# pipeline.sh: what riskd costs beside its broker, measured in one run; the page goes to artifacts/.
# RISKD_PIPELINE_USERS (default 1000000) is how many users the restart is measured with.
set -eu
cd "$(dirname "$0")/.."
out=$(pwd)/artifacts
rm -f "$out/pipeline.txt"
RISKD_PIPELINE=$out RISKD_BIN=$(pwd)/bin/riskd sh scripts/step.sh "pipeline: raw, relay, scorer, everything" \
  go test -count=1 -run '^TestPipeline$' -timeout 20m ./services/scorer
echo "page: artifacts/pipeline.html"
cat "$out/pipeline.txt"
