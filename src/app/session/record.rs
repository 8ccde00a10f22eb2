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
        let past = repo.past_settings(tip)?;
        let parsed = |all: Vec<Vec<u8>>| -> Vec<Policy> {
            all.iter().filter_map(|bytes| fleet::load_policy(Some(bytes)).0).collect()
        };
        let (mainline, aside) = (parsed(past.mainline), parsed(past.aside));
        let named = |branch: fn(&Policy) -> &String, beginning: fn(&Policy) -> &Option<String>| {
            let all = mainline.iter().chain(&aside);
            let branches = all.map(branch).filter(|name| *name != branch(now));
            let is_other =
                |policy: &&Policy| beginning(now).is_none() || beginning(policy) != beginning(now);
            // What was put back is what it was before the change. Only the mainline says so: what a
            // merge put aside is whatever somebody brought.
            let before =
                mainline.iter().take_while(is_other).filter_map(|one| beginning(one).as_ref());
            let mut beside =
                aside.iter().filter(is_other).filter_map(|one| beginning(one).as_ref());
            let beginning = before.last().or(beside.next_back()).cloned();
            Named { branches: branches.cloned().collect(), beginning }
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

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write the settings of a fleet")]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use applecart_io::git::testing::git;

    /// A fleet of which only the settings count.
    struct Fleet(TempDir);

    impl Fleet {
        fn new() -> Self {
            let fleet = Self(tempfile::tempdir().unwrap());
            git(fleet.0.path(), &["init", "--quiet", "-b", "main"]);
            fleet.says("");
            fleet
        }

        /// Commits these settings of the record.
        fn says(&self, record: &str) {
            let head = "apiVersion: applecart/v1\nkind: Fleet\nauth: {clientId: 2f6b1c9d-2e6f-4704-a8b9-c3d2e1f0a9b8, credential: client-secret}\n";
            let text = format!("{head}ledger: {{{record}}}\n");
            let path = self.0.path();
            std::fs::write(path.join("applecart.yaml"), text).unwrap();
            git(path, &["add", "--all"]);
            git(path, &["commit", "--quiet", "-m", "settings"]);
        }

        /// What the settings of now go on from.
        fn earlier(&self) -> Named {
            let repo = Repo::discover(self.0.path()).unwrap();
            let now = repo.policy("HEAD").unwrap();
            let now = fleet::load_policy(now.as_deref()).0.unwrap();
            Earlier::of(&repo, Some("HEAD"), &now).unwrap().ledger
        }
    }

    fn begun(digit: &str) -> String {
        format!("genesis: {}", digit.repeat(40))
    }

    #[test]
    fn a_beginning_goes_on_from_the_one_that_was_named_before_it_and_from_none_after_it() {
        let fleet = Fleet::new();
        fleet.says(&begun("a"));
        assert_eq!(fleet.earlier().beginning, None);
        fleet.says(&begun("b"));
        fleet.says(&begun("c"));
        assert_eq!(fleet.earlier().beginning, Some("b".repeat(40)));
        fleet.says("");
        assert_eq!(fleet.earlier().beginning, Some("c".repeat(40)), "one that was dropped counts");
        fleet.says(&begun("a"));
        assert_eq!(fleet.earlier().beginning, None, "what was put back is what it was");
    }

    #[test]
    fn a_branch_that_was_ever_named_is_asked_for() {
        let fleet = Fleet::new();
        fleet.says("branch: applecart/record");
        fleet.says("branch: applecart/third");
        let all = ["applecart/ledger".to_owned(), "applecart/record".to_owned()];
        assert_eq!(fleet.earlier().branches, BTreeSet::from(all));
    }

    /// Somebody with another beginning merges the mainline into theirs and takes nothing of it.
    #[test]
    fn a_mainline_that_a_merge_put_aside_still_says_how_the_record_began() {
        let fleet = Fleet::new();
        let run = |args: &[&str]| git(fleet.0.path(), args);
        run(&["branch", "evil"]);
        fleet.says(&format!("{}, branch: applecart/record", begun("a")));
        run(&["checkout", "--quiet", "evil"]);
        fleet.says(&begun("b"));
        run(&["merge", "--quiet", "-s", "ours", "-m", "Merge main", "main"]);
        let earlier = fleet.earlier();
        assert_eq!(earlier.beginning, Some("a".repeat(40)));
        assert!(earlier.branches.contains("applecart/record"));
    }

    /// The same beginning, brought once by a branch that was merged and came to nothing, is not what the
    /// record began with.
    #[test]
    fn a_beginning_that_a_merge_put_aside_takes_the_place_of_none_that_counted() {
        let fleet = Fleet::new();
        let run = |args: &[&str]| git(fleet.0.path(), args);
        run(&["branch", "evil"]);
        fleet.says(&begun("a"));
        run(&["checkout", "--quiet", "evil"]);
        fleet.says(&begun("b"));
        run(&["checkout", "--quiet", "main"]);
        run(&["merge", "--quiet", "-s", "ours", "-m", "Merge evil", "evil"]);
        fleet.says(&begun("b"));
        assert_eq!(fleet.earlier().beginning, Some("a".repeat(40)));
    }
}
