#!/bin/sh
# Installs Applecart in an empty folder. From one of these, in this order:
#
#   APPLECART_BINARY, APPLECART_SHA256           the program that another job of this run handed on
#   APPLECART_ARCHIVE, APPLECART_ARCHIVE_SHA256  a release: the URL of its .tar.gz, and the SHA-256 that you
#                                                reviewed (a file: URL or a mirror will do as well)
#   APPLECART_SOURCE, APPLECART_REV              built here: the URL of a repository, and a commit
#
# Tells the next steps where it is, and its digest. APPLECART_ROOT is an empty folder that it goes to, a new
# one unless it is set: on a runner that keeps its files, whoever ran a job before could have left another
# program.
set -eu
# same FILE WHAT SHA256 WHO: ends here, before anything of the file was used, where its digest is another.
same() {
  digest=$(sha256sum "$1" | cut -d' ' -f1)
  if [ "$digest" != "$3" ]; then
    rm -f "$1"
    echo "$2 has sha256 $digest, and $4 says $3: nothing of it was run" >&2
    exit 7
  fi
}
root=${APPLECART_ROOT:-$(mktemp -d)}
if [ -n "$(ls -A "$root" 2>/dev/null)" ]; then
  echo "APPLECART_ROOT must be an empty folder, and $root is not: an earlier job may have left a program" >&2
  exit 64
fi
program=$root/bin/applecart
if [ -n "${APPLECART_SHA256:-}" ]; then
  mkdir -p "$root/bin"
  cp -- "${APPLECART_BINARY:?the program that the other job handed on}" "$program"
  same "$program" "the program" "$APPLECART_SHA256" "the job before"
  chmod 755 "$program"
elif [ -n "${APPLECART_ARCHIVE:-}" ]; then
  case "${APPLECART_ARCHIVE_SHA256:-}" in
  *[!0-9a-f]* | '') valid= ;;
  *) valid=yes ;;
  esac
  if [ -z "$valid" ] || [ "${#APPLECART_ARCHIVE_SHA256}" -ne 64 ]; then
    echo "APPLECART_ARCHIVE_SHA256 must be the archive's SHA-256, 64 digits: what a URL gives can change" >&2
    exit 64
  fi
  archive=$(mktemp)
  # Redirects lead to where a forge keeps its files, never to a connection without TLS.
  curl --proto '=https,file' --proto-redir '=https' --tlsv1.2 --fail --silent --show-error --location \
    --retry 3 --max-time 300 --output "$archive" -- "$APPLECART_ARCHIVE"
  same "$archive" "$APPLECART_ARCHIVE" "$APPLECART_ARCHIVE_SHA256" "APPLECART_ARCHIVE_SHA256"
  # A release's archive holds one folder, and the program in it.
  inside=$(tar -tzf "$archive" | grep -E '^[^/]+/applecart$') || inside=
  if [ -z "$inside" ] || [ "$(printf '%s\n' "$inside" | wc -l)" -ne 1 ]; then
    echo "$APPLECART_ARCHIVE does not hold one applecart: name the .tar.gz of a release" >&2
    exit 7
  fi
  mkdir -p "$root/bin"
  tar -xzOf "$archive" -- "$inside" >"$program"
  chmod 755 "$program"
  rm -f "$archive"
else
  case "${APPLECART_REV:?name a release (APPLECART_ARCHIVE) or a commit of Applecart that this fleet uses}" in
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
fi
sum=$(sha256sum "$program" | cut -d' ' -f1)
# An empty file, or another program, would end every step well and look at nothing.
version=$("$program" --version) || version=
case "$version" in
"applecart "*) echo "$version" ;;
*)
  rm -f "$program"
  echo "what was to be installed is no applecart, or not one for this machine: it does not tell its version" >&2
  exit 7
  ;;
esac
# The next steps and jobs find it, on each host in its own way.
if [ -n "${GITHUB_PATH:-}" ]; then
  echo "$root/bin" >>"$GITHUB_PATH"
  { echo "program=$program" && echo "sha256=$sum"; } >>"${GITHUB_OUTPUT:?}"
elif [ -n "${TF_BUILD:-}" ]; then
  echo "##vso[task.prependpath]$root/bin"
  echo "##vso[task.setvariable variable=program;isOutput=true]$program"
  echo "##vso[task.setvariable variable=sha256;isOutput=true]$sum"
fi
