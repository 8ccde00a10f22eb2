//! The one place that turns errors into exit codes and next steps.

pub(super) use crate::app::AppError as CliError;
use crate::app::AppError;
use crate::app::acknowledge::AcknowledgeError;
#[cfg(feature = "simulator")]
use crate::app::demo::DemoError;
use crate::app::download::DownloadError;
use crate::app::import::ImportError;
use crate::app::init::InitError;
use crate::app::ledger::CreateError;
use crate::app::renew::RenewError;
use applecart_core::fleet::CredentialKind;
use applecart_core::model::{Outcome, shell_word};
use applecart_core::plan::Refusal;
use applecart_core::renewal::DraftError;
use applecart_core::rules::codes;
use applecart_io::git::{BaseError, Flag, GitError, SignersError, SigningKey, Trouble};
use applecart_io::intune::SignInError;
use applecart_io::store::{LedgerError, LockError};
use applecart_io::vault::OpenError;

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
            Some(run) => write!(f, "{} {run}", self.say),
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
        let one = |text: &str| vec![Next::from(text)];
        match self {
            Self::InvalidFleet(_) => vec![Next::run(
                "Correct what is listed above. This shows every mistake in the fleet:",
                "applecart validate",
            )],
            Self::Credential(_) => {
                let all = CredentialKind::ALL.map(CredentialKind::as_str).join(", ");
                vec![
                    format!("Use one of: {all}. Unset it to sign in as applecart.yaml says").into(),
                ]
            }
            Self::AuditFormat => one("Use --format human or --format json"),
            Self::NothingSelected { select, near } => {
                let comma = select.iter().any(|one| one.contains(',')).then(|| {
                    Next::from("A comma means \"and\": all terms must hold. Repeat --select to add tenants")
                });
                let list = Next::run(
                    "--select takes names and labels of tenants. This lists them:",
                    "applecart status --offline --all",
                );
                did_you_mean(near).chain(comma).chain([list]).collect()
            }
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
            Self::Refused(Refusal::Safety(excess)) => vec![
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
            Self::Refused(Refusal::Approval { .. }) => {
                one("look at the plan again; what was approved is not what would happen now")
            }
            Self::Refused(Refusal::Snapshot) => one("plan again without --snapshot"),
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
            Self::Init(error) => match error {
                InitError::Exists { .. } => {
                    one("nothing is ever overwritten: choose an empty folder")
                }
                InitError::Inside { .. } => one(
                    "a fleet is a repository of its own: choose a folder outside, or that one's root",
                ),
                InitError::NoKeyFolder => one("name a place for the private key: --key PATH"),
                InitError::KeyInside(_) => one("name a place outside of it: --key PATH"),
                InitError::KeyExists(_) => one(
                    "name another place (--key PATH), or seal to its public key (--recipient age1…)",
                ),
            },
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
            | Self::Refused(_)
            | Self::Saved(_)
            | Self::Seal(_)
            | Self::Sealed { .. }
            | Self::Selection(_)
            | Self::Snapshot { .. }
            | Self::StandardInput => Vec::new(),
            // The system's own reason is all that is known.
            Self::File { .. } | Self::Json(_) | Self::Output(_) | Self::Runtime(_) => {
                Vec::new()
            }
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

fn signers_hints(error: &SignersError) -> Vec<Next> {
    match error {
        SignersError::File { setting, .. } => vec![
            format!("Nothing was uploaded. Correct the file that `{setting}` names, and have that merged")
                .into(),
            Next::run("This shows every mistake in it:", "applecart validate"),
        ],
        SignersError::Nobody => {
            vec!["Nothing was uploaded. Add `signers` or `openpgpKeys` to applecart.yaml".into()]
        }
        SignersError::Key { .. } => vec![
            Next::run("Try it by hand:", "echo | ssh-keygen -Y sign -n git -f KEY"),
            "A key with a passphrase needs an agent: name its public key then".into(),
        ],
        SignersError::Tool(_) | SignersError::Folder(_) => {
            vec!["Nothing was uploaded, because the signature could not be checked here".into()]
        }
        SignersError::Git(error) => git_hint(error).into_iter().collect(),
    }
}

/// Whatever keeps the base from being known, its source is not one to be trusted; only which of
/// several remotes counts is for the person to say.
fn base_outcome(error: &BaseError) -> Outcome {
    match error {
        // A slip of whoever typed it: the policy is not read from there.
        BaseError::ManyRemotes { .. } => Outcome::Usage,
        // A branch of a remote that was not fetched is no slip.
        BaseError::Revision { flag: Flag::Base, .. } if error.fetch_line().is_none() => {
            Outcome::Usage
        }
        // Nothing is wrong with the source; nobody can tell.
        BaseError::Unreachable { .. } | BaseError::Gone { .. } | BaseError::History { .. } => {
            Outcome::Partial
        }
        BaseError::Git(error) => git_outcome(error),
        _ => Outcome::Untrusted,
    }
}

fn base_hints(error: &BaseError) -> Vec<Next> {
    let named = "Or name the revision that the policy is read from: --policy-rev REV";
    let mut hints: Vec<Next> = match error {
        BaseError::Revision { near, .. } => did_you_mean(near).collect(),
        _ => Vec::new(),
    };
    hints.extend(error.fetch_line().map(|line| Next::run("Fetch it:", line)));
    match error {
        BaseError::NoMergeBase { shallow: false, .. } => {
            hints.push("Name a base that the branch comes from: --base origin/main".into());
        }
        BaseError::NoMergeBase { .. } => {}
        BaseError::Revision { flag: Flag::Base, .. } => {
            hints.push("Without --base, every tenant is planned".into());
        }
        BaseError::NotFetched { .. } | BaseError::Revision { .. } => {
            let ambiguous = match error {
                BaseError::Revision { source, .. } => match &**source {
                    GitError::AmbiguousName { one, .. } => Some(full_name(one)),
                    _ => None,
                },
                _ => None,
            };
            let never = || "The policy is never taken from another revision instead".into();
            hints.push(ambiguous.unwrap_or_else(never));
        }
        BaseError::Unreachable { remote, .. } => {
            hints.push(Next::run(
                "Check that this works here (network, proxy, credentials):",
                format!("git ls-remote {}", shell_word(remote)),
            ));
            hints.push(named.into());
        }
        BaseError::History { .. } => {
            hints.push(Next::run("Fetch it by hand:", "git fetch --unshallow"));
        }
        BaseError::Gone { remote, branch } => {
            hints.push(Next::run(
                "Nothing more is uploaded until it is back. This shows what the remote has:",
                format!("git ls-remote {} {}", shell_word(remote), shell_word(branch)),
            ));
            hints.push(named.into());
        }
        BaseError::NoDefault { remote } => {
            hints.push(format!("Push the default branch to {remote}, or set its HEAD").into());
            hints.push(named.into());
        }
        BaseError::NoRemote { .. } | BaseError::BranchName { .. } => {
            hints.push("Unset the variable if this is not a pull request".into());
            hints.push(named.into());
        }
        BaseError::ManyRemotes { .. } => {
            hints.push(Next::run("Set an upstream:", "git branch --set-upstream-to REMOTE/BRANCH"));
            hints.push(named.into());
        }
        BaseError::NotContained { base, unpushed, .. } => {
            if let Some((remote, branch)) = base.remote_branch().filter(|_| *unpushed) {
                let push = format!("git push {} {}", shell_word(remote), shell_word(branch));
                hints
                    .push(Next::run("If it was reviewed and merged in this clone, push it:", push));
            }
            hints.push(format!(
                "Nothing was uploaded. Merge it into {} first, then apply that commit. Pull requests get `plan` and `validate`",
                base.name
            )
            .into());
        }
        BaseError::Behind { .. } => {
            hints.push("Nothing was uploaded. The remote is a replica that lags, was restored from a backup, or had its branch forced back. Run this again when it has caught up, or let this clone read from where pushes go".into());
        }
        BaseError::CannotTell { .. } => {
            hints.push("Nothing was uploaded".into());
        }
        BaseError::Git(error) => hints.extend(git_hint(error)),
    }
    hints
}

/// What to do about a name that means two things.
fn full_name(one: &str) -> Next {
    format!(
        "Nothing was read of either. Write the full name, such as {one}, and delete what should not have this name"
    )
    .into()
}

fn git_outcome(error: &GitError) -> Outcome {
    match error {
        GitError::UnknownRevision { .. }
        | GitError::AmbiguousName { .. }
        | GitError::NotACommit { .. }
        | GitError::NotARepository { .. } => Outcome::Usage,
        // A path that leads elsewhere, or a tree made to confuse or to overwhelm.
        GitError::WrongKind { .. }
        | GitError::DuplicateEntry { .. }
        | GitError::Limit { .. }
        | GitError::BareFound { .. }
        | GitError::BareInside { .. }
        | GitError::Owner { .. } => Outcome::Untrusted,
        // What is not in this clone is unknown.
        GitError::NoSuchBlob { .. }
        | GitError::NotInClone { .. }
        | GitError::MissingCommit { .. } => Outcome::Partial,
        _ => Outcome::Error,
    }
}

/// The user's `git` in a repository, as it is typed.
fn git_at(path: &std::path::Path) -> String {
    format!("git -C {}", shell_word(&path.display().to_string()))
}

fn git_hint(error: &GitError) -> Option<Next> {
    let hint = match error {
        GitError::NotARepository { .. } => {
            return Some(Next::run(
                "Run this in a fleet repository, or name one with -C DIR. This makes a sample:",
                "applecart demo",
            ));
        }
        GitError::Owner { path } => {
            let path = shell_word(&path.display().to_string());
            return Some(Next::run(
                "If you trust it:",
                format!("git config --global --add safe.directory {path}"),
            ));
        }
        GitError::RefStorage { path } => {
            return Some(Next::run(
                "Let Git keep them as files, which changes nothing else. Git before 2.48 cannot while there are reflogs: clone again with `git clone --ref-format=files`. Run:",
                format!("{} refs migrate --ref-format=files", git_at(path)),
            ));
        }
        GitError::PartialClone { path, remote } => {
            let (git, promisor) = (git_at(path), shell_word(&format!("remote.{remote}.promisor")));
            return Some(Next::run(
                "Mark it in Git's present way, which changes nothing else:",
                format!(
                    "{git} config {promisor} true && {git} config --unset extensions.partialClone"
                ),
            ));
        }
        GitError::ObjectFormat { path } => {
            return Some(Next::run(
                "Copy its whole history into a new repository with SHA-1 names, and work there:",
                format!(
                    "git init --object-format=sha1 fleet-sha1 && {} fast-export --all --signed-tags=strip | git -C fleet-sha1 fast-import",
                    git_at(path)
                ),
            ));
        }
        GitError::Extension { .. } => {
            return Some(Next::run(
                "Work in a plain clone:",
                "git clone --ref-format=files \"$(git remote get-url origin)\" fleet-plain",
            ));
        }
        GitError::NotInClone { .. } | GitError::NoSuchBlob { .. } => {
            return Some(Next::run(
                "Nothing is concluded from what is not here. This fetches all of it:",
                "git fetch --refetch --no-filter",
            ));
        }
        GitError::MissingCommit { .. } => {
            return Some(Next::run(
                "Bring that folder back, or clone again. Commits that were never pushed are lost with it:",
                "git clone \"$(git remote get-url origin)\" fleet-again",
            ));
        }
        GitError::BareInside { outer, .. } => {
            let outer = shell_word(&outer.display().to_string());
            return Some(Next::run(
                "If the fleet is the repository around it:",
                format!("applecart -C {outer} status"),
            ));
        }
        GitError::BareFound { path } => {
            let path = shell_word(&path.display().to_string());
            return Some(Next::run("Name it:", format!("applecart -C {path} status")));
        }
        GitError::AmbiguousName { one, .. } => return Some(full_name(one)),
        GitError::UnknownRevision { shallow: true, .. } => {
            return Some(Next::run("Fetch it first:", "git fetch --unshallow"));
        }
        GitError::UnknownRevision { rev, .. } if rev == "HEAD" => {
            return Some(Next::run(
                "Nothing is committed yet:",
                "git add --all && git commit -m 'Begin the fleet'",
            ));
        }
        GitError::UnknownRevision { .. } => {
            return Some(Next::run(
                "Name an existing branch, tag or commit with --rev. This lists branches and tags:",
                "git for-each-ref --format='%(refname:short)'",
            ));
        }
        GitError::NoProgram => {
            "install Git (https://git-scm.com/downloads), or correct PATH, and run this again"
        }
        GitError::TooSlow { .. } => {
            return Some(Next::run(
                "Try the same by hand. It may be waiting for a password, a key or a proxy:",
                "git ls-remote",
            ));
        }
        GitError::NoWorktree { .. } => "this is a bare repository; leave --worktree out",
        GitError::Program { command, .. } if command == "commit-tree" => {
            return Some(Next::run(
                "No commit and no branch was made. Git takes your name from user.name and user.email, and signs with user.signingKey if commit.gpgSign is on. Correct what it complains about, and run this again. This shows all of its settings:",
                "git config --list --show-origin",
            ));
        }
        GitError::Branch { .. } => {
            return Some(Next::run(
                "Another branch may have the name of a folder of this one, such as `renew`. Rename or delete it (git branch -m, git branch -D), and run this again. This shows them:",
                "git for-each-ref refs/heads/renew",
            ));
        }
        _ => return None,
    };
    Some(hint.into())
}

impl Explain for DownloadError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Refused { .. }
            | Self::NotSealed(_)
            | Self::Changed(_)
            | Self::Draft(DraftError::Invalid(_)) => Outcome::Refused,
            Self::Target(_)
            | Self::Draft(DraftError::Unreadable(_))
            | Self::NoTenant { .. }
            | Self::Swapped { .. }
            | Self::Folder(_)
            | Self::NotThere { .. } => Outcome::Usage,
            Self::Unread { problem, .. } if problem.code.is_sign_in() => Outcome::SignIn,
            Self::Unread { .. } => Outcome::Partial,
            Self::Draft(DraftError::Edit(_)) | Self::Sops { .. } => Outcome::Error,
        }
    }

    fn hints(&self) -> Vec<Next> {
        match self {
            Self::Sops { encrypt, then, .. } => vec![
                Next::run("Fix that, or run:", encrypt.clone()),
                Next::run("Then:", then.clone()),
                "Or seal with age nevertheless: --age".into(),
            ],
            Self::Unread { .. } => vec![
                "Try again, or seal without that check (`applecart seal --offline`). `plan` and `apply` compare again".into(),
            ],
            Self::Refused { run, .. } => run
                .iter()
                .map(|run| Next::run("Use the file for the tenant that it is for:", run.clone()))
                .collect(),
            Self::NoTenant { near, next: (say, run), .. } => did_you_mean(near)
                .chain([Next { say: say.clone(), run: run.clone() }])
                .collect(),
            Self::Swapped { file, token } => {
                let (file, token) = (shell_word(&file.display().to_string()), shell_word(token));
                vec![Next::run("Write them so:", format!("applecart seal {file} {token}"))]
            }
            // Each says what to do itself.
            Self::Target(_)
            | Self::Draft(_)
            | Self::Folder(_)
            | Self::NotThere { .. }
            | Self::NotSealed(_)
            | Self::Changed(_) => Vec::new(),
        }
    }
}

impl Explain for RenewError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Due(_) | Self::NoKey | Self::NoRemote | Self::NoFiles(_) => Outcome::Usage,
            Self::Exists { .. } | Self::EndedByLater { .. } => Outcome::Refused,
            Self::NotPushed { .. } => Outcome::Error,
        }
    }

    fn hints(&self) -> Vec<Next> {
        match self {
            Self::Due(_) => Vec::new(),
            Self::NoKey => vec!["Name an enrollment token: TENANT/TOKEN".into()],
            Self::NoRemote => vec![Next::run(
                "Leave --push out, or add the remote first:",
                "git remote add origin URL",
            )],
            Self::NoFiles(_) => {
                vec!["Name the folder that your browser saves Apple's files in".into()]
            }
            Self::EndedByLater { branch, remote, .. } => {
                let look = match remote {
                    Some(remote) => {
                        format!("git fetch {remote} {branch} && git log -1 -p FETCH_HEAD")
                    }
                    None => format!("git log -1 -p {branch}"),
                };
                vec![
                    "This file is of no use any more: delete it, and do not download another one"
                        .into(),
                    Next::run("Have the pull request of that branch merged. To look at it:", look),
                ]
            }
            Self::Exists { branch, remote, here, ended } => {
                let look = match remote {
                    Some(remote) => {
                        format!("git fetch {remote} {branch} && git log -1 -p FETCH_HEAD")
                    }
                    None => format!("git log -1 -p {branch}"),
                };
                let there = remote.as_ref().map(|it| format!("git push {it} --delete {branch}"));
                let here = here.then(|| format!("git branch -D {branch}"));
                let delete: Vec<String> = there.into_iter().chain(here).collect();
                if let Some(ended) = ended {
                    return vec![
                        format!("The file there was downloaded on {ended}, before this one: Apple ended it with this download, so it must not be merged").into(),
                        Next::run(
                            "Close that pull request, delete the branch and run this again:",
                            delete.join(" && "),
                        ),
                    ];
                }
                vec![
                    Next::run("Look at it:", look),
                    "If that one is right, have its pull request merged. Then this is done".into(),
                    Next::run(
                        "If this one is right, close that pull request, delete the branch and run this again:",
                        delete.join(" && "),
                    ),
                ]
            }
            Self::NotPushed { branch, remote, .. } => vec![
                Next::run("Push it:", format!("git push {remote} {branch}")),
                "Or run this again, which finds the branch and pushes it".into(),
            ],
        }
    }
}

impl Explain for ImportError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Customers { problem, .. } if problem.code.is_sign_in() => Outcome::SignIn,
            Self::Customers { .. } | Self::Blind(_) => Outcome::Partial,
            _ => Outcome::Usage,
        }
    }

    fn hints(&self) -> Vec<Next> {
        let hint = match self {
            Self::List { .. } => {
                "the first line is `name,tenantId`, with `displayName` and `auth` where wanted; one tenant a line, as CSV"
            }
            Self::Customers { .. } => {
                "only a partner's own directory lists customers; the application needs Directory.Read.All there. A list works without: --from FILE"
            }
            Self::NoTenant { near, .. } => return did_you_mean(near).collect(),
            Self::NotThatTopic { tenant, .. } => {
                return vec![Next::run(
                    "See which topic Intune has, and which one devices know:",
                    format!("applecart status --all --select {}", shell_word(tenant)),
                )];
            }
            // Each says what to do itself.
            Self::Name { .. }
            | Self::NoProfile(_)
            | Self::NoSignIn
            | Self::Blind(_)
            | Self::OneName
            | Self::OneTenant
            | Self::Nothing
            | Self::NoId => return Vec::new(),
        };
        vec![hint.into()]
    }
}
