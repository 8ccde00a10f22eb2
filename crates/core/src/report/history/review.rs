//! Which pull or merge request a commit came by, read out of its message.
//!
//! Forges write it there: GitHub `Merge pull request #12 from …` and, squashed, `Title (#12)`;
//! Azure DevOps `Merged PR 12: Title` for both; GitLab `See merge request group/project!12`;
//! Bitbucket `Merged in branch (pull request #12)`. A message is what a person wrote, so the number
//! is a claim; who can push to the branch can claim any.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Commit;

/// How the forge calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RequestKind {
    /// GitHub, Azure DevOps, Bitbucket.
    PullRequest,
    MergeRequest,
}

/// The request that a commit came by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    pub kind: RequestKind,
    pub number: u64,
    /// GitLab: the project, as the message names it.
    pub project: Option<String>,
    /// The commit whose message says so.
    pub commit: String,
}

impl Review {
    /// The request that a commit's message names.
    pub fn of(commit: &Commit) -> Option<Self> {
        let (kind, number, project) = named(&commit.message)?;
        Some(Self { kind, number, project, commit: commit.id.clone() })
    }

    /// As people of that forge write it.
    pub fn label(&self) -> String {
        match (self.kind, &self.project) {
            (RequestKind::PullRequest, _) => format!("pull request #{}", self.number),
            (RequestKind::MergeRequest, None) => format!("merge request !{}", self.number),
            (RequestKind::MergeRequest, Some(project)) => {
                format!("merge request {project}!{}", self.number)
            }
        }
    }
}

/// Who reviewed or approved a commit, as its message's trailers name them: GitLab writes
/// `Approved-by` and `Reviewed-by` where its templates say so, others by hand. A claim as well.
pub(super) fn reviewers<'a>(commits: impl IntoIterator<Item = &'a Commit>) -> Vec<String> {
    const TRAILERS: [&str; 3] = ["reviewed-by", "approved-by", "acked-by"];
    let mut found: Vec<String> = Vec::new();
    for line in commits.into_iter().flat_map(|commit| commit.message.lines().skip(1)) {
        let Some((name, person)) = line.split_once(':') else { continue };
        let person = person.trim();
        let is_trailer = TRAILERS.iter().any(|one| name.trim().eq_ignore_ascii_case(one));
        if is_trailer && !person.is_empty() && !found.iter().any(|one| one == person) {
            found.push(person.to_owned());
        }
    }
    found
}

fn named(message: &str) -> Option<(RequestKind, u64, Option<String>)> {
    let subject = message.lines().map(str::trim).find(|line| !line.is_empty())?;
    let pull = |number| Some((RequestKind::PullRequest, number, None));
    for start in ["Merge pull request #", "Merge pull request ", "Merged PR "] {
        if let Some(number) = subject.strip_prefix(start).and_then(number_at_start) {
            return pull(number);
        }
    }
    for line in message.lines().map(str::trim) {
        let Some(rest) = line.strip_prefix("See merge request ") else { continue };
        let Some((project, number)) = rest.rsplit_once('!') else { continue };
        if let Ok(number) = number.parse() {
            let project = Some(project.to_owned()).filter(|project| !project.is_empty());
            return Some((RequestKind::MergeRequest, number, project));
        }
    }
    let inside = subject.strip_suffix(')')?.rsplit_once('(')?.1;
    let number = inside.strip_prefix("pull request ").unwrap_or(inside).strip_prefix('#')?;
    number.parse().ok().and_then(pull)
}

/// The number that a text begins with, when something ends it.
fn number_at_start(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(end)?;
    let ends = rest.is_empty() || rest.starts_with([' ', ':']);
    number.parse().ok().filter(|_| ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_found_in_the_messages_of_every_forge() {
        use RequestKind::{MergeRequest, PullRequest};
        let pull = |number| Some((PullRequest, number, None));
        for (message, expected) in [
            ("Merge pull request #12 from contoso/renew\n\nRenew", pull(12)),
            ("Renew the push certificate (#13)", pull(13)),
            ("Revert \"Renew (#13)\" (#14)", pull(14)),
            ("Merged PR 15: Renew the push certificate", pull(15)),
            ("Merge pull request 16 from renew into main", pull(16)),
            ("Merged in renew (pull request #17)", pull(17)),
            (
                "Merge branch 'renew' into 'main'\n\nRenew\n\nSee merge request group/sub/fleet!18",
                Some((MergeRequest, 18, Some("group/sub/fleet".to_owned()))),
            ),
            ("See merge request !19", Some((MergeRequest, 19, None))),
            ("Revert \"Renew (#13)\"", None),
            ("Renew (see #13 and more)", None),
            ("Merge branch 'main'", None),
            ("Merged PR 12th: x", None),
            ("Renew (#99999999999999999999999)", None),
            ("", None),
        ] {
            assert_eq!(named(message), expected, "{message}");
        }
    }

    #[test]
    fn reviewers_are_those_whom_trailers_name() {
        let person = crate::model::Person { name: "x".into(), email: "x@x".into() };
        let at = crate::model::Timestamp::from_unix(0).unwrap();
        let commit = |message: &str| Commit {
            id: String::new(),
            author: person.clone(),
            authored: at,
            committer: person.clone(),
            committed: at,
            message: message.to_owned(),
            signature: None,
        };
        let one = commit(
            "Renew (#3)\n\nReviewed-by: Lee <lee@x>\napproved-BY:  Kim <kim@x>\nReviewed-by:\nSee: y",
        );
        let two = commit("Reviewed-by: not a trailer\n\nReviewed-by: Lee <lee@x>\n");
        assert_eq!(reviewers([&one, &two]), ["Lee <lee@x>", "Kim <kim@x>"]);
        assert!(reviewers([&two]).len() == 1);
    }
}
