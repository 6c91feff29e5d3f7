#!/bin/sh
# tool.sh NAME: prints the path of a pinned development tool, building it the first time.
# Tools live in scripts/tools, apart from the shipped modules, and come through `go tool`.
# buf has a mod file of its own: it needs another protobuf than the generators are pinned to.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case $1 in
  buf) modfile=buf.mod ;;
  *) modfile=go.mod ;;
esac
GOWORK=off exec go -C "$here/tools" tool -modfile="$modfile" -n "$1"
