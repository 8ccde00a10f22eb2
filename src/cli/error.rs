//! The one place that turns errors into exit codes and next steps.

mod files;
mod git;

pub(super) use crate::app::AppError as CliError;
use crate::app::AppError;
use crate::app::acknowledge::AcknowledgeError;
#[cfg(feature = "simulator")]
use crate::app::demo::DemoError;
use crate::app::init::InitError;
use crate::app::ledger::CreateError;
use applecart_core::fleet::CredentialKind;
use applecart_core::model::{Outcome, shell_word};
use applecart_core::plan::Refusal;
use applecart_core::rules::codes;
use applecart_io::git::{SignersError, SigningKey, Trouble};
use applecart_io::intune::SignInError;
use applecart_io::store::{LedgerError, LockError};
use applecart_io::vault::OpenError;
use git::{base_hints, base_outcome, git_hint, git_outcome, signers_hints};

/// What an error means to whoever started the command.
pub(super) trait Explain {
    /// The exit code of a command that ended with this error.
    fn outcome(&self) -> Outcome;
    /// What the user can do next.
    fn hints(&self) -> Vec<Next>;
}

/// A step that the user can take: a sentence, and the command that it introduces.
pub(super) struct Next {
    pub(super) say: String,
    pub(super) run: Option<String>,
}

impl Next {
    fn run(say: &str, command: impl Into<String>) -> Self {
        Self { say: say.to_owned(), run: Some(command.into()) }
    }
}

impl<T: Into<String>> From<T> for Next {
    fn from(say: T) -> Self {
        Self { say: say.into(), run: None }
    }
}

impl std::fmt::Display for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.run {
            None => f.write_str(&self.say),
            Some(run) => write!(f, "{} `{run}`", self.say),
        }
    }
}

impl Explain for AppError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::InvalidFleet(_) => Outcome::InvalidFleet,
            Self::SignIn(_) => Outcome::SignIn,
            Self::Selection(_)
            | Self::NothingSelected { .. }
            | Self::UnknownCode { .. }
            | Self::Credential(_)
            | Self::SnapshotSelection { .. }
            | Self::FrozenApply
            | Self::Endpoint(_)
            | Self::Duration { .. }
            | Self::Instant(_)
            | Self::Period { .. }
            | Self::NoHistory { .. }
            | Self::AuditFormat
            | Self::PlanFile { .. }
            | Self::StandardInput
            | Self::TokenAndSelection
            | Self::Init(_)
            | Self::Refused(Refusal::Snapshot) => Outcome::Usage,
            Self::Sealed {
                source: OpenError::NoIdentity | OpenError::NoMatchingIdentity { .. },
                ..
            } => Outcome::Error,
            // Another key would not help.
            Self::NotConfirmed
            | Self::WrongIdentities { .. }
            | Self::Refused(_)
            | Self::Sealed { .. }
            | Self::Acknowledge(
                AcknowledgeError::Text
                | AcknowledgeError::Already { .. }
                | AcknowledgeError::NoUpload { .. },
            ) => Outcome::Refused,
            Self::Acknowledge(AcknowledgeError::Unknown(_) | AcknowledgeError::Broken(_)) => {
                Outcome::Partial
            }
            Self::Download(error) => error.outcome(),
            Self::Renew(error) => error.outcome(),
            Self::Import(error) => error.outcome(),
            Self::StalePlan(_) => Outcome::Stale,
            Self::Signature { .. } | Self::NoLedger { .. } => Outcome::Untrusted,
            Self::Signers(error) => match error {
                SignersError::Git(error) => git_outcome(error),
                error if error.is_about_source() => Outcome::Untrusted,
                // Nothing is wrong with the source; nobody can tell.
                _ => Outcome::Error,
            },
            Self::Base(error) => base_outcome(error),
            Self::Lock(LockError::Held { .. }) => Outcome::Elsewhere,
            Self::Ledger(error) => match **error {
                LedgerError::WhichRemote { .. } | LedgerError::NoRemote => Outcome::Usage,
                _ => Outcome::Partial,
            },
            Self::Git(error) => git_outcome(error),
            Self::Connector(_)
            | Self::Snapshot { .. }
            | Self::Runtime(_)
            | Self::Output(_)
            | Self::File { .. }
            | Self::Identities(_)
            | Self::NoIdentities { .. }
            | Self::Seal(_)
            | Self::Lock(_)
            | Self::CreateLedger(_)
            | Self::NoLedgerKey { .. }
            | Self::LedgerKey { .. }
            | Self::Saved(_)
            | Self::Json(_) => Outcome::Error,
            #[cfg(feature = "simulator")]
            Self::Simulator(_) | Self::Simulate(_) | Self::Demo(_) => Outcome::Error,
        }
    }

    fn hints(&self) -> Vec<Next> {
        match self {
            Self::InvalidFleet(_) => vec![Next::run(
                "Correct what is listed above. This shows every mistake in the fleet:",
                "applecart validate",
            )],
            Self::Credential(_) => {
                let all: Vec<&str> = CredentialKind::ALL.iter().map(|kind| kind.as_str()).collect();
                vec![
                    format!(
                        "Use one of: {}. Unset it to sign in as applecart.yaml says",
                        all.join(", ")
                    )
                    .into(),
                ]
            }
            Self::AuditFormat => one("Use --format human or --format json"),
            Self::NothingSelected { select, near } => nothing_selected(select, near),
            Self::UnknownCode { code } => vec![match codes::nearest(code) {
                Some(near) => format!("did you mean `{near}`?").into(),
                None => Next::run("This lists every code:", "applecart explain"),
            }],
            Self::NoHistory { near, .. } => did_you_mean(near)
                .chain([
                    Next::run("This shows every token that there ever was:", "applecart history"),
                    Next::run("This shows those of today:", "applecart status --offline --all"),
                ])
                .collect(),
            Self::File { path, doing: "read", source }
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                file_hints(path)
            }
            Self::Signature { policy_rev, signature, .. } => {
                let rev = policy_rev.get(..12).unwrap_or(policy_rev);
                let judged =
                    format!("Nothing was uploaded. The signers are those of the policy at {rev}");
                signature.next_step().map(Next::from).into_iter().chain([judged.into()]).collect()
            }
            Self::Signers(error) => signers_hints(error),
            Self::NoLedger { branch, remote } => vec![
                Next::run(
                    "If a clone has the ledger, push it from there:",
                    format!("git push {remote} {branch}"),
                ),
                Next::run(
                    "If nothing was ever uploaded from this repository, begin the ledger:",
                    "applecart ledger create",
                ),
            ],
            Self::CreateLedger(error) => create_hints(error),
            Self::NoLedgerKey { signers } => vec![
                format!(
                    "Name the file of an SSH key whose public key is in {signers}: {}",
                    SigningKey::VARIABLE
                )
                .into(),
            ],
            Self::LedgerKey { signers, .. } => {
                vec![
                    format!(
                        "Name the file of a key whose public key is in {signers}, or have it added there and merged"
                    )
                    .into(),
                ]
            }
            Self::Refused(refusal) => refusal_hints(refusal),
            Self::StalePlan(_) => one("make a new plan, have it reviewed, and apply that"),
            Self::Lock(LockError::Held { .. }) => {
                one("wait until the other apply of this clone has ended, then run this again")
            }
            Self::Lock(LockError::Io { source, .. }) => {
                Trouble::of_file(source).into_iter().map(|trouble| trouble.next().into()).collect()
            }
            Self::Ledger(error) if error.tells_what_next() => Vec::new(),
            Self::Ledger(_) => {
                vec![Next::run(
                    "Nothing was uploaded. This tells what is wrong with the ledger:",
                    "applecart ledger verify",
                )]
            }
            Self::SnapshotSelection { .. } => one("name the snapshot's tenant: --select NAME"),
            Self::Sealed {
                source: OpenError::NoIdentity | OpenError::NoMatchingIdentity { .. },
                ..
            }
            | Self::NoIdentities { .. }
            | Self::WrongIdentities { .. } => vec![Next::run(
                "Name the file of the private key (age identity), here or with --identity FILE:",
                "export SOPS_AGE_KEY_FILE=PATH",
            )],
            Self::Identities(error) => vec![match error.remedy() {
                Some(remedy) => Next::run(remedy.say, remedy.run),
                None => Next::run(
                    "Name the file of the private key (age identity), here or with --identity FILE:",
                    "export SOPS_AGE_KEY_FILE=PATH",
                ),
            }],
            Self::SignIn(error) => sign_in_hints(error),
            Self::Download(error) => error.hints(),
            Self::Renew(error) => error.hints(),
            Self::Import(error) => error.hints(),
            Self::Init(error) => vec![init_hint(error).into()],
            Self::Acknowledge(AcknowledgeError::NoUpload { tenant, .. }) => {
                let command = format!("applecart history {tenant}");
                vec![Next::run("This shows what the ledger has:", command)]
            }
            #[cfg(feature = "simulator")]
            Self::Demo(DemoError::NotEmpty(_)) => one("name a new folder, or leave the name out"),
            Self::Git(error) => git_hint(error).into_iter().collect(),
            Self::Base(error) => base_hints(error),
            Self::Duration { option, .. } => {
                vec![format!("Write a number and a unit: {option} 45d").into()]
            }
            Self::TokenAndSelection => vec![Next::run(
                "Open everything that is due in the selected tenants:",
                "applecart renew --due 60d --select EXPR",
            )],
            #[cfg(feature = "simulator")]
            Self::Demo(_) | Self::Simulator(_) | Self::Simulate(_) => Vec::new(),
            // Each says what to do itself.
            Self::Acknowledge(_)
            | Self::Connector(_)
            | Self::Endpoint(_)
            | Self::FrozenApply
            | Self::Instant(_)
            | Self::NotConfirmed
            | Self::Period { .. }
            | Self::PlanFile { .. }
            | Self::Saved(_)
            | Self::Seal(_)
            | Self::Sealed { .. }
            | Self::Selection(_)
            | Self::Snapshot { .. }
            | Self::StandardInput => Vec::new(),
            // The system's own reason is all that is known.
            Self::File { .. } | Self::Json(_) | Self::Output(_) | Self::Runtime(_) => Vec::new(),
        }
    }
}

fn one(text: &str) -> Vec<Next> {
    vec![text.into()]
}

fn nothing_selected(select: &[String], near: &Option<String>) -> Vec<Next> {
    let comma = select.iter().any(|one| one.contains(',')).then(|| {
        Next::from("A comma means \"and\": all terms must hold. Repeat --select to add tenants")
    });
    let list = Next::run(
        "--select takes names and labels of tenants. This lists them:",
        "applecart status --offline --all",
    );
    did_you_mean(near).chain(comma).chain([list]).collect()
}

/// What to do about a plan that was refused as a whole.
fn refusal_hints(refusal: &Refusal) -> Vec<Next> {
    match refusal {
        Refusal::Safety(excess) => vec![
            format!(
                "{} writes in a fleet of {} (limits: {}{} tenants). Look at the plan: is it the right branch?",
                excess.writes,
                excess.limits.fleet,
                excess.limits.share.map(|share| format!("share {share}, ")).unwrap_or_default(),
                excess.limits.tenants
            )
            .into(),
            Next::run(
                "If it is what you want:",
                format!("applecart apply --approve {}", excess.digest),
            ),
        ],
        Refusal::Approval { .. } => {
            one("look at the plan again; what was approved is not what would happen now")
        }
        Refusal::Snapshot => one("plan again without --snapshot"),
        // It says itself what to do.
        Refusal::Lint(_) => Vec::new(),
    }
}

fn init_hint(error: &InitError) -> &'static str {
    match error {
        InitError::Exists { .. } => "nothing is ever overwritten: choose an empty folder",
        InitError::Inside { .. } => {
            "a fleet is a repository of its own: choose a folder outside, or that one's root"
        }
        InitError::NoKeyFolder => "name a place for the private key: --key PATH",
        InitError::KeyInside(_) => "name a place outside of it: --key PATH",
        InitError::KeyExists(_) => {
            "name another place (--key PATH), or seal to its public key (--recipient age1…)"
        }
    }
}

/// What is missing is said by the error itself; this is the way on.
fn sign_in_hints(error: &SignInError) -> Vec<Next> {
    let yourself = || {
        Next::run(
            "Or sign in as yourself, with the Azure CLI:",
            "export APPLECART_CREDENTIAL=azure-cli",
        )
    };
    match error {
        SignInError::Placeholder => vec![
            "Nothing was read from Intune. Write the application (client) id of your app registration in Entra ID into applecart.yaml (`auth: clientId`), and commit it".into(),
        ],
        SignInError::NoAzureCli => vec!["Nothing was read from Intune".into()],
        _ => vec!["Nothing was read from Intune".into(), yourself()],
    }
}

fn did_you_mean(near: &Option<String>) -> impl Iterator<Item = Next> {
    near.iter().map(|near| Next::from(format!("did you mean {near}?")))
}

/// What to do where a file that was named is not there.
fn file_hints(path: &std::path::Path) -> Vec<Next> {
    let shown = shell_word(&path.display().to_string());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| std::path::Path::new("."));
    let mut hints = vec![Next::run(
        "Correct the path. This lists the folder:",
        format!("ls {}", shell_word(&folder.display().to_string())),
    )];
    if path.extension().is_some_and(|extension| extension == "json") {
        hints.push(Next::run("A plan file is made so:", format!("applecart plan --out {shown}")));
    }
    hints
}

fn create_hints(error: &CreateError) -> Vec<Next> {
    match error {
        CreateError::Reason => vec![Next::from("Write why, for whoever reads the record later")],
        CreateError::Edit { name, genesis, .. } | CreateError::NoFile { name, genesis } => vec![
            format!("Write this into applecart.yaml by hand: ledger: {{{name}: {genesis}}}").into(),
        ],
        CreateError::StillThere { .. } => {
            vec![Next::run("This tells what is wrong with it:", "applecart ledger verify")]
        }
    }
}
