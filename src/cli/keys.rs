//! Intune's public keys of enrollment tokens, read only where the next action would be an upload:
//! an ordinary plan costs no request for them.

use std::collections::BTreeMap;

use futures::StreamExt as _;

use super::session::Loaded;
use applecart_core::model::{Kind, LiveTenant, Reading, TenantName};
use applecart_core::plan::{Action, Due, Planned};
use applecart_io::intune::{Connector, IntuneRead as _, KeyRequest};

/// Adds the keys that the due uploads need to `live`; says whether there are any, so that the plan
/// has to be made again with them. A key that cannot be read stays unknown, which the plan warns
/// about.
pub(super) async fn read(
    connector: &Connector,
    loaded: &Loaded,
    planned: &Planned,
    live: &mut BTreeMap<TenantName, LiveTenant>,
    parallelism: usize,
) -> bool {
    let due = planned.due.iter().filter(|due| {
        due.token.token.kind == Kind::Enrollment
            && due.action == Action::Upload
            && due.encryption_key.is_none()
    });
    let keys: Vec<(&Due, Reading<String>)> = futures::stream::iter(due)
        .filter_map(|due| async move {
            let request = KeyRequest {
                tenant_id: due.tenant.tenant_id,
                auth: loaded.policy.auth_of(due.tenant.auth.as_deref())?.clone(),
                id: due.token.token.id.clone()?,
            };
            Some((due, request))
        })
        .map(|(due, request)| async move { (due, connector.encryption_key(&request).await) })
        .buffer_unordered(parallelism)
        .collect()
        .await;
    let mut any = false;
    for (due, key) in keys {
        let Reading::Present(key) = key else { continue };
        let Some(LiveTenant { enrollment: Reading::Present(tokens), .. }) =
            live.get_mut(&due.tenant.name)
        else {
            continue;
        };
        for token in tokens.iter_mut().filter(|one| Some(&one.id) == due.token.token.id.as_ref()) {
            token.encryption_public_key = Some(key.clone());
            any = true;
        }
    }
    any
}
