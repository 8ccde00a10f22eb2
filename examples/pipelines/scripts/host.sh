#!/bin/sh
# What the scripts that speak to the host share; sourced, not run. Needs curl.

# call METHOD URL [JSON]: the answer on standard output. `header` carries the token, through a file
# that curl reads, so that no list of processes shows it; so does the body, which may be long.
# `type` is the body's media type where it is not JSON.
call() {
  method=$1 url=$2
  shift 2
  if [ -n "${1:-}" ]; then
    sent=$(mktemp)
    printf '%s' "$1" >"$sent"
  fi
  status=0
  printf 'header = "%s"\n' "${header:?}" |
    curl --silent --show-error --fail-with-body --retry 3 --max-time 30 --config - \
      --request "$method" --header "Content-Type: ${type:-application/json}" \
      ${sent:+--data-binary "@$sent"} "$url" || status=$?
  rm -f ${sent:+"$sent"}
  unset sent
  return "$status"
}
