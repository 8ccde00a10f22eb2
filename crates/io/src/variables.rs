//! Every environment variable that means something to this program, once: what each is for, and which of
//! them no program that is started gets to see.

use std::process::Command;

/// For what a variable is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    SignIn,
    Keys,
    Told,
    Controller,
    Machine,
    /// Set by what runs a pipeline, never by a person.
    Pipeline,
}

impl Purpose {
    pub const ALL: [Self; 6] =
        [Self::SignIn, Self::Keys, Self::Told, Self::Controller, Self::Machine, Self::Pipeline];

    /// The heading over its variables.
    pub fn title(self) -> &'static str {
        match self {
            Self::SignIn => "Sign-in to Entra",
            Self::Keys => "Keys that open and sign",
            Self::Told => "Notifications and tickets",
            Self::Controller => "The controller",
            Self::Machine => "This machine",
            Self::Pipeline => "Set by pipelines",
        }
    }
}

/// An environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    pub name: &'static str,
    /// What follows the name, where there are several: whose it is. In brackets where one has none.
    pub suffix: Option<&'static str>,
    pub purpose: Purpose,
    pub meaning: &'static str,
    /// Whether it holds a secret of this program or says where one is, so that `git`, `az`, their
    /// helpers, `ssh` and what a remote on this machine runs do not get it. What signs in to the forge is none: a
    /// helper may read it.
    pub is_secret: bool,
}

impl Variable {
    const fn new(purpose: Purpose, name: &'static str, meaning: &'static str) -> Self {
        Self { name, suffix: None, purpose, meaning, is_secret: false }
    }

    const fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }

    const fn of(self, suffix: &'static str) -> Self {
        Self { suffix: Some(suffix), ..self }
    }

    /// Whether this is the variable of that name.
    pub fn is_named(&self, name: &str) -> bool {
        match name.strip_prefix(self.name) {
            Some("") => true,
            Some(rest) => self.suffix.is_some() && rest.starts_with('_'),
            None => false,
        }
    }
}

/// Leaves the secrets of this program out of what another one is given: `git`, `az`, their helpers, `ssh`
/// and what a remote on this machine runs have no use for them.
pub(crate) fn keep_secrets(command: &mut Command) {
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| is_secret(&name.to_string_lossy())) {
        command.env_remove(name);
    }
}

/// Whether a variable of this name holds a secret, whatever its case: Windows knows none.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let mut secrets = ALL.iter().filter(|variable| variable.is_secret);
    secrets.any(|variable| variable.is_named(&name))
}

const CLIENT: &str = "[_CLIENT_ID]";

/// All of them, in the order of the reference.
pub const ALL: &[Variable] = &[
    Variable::new(
        Purpose::SignIn,
        "AZURE_CLIENT_SECRET",
        "The application's client secret, for `client-secret`. With a client id behind it, in capitals and with underscores, one application's.",
    )
    .of(CLIENT)
    .secret(),
    Variable::new(
        Purpose::SignIn,
        "AZURE_CLIENT_CERTIFICATE_PATH",
        "The file of the application's certificate with its key, PEM or PKCS#12, for `client-certificate`.",
    )
    .of(CLIENT)
    .secret(),
    Variable::new(
        Purpose::SignIn,
        "AZURE_CLIENT_CERTIFICATE_PASSWORD",
        "The password of that file.",
    )
    .of(CLIENT)
    .secret(),
    Variable::new(
        Purpose::SignIn,
        "AZURE_FEDERATED_TOKEN_FILE",
        "The file of the workload's token, for `workload-identity`.",
    ),
    Variable::new(
        Purpose::SignIn,
        "APPLECART_CREDENTIAL",
        "Another way to sign in than `auth.credential` says, for people: a pipeline's token is not on their machine.",
    ),
    Variable::new(
        Purpose::SignIn,
        "APPLECART_MANAGED_IDENTITY_CLIENT_ID",
        "Which user-assigned identity of the machine signs in, for `managed-identity`.",
    ),
    Variable::new(
        Purpose::SignIn,
        "APPLECART_SERVICE_CONNECTION_ID",
        "Which service connection signs in, for `azure-pipelines`, in place of the task's own.",
    ),
    Variable::new(
        Purpose::SignIn,
        "APPLECART_GRAPH_URL",
        "Where Graph is, for a simulator or a proxy: https, or http on this machine.",
    ),
    Variable::new(Purpose::SignIn, "APPLECART_LOGIN_URL", "Where Entra is, for the same."),
    Variable::new(
        Purpose::SignIn,
        "APPLECART_APPLE_URL",
        "Where a simulator on this machine plays Apple. Without it, Apple is not asked where Graph is on this machine; where Graph is not, it is refused.",
    ),
    Variable::new(Purpose::Keys, "SOPS_AGE_KEY_FILE", "A file with age identities.").secret(),
    Variable::new(Purpose::Keys, "SOPS_AGE_KEY", "An age identity itself.").secret(),
    Variable::new(
        Purpose::Keys,
        "SOPS_AGE_KEY_CMD",
        "A command line that prints age identities; started without a shell.",
    )
    .secret(),
    Variable::new(
        Purpose::Keys,
        "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
        "The file of an SSH key that opens files, in a build with `ssh-identities`.",
    )
    .secret(),
    Variable::new(
        Purpose::Keys,
        "APPLECART_AGE_PLUGINS",
        "Absolute paths of age plugins that may open files, separated as in `PATH`.",
    ),
    Variable::new(
        Purpose::Keys,
        "APPLECART_LEDGER_SIGNING_KEY",
        "The file of the SSH key that signs every commit of the ledger and the notes.",
    ),
    Variable::new(
        Purpose::Told,
        "APPLECART_SINK",
        "The secrets of a sink: its name, then `TOKEN`, `USER`, `PASSWORD`, `SECRET` or `URL`.",
    )
    .of("_NAME_…")
    .secret(),
    Variable::new(
        Purpose::Controller,
        "APPLECART_SERVE_TOKEN",
        "The bearer token that everybody who asks `serve` has to send.",
    )
    .secret(),
    Variable::new(
        Purpose::Controller,
        "APPLECART_WEBHOOK_SECRET",
        "The secret that a forge proves its webhooks with.",
    )
    .secret(),
    Variable::new(
        Purpose::Machine,
        "APPLECART_COMPLETE",
        "Set by a shell's script while it completes; see `applecart completions`.",
    ),
    Variable::new(Purpose::Machine, "NO_COLOR", "Set to anything: no colours."),
    Variable::new(Purpose::Machine, "CLICOLOR_FORCE", "`1` writes colours into pipes, too."),
    Variable::new(
        Purpose::Machine,
        "CI",
        "Set to anything but `0` or `false`: nobody is asked anything.",
    ),
    Variable::new(
        Purpose::Machine,
        "SSL_CERT_FILE",
        "The file of an authority of your own that signed the certificates of sinks.",
    ),
    Variable::new(
        Purpose::Machine,
        "XDG_CONFIG_HOME",
        "Where the user's settings are, and SOPS's key file in them; `HOME` or, on Windows, `APPDATA` where it is not set.",
    ),
    Variable::new(
        Purpose::Pipeline,
        "GITHUB_BASE_REF",
        "The branch that a pull request is for; commands that only read take the policy from it.",
    ),
    Variable::new(Purpose::Pipeline, "SYSTEM_PULLREQUEST_TARGETBRANCH", "The same on Azure."),
    Variable::new(Purpose::Pipeline, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "The same on GitLab."),
    Variable::new(
        Purpose::Pipeline,
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "Where GitHub hands out the job's token, for `github`.",
    ),
    Variable::new(Purpose::Pipeline, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "With what it is asked.")
        .secret(),
    Variable::new(Purpose::Pipeline, "ACTIONS_RUNTIME_TOKEN", "Never read, and kept from programs.")
        .secret(),
    Variable::new(
        Purpose::Pipeline,
        "SYSTEM_OIDCREQUESTURI",
        "Where Azure Pipelines hands out the job's token, for `azure-pipelines`.",
    ),
    Variable::new(
        Purpose::Pipeline,
        "SYSTEM_ACCESSTOKEN",
        "With what it is asked; map it into the step. A credential helper may read it, too.",
    ),
    Variable::new(
        Purpose::Pipeline,
        "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
        "The service connection of an AzureCLI or AzurePowerShell task.",
    ),
    Variable::new(
        Purpose::Pipeline,
        "APPLECART_ID_TOKEN",
        "The job's token that the GitLab pipeline writes to a file.",
    )
    .secret(),
    Variable::new(Purpose::Pipeline, "AZURE_FEDERATED_TOKEN", "Never read, and kept from programs.")
        .secret(),
    Variable::new(
        Purpose::Pipeline,
        "IDENTITY_ENDPOINT",
        "Where a machine's identity is asked for its token, for `managed-identity`.",
    ),
    Variable::new(Purpose::Pipeline, "IDENTITY_HEADER", "With what it is asked.").secret(),
    Variable::new(
        Purpose::Pipeline,
        "IDENTITY_SERVER_THUMBPRINT",
        "Set by Service Fabric, whose identities are not supported.",
    ),
    Variable::new(
        Purpose::Pipeline,
        "IMDS_ENDPOINT",
        "Set by Azure Arc, whose identities are not supported.",
    ),
    Variable::new(
        Purpose::Pipeline,
        "MSI_ENDPOINT",
        "Set by Cloud Shell and Azure Machine Learning, whose identities are not supported.",
    ),
    Variable::new(Purpose::Pipeline, "MSI_SECRET", "Never read, and kept from programs.").secret(),
    Variable::new(
        Purpose::Pipeline,
        "AZURE_CLIENT_CERTIFICATE",
        "Never read, and kept from programs.",
    )
    .secret(),
    Variable::new(
        Purpose::Pipeline,
        "GITHUB_ACTOR",
        "Who runs it, for the record; also `BUILD_REQUESTEDFOREMAIL`, `GITLAB_USER_LOGIN`, `USER`, `USERNAME` and `LOGNAME`.",
    ),
    Variable::new(
        Purpose::Pipeline,
        "GITHUB_RUN_ID",
        "Which run it is, for the record, with `GITHUB_SERVER_URL` and `GITHUB_REPOSITORY`; also `SYSTEM_COLLECTIONURI`, `SYSTEM_TEAMPROJECT`, `BUILD_BUILDID` and `CI_JOB_URL`.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_token_files_and_what_signs_in_anywhere_but_at_the_forge_is_kept_from_programs() {
        for name in [
            "AZURE_CLIENT_SECRET",
            "azure_client_secret",
            "AZURE_CLIENT_SECRET_2F6B0000_0000_4000_8000_000000000001",
            "AZURE_CLIENT_CERTIFICATE_PATH",
            "AZURE_CLIENT_CERTIFICATE_PASSWORD",
            "AZURE_FEDERATED_TOKEN",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "SOPS_AGE_KEY",
            "SOPS_AGE_KEY_FILE",
            "SOPS_AGE_KEY_CMD",
            "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
            "APPLECART_SINK_NOC_MAIL_PASSWORD",
            "APPLECART_SERVE_TOKEN",
            "APPLECART_WEBHOOK_SECRET",
        ] {
            assert!(is_secret(name), "{name}");
        }
        // A credential helper of the user's may read these.
        for name in ["PATH", "SSH_AUTH_SOCK", "GITHUB_TOKEN", "LEDGER_TOKEN", "SYSTEM_ACCESSTOKEN"]
        {
            assert!(!is_secret(name), "{name}");
        }
        for name in ["APPLECART_SINKHOLE", "SOPS_AGE_RECIPIENTS"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn every_variable_stands_in_the_table_once() {
        for (index, variable) in ALL.iter().enumerate() {
            let again = ALL.iter().skip(index + 1).any(|other| other.name == variable.name);
            assert!(!again, "{}", variable.name);
            assert!(Purpose::ALL.contains(&variable.purpose));
            assert!(variable.meaning.ends_with('.'), "{}", variable.name);
        }
    }
}
