//! The digest that an approval names.

use serde_json::json;

use super::types::{Action, PlannedTenant};
use crate::model::Sha256;

/// SHA-256 of the RFC 8785 JSON of every token with an action, sorted. Revision, times and the
/// expiry axis are not in it: an unrelated merge does not change what was approved.
///
/// Returns `None` only if the JSON cannot be canonicalised, which plain strings always can.
pub(super) fn digest(tenants: &[PlannedTenant]) -> Option<String> {
    let mut rows: Vec<String> = tenants
        .iter()
        .flat_map(|tenant| tenant.tokens.iter().map(move |token| (tenant, token)))
        .filter(|(_, token)| token.action != Action::None)
        .map(|(tenant, token)| {
            serde_json_canonicalizer::to_string(&json!([
                tenant.tenant_id,
                token.state.kind,
                token.state.id,
                token.state.name,
                token.action,
                token.state.sha256,
                token.before,
                token.after,
                token.state.reasons,
                token.allows,
            ]))
        })
        .collect::<Result<_, _>>()
        .ok()?;
    // Canonical rows sort the same way everywhere, and joining them is canonical JSON again.
    rows.sort_unstable();
    Some(format!("sha256:{}", Sha256::of(format!("[{}]", rows.join(",")).as_bytes())))
}
