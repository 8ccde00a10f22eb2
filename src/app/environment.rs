//! What the environment holds for Applecart.
#![expect(clippy::disallowed_methods, reason = "the machine's name is read here")]

mod identities;

use std::path::PathBuf;
use std::sync::Arc;

use age::secrecy::SecretString;
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use zeroize::Zeroizing;

use super::AppError;
use applecart_core::fleet::{Auth, CredentialKind};
use applecart_core::model::Actor;
use applecart_io::intune::{AskPerson, ClientSecret, Overrides, of_application};
use applecart_io::vault::KeySource;

/// The variables in which pipelines name the branch that a pull request is to be merged into.
pub const TARGET_BRANCH: [&str; 3] =
    ["GITHUB_BASE_REF", "SYSTEM_PULLREQUEST_TARGETBRANCH", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"];

const CREDENTIAL: &str = "APPLECART_CREDENTIAL";

type LookUp = dyn Fn(&str) -> Option<String> + Send + Sync;
type AskPassphrase = dyn Fn(&KeySource) -> Option<SecretString> + Send + Sync;

/// Environment variables, looked up by name, and whoever can be asked.
#[derive(Clone)]
pub struct Environment {
    look_up: Arc<LookUp>,
    ask_passphrase: Arc<AskPassphrase>,
    ask_person: Option<AskPerson>,
}

impl Environment {
    pub fn new(look_up: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let look_up = Arc::new(look_up);
        Self { look_up, ask_passphrase: Arc::new(|_| None), ask_person: None }
    }

    /// The same with somebody who can be asked for the passphrase of a key file.
    #[must_use]
    pub fn asking(
        self,
        ask: impl Fn(&KeySource) -> Option<SecretString> + Send + Sync + 'static,
    ) -> Self {
        Self { ask_passphrase: Arc::new(ask), ..self }
    }

    /// The same with a person who can sign in; with `None`, nobody can.
    #[must_use]
    pub fn signing_in(self, ask: Option<AskPerson>) -> Self {
        Self { ask_person: ask, ..self }
    }

    /// Shows a person where to sign in, where one is there.
    pub fn ask_person(&self) -> Option<AskPerson> {
        self.ask_person.clone()
    }

    /// The same for what is no run of a pipeline: no variable names a target branch.
    #[must_use]
    pub fn outside_pipelines(self) -> Self {
        let look_up = self.look_up;
        let other = move |name: &str| look_up(name).filter(|_| !TARGET_BRANCH.contains(&name));
        Self { look_up: Arc::new(other), ..self }
    }

    /// A variable's value; an empty one counts as unset, as pipelines set unset ones to nothing.
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.look_up)(name).filter(|value| !value.is_empty())
    }

    /// Whether a variable is set to nothing, as where a file of secrets lacks one: whoever set it does not
    /// mean to leave it out.
    pub fn is_blank(&self, name: &str) -> bool {
        (self.look_up)(name).is_some_and(|value| Zeroizing::new(value).trim().is_empty())
    }

    /// A secret's text without the line end that a file or a pipeline adds, and that no sender of it
    /// would know of; one of nothing else counts as unset.
    pub fn secret(&self, name: &str) -> Option<String> {
        let value = Zeroizing::new(self.variable(name)?);
        let text = value.trim();
        (!text.is_empty()).then(|| text.to_owned())
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
        let own = self.secret(&of_application(NAME, &auth.client_id));
        own.or_else(|| self.secret(NAME)).and_then(ClientSecret::new)
    }

    /// Where Graph and Entra are, for simulators and proxies.
    pub fn overrides(&self) -> Result<Overrides, AppError> {
        let graph = self.variable("APPLECART_GRAPH_URL");
        let login = self.variable("APPLECART_LOGIN_URL");
        Ok(Overrides::parse(graph.as_deref(), login.as_deref())?)
    }

    /// The user's configuration folder, in which this program keeps keys.
    pub fn config_folder(&self) -> Option<PathBuf> {
        let variable = |name| self.variable(name).map(PathBuf::from);
        if cfg!(windows) {
            return variable("APPDATA");
        }
        variable("XDG_CONFIG_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| variable("HOME").map(|home| home.join(".config")))
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
