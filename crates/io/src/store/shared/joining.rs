//! Joining: what another ledger has goes into this one, which is never rewritten.

use std::collections::BTreeSet;

use super::super::error::LedgerError;
use super::super::tree::path_of;
use super::{Ledger, Twice};
use applecart_core::ledger::read_chain;
use applecart_core::model::{Author, EntryBody, LedgerEntry, Record, TenantId, Timestamp};

/// What a join brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// Tenants that this ledger lacked; their files are copied verbatim.
    pub copied: usize,
    /// Tenants whose file had lost its last lines, which are back.
    pub restored: usize,
    /// Lines of other tenants that are kept as text and decide nothing.
    pub kept: usize,
    /// The tip that has it all.
    pub head: Option<String>,
}

impl Ledger {
    /// Takes in the ledger at `rev`. The file of a tenant that this ledger lacks is copied, and one
    /// that goes on where this ledger's stops brings its lines back; lines of any other are kept as
    /// text, those of notes as they are.
    ///
    /// # Errors
    /// When `rev` is no ledger of this clone, or one of its files is broken; nothing is taken then.
    pub fn join(
        &mut self,
        rev: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<Joined, LedgerError> {
        self.begin()?;
        let (joined, drafts) = self.drafts_of(rev, author, now)?;
        let landed = self.land(&drafts, Twice::Append)?;
        Ok(Joined { head: landed.commit.map(|tip| tip.to_string()), ..joined })
    }

    fn drafts_of(
        &self,
        rev: &str,
        author: &Author,
        now: Timestamp,
    ) -> Result<(Joined, Vec<(TenantId, LedgerEntry)>), LedgerError> {
        let objects = self.local.objects(&self.local.repo);
        let other = self.local.repo.revparse_single(rev).and_then(|found| found.peel_to_commit());
        let other = other.map_err(|source| objects.unreadable(format!("the commit {rev}"), source));
        let theirs = objects.files(other?.id())?.tenants;
        let own = match &self.link {
            Some(link) => self.there(link)?,
            None => self.local.tip()?,
        };
        let own = own.map(|tip| objects.files(tip)).transpose()?.unwrap_or_default().tenants;
        let (mut joined, mut drafts) = (Joined::default(), Vec::new());
        for (tenant, blob) in theirs {
            let file = objects.file(tenant, blob)?;
            let chain = read_chain(&file).map_err(|source| objects.broken(tenant, source))?;
            let ours = match own.get(&tenant) {
                Some(&blob) => objects.file(tenant, blob)?,
                None => Vec::new(),
            };
            if file.starts_with(&ours) {
                let have = ours.iter().filter(|&&byte| byte == b'\n').count();
                let rest = chain.records.into_iter().skip(have);
                let before = drafts.len();
                // The same entries at the same places are the same lines, byte for byte.
                drafts.extend(rest.map(|record| (tenant, record.entry)));
                match (drafts.len() > before, ours.is_empty()) {
                    (true, true) => joined.copied += 1,
                    (true, false) => joined.restored += 1,
                    (false, _) => {}
                }
                continue;
            }
            let lines = foreign(&file, &chain.records, &ours, tenant)?;
            joined.kept += lines.len();
            if self.is_notes() {
                // They decide nothing, so they are recorded as they were.
                drafts.extend(lines.into_iter().map(|(record, _)| (tenant, record.entry.clone())));
                continue;
            }
            drafts.extend(lines.into_iter().map(|(record, line)| {
                let (name, token) = (record.name.clone(), record.token.clone());
                (tenant, LedgerEntry::new(now, name, token, author, EntryBody::Joined { line }))
            }));
        }
        Ok((joined, drafts))
    }
}

/// The lines of a file that our file neither has nor has kept as text before.
fn foreign<'r>(
    file: &[u8],
    records: &'r [Record],
    ours: &[u8],
    tenant: TenantId,
) -> Result<Vec<(&'r Record, String)>, LedgerError> {
    let text = |bytes| {
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| LedgerError::NotText { path: path_of(tenant) })
    };
    let (theirs, ours) = (text(file)?, text(ours)?);
    let mut known: BTreeSet<String> = ours.lines().map(str::to_owned).collect();
    // Our own chain may be broken, which is why somebody joins; then nothing was kept in it.
    if let Ok(chain) = read_chain(ours.as_bytes()) {
        known.extend(chain.records.into_iter().filter_map(|record| match record.entry.body {
            EntryBody::Joined { line } => Some(line),
            _ => None,
        }));
    }
    let lines = records.iter().zip(theirs.lines());
    Ok(lines
        .filter(|(_, line)| !known.contains(*line))
        .map(|(record, line)| (record, line.to_owned()))
        .collect())
}

#[cfg(test)]
mod tests;
