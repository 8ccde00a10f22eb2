//! One tenant's live state, with what a file of this kind is checked against beyond that: Intune's
//! key of an enrollment token, the request that a renewal of the push certificate was opened with.

use super::judge;
use crate::app::session;
use crate::cli::error::CliError;
use applecart_core::fleet::{Policy, Tenant, Token};
use applecart_core::ledger::LedgerView;
use applecart_core::model::{Kind, LivePush, LiveTenant, Problem, Reading};
use applecart_io::intune::{Connector, IntuneRead as _, KeyRequest};

/// Reads the tenant; an answer that is not known for this kind is an error, for then nothing was
/// checked. `past` is where the signing request stands that the renewal was opened with.
pub(in crate::cli) async fn read(
    connector: &Connector,
    policy: &Policy,
    tenant: &Tenant,
    token: &Token,
    past: Option<&LedgerView>,
) -> Result<LiveTenant, CliError> {
    let mut live = judge::narrow(session::read_tenant(connector, policy, tenant).await, token);
    let problem = match token.token.kind {
        Kind::Push => live.push.problem(),
        Kind::Enrollment => live.enrollment.problem(),
        Kind::Vpp => live.vpp.problem(),
    };
    if let Some(problem) = problem {
        return Err(unknown(tenant.name.as_str(), problem));
    }
    if token.token.kind == Kind::Enrollment {
        read_keys(connector, policy, tenant, &mut live).await;
    }
    if token.token.kind == Kind::Push {
        live.push_signing_request = past.and_then(|view| requested(view, tenant, token, &live));
    }
    Ok(live)
}

/// Adds Intune's public keys of all enrollment tokens in `live`. One that cannot be read stays
/// unknown, which the finding `recipient-unverifiable` tells.
pub(in crate::cli) async fn read_keys(
    connector: &Connector,
    policy: &Policy,
    tenant: &Tenant,
    live: &mut LiveTenant,
) {
    let Some(auth) = policy.auth_of(tenant.auth.as_deref()) else { return };
    if let Reading::Present(tokens) = &mut live.enrollment {
        for one in tokens.iter_mut() {
            let id = one.id.clone();
            let request = KeyRequest { tenant_id: tenant.tenant_id, auth: auth.clone(), id };
            if let Reading::Present(key) = connector.encryption_key(&request).await {
                one.encryption_public_key = Some(key);
            }
        }
    }
}

/// The signing request that the token's renewal was opened with, while it is open.
fn requested(
    view: &LedgerView,
    tenant: &Tenant,
    token: &Token,
    live: &LiveTenant,
) -> Option<String> {
    let live = live.push.present().map(LivePush::facts);
    view.tenant(tenant.tenant_id).renewal_opened(&token.token, live.as_ref())?.csr.clone()
}

pub(in crate::cli) fn unknown(name: &str, problem: &Problem) -> CliError {
    let detail = problem.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
    CliError::LiveUnknown {
        tenant: name.to_owned(),
        why: format!("{}{detail}", problem.code),
        sign_in: problem.code.is_sign_in(),
    }
}
