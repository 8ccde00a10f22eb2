#!/bin/sh
# Uploads what the merged commit asks for, and keeps what it did. The ledger is pushed by applecart
# itself, before and after it sends anything.
#
# Needs the identity that opens the token files (SOPS_AGE_KEY or SOPS_AGE_KEY_FILE) and the sign-in's
# environment. Leaves apply.txt in OUT, and entries that could not be pushed, if there are any.
set -u
out=${OUT:-applecart-out}
mkdir -p "$out" || exit 1
code=0
applecart apply --no-color "$@" >"$out/apply.txt" 2>&1 || code=$?
cat "$out/apply.txt"
# A machine that is thrown away would take them along.
for left in applecart-unpushed-*.json; do
  [ ! -e "$left" ] || cp "$left" "$out/"
done
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  { echo '```text' && cat "$out/apply.txt" && echo '```'; } >>"$GITHUB_STEP_SUMMARY"
fi
# 6: everything that is due is in progress elsewhere. This run has nothing to add, and the other one's
# lease ends within 15 minutes; whoever looks tomorrow would not know that nothing came of it. So it is
# asked once more, after the lease, and then the code is what it is.
if [ "$code" -eq 6 ] && [ -z "${APPLECART_AGAIN:-}" ]; then
  echo "another run is sending what is due: asking once more when its time is over"
  sleep "${APPLECART_WAIT:-960}"
  APPLECART_AGAIN=1 exec "$0" "$@"
fi
exit "$code"
