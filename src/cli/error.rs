//! The one place that turns errors into exit codes and next steps.

pub(super) use crate::app::AppError as CliError;
use crate::app::AppError;
use crate::app::acknowledge::AcknowledgeError;
#[cfg(feature = "simulator")]
use crate::app::demo::DemoError;
use crate::app::download::DownloadError;
use crate::app::import::ImportError;
use crate::app::init::InitError;
use crate::app::renew::RenewError;
use applecart_core::model::Outcome;
use applecart_core::plan::Refusal;
use applecart_core::renewal::DraftError;
use applecart_core::rules::codes;
use applecart_io::git::{BaseError, Flag, GitError, SignersError, SigningKey};
use applecart_io::store::{LedgerError, LockError};
use applecart_io::vault::OpenError;

/// What an error means to whoever started the command.
pub(super) trait Explain {
    /// The exit code of a command that ended with this error.
    fn outcome(&self) -> Outcome;
    /// What the user can do next.
    fn hints(&self) -> Vec<String>;
}

impl Explain for AppError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::InvalidFleet(_) => Outcome::InvalidFleet,
            Self::Selection(_)
            | Self::NothingSelected
            | Self::UnknownCode { .. }
            | Self::Credential(_)
            | Self::SnapshotSelection { .. }
            | Self::FrozenApply
            | Self::Endpoint(_)
            | Self::Duration(_)
            | Self::Instant(_)
            | Self::Period { .. }
            | Self::NoHistory(_)
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
            // A key at hand would not help.
            Self::Refused(_)
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
            Self::Signature { .. } => Outcome::Untrusted,
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
            | Self::Seal(_)
            | Self::Lock(_)
            | Self::NoLedgerKey { .. }
            | Self::LedgerKey { .. }
            | Self::Saved(_)
            | Self::Json(_) => Outcome::Error,
            #[cfg(feature = "simulator")]
            Self::Simulator(_) | Self::Simulate(_) | Self::Demo(_) => Outcome::Error,
        }
    }

    fn hints(&self) -> Vec<String> {
        let one = |text: &str| vec![text.to_owned()];
        match self {
            Self::InvalidFleet(_) => {
                one("correct what is listed above; `applecart validate` shows all of it")
            }
            Self::Credential(_) => one(
                "client-secret, client-certificate, workload-identity, github, azure-pipelines, managed-identity or azure-cli; unset it to sign in as applecart.yaml says",
            ),
            Self::AuditFormat => one("take --format human or --format json"),
            Self::NothingSelected => one(
                "`applecart status --offline` lists the tenants and `--select` takes their names or labels",
            ),
            Self::UnknownCode { code } => vec![match codes::nearest(code) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`applecart explain` lists every code".to_owned(),
            }],
            Self::NoHistory(_) => one(
                "`applecart history` without a name shows every token there ever was, `applecart status --offline` those of now",
            ),
            Self::Signature { policy_rev, signature, .. } => {
                let rev = policy_rev.get(..12).unwrap_or(policy_rev);
                let judged =
                    format!("nothing was sent; judged by the signers of the policy at {rev}");
                signature.next_step().map(str::to_owned).into_iter().chain([judged]).collect()
            }
            Self::Signers(error) => signers_hints(error),
            Self::NoLedgerKey { signers } => vec![format!(
                "name the file of an SSH key whose public key stands in {signers}: {}",
                SigningKey::VARIABLE
            )],
            Self::LedgerKey { signers, .. } => {
                vec![format!(
                    "name the file of a key whose public key stands in {signers}, or have it added there and merged"
                )]
            }
            Self::Refused(Refusal::Safety(excess)) => vec![
                format!(
                    "{} writes in a fleet of {} (limits: {}{} tenants). Look at the plan: is it the right branch?",
                    excess.writes,
                    excess.limits.fleet,
                    excess.limits.share.map(|share| format!("share {share}, ")).unwrap_or_default(),
                    excess.limits.tenants
                ),
                format!("if it is what you want: applecart apply --approve {}", excess.digest),
            ],
            Self::Refused(Refusal::Approval { .. }) => {
                one("look at the plan again; what was approved is not what would happen now")
            }
            Self::Refused(Refusal::Snapshot) => one("plan again without --snapshot"),
            Self::StalePlan(_) => one("make a new plan, have it reviewed, and apply that"),
            Self::Lock(LockError::Held { .. }) => {
                one("wait until the other apply of this clone has ended, then run this again")
            }
            Self::Ledger(error) if error.tells_what_next() => Vec::new(),
            Self::Ledger(_) => {
                one("nothing was sent. `applecart ledger verify` tells what is wrong")
            }
            Self::SnapshotSelection { .. } => one("name the snapshot's tenant: --select NAME"),
            Self::Sealed {
                source: OpenError::NoIdentity | OpenError::NoMatchingIdentity { .. },
                ..
            }
            | Self::Identities(_) => {
                one("identities come from SOPS_AGE_KEY_FILE, SOPS_AGE_KEY or --identity FILE")
            }
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
                vec![format!("see what the ledger has: applecart history {tenant}")]
            }
            #[cfg(feature = "simulator")]
            Self::Demo(DemoError::NotEmpty(_)) => one("name a new folder, or leave the name out"),
            Self::Git(error) => git_hint(error).into_iter().collect(),
            Self::Base(error) => base_hints(error),
            _ => Vec::new(),
        }
    }
}

fn signers_hints(error: &SignersError) -> Vec<String> {
    match error {
        SignersError::File { setting, .. } => vec![
            format!("nothing was sent; correct the file that `{setting}` names, and have that merged"),
            "`applecart validate` shows every mistake in it".to_owned(),
        ],
        SignersError::Nobody => {
            vec!["nothing was sent; add `signers` or `openpgpKeys` to applecart.yaml".to_owned()]
        }
        SignersError::Key { .. } => vec![
            "try it by hand: echo | ssh-keygen -Y sign -n git -f KEY; a key with a passphrase needs an agent: name its public key then".to_owned(),
        ],
        SignersError::Tool(_) | SignersError::Folder(_) => {
            vec!["nothing was sent; who signed cannot be told here".to_owned()]
        }
        SignersError::Git(error) => git_hint(error).into_iter().collect(),
    }
}

/// Whatever keeps the base from being known, its source is not one to be trusted; only which of
/// several remotes counts is for the person to say.
fn base_outcome(error: &BaseError) -> Outcome {
    match error {
        BaseError::ManyRemotes { .. } => Outcome::Usage,
        // Nothing is wrong with the source; nobody can tell.
        BaseError::Unreachable { .. } => Outcome::Partial,
        BaseError::Git(error) => git_outcome(error),
        _ => Outcome::Untrusted,
    }
}

fn base_hints(error: &BaseError) -> Vec<String> {
    let named = "or name the revision that the policy is read from: --policy-rev REV";
    let mut hints: Vec<String> =
        error.fetch_line().map(|line| format!("run: {line}")).into_iter().collect();
    match error {
        BaseError::NoMergeBase { shallow: false, .. } => {
            hints.push("name a base that the branch comes from: --base origin/main".to_owned());
        }
        BaseError::NoMergeBase { .. } => {}
        BaseError::Revision { flag: Flag::Base, .. } => {
            hints.push("without --base, every tenant is planned".to_owned());
        }
        BaseError::NotFetched { .. } | BaseError::Revision { .. } => {
            hints.push("the policy is never taken from another revision instead".to_owned());
        }
        BaseError::Unreachable { .. } => {
            hints.push("make the remote answer to `git ls-remote`".to_owned());
            hints.push(named.to_owned());
        }
        BaseError::NoDefault { remote } => {
            hints.push(format!("push the default branch to {remote}, or set its HEAD"));
            hints.push(named.to_owned());
        }
        BaseError::NoRemote { .. } | BaseError::BranchName { .. } => {
            hints.push("unset the variable where this is no pull request".to_owned());
            hints.push(named.to_owned());
        }
        BaseError::ManyRemotes { .. } => {
            hints.push("set an upstream: git branch --set-upstream-to REMOTE/BRANCH".to_owned());
            hints.push(named.to_owned());
        }
        BaseError::NotContained { base, .. } => hints.push(format!(
            "nothing was sent. Merge it into {} first, then apply that commit; pull requests get `plan` and `validate`",
            base.name
        )),
        BaseError::CannotTell { .. } => {
            hints.push("nothing was sent".to_owned());
        }
        BaseError::Git(error) => hints.extend(git_hint(error)),
    }
    hints
}

fn git_outcome(error: &GitError) -> Outcome {
    match error {
        GitError::UnknownRevision { .. }
        | GitError::NotACommit { .. }
        | GitError::NotARepository { .. } => Outcome::Usage,
        // A path that leads elsewhere, or a tree made to confuse or to overwhelm.
        GitError::WrongKind { .. }
        | GitError::DuplicateEntry { .. }
        | GitError::Limit { .. }
        | GitError::Owner { .. } => Outcome::Untrusted,
        _ => Outcome::Error,
    }
}

fn git_hint(error: &GitError) -> Option<String> {
    let hint = match error {
        GitError::NotARepository { .. } => {
            "run this in a fleet repository, or name one with --repo; `applecart demo` makes a sample"
        }
        GitError::Owner { path } => {
            return Some(format!(
                "if you trust it: git config --global --add safe.directory {}",
                path.display()
            ));
        }
        GitError::UnknownRevision { shallow: true, .. } => "fetch it first: git fetch --unshallow",
        GitError::UnknownRevision { .. } => {
            "commit something, or name an existing branch, tag or commit with --rev"
        }
        GitError::NoProgram => {
            "install Git (https://git-scm.com/downloads), or correct PATH, and run this again"
        }
        GitError::TooSlow { .. } => {
            "try the same by hand: git ls-remote; it may be waiting for a password, a key or a proxy"
        }
        GitError::NoWorktree { .. } => "this is a bare repository; leave --worktree out",
        GitError::Program { command, .. } if command == "commit-tree" => {
            "no commit and no branch was made. Who you are, Git takes from user.name and user.email; where commit.gpgSign is on, it signs with user.signingKey. Mend what it complains of (git config --list --show-origin shows all of them), and run this again"
        }
        GitError::Branch { .. } => {
            "another branch may have the name of a folder of this one, such as `renew`: git for-each-ref refs/heads/renew shows them. Rename or delete it (git branch -m, git branch -D), and run this again"
        }
        _ => return None,
    };
    Some(hint.to_owned())
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
            | Self::Folder(_)
            | Self::NotThere { .. } => Outcome::Usage,
            Self::Unread { problem, .. } if problem.code.is_sign_in() => Outcome::SignIn,
            Self::Unread { .. } => Outcome::Partial,
            Self::Draft(DraftError::Edit(_)) | Self::Sops { .. } => Outcome::Error,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Sops { encrypt, then, .. } => vec![
                format!("fix that, or run: {encrypt}"),
                format!("then: {then}"),
                "or seal with age nevertheless: --age".to_owned(),
            ],
            Self::Unread { .. } => vec![
                "try again, or seal without that check: `applecart seal --offline`; `plan` and `apply` compare again".to_owned(),
            ],
            _ => Vec::new(),
        }
    }
}

impl Explain for RenewError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Due(_) | Self::NoRemote => Outcome::Usage,
            Self::Exists { .. } => Outcome::Refused,
            Self::NotPushed { .. } => Outcome::Error,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Due(_) | Self::NoRemote => Vec::new(),
            Self::Exists { branch, remote, here } => {
                let look = match remote {
                    Some(remote) => {
                        format!("git fetch {remote} {branch} && git log -1 -p FETCH_HEAD")
                    }
                    None => format!("git log -1 -p {branch}"),
                };
                let there = remote.as_ref().map(|it| format!("git push {it} --delete {branch}"));
                let here = here.then(|| format!("git branch -D {branch}"));
                let delete: Vec<String> = there.into_iter().chain(here).collect();
                vec![
                    format!("look at it: {look}"),
                    "if that file is the right one, have its pull request merged; then this renewal is done".to_owned(),
                    format!(
                        "if this file is the right one, close that pull request, delete the branch and run this again: {}",
                        delete.join(" && ")
                    ),
                ]
            }
            Self::NotPushed { branch, remote, .. } => vec![
                format!("push it: git push {remote} {branch}"),
                "or run this again, which finds the branch and pushes it".to_owned(),
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

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::List { .. } => {
                "the first line is `name,tenantId`, with `displayName` and `auth` where wanted; one tenant a line, as CSV"
            }
            Self::Customers { .. } => {
                "only a partner's own directory lists customers; the application needs Directory.Read.All there. A list works without: --from FILE"
            }
            _ => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}
