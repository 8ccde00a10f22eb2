#!/bin/sh
# Puts a Markdown file into the one comment of a pull request that it owns, and rewrites that on
# each run. The comment is found by the marker in the file's first line, and it has to be the
# pipeline's own: another person's could be changed after the plan was written, or keep it from being
# shown. The host says who asks; on GitHub a job's token may not ask that.
#
# comment.sh github|azure|gitlab FILE, with in the environment:
#   github  GITHUB_TOKEN (pull-requests: write), GITHUB_REPOSITORY, GITHUB_API_URL, PULL_REQUEST;
#           with a token of another app than Actions, COMMENT_AUTHOR: its login, such as `name[bot]`
#   azure   SYSTEM_ACCESSTOKEN, SYSTEM_COLLECTIONURI, SYSTEM_TEAMPROJECTID, BUILD_REPOSITORY_ID,
#           SYSTEM_PULLREQUEST_PULLREQUESTID
#   gitlab  GITLAB_TOKEN (a project access token: api, Reporter), CI_API_V4_URL, CI_PROJECT_ID,
#           CI_MERGE_REQUEST_IID
set -eu
host=${1:?github, azure or gitlab}
file=${2:?the Markdown file}
if [ ! -s "$file" ]; then
  echo "there is no plan to comment: $file" >&2
  exit 0
fi
marker=$(head -n 1 "$file")
case $marker in
'<!-- '*' -->') ;;
*) echo "$file does not begin with a marker" >&2 && exit 64 ;;
esac

# shellcheck source=host.sh
. "$(dirname "$0")/host.sh"

# Prints the id of the comment in a page of them, if it is there.
own() { jq --raw-output --arg marker "$marker" --arg author "$author" \
  'map(select((.body // "" | startswith($marker)) and (.user.login // .author.username) == $author))
    | first | .id // empty'; }

# Looks for it page by page: a busy pull request has more than one.
find_own() {
  page=1
  while :; do
    answer=$(call GET "$1?per_page=100&page=$page")
    id=$(printf '%s' "$answer" | own)
    if [ -n "$id" ]; then
      echo "$id"
      return
    fi
    [ "$(printf '%s' "$answer" | jq length)" -eq 100 ] || return 0
    page=$((page + 1))
  done
}

case $host in
github)
  author=${COMMENT_AUTHOR:-github-actions[bot]}
  header="Authorization: Bearer ${GITHUB_TOKEN:?}"
  base=${GITHUB_API_URL:-https://api.github.com}/repos/${GITHUB_REPOSITORY:?}/issues
  body=$(jq --raw-input --slurp '{body: .}' <"$file")
  id=$(find_own "$base/${PULL_REQUEST:?}/comments")
  if [ -n "$id" ]; then
    call PATCH "$base/comments/$id" "$body" >/dev/null
  else
    call POST "$base/$PULL_REQUEST/comments" "$body" >/dev/null
  fi
  ;;
gitlab)
  header="PRIVATE-TOKEN: ${GITLAB_TOKEN:?}"
  author=$(call GET "${CI_API_V4_URL:?}/user" | jq --raw-output --exit-status .username)
  notes=${CI_API_V4_URL:?}/projects/${CI_PROJECT_ID:?}/merge_requests/${CI_MERGE_REQUEST_IID:?}/notes
  body=$(jq --raw-input --slurp '{body: .}' <"$file")
  id=$(find_own "$notes")
  if [ -n "$id" ]; then
    call PUT "$notes/$id" "$body" >/dev/null
  else
    call POST "$notes" "$body" >/dev/null
  fi
  ;;
azure)
  header="Authorization: Bearer ${SYSTEM_ACCESSTOKEN:?}"
  threads=${SYSTEM_COLLECTIONURI:?}${SYSTEM_TEAMPROJECTID:?}/_apis/git/repositories/${BUILD_REPOSITORY_ID:?}/pullRequests/${SYSTEM_PULLREQUEST_PULLREQUESTID:?}/threads
  author=$(call GET "${SYSTEM_COLLECTIONURI}_apis/connectionData" |
    jq --raw-output --exit-status .authenticatedUser.id)
  # All threads come in one answer; a deleted comment has no content.
  found=$(call GET "$threads?api-version=7.1" | jq --raw-output --arg marker "$marker" --arg author "$author" \
    '[.value[] | . as $thread | .comments[]?
      | select((.content // "" | startswith($marker)) and .author.id == $author)
      | "\($thread.id)/comments/\(.id)"] | first // empty')
  if [ -n "$found" ]; then
    body=$(jq --raw-input --slurp '{content: .}' <"$file")
    call PATCH "$threads/$found?api-version=7.1" "$body" >/dev/null
  else
    # Closed: a plan is no open question that blocks the merge.
    body=$(jq --raw-input --slurp \
      '{comments: [{parentCommentId: 0, content: ., commentType: "text"}], status: "closed"}' <"$file")
    call POST "$threads?api-version=7.1" "$body" >/dev/null
  fi
  ;;
*)
  echo "comment.sh: $host is none of github, azure, gitlab" >&2
  exit 64
  ;;
esac
echo "the plan is in its comment"
