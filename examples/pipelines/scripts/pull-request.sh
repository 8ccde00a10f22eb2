#!/bin/sh
# Checks a pull request, and plans the tenants that it touches. It needs no key and no permission to
# write. Leaves plan.md (for one comment; that there is no plan, where it failed) and plan.json in OUT.
#
# Needs: TARGET (the target branch), HOST (github, azure or gitlab: how remarks are written).
# FORK checks the files only, unless it is empty or false: a stranger's pull request gets no access to
# any tenant. (Azure Pipelines says True and False.)
set -eu
out=${OUT:-applecart-out}
mkdir -p "$out"
: "${TARGET:?the target branch}" "${HOST:?github, azure or gitlab}"

# GitLab reads remarks from a file, the others from the log.
remark() {
  if [ "$HOST" = gitlab ]; then
    applecart "$@" --format gitlab >"$out/gl-code-quality-report.json"
  else
    applecart "$@" --format "$HOST"
  fi
}

case "${FORK:-}" in
'' | false | False) fork=false ;;
*) fork=true ;;
esac
# Until there is a plan of this revision, the comment must not go on showing that of an earlier one.
if [ $fork = false ]; then
  cat >"$out/plan.md" <<END
<!-- applecart:plan -->
### No Applecart plan at \`$(git rev-parse --short=12 HEAD)\`

Its files have mistakes, or it could not be planned: the log of this pipeline says why.
END
fi
# GitHub's merge queue names the target in full. Anybody who may push a tag could name one like it.
target=refs/remotes/origin/${TARGET#refs/heads/}
git fetch --quiet --no-tags origin "+refs/heads/${TARGET#refs/heads/}:$target"
remark validate
# What one commit of the branch has, the history has for ever, also where the next one removes it.
audit=0
applecart audit --offline --base "$target" || audit=$?
if [ $fork = true ]; then
  echo "This comes from a fork: its files are valid, and no tenant was contacted."
  exit "$audit"
fi
# 3: some tenants could not be read. The comment names them, and the job fails with it.
code=0
remark plan --base "$target" --out "$out/plan.json" --out "$out/plan.md" || code=$?
[ "$audit" -eq 0 ] || exit "$audit"
exit "$code"
