//! What to do about a repository, its base and its signatures.

use super::{Next, did_you_mean};
use applecart_core::model::{Outcome, shell_word};
use applecart_io::git::{BaseError, Flag, GitError, SignersError};

pub(super) fn signers_hints(error: &SignersError) -> Vec<Next> {
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
pub(super) fn base_outcome(error: &BaseError) -> Outcome {
    match error {
        // A slip of whoever typed it: the policy is not read from there.
        BaseError::ManyRemotes { .. } => Outcome::Usage,
        // A branch of a remote that was not fetched is no slip.
        BaseError::Revision { flag: Flag::Base, .. } if error.fetch_line().is_none() => {
            Outcome::Usage
        }
        // The source could not be read, so whether it is trusted is unknown.
        BaseError::Unreachable { .. } | BaseError::Gone { .. } | BaseError::History { .. } => {
            Outcome::Partial
        }
        BaseError::Git(error) => git_outcome(error),
        _ => Outcome::Untrusted,
    }
}

pub(super) fn base_hints(error: &BaseError) -> Vec<Next> {
    let near = match error {
        BaseError::Revision { near, .. } => near,
        _ => &None,
    };
    let fetch = error.fetch_line().map(|line| Next::run("Fetch it:", line));
    did_you_mean(near).chain(fetch).chain(of_base(error)).collect()
}

/// What to do about one error of the base.
fn of_base(error: &BaseError) -> Vec<Next> {
    let named = || "Or name the revision that the policy is read from: --policy-rev REV".into();
    match error {
        BaseError::NoMergeBase { shallow: false, .. } => {
            vec!["Name a base that the branch comes from: --base origin/main".into()]
        }
        BaseError::NoMergeBase { .. } => Vec::new(),
        BaseError::Revision { flag: Flag::Base, .. } => {
            vec!["Without --base, every tenant is planned, and the whole repository audited".into()]
        }
        BaseError::Revision { source, .. }
            if let GitError::AmbiguousName { one, .. } = &**source =>
        {
            vec![full_name(one)]
        }
        BaseError::NotFetched { .. } | BaseError::Revision { .. } => {
            vec!["The policy is never taken from another revision instead".into()]
        }
        BaseError::Unreachable { remote, .. } => {
            let check = match error.trouble() {
                Some(trouble) => trouble.next().into(),
                None => Next::run(
                    "Check that this works here (network, proxy, credentials):",
                    format!("git ls-remote {}", shell_word(remote)),
                ),
            };
            vec![check, named()]
        }
        BaseError::History { .. } => {
            vec![Next::run("Fetch it by hand:", "git fetch --unshallow")]
        }
        BaseError::Gone { remote, branch } => {
            let look = Next::run(
                "Nothing more is uploaded until it is back. This shows what the remote has:",
                format!("git ls-remote {} {}", shell_word(remote), shell_word(branch)),
            );
            vec![look, named()]
        }
        BaseError::NoDefault { remote } => {
            vec![format!("Push the default branch to {remote}, or set its HEAD").into(), named()]
        }
        BaseError::NoRemote { .. } | BaseError::BranchName { .. } => {
            vec!["Unset the variable if this is not a pull request".into(), named()]
        }
        BaseError::ManyRemotes { .. } => {
            let upstream = "git branch --set-upstream-to REMOTE/BRANCH";
            vec![Next::run("Set an upstream:", upstream), named()]
        }
        BaseError::NotContained { base, unpushed, .. } => {
            let pushed = base.remote_branch().filter(|_| *unpushed).map(|(remote, branch)| {
                let push = format!("git push {} {}", shell_word(remote), shell_word(branch));
                Next::run("If it was reviewed and merged in this clone, push it:", push)
            });
            let merge = format!(
                "Nothing was uploaded. Merge it into {} first, then apply that commit. Pull requests get `plan` and `validate`",
                base.name
            );
            pushed.into_iter().chain([merge.into()]).collect()
        }
        BaseError::Behind { .. } => {
            vec!["Nothing was uploaded. The remote is a replica that lags, was restored from a backup, or had its branch forced back. Run this again when it has caught up, or let this clone read from where pushes go".into()]
        }
        BaseError::CannotTell { .. } => vec!["Nothing was uploaded".into()],
        BaseError::Git(error) => git_hint(error).into_iter().collect(),
    }
}

/// What to do about a name that means two things.
fn full_name(one: &str) -> Next {
    format!(
        "Nothing was read of either. Write the full name, such as {one}, and delete what should not have this name"
    )
    .into()
}

pub(super) fn git_outcome(error: &GitError) -> Outcome {
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
        | GitError::NotCheckedOut { .. }
        | GitError::LeftOut { .. }
        | GitError::MissingCommit { .. } => Outcome::Partial,
        _ => Outcome::Error,
    }
}

/// The user's `git` in a repository, as it is typed.
fn git_at(path: &std::path::Path) -> String {
    format!("git -C {}", shell_word(&path.display().to_string()))
}

pub(super) fn git_hint(error: &GitError) -> Option<Next> {
    let hint = match error {
        GitError::NotARepository { .. } => Next::run(
            "Run this in a fleet repository, or name one with -C DIR. This makes a sample:",
            "applecart demo",
        ),
        GitError::Owner { path } => {
            let path = shell_word(&path.display().to_string());
            Next::run(
                "If you trust it:",
                format!("git config --global --add safe.directory {path}"),
            )
        }
        GitError::NotInClone { .. } | GitError::NoSuchBlob { .. } => Next::run(
            "Nothing is concluded from what is not here. This fetches all of it:",
            "git fetch --refetch --no-filter",
        ),
        GitError::MissingCommit { .. } => Next::run(
            "Bring that folder back, or clone again. Commits that were never pushed are lost with it:",
            "git clone \"$(git remote get-url origin)\" fleet-again",
        ),
        GitError::AmbiguousName { one, .. } => full_name(one),
        GitError::NoProgram => {
            "install Git (https://git-scm.com/downloads), or correct PATH, and run this again"
                .into()
        }
        GitError::TooSlow { .. } => Next::run(
            "Try the same by hand. It may be waiting for a password, a key or a proxy:",
            "git ls-remote",
        ),
        GitError::NotCheckedOut { path } => Next::run(
            "Leave --worktree out, or check the files out:",
            format!("{} checkout", git_at(path)),
        ),
        GitError::LeftOut { root, folder } => Next::run(
            "Check it out, and run this again:",
            format!("{} sparse-checkout add {}", git_at(root), shell_word(folder)),
        ),
        GitError::NoWorktree { .. } => "this is a bare repository; leave --worktree out".into(),
        GitError::Program { command, .. } if command == "commit-tree" => Next::run(
            "No commit and no branch was made. Git takes your name from user.name and user.email, and signs with user.signingKey if commit.gpgSign is on. Correct what it complains about, and run this again. This shows all of its settings:",
            "git config --list --show-origin",
        ),
        GitError::Branch { .. } => Next::run(
            "Another branch may have the name of a folder of this one, such as `renew`. Rename or delete it (git branch -m, git branch -D), and run this again. This shows them:",
            "git for-each-ref refs/heads/renew",
        ),
        _ => return form_hint(error).or_else(|| name_hint(error)),
    };
    Some(hint)
}

/// What to do about a repository of a form that is not read.
fn form_hint(error: &GitError) -> Option<Next> {
    Some(match error {
        GitError::RefStorage { path } => Next::run(
            "Let Git keep them as files, which changes nothing else. Git before 2.48 cannot while there are reflogs: clone again with `git clone --ref-format=files`. Run:",
            format!("{} refs migrate --ref-format=files", git_at(path)),
        ),
        GitError::PartialClone { path, remote } => {
            let (git, promisor) = (git_at(path), shell_word(&format!("remote.{remote}.promisor")));
            Next::run(
                "Mark it in Git's present way, which changes nothing else:",
                format!(
                    "{git} config {promisor} true && {git} config --unset extensions.partialClone"
                ),
            )
        }
        GitError::ObjectFormat { path } => Next::run(
            "Copy its whole history into a new repository with SHA-1 names, and work there:",
            format!(
                "git init --object-format=sha1 fleet-sha1 && {} fast-export --all --signed-tags=strip | git -C fleet-sha1 fast-import",
                git_at(path)
            ),
        ),
        GitError::Extension { .. } => Next::run(
            "Work in a plain clone:",
            "git clone --ref-format=files \"$(git remote get-url origin)\" fleet-plain",
        ),
        GitError::BareInside { outer, .. } => {
            let outer = shell_word(&outer.display().to_string());
            Next::run(
                "If the fleet is the repository around it:",
                format!("applecart -C {outer} status"),
            )
        }
        GitError::BareFound { path } => {
            let path = shell_word(&path.display().to_string());
            Next::run("Name it:", format!("applecart -C {path} status"))
        }
        _ => return None,
    })
}

/// What to do about a revision that is not there.
fn name_hint(error: &GitError) -> Option<Next> {
    Some(match error {
        GitError::UnknownRevision { shallow: true, .. } => {
            Next::run("Fetch it first:", "git fetch --unshallow")
        }
        GitError::UnknownRevision { rev, .. } if rev == "HEAD" => Next::run(
            "Nothing is committed yet:",
            "git add --all && git commit -m 'Begin the fleet'",
        ),
        GitError::UnknownRevision { .. } => Next::run(
            "Name an existing branch, tag or commit with --rev. This lists branches and tags:",
            "git for-each-ref --format='%(refname:short)'",
        ),
        _ => return None,
    })
}
