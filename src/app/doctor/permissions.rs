//! What the tokens of the fleet's application permit, against what it is for.

use std::collections::BTreeMap;

use futures::StreamExt as _;

use super::Finding;
use crate::app::session::{self, Loaded};
use crate::app::{AppError, Context, block_on};
use applecart_core::model::{LiveTenant, TenantName, shell_word};
use applecart_core::plan::Selection;
use applecart_core::report::{Area, Check, CheckState, names_in_line, plural};
use applecart_core::rules::entra::Duty;
use applecart_io::intune::Connector;

/// Reads each token's own words, where the tenant could be signed in to. What cannot be read there is
/// told by the tenants' own lines; here stands what a token lacks for `apply`, and what it may do
/// beyond.
pub(super) fn check(
    context: &Context,
    loaded: &Loaded,
    selection: &Selection,
    connector: &Connector,
    live: &BTreeMap<TenantName, LiveTenant>,
) -> Result<Vec<Finding>, AppError> {
    let signed_in = |name: &TenantName| {
        let problem = live.get(name).and_then(|live| live.push.problem());
        problem.is_none_or(|problem| !problem.code.is_sign_in())
    };
    let asked: Vec<_> = session::selected(&loaded.fleet, selection)
        .filter(|tenant| signed_in(&tenant.name))
        .filter_map(|tenant| {
            let auth = loaded.policy.auth_of(tenant.auth.as_deref())?;
            Some(((tenant.name.to_string(), tenant.auth.clone()), tenant.tenant_id, auth))
        })
        .collect();
    let granted = futures::stream::iter(asked)
        .map(|(name, id, auth)| async move { (name, connector.granted(id, auth).await) })
        .buffer_unordered(context.parallelism)
        .collect::<Vec<_>>();
    let mut lacking: BTreeMap<(Option<String>, String), Vec<String>> = BTreeMap::new();
    let mut beyond: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for ((name, profile), granted) in block_on(granted)? {
        let Some(all) = granted.ok().and_then(|granted| granted.permissions) else { continue };
        let missing = Duty::Writer.missing(&all);
        if !missing.is_empty() && !all.is_empty() {
            lacking.entry((profile, missing.join(", "))).or_default().push(name.clone());
        }
        let more = Duty::Writer.beyond(&all);
        if !more.is_empty() {
            beyond.entry(more.join(", ")).or_default().push(name);
        }
    }
    let lacks = lacking.into_iter().map(|((profile, missing), tenants)| {
        let auth = profile.map(|name| format!(" --auth {}", shell_word(&name)));
        let text = format!(
            "the application may read, and not upload, in {}: its token lacks {missing}",
            of(tenants)
        );
        let next = format!(
            "for `apply`, give the application that permission in Entra, and have an administrator of each consent again. `applecart onboard --fleet --for apply{}` looks at each, and `applecart onboard --links` prints the links of those who have to",
            auth.unwrap_or_default()
        );
        warning(text, &next)
    });
    let more = beyond.into_iter().map(|(more, tenants)| {
        let text = format!(
            "the application may do more than it needs in {}: {more}. Whoever gets its token may do that, too",
            of(tenants)
        );
        warning(text, "this shows what it needs; take the rest from it: `applecart entra app --print`")
    });
    Ok(lacks.chain(more).collect())
}

fn of(mut tenants: Vec<String>) -> String {
    tenants.sort();
    let count = plural(tenants.len(), "tenant");
    format!("{count} ({})", names_in_line(&tenants, 5))
}

fn warning(text: String, next: &str) -> Finding {
    Check::new(Area::Permissions, CheckState::Warning, text).with_next(next).into()
}
