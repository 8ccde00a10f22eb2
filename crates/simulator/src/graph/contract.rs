//! The customers of a partner tenant, as the directory lists them.
//!
//! Type, property names and permission are Microsoft's metadata; that only a partner tenant has
//! contracts is documented. What another tenant answers is not confirmed: here, an empty list.

use serde_json::json;

use super::{Context, Success};

pub(super) fn list(context: &Context<'_>) -> Success {
    let customers =
        context.state.look(context.tenant(), |tenant| tenant.customers.clone()).unwrap_or_default();
    let items = customers
        .iter()
        .map(|customer| {
            json!({
                "id": customer.id,
                "contractType": customer.contract_type,
                "customerId": customer.customer_id,
                "defaultDomainName": customer.default_domain_name,
                "displayName": customer.display_name,
            })
        })
        .collect();
    context.collection("contracts", items, false)
}
