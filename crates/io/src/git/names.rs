//! What the short name of a revision means: one thing, or an error.
//!
//! Git itself takes a tag before a branch and says so on standard error, where nobody looks. Who
//! may push a tag could so choose what `origin/main` means in a pipeline.

use git2::{ErrorCode, Oid};

use super::{GitError, Repo, escaped};

/// A shorter hexadecimal name is more likely a word than the beginning of an object's name.
const MIN_ABBREVIATION: usize = 7;

impl Repo {
    /// The revision with its name in full where it names a branch of a remote; else as it is.
    ///
    /// `REMOTE/BRANCH` of a configured remote is that remote's branch, as this clone knows it, and
    /// nothing else.
    ///
    /// # Errors
    /// When the name stands for more than one thing.
    pub(super) fn in_full(&self, rev: &str) -> Result<String, GitError> {
        let (name, rest) = split(rev);
        if name.is_empty() || matches!(name, "HEAD" | "@") || name.starts_with("refs/") {
            return Ok(rev.to_owned());
        }
        let is_hexadecimal = name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hexadecimal && name.len() == 40 {
            return Ok(rev.to_owned());
        }
        if let Some((remote, branch)) = self.remote_branch(name)? {
            return Ok(format!("refs/remotes/{remote}/{branch}{rest}"));
        }
        let mut meanings = Vec::new();
        for full in [
            format!("refs/{name}"),
            format!("refs/tags/{name}"),
            format!("refs/heads/{name}"),
            format!("refs/remotes/{name}"),
            format!("refs/remotes/{name}/HEAD"),
        ] {
            if self.has_reference(&full)? {
                meanings.push(full);
            }
        }
        if !meanings.is_empty() && is_hexadecimal && name.len() >= MIN_ABBREVIATION {
            meanings.extend(self.abbreviated(name)?.map(|id| format!("object {id}")));
        }
        match meanings.as_slice() {
            [one, other, ..] => Err(GitError::AmbiguousName {
                name: name.to_owned(),
                one: one.clone(),
                other: other.clone(),
            }),
            _ => Ok(rev.to_owned()),
        }
    }

    /// The remote and the branch there, where a name is that of a configured remote's branch:
    /// `REMOTE/BRANCH`, or the same after `refs/remotes/`.
    pub(super) fn remote_branch(&self, name: &str) -> Result<Option<(String, String)>, GitError> {
        let name = name.strip_prefix("refs/remotes/").unwrap_or(name);
        let mut remotes = self.remotes()?;
        // The name of a remote may begin with another one's.
        remotes.sort_by_key(|remote| std::cmp::Reverse(remote.len()));
        Ok(remotes.into_iter().find_map(|remote| {
            let branch = name.strip_prefix(remote.as_str())?.strip_prefix('/')?.to_owned();
            (!branch.is_empty()).then_some((remote, branch))
        }))
    }

    fn has_reference(&self, full: &str) -> Result<bool, GitError> {
        match self.repo.find_reference(full) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => {
                Ok(false)
            }
            Err(error) => Err(GitError::reading(&format!("the reference {full}"), error)),
        }
    }

    /// The object whose name begins like this.
    fn abbreviated(&self, start: &str) -> Result<Option<Oid>, GitError> {
        let unreadable = |error| GitError::reading("the objects", error);
        let odb = self.repo.odb().map_err(unreadable)?;
        // git2 pads it with zeros; only its beginning is compared.
        let short = Oid::from_str(start).map_err(unreadable)?;
        Ok(odb.exists_prefix(short, start.len()).ok())
    }
}

/// A revision as a name and what is asked of it: `~2`, `^{tree}`, `@{upstream}`, `:path`.
fn split(rev: &str) -> (&str, &str) {
    let end = [rev.find(['~', '^', ':']), rev.find("@{")].into_iter().flatten().min();
    rev.split_at(end.unwrap_or(rev.len()))
}

/// What a reference is called where people are told of it.
pub(super) fn shown(rev: &str) -> String {
    escaped(rev.strip_prefix("refs/remotes/").unwrap_or(rev).as_bytes())
}
