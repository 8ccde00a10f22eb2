#!/bin/sh
# Collects what the image holds and nothing else: applecart, git with what it needs to fetch and push over
# HTTPS and SSH, a shell (git starts credential helpers with one), and certificates.
#
#   rootfs.sh /path/to/applecart /rootfs
set -eu
applecart=$1
root=$2

# copy FILE TARGET: a program, and every library that it is linked with at the place where it is.
copy() {
  mkdir -p "$root$(dirname "$2")"
  cp --dereference "$1" "$root$2"
  ldd "$1" | grep -o '/[^ ]*' | while read -r library; do
    [ -e "$root$library" ] && continue
    mkdir -p "$root$(dirname "$library")"
    cp --dereference "$library" "$root$library"
  done
}

core=$(git --exec-path)
shell=$(readlink -f /bin/sh)
copy "$applecart" /usr/local/bin/applecart
copy "$(command -v git)" /usr/bin/git
copy "$core/git-remote-http" "$core/git-remote-http"
copy "$(command -v ssh)" /usr/bin/ssh
copy "$shell" "$shell"
ln -s git-remote-http "$root$core/git-remote-https"
mkdir -p "$root/bin" "$root/srv/home" "$root/etc/ssl/certs"
[ -e "$root/bin/sh" ] || ln -s "$shell" "$root/bin/sh"
mkdir -m 1777 "$root/tmp"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
printf 'applecart:x:65532:65532::/srv/home:/bin/sh\n' > "$root/etc/passwd"
printf 'applecart:x:65532:\n' > "$root/etc/group"
printf 'hosts: files dns\n' > "$root/etc/nsswitch.conf"
