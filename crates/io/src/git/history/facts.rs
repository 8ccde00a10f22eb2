//! What a commit says of itself.

use git2::Oid;

use super::signature;
use crate::git::{GitError, Repo};
use applecart_core::model::{Commit, Person, Timestamp};

/// As much of a message as anybody reads; what is behind is left away.
const MAX_MESSAGE: usize = 64 * 1024;

impl Repo {
    /// A commit's author, committer, message and signature. Nothing of it is verified.
    pub fn commit_facts(&self, id: &str) -> Result<Commit, GitError> {
        let unreadable = |error| GitError::reading(&format!("commit {id}"), error);
        let oid = Oid::from_str(id).map_err(unreadable)?;
        let commit = self.repo.find_commit(oid).map_err(unreadable)?;
        Ok(commit_facts(&commit))
    }
}

/// The facts of a commit that was read.
pub(crate) fn commit_facts(commit: &git2::Commit<'_>) -> Commit {
    let message = commit.message_raw_bytes();
    let message = message.get(..MAX_MESSAGE).unwrap_or(message);
    let signature = commit
        .header_field_bytes("gpgsig")
        .ok()
        .map(|text| signature::named(&String::from_utf8_lossy(&text)));
    Commit {
        id: commit.id().to_string(),
        author: person(&commit.author()),
        authored: time(&commit.author()),
        committer: person(&commit.committer()),
        committed: time(&commit.committer()),
        message: String::from_utf8_lossy(message).into_owned(),
        signature,
    }
}

fn person(signature: &git2::Signature<'_>) -> Person {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Person { name: text(signature.name_bytes()), email: text(signature.email_bytes()) }
}

/// A time that no calendar has is that of the epoch: a commit can state any number.
fn time(signature: &git2::Signature<'_>) -> Timestamp {
    let seconds = signature.when().seconds();
    // Year 9999 is the last that RFC 3339 can write.
    let sane = Some(seconds).filter(|seconds| (0..=253_402_300_799).contains(seconds));
    sane.and_then(Timestamp::from_unix)
        .unwrap_or_else(|| Timestamp::new(chrono::DateTime::UNIX_EPOCH))
}
