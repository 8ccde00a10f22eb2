//! What an audit asks of the ledger beside [`verify`](super::verify()).

use git2::Oid;

use super::branch::Ledger;
use super::error::LedgerError;
use applecart_core::ledger::LedgerView;

impl Ledger {
    /// The ledger as a commit of it has it, by its whole name: what was verified is what is judged.
    ///
    /// # Errors
    /// When the commit is not there or what it has is no ledger.
    pub fn view_at(&self, head: &str) -> Result<LedgerView, LedgerError> {
        self.read_at(Some(self.named(head)?))
    }

    /// Whether `head` is `commit` or was made after it; `None` where this clone does not have
    /// `commit`.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn holds(&self, head: &str, commit: &str) -> Result<Option<bool>, LedgerError> {
        let (head, commit) = (self.named(head)?, self.named(commit)?);
        if self.repo.find_commit(commit).is_err() {
            return Ok(None);
        }
        self.contains(head, commit).map(Some)
    }

    /// Tips of the ledger that this clone knows of, with the references that have them: its own
    /// branch, the remote's as it was fetched last, and what was seen of it.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn known_tips(&self) -> Result<Vec<(String, String)>, LedgerError> {
        let mut names = vec![self.refname.clone()];
        if let Some(remote) = &self.remote {
            names.extend([remote.tracking.clone(), remote.memory.clone()]);
        }
        let mut tips = Vec::new();
        for name in names {
            if let Some(tip) = self.tip_of(&name)? {
                tips.push((name, tip.to_string()));
            }
        }
        Ok(tips)
    }

    fn named(&self, commit: &str) -> Result<Oid, LedgerError> {
        let unreadable = |source| self.objects(&self.repo).unreadable("a commit's name", source);
        Oid::from_str(commit).map_err(unreadable)
    }
}
