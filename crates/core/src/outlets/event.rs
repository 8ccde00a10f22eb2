//! A message as a CloudEvent (version 1.0, structured JSON), for webhooks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::message::{Customer, Message, Told};
use super::ticket::TicketSheet;
use super::words;
use crate::attention::Matter;
use crate::model::{TenantId, Timestamp, TokenRef};

/// The media type of a structured event.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";

/// What a webhook is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloudEvent {
    /// The version of CloudEvents: 1.0.
    pub specversion: String,
    /// The same for the same steps at the same sink, however often it is sent: what was received
    /// before, has been. The header Idempotency-Key repeats it.
    pub id: String,
    pub source: String,
    /// `dev.applecart.attention.raised`, `worse`, `again`, `resolved` or `unwatched`; `digest` where it
    /// tells of several steps. `dev.applecart.test` of a message that tries out the sink. Of tickets `dev.applecart.ticket.opened`, `noted`, `closed` or
    /// `reopened`.
    pub r#type: String,
    /// What belongs together: the key of the matter, or the tenant id of a digest.
    pub subject: String,
    /// When it was judged.
    pub time: Timestamp,
    pub datacontenttype: String,
    pub data: EventData,
}

/// What the event tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventData {
    /// One line that names the customer and the matter.
    pub title: String,
    /// Whom it is about; `null` for the fleet as a whole.
    pub tenant: Option<EventTenant>,
    pub matters: Vec<EventMatter>,
    /// What is told of a ticket; then there are no matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<EventTicket>,
}

/// A renewal's ticket, and the step of it that is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTicket {
    /// The identity of the ticket: the same from its first event to its last.
    pub key: String,
    /// `opened`, `pushed`, `merged`, `held`, `uploaded`, `reminded-N`, `closed`, `reopened-rejected`,
    /// `reopened-expired` or `reopened-back`.
    pub step: String,
    /// Which time the ticket is open, from 1.
    pub time: u32,
    pub token: TokenRef,
    /// The customer's number, by the key that `tickets.client` names; `null` where there is none.
    pub client: Option<String>,
    /// The ticket's own number, where `ticket link` recorded it.
    pub number: Option<String>,
    /// The whole message in words.
    pub text: String,
    /// The renewal sheet, while there is something to do.
    pub sheet: Option<TicketSheet>,
}

/// The customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTenant {
    pub name: String,
    pub display_name: Option<String>,
    pub tenant_id: Option<TenantId>,
    /// The customer's number in ticket systems, as the tenant file has it.
    pub tickets: BTreeMap<String, String>,
}

impl From<&Customer> for EventTenant {
    fn from(customer: &Customer) -> Self {
        Self {
            name: customer.name.clone(),
            display_name: customer.display_name.clone(),
            tenant_id: customer.tenant_id,
            tickets: customer.tickets.clone(),
        }
    }
}

/// A matter, and the step of it that is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventMatter {
    /// `raised`, `worse`, `again`, `resolved` or `unwatched`.
    pub step: String,
    /// Which time the matter is open, from 1.
    pub time: u32,
    pub matter: Matter,
}

impl From<&Told> for EventMatter {
    fn from(told: &Told) -> Self {
        Self {
            step: told.step.word().to_owned(),
            time: told.step.time(),
            matter: told.matter.clone(),
        }
    }
}

impl CloudEvent {
    pub fn of(message: &Message) -> Self {
        let ticket = message.ticket();
        let kind = match (ticket, message.told()) {
            _ if message.is_test() => "test".to_owned(),
            (Some(ticket), _) => format!("ticket.{}", ticket.step.word()),
            (None, [one]) => format!("attention.{}", one.step.word()),
            (None, _) => "attention.digest".to_owned(),
        };
        let told = if message.is_test() { &[] } else { message.told() };
        let ticket = ticket.map(|ticket| EventTicket {
            key: ticket.key.clone(),
            step: ticket.step.stage.to_string(),
            time: ticket.step.time,
            token: ticket.token.clone(),
            client: ticket.client.clone(),
            number: ticket.number.clone(),
            text: words::of_provider(message).text(),
            sheet: ticket.sheet.clone(),
        });
        Self {
            specversion: "1.0".to_owned(),
            id: message.key().to_owned(),
            source: "urn:applecart".to_owned(),
            r#type: format!("dev.applecart.{kind}"),
            subject: message.thread().to_owned(),
            time: message.generated_at(),
            datacontenttype: "application/json".to_owned(),
            data: EventData {
                title: message.title(),
                tenant: message.customer().map(EventTenant::from),
                matters: told.iter().map(EventMatter::from).collect(),
                ticket,
            },
        }
    }
}
