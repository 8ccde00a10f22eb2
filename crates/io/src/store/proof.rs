//! Reading proves: what came to the branch since this clone checked it last only added lines, and is
//! signed where the policy asks for it.
//!
//! A chain alone does not show that its last lines were cut off, or that a file was removed. Somebody
//! who may push to the branch can do that without any force, and a run that took the rest for the
//! whole would send again what was sent. So every reader looks at the commits that are new to this
//! clone. The commit up to which nothing was found is kept as a reference of ours, so that a reading
//! costs what is new.
//!
//! A loss makes its tenant unknown, and no other. It ends when the lines are back, or when the policy
//! names it.
//!
//! The notes are proved in the same way. They cause no upload, but a request for Apple that somebody
//! takes away can no longer hold the certificate that answers another one.

use git2::{Oid, Sort};

use super::error::{LedgerError, UNKNOWN_REQUESTS};
use super::shared::Ledger;
use super::verify::{Flaw, History, MustBeSigned};
use applecart_core::fleet::Accepted;
use applecart_core::ledger::LedgerView;
use applecart_core::model::TenantId;
use chrono::NaiveDate;

/// Under which name it is kept up to where every commit only adds lines.
const CHECKED: &str = "checked";
/// The same where every commit is signed as well.
const SIGNED: &str = "signed";

/// By what a reading is judged.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// Whose signatures are asked for; `None` where none are.
    pub signed: Option<MustBeSigned<'a>>,
    /// The losses that were looked into.
    pub accepted: &'a [Accepted],
    /// The day on which it is asked whether they still count.
    pub today: NaiveDate,
}

impl Ledger {
    /// Checks what is new on the branch, and makes the tenants unknown that have lost lines or have
    /// got some from a commit without a valid signature.
    ///
    /// # Errors
    /// When the history cannot be read, or nobody can tell who signed it.
    pub fn prove(&self, view: &mut LedgerView, proof: Proof<'_>) -> Result<(), LedgerError> {
        let Some(tip) = self.seen_tip()? else { return Ok(()) };
        let checked = self.checked_name(if proof.signed.is_some() { SIGNED } else { CHECKED });
        let from = self.begun_well(self.local.tip_of(&checked)?)?;
        if from == Some(tip) {
            return Ok(());
        }
        let mut history = History::new(self.local.history()?);
        let unreadable =
            |source| self.local.objects(&self.local.repo).unreadable("the history", source);
        let commits = history.commits(tip, from).map_err(unreadable)?;
        for &commit in &commits {
            history.compare(commit).map_err(unreadable)?;
        }
        if let Some(signed) = proof.signed {
            let genesis = self.genesis();
            history.signatures(tip, from, genesis, signed).map_err(|source| {
                LedgerError::Judge { branch: self.local.branch.clone(), source: Box::new(source) }
            })?;
        }
        let standing = self.standing(tip, history.flaws)?;
        if standing.is_empty() && self.begun_well(Some(tip))?.is_some() {
            // Without the note, the next reading looks at the same commits again.
            let _ = self.overwrite(&checked, tip);
            return Ok(());
        }
        for (tenant, flaw) in standing {
            let is_accepted = |one: &&Accepted| {
                one.tenant == tenant && Some(one.line) == flaw.line && proof.today <= one.until
            };
            if !proof.accepted.iter().any(|one| is_accepted(&one)) {
                view.breaks(tenant, self.sentence(&flaw));
            }
        }
        Ok(())
    }

    /// Where the branch is that was read: the remote's as it was asked for, else what is here.
    pub(super) fn seen_tip(&self) -> Result<Option<Oid>, LedgerError> {
        match &self.link {
            None => self.local.tip(),
            Some(link) if link.asked => self.there(link),
            Some(link) => self.remembered(link),
        }
    }

    /// The reference that has the commit up to which nothing was found. Where signatures are asked
    /// for, what was checked without them is checked again; and so is what began otherwise.
    fn checked_name(&self, how: &str) -> String {
        let genesis = self.genesis().map(|genesis| format!("{genesis}/")).unwrap_or_default();
        format!("refs/applecart/{how}/{genesis}{}", self.branch())
    }

    /// Whether the commit goes on from what this clone has checked, and so began as that did.
    pub(super) fn goes_on(&self, tip: Oid) -> Result<bool, LedgerError> {
        for how in [CHECKED, SIGNED] {
            let Some(checked) = self.local.tip_of(&self.checked_name(how))? else { continue };
            let is_here = self.local.repo.find_commit(checked).is_ok();
            if is_here && self.local.contains(tip, checked)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is still wrong at the tip, newest first: lines that are back are lost no more. Each has to
    /// be accepted by itself.
    fn standing(&self, tip: Oid, flaws: Vec<Flaw>) -> Result<Vec<(TenantId, Flaw)>, LedgerError> {
        let objects = self.local.objects(&self.local.repo);
        let files = objects.files(tip)?.tenants;
        let mut standing = Vec::new();
        for flaw in flaws {
            let Some(tenant) = flaw.tenant else { continue };
            let is_back = match (flaw.before, files.get(&tenant)) {
                (Some(before), Some(&now)) => {
                    objects.file(tenant, now)?.starts_with(&objects.file(tenant, before)?)
                }
                _ => false,
            };
            if !is_back {
                standing.push((tenant, flaw));
            }
        }
        Ok(standing)
    }

    fn sentence(&self, flaw: &Flaw) -> String {
        let (branch, code, message) = (self.branch(), flaw.code, &flaw.message);
        let commit = flaw.commit.to_string();
        let commit = commit.get(..12).unwrap_or(&commit);
        if self.is_notes() {
            let by = self.commit_of(flaw.commit).map_or_else(String::new, |commit| {
                format!(" ({}, {})", commit.author, commit.committed)
            });
            let back = flaw.parent.map_or_else(
                || "Bring the lines back from a clone that has them".to_owned(),
                |parent| format!("Bring the lines back: `applecart ledger join --notes {parent}`"),
            );
            return format!(
                "{code}: commit {commit}{by} of the notes branch {branch}: {message}. {UNKNOWN_REQUESTS}. {back}"
            );
        }
        format!(
            "{code}: commit {commit} of the ledger branch {branch}: {message}. What was uploaded is unknown, so nothing is uploaded. Bring the lines back from a clone that has them, or have the loss accepted. This prints the entry for applecart.yaml: `applecart ledger verify`"
        )
    }
}

impl History {
    /// The commits of a history that one commit does not have, newest first.
    pub(super) fn commits(&self, tip: Oid, from: Option<Oid>) -> Result<Vec<Oid>, git2::Error> {
        let mut walk = self.repo.revwalk()?;
        walk.set_sorting(Sort::TOPOLOGICAL)?;
        walk.push(tip)?;
        from.map_or(Ok(()), |from| walk.hide(from))?;
        walk.collect()
    }
}

#[cfg(test)]
mod tests;
