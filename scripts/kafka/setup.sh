#!/bin/sh
# Fetches Apache Kafka's broker with Maven into DATA/kafka/lib, once for each version of pom.xml. Exits 3, with the reason, where there
# is no Java or Maven: callers skip what needs a real broker then.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${1:?usage: setup.sh DATA}
java=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -1)
if [ "${java:-0}" -lt 17 ]; then
	echo "kafka: no Java 17 or later: the real broker is left out" >&2
	exit 3
fi
want=$(cksum < "$here/pom.xml")
if [ "$(cat "$data/kafka/version" 2>/dev/null)" = "$want" ]; then
	exit 0
fi
if ! command -v mvn >/dev/null; then
	echo "kafka: no Maven to fetch it with: the real broker is left out" >&2
	exit 3
fi
mkdir -p "$data/kafka"
data=$(cd "$data" && pwd) # Maven stands beside the pom
exec 9>"$data/kafka/setup.lock"
flock 9
if [ "$(cat "$data/kafka/version" 2>/dev/null)" = "$want" ]; then
	exit 0
fi
echo "kafka: fetching Apache Kafka (45 MB, once)" >&2
fresh=$(mktemp -d "$data/kafka/fresh.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
log=$fresh/maven.log
if ! mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$fresh/lib" >"$log" 2>&1; then
	echo "kafka: Maven could not fetch it:" >&2
	tail -5 "$log" >&2
	exit 1
fi
rm -rf "$data/kafka/lib"
mv "$fresh/lib" "$data/kafka/lib"
echo "$want" > "$data/kafka/version"
