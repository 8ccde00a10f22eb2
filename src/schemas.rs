//! The JSON Schemas of every file that people write and every output that scripts read,
//! generated from the types. `schema/` holds them, and a test holds `schema/` to the types.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use schemars::JsonSchema;
use serde_json::Value;

use applecart_core::{apple, fleet, ledger, model, outlets, report, rules};
use applecart_io::store;

/// Every schema with its file name, sorted.
pub fn all() -> Vec<(&'static str, Value)> {
    let mut schemas = fleet::schemas();
    schemas.push(("plan.schema.json", of::<report::PlanOutput<'_>>()));
    schemas.push(("apply.schema.json", of::<report::ApplyReport>()));
    schemas.push(("import.schema.json", of::<report::ImportReport>()));
    schemas.push(("status.schema.json", of::<report::Status>()));
    schemas.push(("attention.schema.json", of::<report::AttentionList<'_>>()));
    schemas.push(("notify.schema.json", of::<report::NotifyReport>()));
    schemas.push(("ticket.schema.json", of::<report::ticket::TicketReport>()));
    schemas.push(("ticket-list.schema.json", of::<report::ticket::TicketList>()));
    schemas.push(("tenants.schema.json", of::<report::tenants::TenantList>()));
    schemas.push(("version.schema.json", of::<report::version::Version>()));
    schemas.push(("onboard.schema.json", of::<report::onboard::Onboarding>()));
    schemas.push(("event.schema.json", of::<outlets::event::CloudEvent>()));
    schemas.push(("doctor.schema.json", of::<report::Doctor>()));
    schemas.push(("renew.schema.json", of::<report::Renewals>()));
    schemas.push(("renew-sheet.schema.json", of::<report::Sheets>()));
    schemas.push(("history.schema.json", of::<report::History>()));
    schemas.push(("audit.schema.json", of::<report::Audit>()));
    schemas.push(("apple-ids.schema.json", of::<report::AppleIds>()));
    schemas.push(("lost-account.schema.json", of::<report::LostAccount>()));
    schemas.push(("apple-check.schema.json", of::<report::AppleCheck>()));
    schemas.push(("inspect.schema.json", of::<apple::Inspection>()));
    schemas.push(("explain.schema.json", of::<rules::codes::Explanations>()));
    schemas.push(("ledger-line.schema.json", of::<model::Record>()));
    schemas.push(("ledger-entries.schema.json", of::<store::SavedEntries>()));
    schemas.push(("ledger-show.schema.json", of::<ledger::ShowReport>()));
    schemas.push(("ledger-verify.schema.json", of::<ledger::VerifyReport>()));
    schemas.sort_by_key(|(name, _)| *name);
    schemas
}

fn of<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}
