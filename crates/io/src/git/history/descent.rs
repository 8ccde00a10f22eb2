//! Which commits come after which.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use git2::Oid;

use super::mainline::{self, Lines};
use crate::git::GitError;
use crate::git::program::GitProgram;

/// Commits with their parents, each after all that it comes after.
pub(super) struct Descent {
    commits: Vec<(Oid, Vec<Oid>)>,
    places: HashMap<Oid, usize>,
}

impl Descent {
    /// The commits that `tips` are or come after, down to `stop` and all that it comes after.
    pub(super) fn read(
        program: &GitProgram,
        lines: Lines,
        tips: &[Oid],
        stop: Option<Oid>,
    ) -> Result<Self, GitError> {
        let mut commits = mainline::with_parents(program, lines, tips, stop)?;
        commits.reverse();
        let places = commits.iter().enumerate().map(|(place, (id, _))| (*id, place)).collect();
        Ok(Self { commits, places })
    }

    /// Where a commit is in their order; `None` where it is not among them.
    pub(super) fn place(&self, commit: Oid) -> Option<usize> {
        self.places.get(&commit).copied()
    }

    /// Each commit with its parents, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &(Oid, Vec<Oid>)> {
        self.commits.iter().rev()
    }

    /// The chain of first parents from a commit on, oldest first.
    pub(super) fn first_parents(&self, tip: Oid) -> Vec<Oid> {
        let mut chain = Vec::new();
        let mut at = self.place(tip);
        while let Some((id, parents)) = at.and_then(|at| self.commits.get(at)) {
            chain.push(*id);
            at = parents.first().and_then(|parent| self.place(*parent));
        }
        chain.reverse();
        chain
    }

    /// Of every commit, the first of these that is it or comes after it.
    pub(super) fn brought_by(&self, all: &[Oid]) -> HashMap<Oid, Oid> {
        let mut brought = HashMap::with_capacity(self.commits.len());
        for &by in all {
            let mut ahead = vec![by];
            while let Some(id) = ahead.pop() {
                let Some((_, parents)) = self.place(id).and_then(|at| self.commits.get(at)) else {
                    continue;
                };
                if let Entry::Vacant(entry) = brought.entry(id) {
                    entry.insert(by);
                    ahead.extend(parents);
                }
            }
        }
        brought
    }

    /// What tells whether a commit comes after this one.
    pub(super) fn after<'d>(&'d self, commit: &str) -> impl Fn(&str) -> bool + use<'d> {
        let place = |text: &str| Oid::from_str(text).ok().and_then(|id| self.place(id));
        let from = place(commit);
        let mut reached = vec![false; self.commits.len()];
        if let Some(from) = from.and_then(|from| reached.get_mut(from)) {
            *from = true;
        }
        let later = self.commits.iter().enumerate().skip(from.map_or(usize::MAX, |at| at + 1));
        for (at, (_, parents)) in later {
            let mut parents = parents.iter().filter_map(|parent| self.place(*parent));
            let is_after = parents.any(|parent| reached.get(parent) == Some(&true));
            if let Some(reached) = reached.get_mut(at) {
                *reached = is_after;
            }
        }
        move |other| {
            place(other).is_some_and(|at| Some(at) != from && reached.get(at) == Some(&true))
        }
    }
}
