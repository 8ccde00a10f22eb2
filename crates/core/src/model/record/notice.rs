//! What lines say that tell who was told of a matter or of a ticket, and whether it arrived.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Sha256, TenantId, Timestamp};

/// A step of a matter or of a ticket at one sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notice {
    /// The identity of the matter or of the ticket.
    pub key: String,
    /// The name of the sink.
    pub sink: String,
    /// Which step, such as `raised-1`.
    pub step: String,
    /// The idempotency key of the message that tells of it.
    pub delivery: Sha256,
    /// The instant by which the step was judged.
    pub on: Timestamp,
    pub phase: Phase,
    /// Tickets: the customer's number in the ticket system, as the message had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// What the matter was; left out for tickets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matter: Option<Noticed>,
}

impl Notice {
    /// The folder that does not say whose it is, of whose matter this is.
    pub fn folder(&self) -> Option<&str> {
        self.key.split('/').next()?.strip_prefix("folder:")
    }

    /// Whether its matter or ticket belongs into the file of this tenant. A key begins with its tenant's id;
    /// those of the fleet, and of folders that do not say whose they are, stand in the fleet's file.
    pub fn is_at_home(&self, file: TenantId) -> bool {
        let owner = self.key.split('/').next().unwrap_or_default();
        match file {
            TenantId::FLEET => owner == "fleet" || owner.starts_with("folder:"),
            tenant => owner.parse() == Ok(tenant),
        }
    }
}

/// What a matter was when it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Noticed {
    pub code: String,
    pub severity: String,
    /// Since when it was so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// By when it had to be settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
}

/// How far a step has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Phase {
    /// A run is about to send it, and no other run sends it before then.
    Claimed { until: Timestamp },
    /// The sink took it.
    Sent,
    /// It did not, or nobody knows: the next run sends the same message again.
    Failed {
        /// One sentence for a person; never raw input, never secret.
        why: String,
    },
    /// The sink will not take this message, whatever else it takes: it is tried again now and then.
    Refused {
        /// As with what failed.
        why: String,
    },
    /// Nobody is left to whom it could be sent, so it is not tried again. What comes again is told anew.
    Dropped {
        /// As with what failed.
        why: String,
    },
}

/// The number that a ticket has in its own system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TicketLink {
    /// The identity of the ticket.
    pub key: String,
    pub number: String,
    /// The sink whose ticket system has this number. One that names none is shown, and sent nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<String>,
    /// The customer's number there, to whom the ticket belongs since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}
