//! The files as people write them: the one description of the format.
//!
//! The JSON Schemas are generated from these types, documents are compared with those schemas,
//! and what is left fits these types. Descriptions are therefore written for the person in the
//! editor. Every field is optional in Rust, also those that the schema requires: a file that
//! lacks one is still checked in all its other parts. Nothing here is trusted; see
//! [`Tenant`](super::Tenant) and [`Policy`](super::Policy).

mod fleet;
mod notify;
mod tenant;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

pub use super::at::At;
pub use fleet::{
    RawAccepted, RawAcceptedFinding, RawAudit, RawAuth, RawExpiry, RawFleet, RawLedger, RawMove,
    RawProfile, RawSafety, RawWire,
};
pub use notify::{
    AlertAuthWord, AuthWord, RawAlertmanager, RawChat, RawEmail, RawIssue, RawSink, RawTickets,
    RawWebhook,
};
pub use tenant::{
    RawAccountType, RawAllow, RawConsent, RawEnrollment, RawPush, RawRecipient, RawSuspension,
    RawTenant, RawTopicAccepted, RawVpp,
};

/// The version of the file format that this program reads.
pub const API_VERSION: &str = "applecart/v1";

/// Text that may look like a number (`serial: 5050`), for which editors need no quotes: its
/// spelling is what counts.
struct Loose;

impl JsonSchema for Loose {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Loose".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"] })
    }
}
