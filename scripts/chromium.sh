#!/bin/sh
# chromium.sh: prints the path of a Chromium or Chrome for the browser proof. When there is none
# and this is root on a Debian system, it installs the package. Exit 1 with the reason on stderr
# when there is none to be had. RISKD_CHROMIUM names one of your own.
set -u
find_one() {
  for name in "${RISKD_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    [ -n "$name" ] && command -v "$name" 2>/dev/null && return 0
  done
  return 1
}

find_one && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
  echo "no chromium on this machine and no apt-get to install it: install Chromium or set RISKD_CHROMIUM" >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo "no chromium on this machine and not root: run 'sudo apt-get install chromium' or set RISKD_CHROMIUM" >&2
  exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
echo "==> installing chromium for the browser proof (once)" >&2
if ! { apt-get update && apt-get install -y --no-install-recommends chromium fonts-dejavu-core; } >"$log" 2>&1; then
  echo "chromium could not be installed: $(tail -n 1 "$log")" >&2
  exit 1
fi
find_one
