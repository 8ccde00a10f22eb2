//! What the host of a pipeline says of the pull request that it runs for.

use std::path::Path;

use serde_json::Value;

use crate::app::Environment;
use applecart_core::fleet::Forge;

/// GitHub's events hold the pull request's text.
const MAX_EVENT: u64 = 32 << 20;

/// A pull request, or what a merge queue is about to merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// The branch that it is to be merged into, without `refs/heads/`.
    pub target: Option<String>,
    /// Whether it comes from another repository, or that is unknown: it gets no access to any tenant.
    pub is_fork: bool,
    /// Its number; a merge queue has none.
    pub number: Option<u64>,
}

/// What the host says; without one there is no pull request that anything is known of.
pub fn proposed(environment: &Environment, forge: Option<Forge>) -> Proposed {
    let number = |name| environment.variable(name).and_then(|text| text.parse().ok());
    let named = environment.target_branch().map(|(_, branch)| branch);
    match forge {
        Some(Forge::Github) => github(environment, named),
        Some(Forge::AzureDevops) => {
            let is_fork = environment.variable("SYSTEM_PULLREQUEST_ISFORK");
            let is_own = is_fork.is_some_and(|value| value.eq_ignore_ascii_case("false"));
            let number = number("SYSTEM_PULLREQUEST_PULLREQUESTID");
            Proposed { target: named, is_fork: !is_own, number }
        }
        Some(Forge::Gitlab) => {
            let source = environment.variable("CI_MERGE_REQUEST_SOURCE_PROJECT_ID");
            let is_own = source.is_some() && source == environment.variable("CI_PROJECT_ID");
            Proposed { target: named, is_fork: !is_own, number: number("CI_MERGE_REQUEST_IID") }
        }
        None => Proposed { target: named, is_fork: true, number: None },
    }
}

/// GitHub writes into a file what a workflow runs for. A fleet may be a fork of another one: the two
/// repositories decide, and not whether the source is a fork of something.
fn github(environment: &Environment, named: Option<String>) -> Proposed {
    let event = environment.variable("GITHUB_EVENT_PATH").and_then(|path| event(Path::new(&path)));
    let event = event.unwrap_or_default();
    // Only who may push to the repository can put anything into its merge queue.
    let is_queue =
        environment.variable("GITHUB_EVENT_NAME").is_some_and(|name| name == "merge_group");
    let pull_request = &event["pull_request"];
    let source = pull_request["head"]["repo"]["full_name"].as_str();
    let own = environment.variable("GITHUB_REPOSITORY");
    let is_own = is_queue || (source.is_some() && source == own.as_deref());
    let queued = event["merge_group"]["base_ref"].as_str();
    let queued = queued.map(|name| name.strip_prefix("refs/heads/").unwrap_or(name).to_owned());
    Proposed { target: named.or(queued), is_fork: !is_own, number: pull_request["number"].as_u64() }
}

fn event(path: &Path) -> Option<Value> {
    let text = applecart_io::files::read_text(path, MAX_EVENT).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(forge: Forge, variables: &[(&str, &str)]) -> Proposed {
        let set: std::collections::BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        proposed(&Environment::new(move |name| set.get(name).cloned()), Some(forge))
    }

    #[test]
    fn a_pull_request_is_a_strangers_unless_the_host_says_otherwise() {
        let fork = |forge, variables: &[_]| of(forge, variables).is_fork;
        for value in ["True", "true", "$(System.PullRequest.IsFork)", ""] {
            let variables = [("SYSTEM_PULLREQUEST_ISFORK", value)];
            assert!(fork(Forge::AzureDevops, &variables), "{value}");
        }
        assert!(!fork(Forge::AzureDevops, &[("SYSTEM_PULLREQUEST_ISFORK", "False")]));
        assert!(fork(Forge::Gitlab, &[]));
        assert!(fork(
            Forge::Gitlab,
            &[("CI_PROJECT_ID", "42"), ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "43")]
        ));
        assert!(!fork(
            Forge::Gitlab,
            &[("CI_PROJECT_ID", "42"), ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "42")]
        ));
        // No event, or none that can be read.
        assert!(fork(Forge::Github, &[("GITHUB_REPOSITORY", "msp/fleet")]));
        assert!(fork(Forge::Github, &[("GITHUB_EVENT_PATH", "/nowhere/event.json")]));
        assert!(!fork(Forge::Github, &[("GITHUB_EVENT_NAME", "merge_group")]));
    }

    #[test]
    fn the_target_is_a_branch_however_the_host_names_it() {
        let target = |forge, variables: &[_]| of(forge, variables).target;
        let azure = [("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/main")];
        assert_eq!(target(Forge::AzureDevops, &azure), Some("main".to_owned()));
        assert_eq!(
            target(Forge::Gitlab, &[("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")]),
            Some("main".to_owned())
        );
        assert_eq!(target(Forge::Github, &[("GITHUB_BASE_REF", "")]), None);
    }
}
