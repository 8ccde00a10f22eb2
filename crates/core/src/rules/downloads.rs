//! When an enrollment file was downloaded, by everything that says so.
//!
//! Apple ends an enrollment token with the next download, and the file does not tell when its own
//! was. The tenant file does, which is written by whoever opens a pull request: an old file under a
//! new date would pass for the newest. So a file is as old as the earliest time that anything names
//! for it: the tenant file, the ledger, and what the base's history said of it before. Only Intune
//! itself corrects one that was too early: it accepted the file, and shows an expiry since that fits
//! the later date and not the earlier one.

use std::collections::BTreeMap;

use super::identity;
use crate::apple::enrollment;
use crate::fleet::{Tenant, Token};
use crate::ledger::{Sending, TenantLedger};
use crate::model::{LiveTenant, Sha256, Timestamp, TokenRef};

/// The earliest time that the base's history names for a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Downloads(BTreeMap<Sha256, Timestamp>);

impl Downloads {
    /// Notes that this file was there at that time.
    pub fn add(&mut self, sha256: Sha256, at: Timestamp) {
        let earliest = self.0.entry(sha256).or_insert(at);
        *earliest = at.min(*earliest);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The earliest time at which this file was downloaded, or was there already.
    pub(crate) fn earliest(
        &self,
        sha256: Sha256,
        past: Option<&TenantLedger>,
    ) -> Option<Timestamp> {
        let recorded = past.into_iter().flat_map(|past| &past.records).filter_map(|record| {
            let file = record.file().filter(|file| file.sha256 == sha256)?;
            file.downloaded
        });
        recorded.chain(self.0.get(&sha256).copied()).min()
    }
}

/// A token whose tenant file names a later download than is known of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redated {
    pub token: TokenRef,
    pub stated: Option<Timestamp>,
    pub known: Timestamp,
}

impl Redated {
    /// In words, for the plan.
    pub fn told(&self) -> Option<String> {
        let stated = self.stated?;
        Some(format!(
            "The tenant file says that this file was downloaded on {stated}. It was known on {} already, by the ledger or an earlier commit, so that is the time that counts",
            self.known
        ))
    }
}

/// The entry with the time that counts, where that is another one than it states.
pub(crate) fn redate(
    token: &Token,
    past: Option<&TenantLedger>,
    known: &Downloads,
    live: Option<&LiveTenant>,
) -> Option<(Token, Redated)> {
    let sha256 = token.file.as_ref()?.sha256;
    let earliest = known.earliest(sha256, past)?;
    let counts = |stated| {
        stated <= earliest || past.is_some_and(|past| is_borne_out(token, stated, past, live))
    };
    if token.downloaded.is_some_and(counts) {
        return None;
    }
    let redated = Redated { token: token.token.clone(), stated: token.downloaded, known: earliest };
    Some((Token { downloaded: Some(earliest), ..token.clone() }, redated))
}

/// Whether Intune bears out a later date than was known: a run sent the file after it, Intune accepted
/// it, and what expires there now, or did when that was confirmed, is of a download of that date and
/// was not there before.
fn is_borne_out(
    token: &Token,
    stated: Timestamp,
    past: &TenantLedger,
    live: Option<&LiveTenant>,
) -> bool {
    let Some(file) = &token.file else { return false };
    let of = identity::known(token, past);
    let in_intune = live
        .and_then(|live| live.enrollment.present())
        .zip(of.id.as_deref())
        .and_then(|(all, id)| identity::by_id(all, id)?.expires);
    let confirmed = past.proof(&of, file.sha256).filter(|proof| proof.evidence().is_none());
    let confirmed = confirmed.and_then(|proof| proof.after.as_ref()?.expires);
    let bears_out = |sending: &Sending<'_>| {
        let before = sending.before().and_then(|before| before.expires);
        let fits =
            |expires: Timestamp| Some(expires) != before && enrollment::may_expire(stated, expires);
        sending.applied.is_some_and(|applied| stated <= applied.at)
            && [in_intune, confirmed].into_iter().flatten().any(fits)
    };
    past.every_sending(&of, file.sha256).iter().any(bears_out)
}

/// The tenant with the times that count, where any is another one than its file states.
pub(crate) fn redate_all(
    tenant: &Tenant,
    past: Option<&TenantLedger>,
    known: &Downloads,
    live: Option<&LiveTenant>,
) -> Option<(Tenant, Vec<Redated>)> {
    let mut redated = Vec::new();
    let mut enrollment = tenant.enrollment.clone();
    for entry in &mut enrollment {
        if let Some((token, one)) = redate(entry, past, known, live) {
            *entry = token;
            redated.push(one);
        }
    }
    (!redated.is_empty()).then(|| (Tenant { enrollment, ..tenant.clone() }, redated))
}
