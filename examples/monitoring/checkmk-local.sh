#!/usr/bin/env bash
# A local check for Checkmk: one service for the whole fleet, from a status that a schedule writes:
#
#   applecart status --fail-on urgent --format json --output /var/lib/applecart/status.json
#
# It judges nothing by itself. OK, WARN and CRIT follow `exits` and `severity` of that status, and a
# status that is too old is CRIT: then nothing tells of Apple credentials any more.
set -uo pipefail

file=${APPLECART_STATUS:-/var/lib/applecart/status.json}
max_age_hours=${APPLECART_MAX_AGE_HOURS:-26}

line() {
  jq --raw-output --argjson max "$max_age_hours" '
    (((now - (.generatedAt | fromdateiso8601)) / 3600) | floor) as $age
    | [.attention[] | select(.severity == "critical")] as $critical
    | [.attention[] | select(.severity == "urgent")] as $urgent
    | ($critical + $urgent | map("\(.tenant.name // "fleet") \(.code)") | unique | .[:5] | join(", ") | gsub("[[:cntrl:]]"; " ")) as $first
    | (if $age < 0 then [2, "the status is of the future: compare the clocks"]
       elif $age >= $max then [2, "the status is \($age) h old: the schedule does not run"]
       elif (.exits | index(9)) and ($critical | length) > 0 then [2, $first]
       elif .exits | any(. == 3 or . == 8 or . == 9) then [1, "\($first); for what to do: applecart status"]
       else [0, "\(.summary.tenants) tenants, \(.summary.tokens) tokens"] end) as [$state, $text]
    | "\($state) \"Apple credentials\" critical=\($critical | length)|urgent=\($urgent | length)|expired=\(.summary.expired)|due=\(.summary.renewalDue)|stale=\(.summary.stale) \($text)"
  ' "$file"
}

if ! text=$(line 2>/dev/null) || [ -z "$text" ]; then
  text="2 \"Apple credentials\" - $file cannot be read, or is no status: the schedule does not run"
fi
printf '%s\n' "$text"
