//! What is told of one tenant, or of the fleet as a whole.
//!
//! A [`Message`] is made of one customer's matters only: [`TenantMatters`] takes a whole list and
//! keeps what is of its customer, so that no caller can put another customer's into it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::letter::name;
use super::ticket::told::{TicketStep, TicketTold};
use crate::attention::{Matter, Severity};
use crate::fleet::Tenant;
use crate::model::{Sha256, TenantId, Timestamp, TokenRef};
use crate::report::{plural, renewal_title};

/// A step in the life of a matter. The number says which time the matter is open, from 1: one that
/// was resolved and comes again is told anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// It is there.
    Raised(u32),
    /// It is more severe than it was told.
    Worse(Severity, u32),
    /// It lasts, and this is the reminder of this number.
    Again(u32, u32),
    /// A reading shows that it is over.
    Resolved(u32),
    /// Its tenant left Git, and nobody reads it any more: whether it is over is not known.
    Unwatched(u32),
}

impl Step {
    /// Which time the matter is open, from 1.
    pub fn time(self) -> u32 {
        match self {
            Self::Raised(time)
            | Self::Worse(_, time)
            | Self::Again(_, time)
            | Self::Resolved(time)
            | Self::Unwatched(time) => time,
        }
    }

    /// Whether nothing more is told of this time.
    pub fn is_last(self) -> bool {
        matches!(self, Self::Resolved(_) | Self::Unwatched(_))
    }

    /// The step without its numbers, as machines are told it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Raised(_) => "raised",
            Self::Worse(..) => "worse",
            Self::Again(..) => "again",
            Self::Resolved(_) => "resolved",
            Self::Unwatched(_) => "unwatched",
        }
    }
}

/// `raised-1`, `worse-critical-1`, `again-3-1`, `resolved-1`, `unwatched-1`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, time) = (self.word(), self.time());
        match self {
            Self::Worse(severity, _) => write!(f, "{word}-{severity}-{time}"),
            Self::Again(count, _) => write!(f, "{word}-{count}-{time}"),
            _ => write!(f, "{word}-{time}"),
        }
    }
}

/// The text names no step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a step, such as raised-1, worse-critical-1, again-2-1 or resolved-1")]
pub struct StepError;

impl FromStr for Step {
    type Err = StepError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let (word, last) = (parts.next(), parts.next_back());
        let between = parts.next();
        // `01` and `+1` would be two more texts for one step.
        let number = |text: Option<&str>| {
            let number: u32 = text?.parse().ok()?;
            (text == Some(number.to_string().as_str())).then_some(number)
        };
        let step = match (word, between, number(last)) {
            (Some("raised"), None, Some(time)) => Some(Self::Raised(time)),
            (Some("resolved"), None, Some(time)) => Some(Self::Resolved(time)),
            (Some("unwatched"), None, Some(time)) => Some(Self::Unwatched(time)),
            (Some("again"), count, Some(time)) => {
                number(count).map(|count| Self::Again(count, time))
            }
            (Some("worse"), Some(severity), Some(time)) => Severity::ALL
                .iter()
                .find(|one| one.as_str() == severity)
                .map(|one| Self::Worse(*one, time)),
            _ => None,
        };
        step.filter(|_| parts.next().is_none()).ok_or(StepError)
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Step {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(raised|again-[0-9]+|worse-(critical|urgent|notice)|resolved|unwatched)-[0-9]+$",
            "description": "A step in the life of a matter; the last number says which time it is open"
        })
    }
}

/// A matter and the step of it that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub matter: Matter,
    pub step: Step,
}

/// A customer, as their tenant file names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    /// The name of the tenant's folder.
    pub name: String,
    pub display_name: Option<String>,
    /// `None` where the tenant file cannot be read.
    pub tenant_id: Option<TenantId>,
    /// Whom of the customer to write to.
    pub contacts: Vec<String>,
    /// The customer's number in ticket systems, by the system's key.
    pub tickets: BTreeMap<String, String>,
}

impl From<&Tenant> for Customer {
    fn from(tenant: &Tenant) -> Self {
        Self {
            name: tenant.name.to_string(),
            display_name: tenant.display_name.clone(),
            tenant_id: Some(tenant.tenant_id),
            contacts: tenant.contacts.clone(),
            tickets: tenant.tickets.clone(),
        }
    }
}

impl Customer {
    /// Whether the matter is this customer's. The tenant id decides wherever one is known: a folder
    /// may be renamed.
    fn has(&self, matter: &Matter) -> bool {
        matter.tenant.as_ref().is_some_and(|tenant| match (self.tenant_id, tenant.tenant_id) {
            (None, None) => self.name == tenant.name,
            (own, other) => own == other,
        })
    }

    /// What people call the customer.
    pub fn called(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
    }

    /// The customer in digests and threads: the tenant id, else the folder.
    fn id(&self) -> String {
        self.tenant_id.map_or_else(|| self.name.clone(), |id| id.to_string())
    }
}

/// Whom a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    Tenant(Customer),
    Fleet,
}

/// What is told of one customer, and of nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantMatters {
    about: About,
    told: Vec<Told>,
}

impl TenantMatters {
    /// The customer's part of a list.
    pub fn new(customer: Customer, all: &[Told]) -> Self {
        let told = all.iter().filter(|told| customer.has(&told.matter)).cloned().collect();
        Self { about: About::Tenant(customer), told }
    }

    /// The part of a list that is about no tenant.
    pub fn of_fleet(all: &[Told]) -> Self {
        let told = all.iter().filter(|told| told.matter.tenant.is_none()).cloned().collect();
        Self { about: About::Fleet, told }
    }

    pub fn told(&self) -> &[Told] {
        &self.told
    }

    /// The same customer, and one of the matters.
    fn only(&self, told: &Told) -> Self {
        Self { about: self.about.clone(), told: vec![told.clone()] }
    }
}

/// One message to one sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    key: String,
    root: String,
    thread: String,
    matters: TenantMatters,
    /// What is told of a ticket; then there are no matters.
    ticket: Option<TicketTold>,
    /// The sink that it tries out; then what it tells is made up.
    tries: Option<String>,
    generated_at: Timestamp,
}

impl Message {
    /// What a sink is told of one customer at once; `None` where there is nothing.
    pub fn digest(sink: &str, matters: TenantMatters, generated_at: Timestamp) -> Option<Self> {
        let whose = match &matters.about {
            About::Tenant(customer) => customer.id(),
            About::Fleet => "fleet".to_owned(),
        };
        let mut steps: Vec<(&str, String)> = matters
            .told
            .iter()
            .map(|told| (told.matter.key.as_str(), told.step.to_string()))
            .collect();
        // The same steps are the same message in whatever order a later run finds them.
        steps.sort();
        let identity = |steps: &[(&str, String)]| {
            Sha256::of(serde_json::json!([sink, whose, steps]).to_string().as_bytes()).to_string()
        };
        let key = identity(&steps);
        let (thread, root) = match matters.told.as_slice() {
            [] => return None,
            [Told { matter, .. }] => {
                let first = (matter.key.as_str(), Step::Raised(1).to_string());
                (matter.key.clone(), identity(&[first]))
            }
            // No message was the first of all that a customer is told.
            _ => (whose.clone(), identity(&[])),
        };
        Some(Self { key, root, thread, matters, ticket: None, tries: None, generated_at })
    }

    /// A message that says that it is a test of a sink, about a matter that is made up.
    pub fn of_test(sink: &str, told: &Told, generated_at: Timestamp) -> Option<Self> {
        let message =
            Self::digest(sink, TenantMatters::of_fleet(std::slice::from_ref(told)), generated_at)?;
        Some(Self { tries: Some(sink.to_owned()), ..message })
    }

    /// What a sink is told of one ticket; `None` where the ticket is of another customer.
    pub fn of_ticket(
        sink: &str,
        customer: Customer,
        ticket: TicketTold,
        generated_at: Timestamp,
    ) -> Option<Self> {
        let whose = customer.id();
        // A renewal's key begins with its tenant's id.
        if !ticket.key.strip_prefix(&whose).is_some_and(|rest| rest.starts_with('/')) {
            return None;
        }
        let identity = |step: TicketStep| {
            let identity = serde_json::json!([sink, ticket.key, step.to_string()]).to_string();
            Sha256::of(identity.as_bytes()).to_string()
        };
        // With another number it is another message: a receiver that refused the first has not seen it.
        let opening = if ticket.is_corrected {
            let first = TicketStep::FIRST.to_string();
            let identity = serde_json::json!([sink, ticket.key, first, ticket.client]).to_string();
            Sha256::of(identity.as_bytes()).to_string()
        } else {
            identity(TicketStep::FIRST)
        };
        let (key, root) = match ticket.step {
            TicketStep::FIRST => (opening.clone(), opening),
            // The conversation is the one that was begun, whatever number the ticket has been moved to.
            step => (identity(step), ticket.opening.map_or(opening, |sent| sent.to_string())),
        };
        let matters = TenantMatters { about: About::Tenant(customer), told: Vec::new() };
        let thread = ticket.key.clone();
        let ticket = Some(ticket);
        Some(Self { key, root, thread, matters, ticket, tries: None, generated_at })
    }

    /// A message for each matter of the customer.
    pub fn each(sink: &str, matters: &TenantMatters, generated_at: Timestamp) -> Vec<Self> {
        let all = matters.told.iter().map(|told| matters.only(told));
        all.filter_map(|one| Self::digest(sink, one, generated_at)).collect()
    }

    /// The same for the same steps at the same sink, whenever and by whomever it is sent: a receiver
    /// that knows it has had the message.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The key as the notes record it.
    pub fn delivery(&self) -> Sha256 {
        // It is one, in hexadecimal.
        self.key.parse().unwrap_or(Sha256::ZERO)
    }

    pub fn about(&self) -> &About {
        &self.matters.about
    }

    /// The customer; `None` where it is about the fleet as a whole.
    pub fn customer(&self) -> Option<&Customer> {
        match &self.matters.about {
            About::Tenant(customer) => Some(customer),
            About::Fleet => None,
        }
    }

    pub fn told(&self) -> &[Told] {
        &self.matters.told
    }

    /// What is told of a ticket; `None` of a message of matters.
    pub fn ticket(&self) -> Option<&TicketTold> {
        self.ticket.as_ref()
    }

    /// What belongs to one conversation: the matter, the ticket, or the customer where it tells of several.
    pub fn thread(&self) -> &str {
        &self.thread
    }

    /// The key of the first message of the conversation at this sink, which later ones answer; its
    /// own where it is the first.
    pub fn root(&self) -> &str {
        &self.root
    }

    pub fn generated_at(&self) -> Timestamp {
        self.generated_at
    }

    /// Whether it only tries out its sink.
    pub fn is_test(&self) -> bool {
        self.tries.is_some()
    }

    /// The most severe of its matters, also of those that are over.
    pub fn severity(&self) -> Option<Severity> {
        self.told().iter().map(|told| told.matter.severity).min()
    }

    /// One line that names the customer, and the matter or how many. It says nothing that changes
    /// from day to day, so that messages of one matter stay together.
    pub fn title(&self) -> String {
        if let Some(sink) = &self.tries {
            return format!("Test message to the sink {sink}");
        }
        // A long name must not push out what happened.
        let whose = titled(self.customer().map_or("The fleet", Customer::called));
        if let Some(ticket) = &self.ticket {
            // The same from the first message to the last, so that they stay together.
            let number = ticket.number.as_ref().map(|number| format!(" [{}]", name(number)));
            let token = TokenRef {
                name: ticket.token.name.as_deref().map(without_ticket_numbers),
                ..ticket.token.clone()
            };
            let title = renewal_title(&token, &whose);
            return format!("{title}{}", number.unwrap_or_default());
        }
        match self.told() {
            [Told { matter, step }] => {
                let token = matter.token.as_ref().map(|token| match &token.name {
                    Some(which) => format!(" {} {}", token.kind, titled(which)),
                    None => format!(" {}", token.kind),
                });
                let over = match step {
                    Step::Resolved(_) => " (resolved)",
                    Step::Unwatched(_) => " (no longer watched)",
                    _ => "",
                };
                format!("{whose}{}: {}{over}", token.unwrap_or_default(), matter.code)
            }
            told => {
                let open = told.iter().filter(|told| !told.step.is_last()).count();
                match (open, told.len() - open) {
                    (open, 0) => format!("{whose}: {}", plural(open, "matter")),
                    (0, over) => format!("{whose}: {} resolved", plural(over, "matter")),
                    (open, over) => format!("{whose}: {}, {over} resolved", plural(open, "matter")),
                }
            }
        }
    }
}

/// A name for a title.
fn titled(text: &str) -> String {
    name(&without_ticket_numbers(text))
}

/// A name in which no ticket system finds one of its tickets. They file a mail by what its subject has in
/// brackets, behind `ID:` or `#`, or as letters with a long number, and a customer gives the names of its
/// tokens itself: by such a name its renewals would be filed with another customer's.
fn without_ticket_numbers(name: &str) -> String {
    const LONG: usize = 6;
    let mut out = String::with_capacity(name.len());
    let mut rest = name.chars();
    while let Some(c) = rest.next() {
        let digits = rest.as_str().chars().take_while(|c| c.is_numeric()).count();
        match c {
            '[' | '［' | '【' => out.push('('),
            ']' | '］' | '】' => out.push(')'),
            '#' | '＃' => out.push(' '),
            ':' | '：' if rest.as_str().trim_start().starts_with(char::is_numeric) => {
                out.push(' ')
            }
            _ if c.is_alphabetic() && digits >= LONG => out.extend([c, ' ']),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;

/// Messages for the tests of those who bring them into a form.
#[cfg(test)]
pub(crate) mod testing {
    pub(crate) use super::tests::{customer, told};
    use super::{Message, TenantMatters, Told, tests};

    /// What the sink `hub` is told of customer 1.
    pub(crate) fn message(told: &[Told]) -> Message {
        Message::digest("hub", TenantMatters::new(customer(1), told), tests::at()).unwrap()
    }
}
