//! What the environment holds for Applecart. Read once, here.
#![expect(clippy::disallowed_methods, reason = "cli reads the environment for everything else")]

use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use zeroize::Zeroizing;

use super::error::CliError;
use applecart_core::fleet::CredentialKind;
use applecart_core::model::Actor;
use applecart_io::vault::{Identities, IdentitiesError};

/// A variable's value; an empty one counts as unset, as pipelines set unset ones to nothing.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The variables in which pipelines name the branch that a pull request is to be merged into.
pub(super) const TARGET_BRANCH: [&str; 3] =
    ["GITHUB_BASE_REF", "SYSTEM_PULLREQUEST_TARGETBRANCH", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"];

/// The target branch that the pipeline names, without `refs/heads/` (Azure Pipelines names it in
/// full), and the variable that does.
pub(super) fn target_branch() -> Option<(&'static str, String)> {
    TARGET_BRANCH.into_iter().find_map(|name| {
        let value = variable(name)?;
        Some((name, value.strip_prefix("refs/heads/").unwrap_or(&value).to_owned()))
    })
}

/// Another way to sign in than the fleet's, for people: a pipeline's token is not on their machine.
pub(super) fn credential() -> Result<Option<CredentialKind>, CliError> {
    let Some(value) = variable(CREDENTIAL) else { return Ok(None) };
    match CredentialKind::deserialize(value.as_str().into_deserializer()) {
        Ok(kind) => Ok(Some(kind)),
        Err::<_, serde::de::value::Error>(_) => Err(CliError::Credential(value)),
    }
}

const CREDENTIAL: &str = "APPLECART_CREDENTIAL";

/// Identities from the places where SOPS users have them, and from `--identity`.
pub(super) fn identities(files: &[PathBuf]) -> Result<Identities, CliError> {
    let mut identities = Identities::default();
    for file in files {
        identities.add(&file.display().to_string(), &read(file)?)?;
    }
    if let Some(file) = variable("SOPS_AGE_KEY_FILE") {
        identities.add(&format!("SOPS_AGE_KEY_FILE ({file})"), &read(Path::new(&file))?)?;
    }
    if let Some(text) = variable("SOPS_AGE_KEY").map(Zeroizing::new) {
        identities.add("SOPS_AGE_KEY", &text)?;
    }
    if let Some(file) = variable("SOPS_AGE_SSH_PRIVATE_KEY_FILE") {
        let source_name = format!("SOPS_AGE_SSH_PRIVATE_KEY_FILE ({file})");
        if Identities::READS_SSH {
            identities.add(&source_name, &read(Path::new(&file))?)?;
        } else if identities.is_empty() {
            // With another identity at hand this one may never be needed.
            return Err(IdentitiesError::Ssh { source_name }.into());
        }
    }
    Ok(identities)
}

fn read(path: &Path) -> Result<Zeroizing<String>, CliError> {
    std::fs::read_to_string(path).map(Zeroizing::new).map_err(|source| CliError::File {
        path: path.to_owned(),
        doing: "read",
        source,
    })
}

/// Who runs this: the pipeline's run and user where there is one, else the machine's.
pub(super) fn actor() -> Actor {
    let first = |names: &[&str]| names.iter().find_map(|name| variable(name));
    Actor {
        pipeline: pipeline(),
        user: first(&[
            "GITHUB_ACTOR",
            "BUILD_REQUESTEDFOREMAIL",
            "GITLAB_USER_LOGIN",
            "USER",
            "USERNAME",
            "LOGNAME",
        ]),
        host: first(&["HOSTNAME", "COMPUTERNAME"]).or_else(|| {
            std::fs::read_to_string("/etc/hostname")
                .ok()
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
        }),
    }
}

/// The URL of the pipeline run: GitHub Actions, Azure Pipelines, GitLab.
fn pipeline() -> Option<String> {
    let github = || {
        Some(format!(
            "{}/{}/actions/runs/{}",
            variable("GITHUB_SERVER_URL")?,
            variable("GITHUB_REPOSITORY")?,
            variable("GITHUB_RUN_ID")?
        ))
    };
    let azure = || {
        Some(format!(
            "{}{}/_build/results?buildId={}",
            variable("SYSTEM_COLLECTIONURI")?,
            variable("SYSTEM_TEAMPROJECT")?,
            variable("BUILD_BUILDID")?
        ))
    };
    github().or_else(azure).or_else(|| variable("CI_JOB_URL"))
}
