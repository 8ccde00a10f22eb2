//! One tenant's live state, read as `plan` reads it, with what a file of this kind is checked
//! against beyond that: Intune's key of an enrollment token, the request that a renewal of the
//! push certificate was opened with.

use crate::cli::base::Reach;
use crate::cli::error::CliError;
use crate::cli::global::Context;
use crate::cli::output::Output;
use crate::cli::session::{self, Which};
use crate::fleet::{Tenant, Token};
use crate::intune::{IntuneRead as _, KeyRequest};
use crate::model::{Kind, LiveTenant, Problem, ProblemCode, Reading};
use crate::plan::Selection;

/// Reads the tenant; an answer that is not known for this kind is an error, for then nothing was
/// checked.
pub(super) fn read(
    context: &Context,
    tenant: &Tenant,
    token: &Token,
    output: &Output,
) -> Result<LiveTenant, CliError> {
    let name = tenant.name.as_str();
    let selection = Selection::parse(&[name.to_owned()])?;
    let loaded = session::load(context, true, Reach::Remote, &selection, output)?;
    if let Some(why) = &loaded.blind {
        return Err(unknown(name, &Problem::new(ProblemCode::LedgerUnknown, why.clone())));
    }
    let connector = session::connector()?;
    let mut live = crate::cli::block_on(async {
        let mut all = session::read_live(&connector, &loaded, &selection, 1).await;
        let mut live = all.remove(&tenant.name)?;
        if let (Kind::Enrollment, Some(auth)) =
            (token.token.kind, loaded.policy.auth_of(tenant.auth.as_deref()))
        {
            live = super::judge::narrow(live, token);
            if let Reading::Present(tokens) = &mut live.enrollment {
                for one in tokens.iter_mut() {
                    let id = one.id.clone();
                    let request =
                        KeyRequest { tenant_id: tenant.tenant_id, auth: auth.clone(), id };
                    if let Reading::Present(key) = connector.encryption_key(&request).await {
                        one.encryption_public_key = Some(key);
                    }
                }
            }
        }
        Some(live)
    })?
    .ok_or(CliError::NothingSelected)?;
    let problem = match token.token.kind {
        Kind::Push => live.push.problem(),
        Kind::Enrollment => live.enrollment.problem(),
        Kind::Vpp => live.vpp.problem(),
    };
    if let Some(problem) = problem {
        return Err(unknown(name, problem));
    }
    if token.token.kind == Kind::Push {
        // Without the record the finding is `csr-unknown`, a warning.
        let past = session::past(&loaded, context, Which::Shared)?;
        live.push_signing_request = past.known.ok().and_then(|view| {
            view.tenant(tenant.tenant_id).renewal_opened(&token.token)?.csr.clone()
        });
    }
    Ok(super::judge::narrow(live, token))
}

fn unknown(name: &str, problem: &Problem) -> CliError {
    let detail = problem.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
    CliError::LiveUnknown {
        tenant: name.to_owned(),
        why: format!("{}{detail}", problem.code),
        sign_in: problem.code.is_sign_in(),
    }
}
