//! Who signed a commit, and whether that person may.
//!
//! Git's own verification decides: `git log` with `%G?`, which is what `git verify-commit` does,
//! for many commits in one run and with the parts told apart. It runs where nothing is set up: in
//! an empty repository in a folder of its own that holds copies of the commit objects in question,
//! so that neither the fleet's `.git/config`, its replacements and hooks, nor the user's or the
//! machine's Git configuration or keyring have a say. `gpg` gets a home with the keys of the policy
//! revision and no others, `ssh-keygen` the allowed-signers file of the policy revision.
//!
//! Only the answer `G` counts as good: the signature fits the commit's bytes, in Git's namespace,
//! and its key is one that the files name. Everything else is told apart for people, and some of
//! that is read from what the programs say; a wording that changes makes a sentence less exact and
//! no commit good.
//!
//! As in Git: an SSH key's `valid-after` and `valid-before` are compared with the committer's date
//! of the commit. As in GnuPG: an OpenPGP key that has expired by now, or was revoked, counts no
//! more, whenever it signed.
#![expect(
    clippy::disallowed_methods,
    reason = "writes the files that git, gpg and ssh-keygen read"
)]

mod file;
mod format;
mod key;
mod openpgp;
mod signature;
#[cfg(test)]
mod tests;

pub use key::SigningKey;
pub use signature::{Signature, SignatureFormat, Signer};

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ffi::OsString;

use git2::{ObjectType, Oid};

use super::program::{Tool, ToolError};
use super::{GitError, Repo};
use applecart_core::fleet::Signing;
use applecart_core::model::is_hostile;
use file::SignerFiles;
use format::Claim;
use openpgp::Keyring;

/// How many commits one `git` is asked about.
const BATCH: usize = 200;

/// The fields of an answer, each ended by a NUL.
const FORMAT: &str = "--format=tformat:%H%x00%G?%x00%GS%x00%GK%x00%GF%x00%GP%x00%GG%x00";
const FIELDS: usize = 7;

/// The first Git that verifies SSH signatures at the commit's date.
const GIT: (u32, u32) = (2, 34);

const ALLOWED: &str = "allowed_signers";
const REVOKED: &str = "revoked_signers";
const NOBODY: &str = "nobody";

/// Why a signature could not be judged, or not be made.
#[derive(Debug, thiserror::Error)]
pub enum SignersError {
    #[error("no signature can be checked: {path} of the policy revision {why}")]
    File {
        /// The setting that names it.
        setting: &'static str,
        /// From the repository's root.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    #[error("the settings name no signer")]
    Nobody,
    #[error("{variable} names {path}, which cannot sign the ledger")]
    Key {
        variable: &'static str,
        path: String,
        #[source]
        source: ToolError,
    },
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error("the files for verifying signatures could not be written")]
    Folder(#[from] std::io::Error),
    #[error(transparent)]
    Git(#[from] GitError),
}

impl SignersError {
    /// Whether it is the source's fault, and not this machine's.
    pub fn is_about_source(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Nobody)
    }
}

/// Those who may sign, ready to judge commits.
///
/// Made once, it judges as many commits as one likes; each costs a run of `gpg` or two of
/// `ssh-keygen`, some 10 ms. It cannot be shared between threads.
pub struct Signers {
    /// Removed when this is dropped. Only this user may look into it.
    folder: tempfile::TempDir,
    store: git2::Repository,
    files: SignerFiles,
    keyring: OnceCell<Keyring>,
    ssh: OnceCell<()>,
    git: OnceCell<()>,
}

impl std::fmt::Debug for Signers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signers").field("folder", &self.folder.path()).finish_non_exhaustive()
    }
}

impl Signers {
    /// Those whom the files of the policy revision `rev` name; `None` reads them from the worktree,
    /// for a preview.
    ///
    /// # Errors
    /// When a file that the settings name is missing there, is no plain file, is too large, holds a
    /// private key, or names no signer.
    pub fn of(repo: &Repo, rev: Option<&str>, signing: &Signing) -> Result<Self, SignersError> {
        let files = SignerFiles::read(repo, rev, signing)?;
        let folder = tempfile::Builder::new().prefix("applecart-signers-").tempdir()?;
        let path = folder.path();
        std::fs::write(path.join(ALLOWED), files.allowed.as_deref().unwrap_or_default())?;
        // Always there: Git goes on without a revocation file that it does not find.
        std::fs::write(path.join(REVOKED), files.revoked.as_deref().unwrap_or_default())?;
        std::fs::write(path.join(NOBODY), "")?;
        let mut options = git2::RepositoryInitOptions::new();
        options.bare(true).external_template(false).initial_head("none");
        let store = git2::Repository::init_opts(path.join("store"), &options)
            .map_err(|error| GitError::reading("a folder for signatures", error))?;
        Ok(Self {
            folder,
            store,
            files,
            keyring: OnceCell::new(),
            ssh: OnceCell::new(),
            git: OnceCell::new(),
        })
    }

    /// Judges commits of the repository, by their whole names; the answers are in their order.
    ///
    /// # Errors
    /// When a commit is not in this clone, or a program that is needed to judge is missing, too old
    /// or fails. That says nothing about the commits.
    pub fn verify(&self, repo: &Repo, commits: &[&str]) -> Result<Vec<Signature>, SignersError> {
        let odb = repo.repo.odb().map_err(|error| GitError::reading("the objects", error))?;
        let read = |commit: &&str| {
            let unreadable = |error| GitError::reading(&format!("commit {commit}"), error);
            let id = Oid::from_str(commit).map_err(unreadable)?;
            let object = odb.read(id).map_err(unreadable)?;
            if object.kind() != ObjectType::Commit {
                return Err(GitError::NotACommit { rev: id.to_string() });
            }
            Ok(object.data().to_vec())
        };
        let commits = commits.iter().map(read).collect::<Result<Vec<_>, GitError>>()?;
        self.judge(&commits)
    }

    pub fn verify_one(&self, repo: &Repo, commit: &str) -> Result<Signature, SignersError> {
        let unverifiable = || Signature::Unverifiable { detail: "git gave no answer".to_owned() };
        Ok(self.verify(repo, &[commit])?.pop().unwrap_or_else(unverifiable))
    }

    /// Judges commits by their objects' content.
    pub(super) fn judge(&self, commits: &[Vec<u8>]) -> Result<Vec<Signature>, SignersError> {
        let claims: Vec<Claim> = commits.iter().map(|bytes| format::claim(bytes)).collect();
        let mut asked = Vec::new();
        for (bytes, claim) in commits.iter().zip(&claims) {
            if self.can_be_good(claim) {
                asked.push(self.keep(bytes)?);
            }
        }
        let answers = self.ask(&asked, REVOKED)?;
        let mut asked = asked.into_iter();
        claims
            .iter()
            .map(|claim| {
                if !self.can_be_good(claim) {
                    return Ok(claim.without_files());
                }
                let answer = asked.next().and_then(|id| Some((id, answers.get(&id)?)));
                match answer {
                    Some((id, answer)) => self.read(id, claim, answer),
                    None => Ok(Signature::Unverifiable { detail: "git gave no answer".to_owned() }),
                }
            })
            .collect()
    }

    /// Whether there is a signature of a kind for which keys are named.
    fn can_be_good(&self, claim: &Claim) -> bool {
        match claim {
            Claim::Ssh { .. } => self.files.allowed.is_some(),
            Claim::OpenPgp => self.files.openpgp.is_some(),
            Claim::None | Claim::Other { .. } => false,
        }
    }

    /// Puts a commit where the isolated `git` finds it.
    fn keep(&self, bytes: &[u8]) -> Result<Oid, SignersError> {
        let written = self.store.odb().and_then(|odb| odb.write(ObjectType::Commit, bytes));
        Ok(written.map_err(|error| GitError::reading("a copy of a commit", error))?)
    }

    fn ask(
        &self,
        commits: &[Oid],
        revoked: &str,
    ) -> Result<BTreeMap<Oid, Vec<String>>, SignersError> {
        let mut answers = BTreeMap::new();
        if commits.is_empty() {
            return Ok(answers);
        }
        self.check_git()?;
        if self.files.allowed.is_some() {
            self.check_ssh()?;
        }
        self.keyring()?;
        for commits in commits.chunks(BATCH) {
            let output = self.tool("git").run(
                "verify signatures",
                &self.arguments(commits, revoked),
                Vec::new(),
            )?;
            let text = String::from_utf8_lossy(&output);
            let fields: Vec<&str> = text.split('\0').collect();
            for entry in fields.chunks_exact(FIELDS) {
                let entry: Vec<String> =
                    entry.iter().map(|field| field.trim_matches('\n').to_owned()).collect();
                let id = entry.first().and_then(|id| Oid::from_str(id).ok());
                if let Some(id) = id.filter(|id| commits.contains(id)) {
                    answers.insert(id, entry);
                }
            }
        }
        Ok(answers)
    }

    /// Every setting that has a say is named, as if there were a configuration to outdo.
    fn arguments(&self, commits: &[Oid], revoked: &str) -> Vec<OsString> {
        let path = |name: &str| self.folder.path().join(name).into_os_string();
        let setting = |name: &str, value: OsString| {
            let mut text = OsString::from(name);
            text.push("=");
            text.push(value);
            [OsString::from("-c"), text]
        };
        let mut arguments = vec!["--no-pager".into(), "--no-replace-objects".into()];
        arguments.extend(["--git-dir".into(), path("store")]);
        for (name, value) in [
            ("gpg.program", "gpg".into()),
            ("gpg.openpgp.program", "gpg".into()),
            ("gpg.ssh.program", "ssh-keygen".into()),
            // Certificates of X.509 are not judged here.
            ("gpg.x509.program", path(NOBODY)),
            ("gpg.ssh.allowedSignersFile", path(ALLOWED)),
            ("gpg.ssh.revocationFile", path(revoked)),
            ("gpg.minTrustLevel", "fully".into()),
            ("log.showSignature", "false".into()),
            ("core.hooksPath", "/dev/null".into()),
            ("color.ui", "false".into()),
        ] {
            arguments.extend(setting(name, value));
        }
        arguments
            .extend(["log", "--no-walk=unsorted", "--no-show-signature", FORMAT].map(Into::into));
        arguments.extend(commits.iter().map(|id| id.to_string().into()));
        arguments.push("--".into());
        arguments
    }

    /// What an answer means.
    fn read(&self, id: Oid, claim: &Claim, answer: &[String]) -> Result<Signature, SignersError> {
        let field = |index: usize| answer.get(index).map(String::as_str).unwrap_or_default();
        let (status, signer, key) = (field(1), field(2), field(3));
        let (fingerprint, primary, said) = (field(4), field(5), field(6));
        Ok(match claim {
            Claim::Ssh { key: claimed, namespace } => {
                let by = |name: &str| Signer {
                    name: Some(plain(name)).filter(|name| !name.is_empty()),
                    key: claimed.clone(),
                    format: SignatureFormat::Ssh,
                };
                match status {
                    // Of a certificate, Git names the key in it, and the claim the whole.
                    "G" => Signature::Good(Signer { key: plain(key), ..by(signer) }),
                    "U" if said.contains("key has expired") => {
                        Signature::Expired { by: by(""), since: None }
                    }
                    "U" if said.contains("not yet valid") => Signature::NotYetValid(by("")),
                    "U" => Signature::UnknownKey(by("")),
                    "B" if namespace != format::NAMESPACE => {
                        Signature::WrongNamespace { by: by(""), found: plain(namespace) }
                    }
                    "B" if self.is_good_but_for_revocation(id)? => Signature::Revoked(by("")),
                    "B" => Signature::Bad(by("")),
                    _ => Signature::Unverifiable { detail: plain(said) },
                }
            }
            Claim::OpenPgp => {
                let keyring = self.keyring()?;
                let longest = if fingerprint.is_empty() { key } else { fingerprint };
                let by = Signer {
                    name: Some(plain(signer)).filter(|name| !name.is_empty()),
                    key: plain(longest),
                    format: SignatureFormat::OpenPgp,
                };
                match status {
                    "G" if keyring.has(primary) => Signature::Good(by),
                    "X" | "Y" => Signature::Expired { since: keyring.expiry_of(fingerprint), by },
                    "R" => Signature::Revoked(by),
                    "B" => Signature::Bad(by),
                    // Not one of the keyring's own, however it came there.
                    "G" | "U" => Signature::UnknownKey(by),
                    "E" if said.contains("No public key") => Signature::UnknownKey(by),
                    _ => Signature::Unverifiable { detail: plain(said) },
                }
            }
            Claim::None | Claim::Other { .. } => claim.without_files(),
        })
    }

    /// `ssh-keygen` does not say why it refuses a revoked key.
    fn is_good_but_for_revocation(&self, id: Oid) -> Result<bool, SignersError> {
        if self.files.revoked.is_none() {
            return Ok(false);
        }
        let answers = self.ask(&[id], NOBODY)?;
        Ok(answers.get(&id).and_then(|answer| answer.get(1)).is_some_and(|status| status == "G"))
    }

    fn keyring(&self) -> Result<&Keyring, SignersError> {
        if let Some(keyring) = self.keyring.get() {
            return Ok(keyring);
        }
        let keyring = match &self.files.openpgp {
            Some(keys) => Keyring::import(self.folder.path(), keys)?,
            None => Keyring::default(),
        };
        Ok(self.keyring.get_or_init(|| keyring))
    }

    fn check_git(&self) -> Result<(), SignersError> {
        if self.git.get().is_none() {
            let text = self.tool("git").run("tell its version", &["version"], Vec::new())?;
            let text = String::from_utf8_lossy(&text).trim().to_owned();
            if git_version(&text).is_some_and(|version| version < GIT) {
                let found = Some(plain(&text));
                return Err(ToolError::TooOld { program: "git", found, needs: "Git 2.34" }.into());
            }
            let _ = self.git.set(());
        }
        Ok(())
    }

    /// Whether there is an `ssh-keygen` that knows signatures.
    fn check_ssh(&self) -> Result<(), SignersError> {
        if self.ssh.get().is_none() {
            let arguments = ["-Y", "find-principals"];
            let done = self.tool("ssh-keygen").ended(&arguments, Vec::new())?;
            let complaint = done.complaint;
            if complaint.contains("unknown option") || complaint.contains("Unsupported operation") {
                let (program, needs) = ("ssh-keygen", "OpenSSH 8.9");
                return Err(ToolError::TooOld { program, found: None, needs }.into());
            }
            let _ = self.ssh.set(());
        }
        Ok(())
    }

    fn tool(&self, program: &'static str) -> Tool {
        Tool::new(program, self.folder.path())
    }
}

/// `git version 2.47.3 (Apple Git-1)` → 2, 47.
fn git_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix("git version ")?.split(['.', ' ']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Text of a program, on one line and without what a terminal obeys.
fn plain(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let joined = lines.collect::<Vec<_>>().join("; ");
    joined.chars().filter(|&c| !is_hostile(c)).take(300).collect()
}
