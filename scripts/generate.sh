#!/bin/sh
# generate.sh [FOLDER]: writes the Go code of schemas/proto to schemas/gen, or under FOLDER
# (as FOLDER/gen) to compare it. The generators' versions are those of scripts/tools.
set -eu
repo=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-.}
plugins=$(mktemp -d)
trap 'rm -rf "$plugins"' EXIT
for plugin in protoc-gen-go protoc-gen-go-vtproto; do
  ln -s "$(sh "$repo/scripts/tool.sh" $plugin)" "$plugins/$plugin"
done
buf=$(sh "$repo/scripts/tool.sh" buf) # the first time builds it: a minute or two
cd "$repo/schemas"
PATH="$plugins:$PATH" "$buf" generate --output "$out"
# Maps are written in the order of their keys: the same record always has the same bytes.
cd "$out/gen/riskd/v1"
sed -e 's/^import ($/import (\n\tmaps "maps"\n\tslices "slices"/' \
  -e 's/for k := range m\.Attributes {/for _, k := range slices.Backward(slices.Sorted(maps.Keys(m.Attributes))) {/' event_vtproto.pb.go | gofmt >event_vtproto.tmp
mv event_vtproto.tmp event_vtproto.pb.go
