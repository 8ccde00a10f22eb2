//! What a reading proves of a renewal. A ticket is closed by it, and a customer is told by it that
//! nothing is left to do.

use super::{Cause, Matter, MatterTenant, advice};
use crate::model::Timestamp;
use crate::plan::{PlannedTenant, Reason, Sync, TokenState};

/// What says that Intune has another credential than this one renewed: devices do not answer its topic,
/// or its licences are those of another location or organisation.
const ANOTHER: [Cause; 5] = [
    Cause::TopicChanged,
    Cause::DevicesCutOff,
    Cause::Replaced,
    Cause::Held(Reason::OrganizationDiffers),
    Cause::Held(Reason::WrongLocation),
];

/// Until when the credential is valid that this run read in Intune; `None` where there is none, or where
/// something in the list says that it is another one than the one that was to be renewed.
pub fn proved_until(
    matters: &[Matter],
    tenant: &PlannedTenant,
    state: &TokenState,
) -> Option<Timestamp> {
    let live = state.live.as_ref().filter(|_| state.sync != Sync::Unobserved)?;
    live.expires.filter(|_| !is_another(matters, tenant, state))
}

/// Whether a credential that is valid until then is a renewal of the one that expires on the day `period`.
pub fn is_renewal(until: Timestamp, period: &str) -> bool {
    advice::day(until).as_str() > period
}

fn is_another(matters: &[Matter], tenant: &PlannedTenant, state: &TokenState) -> bool {
    let token = state.token();
    let is_of = |of: &MatterTenant| of.name == tenant.name && of.tenant_id == tenant.tenant_id;
    matters.iter().any(|matter| {
        ANOTHER.iter().any(|cause| cause.code() == matter.code)
            && matter.tenant.as_ref().is_some_and(is_of)
            && matter.is_about(&token)
    })
}
