//! What commits say that the base does not contain: those of the planned revision, which a merge would
//! bring, and those of renewals that wait on branches.

use git2::Oid;

use super::{Lines, Reader, Scope, Told, settle};
use crate::git::history::descent::Descent;
use crate::git::program::GitProgram;
use crate::git::{GitError, RenewalBranch, Repo};
use applecart_core::fleet::Owned;

/// As many commits are asked for by one command: their names have to fit on a command line.
const AT_ONCE: usize = 500;

/// A commit that the base may not contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    pub commit: String,
    /// The branch that waits to be merged; `None` for the planned revision.
    pub branch: Option<String>,
}

impl From<RenewalBranch> for Beside {
    fn from(branch: RenewalBranch) -> Self {
        let RenewalBranch { name, commit, remote, .. } = branch;
        let name = remote.map_or(name.clone(), |remote| format!("{remote}/{name}"));
        Self { commit, branch: Some(name) }
    }
}

impl Repo {
    /// Adds what these commits and those before them say to what is told of `tip`. A branch that waits
    /// only tells whose its files are.
    pub fn hear_beside(&self, told: &mut Told, tip: &str, all: &[Beside]) -> Result<(), GitError> {
        let base = self.commit(tip)?.id();
        let mut here = Vec::new();
        for one in all {
            let Ok(id) = Oid::from_str(&one.commit) else { continue };
            // What cannot be fetched is named as a branch, and nothing is known of its files.
            if id != base && self.header(id)?.is_some() {
                here.push((id, one.branch.as_deref()));
            }
        }
        for some in here.chunks(AT_ONCE) {
            self.hear(told, base, some)?;
        }
        Ok(())
    }

    fn hear(
        &self,
        told: &mut Told,
        base: Oid,
        all: &[(Oid, Option<&str>)],
    ) -> Result<(), GitError> {
        let program = GitProgram::of(self);
        let tips: Vec<Oid> = all.iter().map(|(id, _)| *id).collect();
        let descent = Descent::read(&program, Lines::All, &tips, Some(base))?;
        let held = descent.brought_by(&tips);
        if held.is_empty() {
            return Ok(());
        }
        let what = (&Scope::Fleet, Lines::All);
        let mut changes = self.changes(&program, what, &tips, Some(base))?;
        changes.sort_by_key(|change| descent.place(change.commit));
        let mut reader = Reader::default();
        for change in &changes {
            let holder = held.get(&change.commit);
            let Some((_, branch)) = all.iter().find(|(id, _)| Some(id) == holder) else { continue };
            let since = self.time_at(change.commit);
            let Some(new) = self.new_in(&mut reader, change)? else { continue };
            for owned in new.owned().cloned() {
                let bound = new.bound(since);
                let known = told.bindings.of(&owned).and_then(|claims| claims.of(&bound.value));
                match branch {
                    None => told.bindings.add(owned.clone(), bound),
                    // A renewal that was merged as another commit says nothing new.
                    Some(branch) if is_file(&owned) && known.is_none() => {
                        told.bindings.add_open(owned.clone(), bound, branch);
                    }
                    Some(_) => continue,
                }
                reader.owned.insert(owned);
            }
        }
        settle(&program, &[&[base], tips.as_slice()].concat(), None, &reader, told)
    }
}

fn is_file(owned: &Owned) -> bool {
    matches!(owned, Owned::File(_) | Owned::Sealed(_))
}
