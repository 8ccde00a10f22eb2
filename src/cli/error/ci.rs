//! What the errors of a pipeline's steps mean.

use super::{Next, one, run};
use crate::app::ci::{CiError, Told};
use applecart_core::fleet::Forge;
use applecart_core::model::Outcome;
use applecart_io::outlets::SinkError;

pub(super) fn outcome(error: &CiError) -> Outcome {
    match error {
        CiError::NoHost
        | CiError::Missing { .. }
        | CiError::Unusable { .. }
        | CiError::NoTarget
        | CiError::NoRemote
        | CiError::NoMarker { .. }
        | CiError::NoList { .. }
        | CiError::NoDigest
        | CiError::NoSheets { .. } => Outcome::Usage,
        CiError::OtherProgram { .. } | CiError::Link { .. } | CiError::NotAFile { .. } => {
            Outcome::Untrusted
        }
        CiError::Forge { .. } => Outcome::Error,
    }
}

pub(super) fn hints(error: &CiError) -> Vec<Next> {
    match error {
        CiError::NoHost => one("Name it: --host github, --host azure or --host gitlab"),
        CiError::Missing { variable, forge } => one(missing(variable, *forge)),
        CiError::NoTarget => one("Name the branch that the pull request goes to: --target main"),
        CiError::NoRemote => one("Run it in a clone of the fleet's repository"),
        CiError::NoMarker { .. } => run(
            "This writes a plan that has one:",
            "applecart plan --format markdown --out applecart-out/plan.md",
        ),
        CiError::OtherProgram { .. } => one(
            "Do not run it. Find out who replaced it, and install the released program again, into an empty folder",
        ),
        CiError::NoDigest => one(
            "Hand on the digest that the install step told: the variable APPLECART_SHA256, or --sha256",
        ),
        CiError::Link { .. } => one(
            "Remove the link from the commit, or name a folder outside of the repository: --out DIR",
        ),
        CiError::NotAFile { .. } => one(
            "Find out who put it there (git log -- applecart-unpushed-*), and remove it from the commit",
        ),
        CiError::NoList { .. } => run(
            "See in the log of this run why it has none, and make it anew:",
            "applecart ci schedule",
        ),
        CiError::Forge { what, forge, source } => {
            permission(*what, *forge, source).into_iter().collect()
        }
        CiError::Unusable { .. } | CiError::NoSheets { .. } => Vec::new(),
    }
}

fn missing(variable: &str, forge: Forge) -> &'static str {
    match (variable, forge) {
        ("GITHUB_TOKEN", _) => "Give the step `env: GITHUB_TOKEN: ${{ github.token }}`",
        ("GITLAB_TOKEN", _) => {
            "Make a project access token (scope api, role Reporter), and save it as the masked CI/CD variable GITLAB_TOKEN"
        }
        ("SYSTEM_ACCESSTOKEN", _) => {
            "Give the step `env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)`"
        }
        _ => "The host sets it in every job. Outside of one, set it yourself",
    }
}

/// What is missing where the forge does not let the token do it.
fn permission(what: Told, forge: Forge, error: &SinkError) -> Option<Next> {
    let is_refused = matches!(error, SinkError::Refused { status: 401 | 403 | 404, .. })
        || matches!(error, SinkError::Unsendable { .. });
    is_refused.then(|| {
        Next::from(match (forge, what) {
            (Forge::Github, Told::Comment) => "Give the job `permissions: pull-requests: write`",
            (Forge::Github, Told::Issues { .. }) => "Give the job `permissions: issues: write`",
            (Forge::Gitlab, _) => {
                "GITLAB_TOKEN has to be a project access token with scope api and role Reporter, not expired"
            }
            (Forge::AzureDevops, Told::Comment) => {
                "Allow the build service \"Contribute to pull requests\" (Project settings, Repositories, Security)"
            }
            (Forge::AzureDevops, Told::Issues { .. }) => {
                "Allow the build service \"Edit work items in this node\" (Project settings, Project configuration, Areas, Security), and name a type that the process has: --work-item-type"
            }
        })
    })
}
