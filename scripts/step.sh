#!/bin/sh
# step.sh NAME COMMAND...: runs a command under a progress line that says how long it took.
# Its output is shown as it comes; a failure keeps its exit code.
name=$1
shift
printf '==> %s\n' "$name"
begin=$(date +%s)
"$@"
code=$?
took=$(($(date +%s) - begin))
if [ $code -ne 0 ]; then
  printf '==> %s: failed after %ss\n' "$name" "$took" >&2
elif [ $took -ge 2 ]; then
  printf '==> %s: %ss\n' "$name" "$took"
fi
exit $code
