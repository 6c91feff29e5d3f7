#!/bin/sh
# console.sh: builds the console's pages into services/console/web/dist, from where they are embedded. Nothing is done when
# the sources are those of the last build. Needs Node and npm; what is fetched is pinned by package-lock.json.
#
#   console.sh          build when needed
#   console.sh check    exit 1 when dist is not of these sources
#   console.sh modules  only fetch what the lock file pins
set -eu
cd "$(dirname "$0")/../services/console/web"

# One at a time: npm empties node_modules before it fills it.
if command -v flock >/dev/null 2>&1; then
  exec 9>.lock
  flock 9
fi

sum() { cat "$@" | sha256sum | cut -d ' ' -f 1; }
# shellcheck disable=SC2046 # names have no spaces
sources() { sum package-lock.json $(find app public index.html vite.config.ts tsconfig.json package.json -type f | LC_ALL=C sort); }

current() { [ -f dist/index.html ] && [ "$(cat dist/.sources 2>/dev/null)" = "$(sources)" ]; }

modules() {
  [ "$(cat node_modules/.lock-sum 2>/dev/null)" != "$(sum package-lock.json)" ] || return 0
  command -v npm >/dev/null 2>&1 || { echo "console.sh: npm is missing: install Node 20.19 or newer" >&2; exit 1; }
  echo "==> fetching what builds the console (npm, by lock file)"
  npm ci --no-progress --loglevel=error
  sum package-lock.json >node_modules/.lock-sum
}

case ${1:-build} in
  check) current || { echo "the console's pages are not built from these sources: run make build" >&2; exit 1; } ;;
  modules) modules ;;
  build)
    current && exit 0
    modules
    npm run --silent check
    rm -rf dist/assets dist/index.html dist/.sources
    npx --no-install vite build --logLevel warn
    sources >dist/.sources # last: a build that broke off is done again
    ;;
  *) echo "console.sh: want build, check or modules" >&2; exit 2 ;;
esac
