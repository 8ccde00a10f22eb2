#!/bin/sh
# Opens one issue for each renewal that is due, once: whoever watches the repository is told by the
# host, and the sheet is available with its boxes to tick. What is not due any more is closed, where
# every tenant could be read. One that a person closed stays closed.
#
# issues.sh github|azure|gitlab FILE, with FILE as `applecart renew --due … --format json` writes it,
# and in the environment:
#   github  GITHUB_TOKEN (issues: write), GITHUB_REPOSITORY, GITHUB_API_URL; with a token of another
#           app than Actions, COMMENT_AUTHOR: its login, such as `name[bot]`
#   gitlab  GITLAB_TOKEN (a project access token: api, Reporter), CI_API_V4_URL, CI_PROJECT_ID
#   azure   SYSTEM_ACCESSTOKEN (may edit work items), SYSTEM_COLLECTIONURI, SYSTEM_TEAMPROJECTID; a
#           WORK_ITEM_TYPE other than Task. Work items are not closed: every process names its
#           states in its own way.
set -eu
host=${1:?github, azure or gitlab}
file=${2:?what renew --due wrote as JSON}
label=applecart-renewal
if [ ! -s "$file" ]; then
  echo "there are no renewals to tell: $file" >&2
  exit 0
fi
# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

# Every issue of the pipeline's own with the label, one object a line: number, open, key. Anybody may
# write a key into an issue of theirs, and nobody would be told of that renewal.
existing() {
  page=1
  while :; do
    answer=$(call GET "$issues?labels=$label&state=all&per_page=100&page=$page")
    printf '%s' "$answer" | jq --compact-output --arg author "$author" '.[]
      | select((.user.login // .author.username) == $author)
      | {number: (.iid // .number), open: (.state | startswith("open")),
         key: ((.body // .description // "") | capture("^<!-- applecart:renewal (?<key>[0-9a-f]+) -->") | .key)}'
    [ "$(printf '%s' "$answer" | jq length)" -eq 100 ] || return 0
    page=$((page + 1))
  done
}

# Renewals without a known date are told by the plan and by the job that fails, not by an issue.
due=$(jq --compact-output '.sheets[] | select(.facts.expires != null)
  | {key, title: .title[:250], body: "<!-- applecart:renewal \(.key) -->\n\(.markdown)"}' "$file")
complete=$(jq '[.sheets[] | select(.problems != [])] == []' "$file")
opened=0 closed=0

case $host in
github | gitlab)
  if [ "$host" = github ]; then
    author=${COMMENT_AUTHOR:-github-actions[bot]}
    header="Authorization: Bearer ${GITHUB_TOKEN:?}"
    issues=${GITHUB_API_URL:-https://api.github.com}/repos/${GITHUB_REPOSITORY:?}/issues
    # shellcheck disable=SC2016 # jq's own variable
    new='{title, body, labels: [$name]}'
    close_with=PATCH
    closing='{"state": "closed"}'
  else
    header="PRIVATE-TOKEN: ${GITLAB_TOKEN:?}"
    author=$(call GET "${CI_API_V4_URL:?}/user" | jq --raw-output --exit-status .username)
    issues=${CI_API_V4_URL:?}/projects/${CI_PROJECT_ID:?}/issues
    # shellcheck disable=SC2016 # jq's own variable
    new='{title, description: .body, labels: $name}'
    close_with=PUT
    closing='{"state_event": "close"}'
  fi
  known=$(existing)
  while IFS= read -r sheet; do
    [ -n "$sheet" ] || continue
    key=$(printf '%s' "$sheet" | jq --raw-output .key)
    if printf '%s' "$known" | jq --slurp --exit-status --arg key "$key" 'any(.key == $key)' >/dev/null; then
      continue
    fi
    issue=$(printf '%s' "$sheet" | jq --arg name "$label" "$new")
    answer=$(call POST "$issues" "$issue")
    # Without its label it would not be found, and opened again tomorrow.
    if ! printf '%s' "$answer" | jq --exit-status --arg name "$label" \
      '.labels | any((.name? // .) == $name)' >/dev/null; then
      echo "issues.sh: the issue was opened without the label $label: give the token the right to set labels" >&2
      exit 1
    fi
    opened=$((opened + 1))
  done <<DUE
$due
DUE
  if [ "$complete" = true ]; then
    keys=$(printf '%s' "$due" | jq --slurp --compact-output 'map(.key)')
    over=$(printf '%s' "$known" | jq --slurp --raw-output --argjson due "$keys" \
      '.[] | select(.open and (.key | IN($due[]) | not)) | .number')
    for number in $over; do
      call "$close_with" "$issues/$number" "$closing" >/dev/null
      closed=$((closed + 1))
    done
  fi
  ;;
azure)
  header="Authorization: Bearer ${SYSTEM_ACCESSTOKEN:?}"
  wit=${SYSTEM_COLLECTIONURI:?}${SYSTEM_TEAMPROJECTID:?}/_apis/wit
  while IFS= read -r sheet; do
    [ -n "$sheet" ] || continue
    tag=applecart-$(printf '%s' "$sheet" | jq --raw-output .key)
    # @me is who asks: the build service.
    query=$(jq --null-input --arg tag "$tag" '{query:
      "Select [System.Id] From WorkItems Where [System.TeamProject] = @project And [System.CreatedBy] = @me And [System.Tags] Contains \u0027\($tag)\u0027"}')
    found=$(call POST "$wit/wiql?api-version=7.1" "$query" | jq '.workItems | length')
    [ "$found" -eq 0 ] || continue
    # The description is HTML.
    item=$(printf '%s' "$sheet" | jq --arg tags "$label; $tag" '[
      {op: "add", path: "/fields/System.Title", value: .title},
      {op: "add", path: "/fields/System.Description", value: "<pre>\(.body | @html)</pre>"},
      {op: "add", path: "/fields/System.Tags", value: $tags}]')
    type=application/json-patch+json
    call POST "$wit/workitems/\$${WORK_ITEM_TYPE:-Task}?api-version=7.1" "$item" >/dev/null
    unset type
    opened=$((opened + 1))
  done <<DUE
$due
DUE
  ;;
*)
  echo "issues.sh: $host is none of github, azure, gitlab" >&2
  exit 64
  ;;
esac
echo "renewals: $opened opened, $closed closed"
