//! What a remote is asked and told, through the user's own `git`.
//!
//! Nothing here is forced, in neither direction: a push moves a branch forward or not at all, and
//! a fetch moves a local reference forward or not at all. References that were not named stay as
//! they are, also those that the remote's settings would have updated along.

use std::collections::BTreeMap;
use std::time::Duration;

use git2::Oid;

use super::program::{GitProgram, checked_ref, checked_remote};
use super::{GitError, Repo};

/// How long a fetch may take: the first one of an old ledger brings some hundred megabytes.
const FETCH_LIMIT: Duration = Duration::from_secs(600);

/// As many commits as there can be, and one less than what Git takes for "make the whole
/// repository complete": a shallow clone gets the history of the fetched reference and stays
/// shallow everywhere else.
const WHOLE: &str = "--depth=2147483646";

/// What of a history is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What is new since the last time; all of it the first time, also in a shallow clone.
    New,
    /// All of it, also where this clone has only the end of it.
    Whole,
    /// All of it and everything in it once more, for a clone that was made without file contents.
    Again,
}

/// How a push ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The remote has it.
    Done,
    /// The remote's branch is not, or not any more, where the push wanted to go on from.
    Moved,
    /// The remote was busy with another push to the branch; the same one may succeed now.
    Busy,
    /// The remote does not want it: a hook, a protected branch, a missing permission.
    Refused {
        /// What it said, without credentials.
        reason: String,
    },
}

impl Repo {
    /// Those of the named references (full names, or `HEAD`) that the remote has.
    pub fn ls_remote(
        &self,
        remote: &str,
        refs: &[&str],
    ) -> Result<BTreeMap<String, Oid>, GitError> {
        let mut args = vec!["ls-remote", "--", checked_remote(remote)?];
        for name in refs {
            args.push(checked_ref(name)?);
        }
        let answer = GitProgram::of(self).run(&args)?;
        let mut found = advertised(&answer)?;
        // Git takes a name for the end of one: `refs/heads/x` is also `refs/a/refs/heads/x`.
        found.retain(|name, _| refs.contains(&name.as_str()));
        Ok(found)
    }

    /// The branch (without `refs/heads/`) that the remote reports as its default one, and where
    /// it is; `None` when it reports none.
    pub fn default_branch(&self, remote: &str) -> Result<Option<(String, Oid)>, GitError> {
        let args = ["ls-remote", "--symref", "--", checked_remote(remote)?, "HEAD"];
        let answer = GitProgram::of(self).run(&args)?;
        let text = String::from_utf8_lossy(&answer);
        let name = text.lines().find_map(|line| {
            line.strip_prefix("ref: refs/heads/")?.strip_suffix("\tHEAD").map(str::to_owned)
        });
        let tip = advertised(&answer)?.remove("HEAD");
        Ok(name.zip(tip))
    }

    /// Fetches what the remote's reference `source` has, and moves the local reference `target`
    /// to it; without a target, only the objects come.
    ///
    /// # Errors
    /// Also when the remote has no such reference, or the target could only be moved by force.
    pub fn fetch(
        &self,
        remote: &str,
        source: &str,
        target: Option<&str>,
        depth: Depth,
    ) -> Result<(), GitError> {
        let mut spec = checked_ref(source)?.to_owned();
        if let Some(target) = target {
            spec.push(':');
            spec.push_str(checked_ref(target)?);
        }
        self.fetch_specs(remote, &[&spec], depth)
    }

    /// Fetches what these references of the remote have, and moves no reference.
    pub(super) fn fetch_objects(
        &self,
        remote: &str,
        sources: &[&str],
        depth: Depth,
    ) -> Result<(), GitError> {
        for source in sources {
            checked_ref(source)?;
        }
        self.fetch_specs(remote, sources, depth)
    }

    fn fetch_specs(&self, remote: &str, specs: &[&str], depth: Depth) -> Result<(), GitError> {
        let mut args = vec![
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-prune",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            // A clone without blobs must get those of what is read with libgit2.
            "--no-filter",
            // Without it, a setting can make Git take every update for one that goes forward.
            "--show-forced-updates",
            "--refmap=",
        ];
        match depth {
            Depth::New => {}
            Depth::Whole => args.push(WHOLE),
            Depth::Again => args.push("--refetch"),
        }
        args.extend(["--", checked_remote(remote)?]);
        args.extend(specs);
        GitProgram::of(self).within(FETCH_LIMIT).run(&args).map(|_| ())
    }

    /// Moves the remote's branch `refname` forward to the commit `to`, or makes it. `expect` is
    /// where the caller believes it to be.
    ///
    /// # Errors
    /// When the remote could not be asked. Whether the push arrived is not known then.
    pub fn push(
        &self,
        remote: &str,
        to: Oid,
        refname: &str,
        expect: Option<Oid>,
    ) -> Result<Pushed, GitError> {
        let remote = checked_remote(remote)?;
        let spec = format!("{to}:{}", checked_ref(refname)?);
        let args = [
            "push",
            "--quiet",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--recurse-submodules=no",
            "--",
            remote,
            &spec,
        ];
        let ended = GitProgram::of(self).ended(&args)?;
        if ended.code == Some(0) {
            return Ok(Pushed::Done);
        }
        match refusal(&ended.stdout) {
            // Judged by Git on this side: it would not go forward.
            Some(summary) if summary.starts_with("[rejected]") => Ok(Pushed::Moved),
            Some(summary) => {
                let now = self.ls_remote(remote, &[refname])?.remove(refname);
                Ok(if now == Some(to) {
                    Pushed::Done
                } else if now != expect {
                    Pushed::Moved
                } else if is_about_a_lock(&summary) {
                    Pushed::Busy
                } else {
                    Pushed::Refused { reason: reason(&summary, &ended.complaint) }
                })
            }
            None => Err(GitError::Program {
                command: "push".to_owned(),
                code: ended.code,
                complaint: ended.complaint,
            }),
        }
    }
}

/// The references of an `ls-remote` answer, by name.
pub(super) fn advertised(answer: &[u8]) -> Result<BTreeMap<String, Oid>, GitError> {
    let mut found = BTreeMap::new();
    for line in answer.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        if line.starts_with(b"ref: ") {
            continue;
        }
        let entry = std::str::from_utf8(line).ok().and_then(|line| line.split_once('\t'));
        let entry = entry.filter(|(id, _)| id.len() == 40);
        let entry = entry.and_then(|(id, name)| Some((name.to_owned(), Oid::from_str(id).ok()?)));
        let (name, id) = entry.ok_or(GitError::Answer)?;
        found.insert(name, id);
    }
    Ok(found)
}

/// The summary of a push that the remote's branch did not follow: `[remote rejected] (…)`.
fn refusal(porcelain: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(porcelain);
    text.lines().find_map(|line| {
        line.strip_prefix("!\t")?.split_once('\t').map(|(_, text)| text.to_owned())
    })
}

/// Whether two pushes met: what Git's own server says then.
fn is_about_a_lock(summary: &str) -> bool {
    ["failed to update ref", "cannot lock ref", "failed to lock", "incorrect old value"]
        .iter()
        .any(|text| summary.contains(text))
}

/// What the remote said: the summary, and what its hook wrote.
fn reason(summary: &str, complaint: &str) -> String {
    let summary = summary.trim_start_matches("[remote rejected]").trim();
    let summary = summary.trim_start_matches('(').trim_end_matches(')');
    // The last line only repeats that it failed.
    let said = complaint.split("; error: failed to push some refs").next().unwrap_or_default();
    let said = said.replace("remote: ", "");
    let said = said.trim_end_matches([';', ' ']);
    let summary = super::escaped(summary.as_bytes());
    if said.is_empty() { summary } else { format!("{summary}: {said}") }
}

#[cfg(test)]
mod tests;
