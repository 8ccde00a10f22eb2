#!/bin/sh
# Installs the version of Applecart that the pipeline pins, built from that very commit.
# Needs: APPLECART_SOURCE (the URL of its repository), APPLECART_REV (a commit, 40 digits).
set -eu
case "${APPLECART_REV:?name the commit of Applecart that this fleet uses}" in
*[!0-9a-f]* | '') echo "APPLECART_REV is not a commit: $APPLECART_REV" >&2 && exit 64 ;;
esac
if [ "${#APPLECART_REV}" -ne 40 ]; then
  echo "APPLECART_REV must be a whole commit, 40 digits: a branch or a tag can be moved" >&2
  exit 64
fi
root=${APPLECART_ROOT:-$HOME/.applecart/$APPLECART_REV}
if [ ! -x "$root/bin/applecart" ]; then
  cargo install --locked --git "${APPLECART_SOURCE:?}" --rev "$APPLECART_REV" --root "$root" applecart
fi
"$root/bin/applecart" --version
# The next steps find it, on each host in its own way.
if [ -n "${GITHUB_PATH:-}" ]; then
  echo "$root/bin" >>"$GITHUB_PATH"
elif [ -n "${TF_BUILD:-}" ]; then
  echo "##vso[task.prependpath]$root/bin"
fi
