//! The one place that turns errors into exit codes and next steps.

mod ci;
mod files;
mod git;

pub(super) use crate::app::AppError as CliError;
use crate::app::AppError;
use crate::app::acknowledge::AcknowledgeError;
#[cfg(feature = "simulator")]
use crate::app::demo::DemoError;
use crate::app::entra::EntraError;
use crate::app::init::InitError;
use crate::app::ledger::CreateError;
use crate::app::notify::NotifyError;
use crate::app::onboard::OnboardError;
#[cfg(feature = "controller")]
use crate::app::serve::ServeError;
use crate::app::ticket::TicketError;
use applecart_core::fleet::CredentialKind;
use applecart_core::model::{Outcome, shell_word, short};
use applecart_core::plan::Refusal;
use applecart_core::rules::codes;
use applecart_io::git::{Signature, SignersError, SigningKey, Trouble};
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
            | Self::FrozenTelling
            | Self::Endpoint(_)
            | Self::Duration { .. }
            | Self::Instant(_)
            | Self::Period { .. }
            | Self::NoHistory { .. }
            | Self::AuditFormat
            | Self::NoSuchAccount(_)
            | Self::PlanFile { .. }
            | Self::StandardInput
            | Self::TokenAndSelection
            | Self::Init(
                InitError::NoFleet(_)
                | InitError::NotOurs { .. }
                | InitError::Inside { .. }
                | InitError::NoKeyFolder
                | InitError::KeyInside(_)
                | InitError::KeyExists(_),
            )
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
            Self::Notify(NotifyError::NoSink { .. } | NotifyError::NoSinks) => Outcome::Usage,
            Self::Ticket(TicketError::Unknown(_)) => Outcome::Partial,
            Self::Ticket(TicketError::NoPeriod { .. } | TicketError::Taken { .. }) => {
                Outcome::Refused
            }
            Self::Ticket(_) => Outcome::Usage,
            Self::Notify(NotifyError::Test { .. }) | Self::Sink(_) | Self::ClockOff { .. } => {
                Outcome::Partial
            }
            Self::Download(error) => error.outcome(),
            Self::Renew(error) => error.outcome(),
            Self::Import(error) => error.outcome(),
            Self::Ci(error) => ci::outcome(error),
            Self::Init(InitError::NoRecord { .. } | InitError::Link { .. }) => Outcome::Untrusted,
            Self::Onboard(error) => onboard_outcome(error),
            Self::Entra(
                EntraError::NoRepository
                | EntraError::OtherServer { .. }
                | EntraError::NoPath { .. },
            ) => Outcome::Usage,
            Self::StalePlan(_) => Outcome::Stale,
            Self::Signature { .. } | Self::NoLedger { .. } => Outcome::Untrusted,
            Self::Signers(error) => match error {
                SignersError::Git(error) => git_outcome(error),
                error if error.is_about_source() => Outcome::Untrusted,
                // The source could not be read, so whether it is trusted is unknown.
                _ => Outcome::Error,
            },
            Self::Base(error) => base_outcome(error),
            Self::Lock(LockError::Held { .. }) => Outcome::Elsewhere,
            Self::Unrecorded { .. } => Outcome::Partial,
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
            #[cfg(feature = "controller")]
            Self::Serve(error) => serve_outcome(error),
            #[cfg(feature = "simulator")]
            Self::Simulator(_) | Self::Simulate(_) | Self::Demo(_) => Outcome::Error,
        }
    }

    fn hints(&self) -> Vec<Next> {
        match self {
            Self::InvalidFleet(_) => run(
                "Correct what is listed above. This shows every mistake in the fleet:",
                "applecart validate",
            ),
            Self::Credential(_) => credential_hints(),
            Self::FrozenTelling => run(
                "Leave out --now to tell people. This shows what would be sent then, for TIME:",
                "applecart notify --dry-run --now TIME",
            ),
            Self::NoSuchAccount(unknown) => {
                let list = "This lists the Apple Accounts that Git names:";
                let mut hints = run(list, "applecart audit --apple-ids");
                if unknown.unowned > 0 {
                    let write = "This writes the accounts that Intune names into Git:";
                    hints.extend(run(write, "applecart import --update"));
                }
                hints
            }
            Self::AuditFormat => one("Use --format human or --format json"),
            Self::NothingSelected { select, near } => nothing_selected(select, near),
            Self::UnknownCode { code } => match codes::nearest(code) {
                Some(near) => one(format!("did you mean `{near}`?")),
                None => run("This lists every code:", "applecart explain"),
            },
            Self::NoHistory { near, .. } => no_history(near),
            Self::File { path, doing: "read", source }
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                file_hints(path)
            }
            Self::Signature { policy_rev, signature, .. } => signature_hints(policy_rev, signature),
            Self::Signers(error) => signers_hints(error),
            Self::Refused(refusal) => refusal_hints(refusal),
            Self::StalePlan(_) => one("make a new plan, have it reviewed, and apply that"),
            Self::SnapshotSelection { .. } => one("name the snapshot's tenant: --select NAME"),
            Self::SignIn(error) => sign_in_hints(error),
            Self::Download(error) => error.hints(),
            Self::Renew(error) => error.hints(),
            Self::Import(error) => error.hints(),
            Self::Onboard(error) => onboard_hints(error),
            Self::Entra(EntraError::NoRepository) => vec![Next::run(
                "Name the repository by its address on the host, such as https://github.com/octo/fleet.git, and run it again (where `origin` exists already: git remote set-url origin URL):",
                "git remote add origin URL",
            )],
            Self::Entra(EntraError::NoPath { .. }) => run(
                "Correct the remote's address, and run it again:",
                "git remote set-url origin URL",
            ),
            Self::Entra(EntraError::OtherServer { .. }) => one(
                "Name the host that has the repository (`--host`, and `auth.credential` in applecart.yaml), or correct the remote: git remote set-url origin URL",
            ),
            Self::Init(error) => one(init_hint(error)),
            Self::Ci(error) => ci::hints(error),
            Self::Acknowledge(AcknowledgeError::NoUpload { tenant, .. }) => {
                run("This shows what the ledger has:", format!("applecart history {tenant}"))
            }
            Self::Notify(NotifyError::Test { sink, .. }) => run(
                "Correct its address in applecart.yaml and have that merged (the settings are those of the remote's branch), or correct its secrets in the environment, of which `applecart doctor` names those that are missing. Then try again:",
                format!("applecart notify --test {sink}"),
            ),
            Self::Ticket(TicketError::Taken { .. }) => one(
                "Look the ticket's own number up in the ticket system. If the other link is the wrong one, link that ticket to its own number first",
            ),
            Self::Ticket(TicketError::NoSink) => one(
                "Name a webhook or a mail sink in applecart.yaml, and have it merged: `tickets: {sink: NAME}`",
            ),
            #[cfg(feature = "controller")]
            Self::Serve(error) => serve_hints(error),
            #[cfg(feature = "simulator")]
            Self::Demo(DemoError::NotEmpty(_)) => one("name a new folder, or leave the name out"),
            Self::Git(error) => git_hint(error).into_iter().collect(),
            Self::Base(error) => base_hints(error),
            Self::Duration { option, .. } => {
                one(format!("Write a number and a unit: {option} 45d"))
            }
            Self::TokenAndSelection => run(
                "Open everything that is due in the selected tenants:",
                "applecart renew --due 60d --select EXPR",
            ),
            error => error.ledger_hints().or_else(|| error.key_hints()).unwrap_or_default(),
        }
    }
}

impl AppError {
    /// What to do about the ledger or its lock; `None` where the error is about neither.
    fn ledger_hints(&self) -> Option<Vec<Next>> {
        Some(match self {
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
            Self::NoLedgerKey { signers } => one(format!(
                "Name the file of an SSH key whose public key is in {signers}: {}",
                SigningKey::VARIABLE
            )),
            Self::LedgerKey { signers, .. } => one(format!(
                "Name the file of a key whose public key is in {signers}, or have it added there and merged"
            )),
            Self::Lock(LockError::Held { by, .. }) => one(format!(
                "wait until the other {by} of this clone has ended, then run this again"
            )),
            Self::Lock(LockError::Io { source, .. }) => {
                Trouble::of_file(source).into_iter().map(|trouble| trouble.next().into()).collect()
            }
            Self::Unrecorded { source, .. } => match source.trouble() {
                Some(trouble) => one(trouble.next()),
                None => run("This tells what is wrong with the record:", "applecart ledger verify"),
            },
            // Its own sentence does.
            Self::Ledger(error) if error.tells_what_next() => return None,
            Self::Ledger(error) => match error.trouble() {
                Some(trouble) => one(trouble.next()),
                None => run(
                    "Nothing was uploaded. This tells what is wrong with the ledger:",
                    "applecart ledger verify",
                ),
            },
            _ => return None,
        })
    }

    /// What to do about a key that is missing or wrong. Every other error says what to do itself, or
    /// the system's own reason is all that is known.
    fn key_hints(&self) -> Option<Vec<Next>> {
        let name_it = || {
            run(
                "Name the file of the private key (age identity), here or with --identity FILE:",
                "export SOPS_AGE_KEY_FILE=PATH",
            )
        };
        match self {
            Self::Sealed {
                source: OpenError::NoIdentity | OpenError::NoMatchingIdentity { .. },
                ..
            }
            | Self::NoIdentities { .. }
            | Self::WrongIdentities { .. } => Some(name_it()),
            Self::Identities(error) => Some(match error.remedy() {
                Some(remedy) => run(remedy.say, remedy.run),
                None => name_it(),
            }),
            _ => None,
        }
    }
}

#[cfg(feature = "controller")]
fn serve_outcome(error: &ServeError) -> Outcome {
    match error {
        ServeError::Revision(_)
        | ServeError::Open { .. }
        | ServeError::InTheClear { .. }
        | ServeError::Blank { .. }
        | ServeError::Weak { .. }
        | ServeError::Wide { .. }
        | ServeError::Network { .. }
        | ServeError::Header { .. }
        | ServeError::EveryRequest { .. }
        | ServeError::Host { .. }
        | ServeError::Unsendable { .. }
        | ServeError::TooOften { .. } => Outcome::Usage,
        ServeError::Bind { .. }
        | ServeError::Certificate { .. }
        | ServeError::Ended(_)
        | ServeError::Hung { .. } => Outcome::Error,
    }
}

#[cfg(feature = "controller")]
fn serve_hints(error: &ServeError) -> Vec<Next> {
    match error {
        ServeError::Revision(_) => one(
            "Leave --rev out. Another branch than the remote's default is named with --policy-rev",
        ),
        ServeError::Open { .. } => vec![
            Next::run(
                "Set a token, which everybody who asks has to send as `Authorization: Bearer …`:",
                "export APPLECART_SERVE_TOKEN=\"$(openssl rand -hex 32)\"",
            ),
            "Or let a proxy sign people in: --trusted-proxy-auth HEADER --trusted-proxy ADDRESS"
                .into(),
        ],
        ServeError::InTheClear { .. } => one(
            "Name a certificate (--tls-cert FILE --tls-key FILE), or say that a proxy before it does TLS: --plain-http",
        ),
        ServeError::Wide { .. } => one("Name the proxy's own address: --trusted-proxy 10.0.3.7"),
        ServeError::Header { .. } | ServeError::EveryRequest { .. } => one(
            "Name the header in which the proxy says who has signed in: --trusted-proxy-auth X-Forwarded-User",
        ),
        ServeError::Host { .. } => one(
            "Write the name that people type, without a scheme, a port or a path: --host status.msp.example",
        ),
        ServeError::Blank { variable }
        | ServeError::Weak { variable, .. }
        | ServeError::Unsendable { variable } => run(
            "Make one that cannot be guessed:",
            format!("export {variable}=\"$(openssl rand -hex 32)\""),
        ),
        ServeError::Bind { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
            one("Another program listens there. Name another address: --listen 127.0.0.1:8081")
        }
        ServeError::TooOften { .. } => one("Write a longer --interval, such as 1h"),
        ServeError::Hung { .. } => one(
            "What it was doing is in the log. Nothing is lost: the next run finds out what became of an upload. Start it again",
        ),
        ServeError::Network { .. }
        | ServeError::Bind { .. }
        | ServeError::Certificate { .. }
        | ServeError::Ended(_) => Vec::new(),
    }
}

fn one(text: impl Into<String>) -> Vec<Next> {
    vec![Next::from(text)]
}

fn run(say: &str, command: impl Into<String>) -> Vec<Next> {
    vec![Next::run(say, command)]
}

fn credential_hints() -> Vec<Next> {
    let all: Vec<&str> = CredentialKind::ALL.iter().map(|kind| kind.as_str()).collect();
    one(format!("Use one of: {}. Unset it to sign in as applecart.yaml says", all.join(", ")))
}

fn no_history(near: &Option<String>) -> Vec<Next> {
    let lists = [
        Next::run("This shows every token that there ever was:", "applecart history"),
        Next::run("This shows those of today:", "applecart status --offline --all"),
    ];
    did_you_mean(near).chain(lists).collect()
}

fn signature_hints(policy_rev: &str, signature: &Signature) -> Vec<Next> {
    let rev = short(policy_rev);
    let judged = format!("Nothing was uploaded. The signers are those of the policy at {rev}");
    signature.next_step().map(Next::from).into_iter().chain([judged.into()]).collect()
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

fn onboard_outcome(error: &OnboardError) -> Outcome {
    match error {
        OnboardError::List { .. }
        | OnboardError::Tenant(_)
        | OnboardError::NoProfile(_)
        | OnboardError::NotThere(_)
        | OnboardError::OtherApplications { .. }
        | OnboardError::OtherProfile { .. } => Outcome::Usage,
        OnboardError::NothingReady | OnboardError::NotEmpty(_) => Outcome::Refused,
        OnboardError::Link { .. } => Outcome::Untrusted,
        OnboardError::NothingRead => Outcome::Partial,
        OnboardError::Kept { .. } | OnboardError::Listen(_) => Outcome::Error,
    }
}

fn onboard_hints(error: &OnboardError) -> Vec<Next> {
    let standing = || Next::run("This shows how far each tenant is:", "applecart onboard --status");
    match error {
        OnboardError::List { .. } => one(
            "Nothing was added. Correct these lines, or export the list again from Partner Center (Customers > Download)",
        ),
        OnboardError::Tenant(_) => {
            one("Name a directory (tenant) id, or a domain such as contoso.onmicrosoft.com")
        }
        OnboardError::NoProfile(_) => one("applecart.yaml lists the profiles under auth.profiles"),
        OnboardError::Link { .. } => {
            one("Find out who made it, remove it, or name a folder outside of the repository")
        }
        OnboardError::OtherApplications { next, command, .. } => run(next, command),
        OnboardError::OtherProfile { .. } => {
            run("Leave --auth out. A campaign of another profile goes into a clone of its own:", "git clone URL")
        }
        OnboardError::Kept { path, .. } => run(
            "The campaign holds nothing that cannot be found again: delete the file, and name the list again:",
            format!("rm {}", shell_word(&path.display().to_string())),
        ),
        OnboardError::NotThere(_) | OnboardError::NothingReady | OnboardError::NothingRead => {
            vec![standing()]
        }
        OnboardError::NotEmpty(_) => vec![
            "That is a mistake of this program, or Intune changed meanwhile: run it again, and report it if it stays".into(),
            standing(),
        ],
        OnboardError::Listen(_) => {
            run("Another program has the port. Take any free one:", "applecart onboard --listen")
        }
    }
}

fn init_hint(error: &InitError) -> &'static str {
    match error {
        InitError::NoFleet(_) => "`applecart init` begins one",
        InitError::NoRecord { .. } => {
            "Find out who changed it (git log -- .applecart/pipelines.json). Bring it back from Git's history, or remove it: then nothing is known of what was edited"
        }
        InitError::Link { .. } => {
            "Find out who put the link there, remove it, and bring back what was in its place from Git's history"
        }
        InitError::NotOurs { .. } => "Write the path as it was shown, such as .gitlab-ci.yml",
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
    let offline = || {
        Next::run(
            "Nothing was read from Intune. What Git and the ledger know of it:",
            "applecart status --offline",
        )
    };
    let secret = || {
        Next::from(
            "Without a person: set `credential` in applecart.yaml to what this place has, or APPLECART_CREDENTIAL=client-secret together with AZURE_CLIENT_SECRET",
        )
    };
    match error {
        SignInError::Placeholder => vec![
            "Nothing was read from Intune. Write the application (client) id of your app registration in Entra ID into applecart.yaml (`auth: clientId`), commit it, and have it merged where there is a remote: until then, the settings there count".into(),
        ],
        SignInError::NoAzureCli => vec![yourself(), offline()],
        SignInError::NoPerson { .. } => vec![secret(), offline()],
        _ => vec![yourself(), offline()],
    }
}

/// How a person signs in where the fleet's own credential is on another machine.
fn yourself() -> Next {
    let set = if cfg!(windows) {
        "$env:APPLECART_CREDENTIAL = 'device-code'"
    } else {
        "export APPLECART_CREDENTIAL=device-code"
    };
    Next::run("On your own machine, sign in as yourself, and run the command again:", set)
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
        CreateError::Reason => one("Write why, for colleagues who read the record later"),
        CreateError::Edit { name, genesis, .. } | CreateError::NoFile { name, genesis } => {
            one(format!("Write this into applecart.yaml by hand: ledger: {{{name}: {genesis}}}"))
        }
        CreateError::StillThere { .. } => {
            run("This tells what is wrong with it:", "applecart ledger verify")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_as_one_and_not_as_a_ledger_that_is_wrong() {
        let next = |kind: std::io::ErrorKind| {
            let (path, source) = ("append.lock".into(), kind.into());
            let error: AppError = LedgerError::State { path, source }.into();
            error.hints().iter().map(ToString::to_string).collect::<String>()
        };
        assert_eq!(next(std::io::ErrorKind::StorageFull), Trouble::DiskFull.next());
        assert!(next(std::io::ErrorKind::NotFound).ends_with("`applecart ledger verify`"));
    }
}
