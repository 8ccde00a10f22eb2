//! What a remote is asked and told, through the user's own `git`.
//!
//! Nothing here is forced, in neither direction: a push moves a branch forward or not at all, and
//! a fetch moves a local reference forward or not at all. References that were not named stay as
//! they are, also those that the remote's settings would have updated along.

use std::collections::BTreeMap;
use std::time::Duration;

use git2::Oid;

use super::program::{Ended, GitProgram, checked_ref, checked_remote};
use super::{GitError, Repo, Trouble};

/// How long a fetch may take: the first one of an old ledger brings some hundred megabytes.
pub(super) const FETCH_LIMIT: Duration = Duration::from_secs(600);

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
    pub(crate) fn default_branch(&self, remote: &str) -> Result<Option<(String, Oid)>, GitError> {
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

    /// Fetches a branch of the remote into its remote-tracking branch, wherever that was, and gives the
    /// full name of that one.
    pub fn fetch_branch(&self, remote: &str, branch: &str) -> Result<String, GitError> {
        let source = format!("refs/heads/{branch}");
        let target = format!("refs/remotes/{remote}/{branch}");
        let spec = format!("+{}:{}", checked_ref(&source)?, checked_ref(&target)?);
        self.fetch_specs(remote, &[&spec], Depth::New)?;
        Ok(target)
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

    /// Fetches a history into a reference of ours, so that it is not cleaned up. `source` is a full
    /// name, or the id of a commit.
    pub(super) fn fetch_history_of(
        &self,
        remote: &str,
        source: &str,
        depth: Depth,
    ) -> Result<(), GitError> {
        if Oid::from_str(source).is_err() {
            checked_ref(source)?;
        }
        // It was fetched to be read, and what was read before is of no use.
        let spec = format!("+{source}:refs/applecart/base");
        self.fetch_specs(remote, &[&spec], depth)
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
        let ended = self.run_push(remote, to, refname, &["--quiet"])?;
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
                } else if is_about_a_lock(&summary, &ended.complaint) {
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

/// How a push would end, as far as it shows without one: a forge's rules and hooks are asked only
/// by a real one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rehearsed {
    /// Who asks may push, and the branch would be made or move forward.
    WouldWork,
    /// It would not work.
    WouldFail {
        /// What Git said, without credentials.
        said: String,
    },
}

impl Repo {
    /// Tries a push without pushing.
    ///
    /// # Errors
    /// When `git` could not be run.
    pub fn rehearse_push(
        &self,
        remote: &str,
        to: &str,
        refname: &str,
    ) -> Result<Rehearsed, GitError> {
        let to =
            Oid::from_str(to).map_err(|error| GitError::reading("the name of a commit", error))?;
        let ended = self.run_push(remote, to, refname, &["--dry-run"])?;
        if ended.code == Some(0) {
            return Ok(Rehearsed::WouldWork);
        }
        let said = match refusal(&ended.stdout) {
            Some(summary) => reason(&summary, &ended.complaint),
            None => ended.complaint,
        };
        Ok(Rehearsed::WouldFail { said })
    }

    fn run_push(
        &self,
        remote: &str,
        to: Oid,
        refname: &str,
        how: &[&str],
    ) -> Result<Ended, GitError> {
        let remote = checked_remote(remote)?;
        let spec = format!("{to}:{}", checked_ref(refname)?);
        // A mirror's remote takes no single branch, and a remote need not know push options: both
        // are for the user's own pushes.
        let no_mirror = format!("remote.{remote}.mirror=false");
        let mut args = vec!["-c", &no_mirror, "-c", "push.pushOption=", "push"];
        args.extend(how);
        args.extend([
            "--porcelain",
            "--no-verify",
            // `push.gpgSign` signs what a person pushes. The ledger's commits have signatures of
            // their own, and most forges take no signed push.
            "--no-signed",
            "--no-follow-tags",
            "--recurse-submodules=no",
            "--",
            remote,
            &spec,
        ]);
        GitProgram::of(self).ended(&args)
    }

    /// Host and path of a remote, such as `github.com/octo/fleet`.
    pub fn place(&self, remote: &str) -> Result<String, GitError> {
        let text =
            GitProgram::of(self).run(&["remote", "get-url", "--", checked_remote(remote)?])?;
        Ok(String::from_utf8_lossy(&text).lines().next().map(place_of).unwrap_or_default())
    }

    /// Where a remote is read from and where it is pushed to, if these are two places. Without
    /// users, passwords and what only says how to get there.
    pub fn push_elsewhere(&self, remote: &str) -> Result<Option<(String, String)>, GitError> {
        let remote = checked_remote(remote)?;
        let url = |args: &[&str]| -> Result<String, GitError> {
            let text = GitProgram::of(self).run(args)?;
            Ok(String::from_utf8_lossy(&text).lines().next().map(place_of).unwrap_or_default())
        };
        let fetched = url(&["remote", "get-url", "--", remote])?;
        let pushed = url(&["remote", "get-url", "--push", "--", remote])?;
        Ok((fetched != pushed).then_some((fetched, pushed)))
    }

    /// The branch, without `refs/heads/`, that leaves no room for a reference: Git has none beside one
    /// that is called like a folder of it, or whose folder is called like it. At a remote, or in
    /// this clone.
    pub fn branch_in_the_way(
        &self,
        remote: Option<&str>,
        refname: &str,
    ) -> Result<Option<String>, GitError> {
        let slashes = refname.match_indices('/').filter_map(|(at, _)| refname.get(..at));
        let mut names: Vec<&str> = slashes.filter(|it| it.len() > "refs/heads".len()).collect();
        let below = format!("{refname}/*");
        let found: Vec<String> = match remote {
            Some(remote) => {
                names.push(&below);
                let mut args = vec!["ls-remote", "--refs", "--", checked_remote(remote)?];
                args.extend(&names);
                let there = advertised(&GitProgram::of(self).run(&args)?)?;
                there.into_keys().collect()
            }
            None => {
                let unreadable = |error| GitError::reading("the branches", error);
                let all = self.repo.references_glob("refs/heads/*").map_err(unreadable)?;
                let named = all.map(|one| one.map(|one| super::escaped(one.name_bytes())));
                named.collect::<Result<_, _>>().map_err(unreadable)?
            }
        };
        let is_in_the_way = |name: &String| {
            let is_below = name.strip_prefix(refname).is_some_and(|rest| rest.starts_with('/'));
            let is_above =
                refname.strip_prefix(name.as_str()).is_some_and(|it| it.starts_with('/'));
            is_below || is_above
        };
        let found = found.into_iter().find(is_in_the_way);
        Ok(found.map(|name| name.trim_start_matches("refs/heads/").to_owned()))
    }

    /// Whether this clone is a mirror of the remote: a fetch there replaces every branch.
    pub fn mirrors(&self, remote: &str) -> bool {
        let config = self.repo.config().and_then(|mut config| config.snapshot());
        let is_on = |config: git2::Config| config.get_bool(&format!("remote.{remote}.mirror"));
        config.and_then(is_on).unwrap_or(false)
    }
}

/// Host and path of a remote's address, however it is reached: `git@host:a/b.git` and
/// `https://user:pass@host/a/b` are one place.
fn place_of(url: &str) -> String {
    let rest = match url.split_once("://") {
        Some((_, rest)) => rest.to_owned(),
        // `host:path` is SSH; a drive's letter or a path is not.
        None => match url.split_once(':') {
            Some((host, path)) if host.len() > 1 && !host.contains(['/', '\\']) => {
                format!("{host}/{}", path.trim_start_matches('/'))
            }
            _ => url.to_owned(),
        },
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest.as_str(), ""));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split(':').next().unwrap_or_default().to_lowercase();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = path.trim_end_matches('/').trim_end_matches(".git");
    super::escaped(format!("{host}/{path}").as_bytes())
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

/// Whether two pushes met: what Git's own server says then. Of a lock that it could not write, on a full disk, it
/// says the same, and more beside it.
fn is_about_a_lock(summary: &str, complaint: &str) -> bool {
    let signs =
        ["failed to update ref", "cannot lock ref", "failed to lock", "incorrect old value"];
    signs.iter().any(|text| summary.contains(text))
        && !complaint.contains("couldn't write")
        && Trouble::may_pass(complaint)
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
