#!/bin/sh
# Installs the version of Applecart that the pipeline pins, built from that very commit; or takes the
# program that another job built, where APPLECART_SHA256 names it.
#
# Needs: APPLECART_SOURCE (the URL of its repository), APPLECART_REV (a commit, 40 digits); or
# APPLECART_BINARY (a file) and APPLECART_SHA256 (its digest, from the job that built it). Tells the next
# steps where it is, and its digest. APPLECART_ROOT is an empty folder that it goes to, a new one unless it
# is set: on a runner that keeps its files, whoever ran a job before could have left another program.
set -eu
root=${APPLECART_ROOT:-$(mktemp -d)}
if [ -n "$(ls -A "$root" 2>/dev/null)" ]; then
  echo "APPLECART_ROOT must be an empty folder, and $root is not: an earlier job may have left a program" >&2
  exit 64
fi
program=$root/bin/applecart
if [ -n "${APPLECART_SHA256:-}" ]; then
  mkdir -p "$root/bin"
  cp -- "${APPLECART_BINARY:?the program that the other job built}" "$program"
  sum=$(sha256sum "$program" | cut -d' ' -f1)
  if [ "$sum" != "$APPLECART_SHA256" ]; then
    rm -f "$program"
    echo "the program has sha256 $sum, and the job that built it says $APPLECART_SHA256" >&2
    exit 7
  fi
  chmod 755 "$program"
else
  case "${APPLECART_REV:?name the commit of Applecart that this fleet uses}" in
  *[!0-9a-f]* | '') echo "APPLECART_REV is not a commit: $APPLECART_REV" >&2 && exit 64 ;;
  esac
  if [ "${#APPLECART_REV}" -ne 40 ]; then
    echo "APPLECART_REV must be a whole commit, 40 digits: a branch or a tag can be moved" >&2
    exit 64
  fi
  # In an empty folder, with a Cargo home of its own: no settings of the fleet and no sources that an
  # earlier job left choose the compiler or what is compiled. Cargo and rustup look into the folders
  # above, too.
  empty=$(mktemp -d)
  above=$empty
  while [ "$above" != / ]; do
    above=$(dirname "$above")
    for file in rust-toolchain rust-toolchain.toml .cargo/config .cargo/config.toml; do
      if [ -e "$above/$file" ]; then
        echo "$above/$file would choose the compiler: remove it, or set TMPDIR to a folder that is not below" >&2
        exit 7
      fi
    done
  done
  (cd "$empty" && CARGO_HOME=$empty cargo install --locked --git "${APPLECART_SOURCE:?}" \
    --rev "$APPLECART_REV" --root "$root" applecart)
  sum=$(sha256sum "$program" | cut -d' ' -f1)
fi
"$program" --version
# The next steps and jobs find it, on each host in its own way.
if [ -n "${GITHUB_PATH:-}" ]; then
  echo "$root/bin" >>"$GITHUB_PATH"
  { echo "program=$program" && echo "sha256=$sum"; } >>"${GITHUB_OUTPUT:?}"
elif [ -n "${TF_BUILD:-}" ]; then
  echo "##vso[task.prependpath]$root/bin"
  echo "##vso[task.setvariable variable=program;isOutput=true]$program"
  echo "##vso[task.setvariable variable=sha256;isOutput=true]$sum"
fi
