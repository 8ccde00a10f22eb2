#!/bin/sh
# Checks a pull request where Applecart does not know the host, and cannot ask it: on another forge, or on a
# runner that hides the host's own variables. On GitHub, Azure DevOps and GitLab call the command itself.
#
# Needs: TARGET (the target branch). FORK checks the files only, unless it is empty or false. HOST is github,
# azure or gitlab where remarks are to be written as that one reads them; OUT is where files are left.
set -eu
case "${FORK:-}" in
'' | false | False) from=--own ;;
*) from=--fork ;;
esac
exec applecart ci pull-request ${HOST:+--host "$HOST"} --target "${TARGET:?the target branch}" "$from" \
  --out "${OUT:-applecart-out}"
