//! VPP tokens: whose licences a file would use.

use super::Case;
use crate::model::{Kind, LiveVpp};
use crate::rules::allow::{self, Change, Hold};
use crate::rules::codes::Reason;

impl Case<'_> {
    pub(super) fn organization(&self, live: &LiveVpp) -> Option<Hold> {
        let (ours, theirs) = (self.token.facts.organization.as_ref()?, live.organization.as_ref()?);
        (ours.trim() != theirs.trim()).then(|| {
            Hold::releasable(
                Reason::OrganizationDiffers,
                Change::of(theirs, ours, self.sha256),
                format!(
                    "The token is of the organisation {ours:?}, the one in Intune of {theirs:?}: another customer's licences would be used. Seal this customer's token; if Apple knows the organisation by a new name, release it with an `allow` line"
                ),
            )
        })
    }

    pub(super) fn location(&self, live: &LiveVpp) -> Option<Hold> {
        if self.goes_by_id() {
            return None;
        }
        let (ours, theirs) = (self.location_meant()?, live.location.as_deref()?);
        (ours != theirs).then(|| {
            let change = Change::of(&theirs, &ours, self.sha256);
            let line = change.line(Reason::WrongLocation, "WHY", self.today());
            if self.token.facts.location.is_none() {
                let detail = format!(
                    "A file of {theirs:?} was uploaded over this token, which was of {ours:?}, and the tenant file names no location. If Apple renamed the location, no licence is lost: write `location: {}` on the entry. Else seal a newly downloaded token of {ours:?}, and have this line on the entry reviewed with it: {line}",
                    allow::pasted(theirs)
                );
                return Hold::releasable(Reason::WrongLocation, change, detail);
            }
            let detail = format!(
                "The tenant file names the location {ours:?}, but this token in Intune is of {theirs:?}. If Apple renamed the location, no licence is lost: write {theirs:?} into `location`, which `applecart import --update {}` does. If the entry means another token, correct `id`: this upload would take apps and licences away from {theirs:?}. If {theirs:?} got there by a wrong upload, or the move is meant, have this line on the entry reviewed: {line}",
                self.tenant.name
            );
            Hold::releasable(Reason::WrongLocation, change, detail)
        })
    }

    /// This very file was in Intune in another slot of the tenant: London's file in Paris's entry.
    /// The file itself does not name its location, only the ledger remembers it.
    pub(super) fn filed_wrongly(&self, live: &LiveVpp) -> Option<Hold> {
        let record = self.past.records.iter().rev().find(|record| {
            record.is_proof()
                && record.sha256() == Some(self.sha256)
                && record.kind() == Some(Kind::Vpp)
                && !record.is_of(self.of)
        })?;
        let theirs = record.after.as_ref().and_then(|after| after.location.as_ref())?;
        let ours = self.location_meant().or(live.location.as_deref())?;
        (theirs != ours).then(|| {
            Hold::releasable(
                Reason::WrongLocation,
                Change::of(&ours, theirs, self.sha256),
                format!(
                    "Intune had this file as the token of {theirs:?} on {}; here it would turn {ours:?} into {theirs:?}. Seal the file of {ours:?}",
                    record.at
                ),
            )
        })
    }
}
