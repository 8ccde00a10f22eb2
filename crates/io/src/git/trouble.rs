//! What kept a remote from answering or from taking a push, by the words of Git and of the forges.
//!
//! Git has no codes for these. What is not recognised is shown as it was said.

use std::io;

/// A cause that has a next step of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody said who asks.
    NoCredential,
    /// Who asks may not do this.
    Forbidden,
    /// The forge has a rule for the branch.
    Rule,
    DiskFull,
    /// The clone cannot be written to.
    ReadOnly,
    /// Another Git process has locked something, or died and left its lock.
    Lock,
    /// The remote is not where it is said to be, or does not show itself to who asks.
    NoRepository,
}

/// What is said in which trouble, in lower case. The first that fits counts.
const SIGNS: [(Trouble, &[&str]); 7] = [
    (Trouble::DiskFull, &["no space left on device", "disk quota exceeded", "not enough space"]),
    (Trouble::ReadOnly, &["read-only file system", "insufficient permission for adding an object"]),
    (
        Trouble::NoCredential,
        &[
            "could not read username",
            "could not read password",
            "terminal prompts disabled",
            "authentication failed",
            "permission denied (publickey",
            "invalid username or",
            "http basic: access denied",
            "returned error: 401",
        ],
    ),
    (
        Trouble::Rule,
        &[
            "protected branch",
            "rule violations",
            "gh006",
            "gh013",
            "tf402455",
            "not allowed to push code to protected",
            "pre-receive hook declined",
            "push rule",
        ],
    ),
    (
        Trouble::Forbidden,
        &[
            "returned error: 403",
            "not granted",
            "genericcontribute",
            "denied to",
            "not allowed to push code",
            "deploy key",
            "read-only",
            "forbidden",
        ],
    ),
    (
        Trouble::NoRepository,
        &[
            "repository not found",
            "returned error: 404",
            "does not appear to be a git repository",
            "tf401019",
        ],
    ),
    (Trouble::Lock, &[".lock': file exists", "another git process"]),
];

impl Trouble {
    /// The trouble that these words are about.
    pub fn of(said: &str) -> Option<Self> {
        let said = said.to_lowercase();
        let fits = |signs: &[&str]| signs.iter().any(|sign| said.contains(sign));
        SIGNS.iter().find(|(_, signs)| fits(signs)).map(|(trouble, _)| *trouble)
    }

    /// The trouble that the system itself has with a file.
    pub fn of_file(error: &io::Error) -> Option<Self> {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(Self::DiskFull),
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Some(Self::ReadOnly)
            }
            _ => None,
        }
    }

    /// Whether the same may work a moment later. An account, a rule or a disk does not change by
    /// itself.
    pub(crate) fn may_pass(said: &str) -> bool {
        matches!(Self::of(said), None | Some(Self::Lock))
    }

    /// What to do about it.
    pub fn next(self) -> &'static str {
        match self {
            Self::NoCredential => {
                "Git has no stored credential for this remote. In a pipeline, give the step a credential helper with the token of the identity that pushes the ledger, as the apply pipelines of `applecart init` do (they keep `persist-credentials` at false). Elsewhere, sign in once with a Git credential manager or use an SSH key"
            }
            Self::Forbidden => {
                "The account may read and not push. GitHub: a GitHub App with `contents: write`, which the ruleset lets pass. Azure Repos: grant \"Contribute\" on the branch to the identity that pushes. GitLab: let the token's user push to the protected branch, with write_repository. Bitbucket: an access token with repository write"
            }
            Self::Rule => {
                "A rule of the forge applies to this branch. Where it is meant to keep people out, run this in the pipeline, whose identity may push; if that is down, an administrator of the forge lets this account bypass the rule for one run. Do not lift the rule. The ledger and the notes only ever move forward and need no pull request"
            }
            Self::DiskFull => "The disk is full. Free some space on it",
            Self::ReadOnly => {
                "This clone cannot be written to. Work in a clone of your own, which has the same remote"
            }
            Self::Lock => {
                "Another Git process has locked this. If none is running in this repository, one was killed: delete the lock file that is named"
            }
            Self::NoRepository => {
                "The remote's address is wrong, or this account is not shown the repository. This shows the address: `git remote -v`"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_and_the_forges_say_has_a_cause_with_a_next_step() {
        for (said, trouble) in [
            (
                "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
                Trouble::NoCredential,
            ),
            ("git@github.com: Permission denied (publickey).", Trouble::NoCredential),
            (
                "fatal: Authentication failed for 'https://gitlab.com/a/b.git/'",
                Trouble::NoCredential,
            ),
            (
                "remote: Write access to repository not granted.; fatal: unable to access 'https://github.com/a/b/': The requested URL returned error: 403",
                Trouble::Forbidden,
            ),
            (
                "remote: TF401027: You need the Git 'GenericContribute' permission to perform this action.",
                Trouble::Forbidden,
            ),
            ("remote: Permission to a/b.git denied to github-actions[bot].", Trouble::Forbidden),
            (
                "ERROR: The key you are authenticating with has been marked as read only (deploy key)",
                Trouble::Forbidden,
            ),
            (
                "error: GH013: Repository rule violations found for refs/heads/applecart/ledger.",
                Trouble::Rule,
            ),
            (
                "GitLab: You are not allowed to push code to protected branches on this project.",
                Trouble::Rule,
            ),
            ("error: unable to write file: No space left on device", Trouble::DiskFull),
            (
                "error: insufficient permission for adding an object to repository database .git/objects",
                Trouble::ReadOnly,
            ),
            ("fatal: Unable to create '/fleet/.git/packed-refs.lock': File exists.", Trouble::Lock),
            ("remote: Repository not found.", Trouble::NoRepository),
        ] {
            assert_eq!(Trouble::of(said), Some(trouble), "{said}");
            assert!(trouble.next().contains(' '));
        }
    }

    #[test]
    fn what_nobody_knows_is_not_explained_and_is_tried_again() {
        for said in
            ["fatal: the remote end hung up unexpectedly", "Could not resolve host: github.com"]
        {
            assert_eq!(Trouble::of(said), None, "{said}");
            assert!(Trouble::may_pass(said), "{said}");
        }
        assert!(!Trouble::may_pass("terminal prompts disabled"));
    }
}
