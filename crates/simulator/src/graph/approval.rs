//! Multi admin approval: a write waits until a second admin approved that very request.
//!
//! None of the three resources is named in Microsoft's list of what is gated, so this is off
//! unless a tenant's switch says so. Reads are never gated.

use axum::http::Method;
use axum::http::header::HeaderName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::failure::APPROVAL_CODE;
use super::{Context, Failure};

const JUSTIFICATION: HeaderName = HeaderName::from_static("x-msft-approval-justification");
/// Microsoft's limit for the decoded text.
const MOST: usize = 1024;

/// Lets a write pass that needs no approval or has it.
pub(super) fn gate(context: &Context<'_>) -> Result<(), Failure> {
    if context.call.method == Method::GET {
        return Ok(());
    }
    let switch = context.state.look(context.tenant(), |tenant| tenant.switches.approval);
    let Some(policy) = switch.flatten() else { return Ok(()) };
    if let Some(code) = context.call.header(&HeaderName::from_static(APPROVAL_CODE)) {
        let approved =
            context.state.look(context.tenant(), |tenant| tenant.is_approved(context.call, code));
        if approved.unwrap_or_default() {
            return Ok(());
        }
    }
    let Some(justification) = context.call.header(&JUSTIFICATION) else {
        return Err(Failure::approval(policy, None));
    };
    if STANDARD.decode(justification).map_or(true, |text| text.is_empty() || text.len() > MOST) {
        return Err(Failure::bad_request("The approval justification is not valid."));
    }
    let code = context
        .state
        .change(context.tenant(), |tenant| Ok::<_, Failure>(tenant.ask_approval(context.call)))?;
    Err(Failure::approval(policy, Some(code)))
}
