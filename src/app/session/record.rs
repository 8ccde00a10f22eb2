//! Whether the record that the settings name goes on with the one that they named before.
//!
//! Which record decides is a setting, and a merge can change it. Lines that an earlier record has go on
//! deciding all the same: a branch that does not have them is no record of this fleet, as one that was
//! deleted is none, and nothing is written until it has them or the settings are what they were.

use std::collections::{BTreeMap, BTreeSet};

use super::Which;
use applecart_core::fleet::{self, Policy};
use applecart_io::git::{GitError, Repo};
use applecart_io::store::{Ledger, LedgerError};

/// What the base's history names of one of the two branches, besides what the settings name now.
#[derive(Default)]
struct Named {
    /// Every other name that it had.
    branches: BTreeSet<String>,
    /// The first commit that was named last, before the one of now.
    beginning: Option<String>,
}

/// What the settings said of the record, up to the base.
#[derive(Default)]
pub struct Earlier {
    ledger: Named,
    notes: Named,
}

impl Earlier {
    /// Reads it from the mainline of the base, else of the planned commit.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn of(repo: &Repo, tip: Option<&str>, now: &Policy) -> Result<Self, GitError> {
        let Some(tip) = tip else { return Ok(Self::default()) };
        // libgit2 remembers where a clone was cut off.
        let repo = repo.reopen()?;
        // In which order they were is worth a walk only where there were others.
        let is_other = |settings: &Vec<u8>| {
            fleet::load_policy(Some(settings))
                .0
                .is_some_and(|before| places(&before) != places(now))
        };
        if !repo.past_settings(tip)?.iter().any(is_other) {
            return Ok(Self::default());
        }
        let versions = repo.policy_versions(tip, |_| Vec::new())?;
        let before: Vec<Policy> = versions
            .iter()
            .rev()
            .filter_map(|version| fleet::load_policy(version.before.as_deref()).0)
            .collect();
        let named = |branch: fn(&Policy) -> &String, beginning: fn(&Policy) -> &Option<String>| {
            let branches = before.iter().map(branch).filter(|name| *name != branch(now));
            // What was put back is what it was before the change.
            let is_now =
                |policy: &&Policy| beginning(now).is_none() || beginning(policy) != beginning(now);
            let earlier =
                before.iter().take_while(is_now).filter_map(|one| beginning(one).as_ref());
            Named { branches: branches.cloned().collect(), beginning: earlier.last().cloned() }
        };
        Ok(Self {
            ledger: named(|policy| &policy.ledger_branch, |policy| &policy.genesis),
            notes: named(|policy| &policy.notes_branch, |policy| &policy.notes_genesis),
        })
    }

    /// The settings with the first commits that they no longer name. A branch that has not got them
    /// is lost or another fleet's, as it was while they were named.
    pub fn in_force(&self, now: &Policy) -> Policy {
        let mut policy = now.clone();
        policy.genesis = policy.genesis.or(self.ledger.beginning.clone());
        policy.notes_genesis = policy.notes_genesis.or(self.notes.beginning.clone());
        policy
    }

    /// The first commits that the settings named and name no more, in words.
    pub fn dropped(&self, now: &Policy) -> Vec<String> {
        [
            ("ledger.genesis", &self.ledger.beginning, &now.genesis),
            ("ledger.notesGenesis", &self.notes.beginning, &now.notes_genesis),
        ]
        .into_iter()
        .filter(|(_, _, now)| now.is_none())
        .filter_map(|(setting, before, _)| {
            Some(format!("`{setting}: {}` was dropped", before.as_ref()?))
        })
        .collect()
    }

    /// Refuses a ledger that was just read and lacks what an earlier one has.
    ///
    /// # Errors
    /// When it lacks lines or another beginning's, and when the remote cannot be asked for them.
    pub fn must_go_on(
        &self,
        repo: &Repo,
        which: Which,
        ledger: &Ledger,
    ) -> Result<(), LedgerError> {
        self.ledger.must_go_on(repo, which, ledger)
    }

    /// The same of notes.
    ///
    /// # Errors
    /// As with [`Earlier::must_go_on`].
    pub fn notes_must_go_on(
        &self,
        repo: &Repo,
        which: Which,
        notes: &Ledger,
    ) -> Result<(), LedgerError> {
        self.notes.must_go_on(repo, which, notes)
    }
}

/// Where the record is, and how it begins.
fn places(policy: &Policy) -> (&str, &str, Option<&str>, Option<&str>) {
    let Policy { ledger_branch, notes_branch, genesis, notes_genesis, .. } = policy;
    (ledger_branch, notes_branch, genesis.as_deref(), notes_genesis.as_deref())
}

impl Named {
    fn must_go_on(&self, repo: &Repo, which: Which, record: &Ledger) -> Result<(), LedgerError> {
        let branch = record.branch().to_owned();
        if let Some(earlier) =
            self.beginning.clone().filter(|earlier| record.genesis() != Some(earlier))
            && !record.goes_on_from(&earlier)?
        {
            return Err(LedgerError::NotItsSuccessor { branch, earlier });
        }
        let tips = self.tips(repo, which, record)?;
        let head = record.head()?;
        for (before, tip) in tips {
            let has_it = match &head {
                Some(head) => record.holds(head, &tip)? == Some(true),
                None => false,
            };
            if !has_it {
                let remote = record.asked_remote().map(str::to_owned);
                return Err(LedgerError::LeftBehind { branch, before, remote });
            }
        }
        Ok(())
    }

    /// Where the earlier branches are that are still there: at the remote, else in this clone.
    fn tips(
        &self,
        repo: &Repo,
        which: Which,
        record: &Ledger,
    ) -> Result<BTreeMap<String, String>, LedgerError> {
        let refname = |branch: &str| format!("refs/heads/{branch}");
        let asked = match (which, record.asked_remote()) {
            // What the remote has is not known without asking it.
            (Which::Offline, _) => return Ok(BTreeMap::new()),
            _ if self.branches.is_empty() => return Ok(BTreeMap::new()),
            (_, asked) => asked,
        };
        let Some(remote) = asked else {
            let tip =
                |branch: &String| Some((branch.clone(), repo.resolve(&refname(branch)).ok()?));
            return Ok(self.branches.iter().filter_map(tip).collect());
        };
        let names: Vec<String> = self.branches.iter().map(|branch| refname(branch)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let there = repo.ls_remote(remote, &names).map_err(|source| {
            let (branch, remote) = (record.branch().to_owned(), remote.to_owned());
            LedgerError::Unreachable { branch, remote, source: Box::new(source) }
        })?;
        let tip =
            |branch: &String| Some((branch.clone(), there.get(&refname(branch))?.to_string()));
        Ok(self.branches.iter().filter_map(tip).collect())
    }
}
