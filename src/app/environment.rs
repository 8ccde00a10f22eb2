//! What the environment holds for Applecart.
#![expect(
    clippy::disallowed_methods,
    reason = "key files that the environment names are read here"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use zeroize::Zeroizing;

use super::AppError;
use applecart_core::fleet::{Auth, CredentialKind};
use applecart_core::model::Actor;
use applecart_io::intune::{ClientSecret, Overrides, of_application};
use applecart_io::vault::{Identities, IdentitiesError};

/// The variables in which pipelines name the branch that a pull request is to be merged into.
pub const TARGET_BRANCH: [&str; 3] =
    ["GITHUB_BASE_REF", "SYSTEM_PULLREQUEST_TARGETBRANCH", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"];

const CREDENTIAL: &str = "APPLECART_CREDENTIAL";

type LookUp = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Environment variables, looked up by name.
#[derive(Clone)]
pub struct Environment(Arc<LookUp>);

impl Environment {
    pub fn new(look_up: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look_up))
    }

    /// A variable's value; an empty one counts as unset, as pipelines set unset ones to nothing.
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// The target branch that the pipeline names, without `refs/heads/` (Azure Pipelines names it
    /// in full), and the variable that does.
    pub fn target_branch(&self) -> Option<(&'static str, String)> {
        TARGET_BRANCH.into_iter().find_map(|name| {
            let value = self.variable(name)?;
            Some((name, value.strip_prefix("refs/heads/").unwrap_or(&value).to_owned()))
        })
    }

    /// Another way to sign in than the fleet's, for people: a pipeline's token is not on their
    /// machine.
    pub fn credential(&self) -> Result<Option<CredentialKind>, AppError> {
        let Some(value) = self.variable(CREDENTIAL) else { return Ok(None) };
        match CredentialKind::deserialize(value.as_str().into_deserializer()) {
            Ok(kind) => Ok(Some(kind)),
            Err::<_, serde::de::value::Error>(_) => Err(AppError::Credential(value)),
        }
    }

    /// The client secret of an application: its own, else the one for all.
    pub fn client_secret(&self, auth: &Auth) -> Option<ClientSecret> {
        const NAME: &str = "AZURE_CLIENT_SECRET";
        let own = self.variable(&of_application(NAME, &auth.client_id));
        own.or_else(|| self.variable(NAME)).and_then(ClientSecret::new)
    }

    /// Where Graph and Entra are, for simulators and proxies.
    pub fn overrides(&self) -> Result<Overrides, AppError> {
        let graph = self.variable("APPLECART_GRAPH_URL");
        let login = self.variable("APPLECART_LOGIN_URL");
        Ok(Overrides::parse(graph.as_deref(), login.as_deref())?)
    }

    /// Identities from the places where SOPS users have them, and from `--identity`.
    ///
    /// # Errors
    /// When one that is named cannot be read, whether or not it would be needed.
    pub fn identities(&self, files: &[PathBuf]) -> Result<Identities, IdentitiesError> {
        let mut identities = Identities::default();
        for file in files {
            add_file(&mut identities, file.display().to_string(), file)?;
        }
        if let Some(file) = self.variable("SOPS_AGE_KEY_FILE") {
            let source_name = format!("SOPS_AGE_KEY_FILE ({file})");
            add_file(&mut identities, source_name, Path::new(&file))?;
        }
        if let Some(text) = self.variable("SOPS_AGE_KEY").map(Zeroizing::new) {
            identities.add("SOPS_AGE_KEY", &text)?;
        }
        if let Some(file) = self.variable("SOPS_AGE_SSH_PRIVATE_KEY_FILE") {
            let source_name = format!("SOPS_AGE_SSH_PRIVATE_KEY_FILE ({file})");
            if Identities::READS_SSH {
                add_file(&mut identities, source_name, Path::new(&file))?;
            } else if identities.is_empty() {
                // With another identity available, this one may never be needed.
                return Err(IdentitiesError::Ssh { source_name });
            }
        }
        Ok(identities)
    }

    /// Who runs this: the pipeline's run and user where there is one, else the machine's.
    pub fn actor(&self) -> Actor {
        let first = |names: &[&str]| names.iter().find_map(|name| self.variable(name));
        Actor {
            pipeline: self.pipeline(),
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
    fn pipeline(&self) -> Option<String> {
        let github = || {
            Some(format!(
                "{}/{}/actions/runs/{}",
                self.variable("GITHUB_SERVER_URL")?,
                self.variable("GITHUB_REPOSITORY")?,
                self.variable("GITHUB_RUN_ID")?
            ))
        };
        let azure = || {
            Some(format!(
                "{}{}/_build/results?buildId={}",
                self.variable("SYSTEM_COLLECTIONURI")?,
                self.variable("SYSTEM_TEAMPROJECT")?,
                self.variable("BUILD_BUILDID")?
            ))
        };
        github().or_else(azure).or_else(|| self.variable("CI_JOB_URL"))
    }
}

fn add_file(
    identities: &mut Identities,
    source_name: String,
    path: &Path,
) -> Result<(), IdentitiesError> {
    match std::fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => identities.add(&source_name, &text),
        Err(error) => Err(IdentitiesError::Unreadable { source_name, reason: error.kind() }),
    }
}
