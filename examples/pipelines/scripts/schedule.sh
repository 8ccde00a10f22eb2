#!/bin/sh
# What a morning needs to know: what expires, whose renewal is due, and what differs from Git.
# Leaves status.md, renewals.md (renewals.json for issues.sh), plan.md and audit.txt in OUT. It needs no
# key and no permission to write.
#
# Ends with 7 when the audit of the record and the repository finds something, with 9 when something
# expires within FAIL_WITHIN, with 2 when Intune differs from Git, with 3 when a tenant could not be
# read: the host mails that to whoever watches the pipeline.
set -u
out=${OUT:-applecart-out}
mkdir -p "$out" || exit 1
status=0
applecart status --within "${DUE:-60d}" --fail-within "${FAIL_WITHIN:-14d}" --format markdown \
  >"$out/status.md" || status=$?
renewals=0
applecart renew --due "${DUE:-60d}" --no-csr --format json >"$out/renewals.json" || renewals=$?
jq --raw-output 'if .sheets == [] then "Nothing is due." else .sheets[].markdown end' \
  "$out/renewals.json" >"$out/renewals.md"
drift=0
applecart plan --detailed-exitcode --format markdown --out "$out/plan.json" >"$out/plan.md" || drift=$?
# Whether the record is whole, and nothing secret is readable in the repository.
audit=0
applecart audit >"$out/audit.txt" || audit=$?
cat "$out/status.md" "$out/renewals.md" "$out/plan.md" "$out/audit.txt"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  cat "$out/status.md" "$out/renewals.md" "$out/plan.md" >>"$GITHUB_STEP_SUMMARY"
elif [ -n "${TF_BUILD:-}" ]; then
  for file in status renewals plan; do
    echo "##vso[task.uploadsummary]$(cd "$out" && pwd)/$file.md"
  done
fi
# What must be mended first decides: a mistake, then a tenant that is not seen, then a date, then
# drift.
for code in 78 64 7 8 4 3 1 9 2; do
  for got in "$status" "$drift" "$renewals" "$audit"; do
    [ "$got" -ne "$code" ] || exit "$code"
  done
done
exit 0
