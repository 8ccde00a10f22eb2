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
case $code in
6)
  # Another run of the same commit is at it; this one has nothing to add.
  echo "another run is sending what is due" && exit 0
  ;;
esac
exit "$code"
