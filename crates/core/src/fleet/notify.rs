//! Who is told what needs a person, and who opens tickets: the part of the settings by which nothing
//! is judged and nothing is written. Secrets of sinks stand in the environment, never here.

use std::collections::BTreeSet;

use chrono::Duration;

use super::Tenant;
use super::selection::Selection;
use crate::words::kebab_enum;

/// How often a matter that lasts is told again where the settings do not say.
pub(super) const REMIND: Duration = Duration::days(7);

/// A receiver of messages, and what it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkPolicy {
    /// Unique in the fleet: the record knows the sink by it, and the environment its secrets.
    pub name: String,
    pub receiver: Receiver,
    pub codes: Codes,
    /// As `--select`; none means every tenant.
    pub select: Vec<String>,
    /// Whether it gets one message a tenant and period instead of one a matter.
    pub digest: Option<Digest>,
    /// How often a critical matter that lasts is told again.
    pub remind: Duration,
}

impl SinkPolicy {
    /// Whether its messages go to the customers themselves.
    pub fn writes_to_customers(&self) -> bool {
        self.receiver.writes_to_customers()
    }

    /// Whether it is told of no matter at all: it carries tickets, and nothing else.
    pub fn is_for_tickets_only(&self) -> bool {
        matches!(&self.codes, Codes::These { urgent: false, codes } if codes.is_empty())
    }
}

/// Which matters a sink is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codes {
    All,
    These {
        /// What a schedule should fail for.
        urgent: bool,
        codes: BTreeSet<String>,
    },
}

impl Codes {
    /// Whether something of `others` is not told by this.
    pub(super) fn lacks(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::All, _) => false,
            (Self::These { .. }, Self::All) => true,
            (
                Self::These { urgent, codes },
                Self::These { urgent: others_urgent, codes: others },
            ) => (*others_urgent && !urgent) || !codes.is_superset(others),
        }
    }

    /// Whether everything that is urgent is told.
    pub(super) fn has_urgent(&self) -> bool {
        matches!(self, Self::All | Self::These { urgent: true, .. })
    }

    /// Whether the code is told by its name.
    pub(super) fn names(&self, code: &str) -> bool {
        match self {
            Self::All => true,
            Self::These { codes, .. } => codes.contains(code),
        }
    }

    /// What a sink is told where the settings do not say: what is urgent, and what is to be renewed.
    pub fn default_set() -> Self {
        Self::These { urgent: true, codes: BTreeSet::from(["renewal-due".to_owned()]) }
    }
}

kebab_enum! {
    /// How often a sink with a digest is told.
    Digest {
        Daily => "daily",
        Weekly => "weekly",
    }
}

impl Digest {
    pub fn period(self) -> Duration {
        match self {
            Self::Daily => Duration::days(1),
            Self::Weekly => Duration::days(7),
        }
    }
}

/// How a sink is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receiver {
    Email(Email),
    /// CloudEvents.
    Webhook(Webhook),
    /// Version 2 of Alertmanager's API.
    Alertmanager {
        url: String,
        auth: WebhookAuth,
    },
    /// A Workflows webhook, whose URL is the secret; its host must be this one.
    Teams {
        host: String,
    },
    /// An incoming webhook, whose URL is the secret; its host must be this one.
    Slack {
        host: String,
    },
    /// Issues of a project at a forge.
    Issue {
        forge: Forge,
        project: String,
        /// The forge's own host, where it is not the public one.
        host: Option<String>,
    },
}

impl Receiver {
    /// Whether its messages go to the customers themselves.
    pub fn writes_to_customers(&self) -> bool {
        matches!(self, Self::Email(email) if email.contacts)
    }

    /// The word by which the settings name it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Webhook(_) => "webhook",
            Self::Alertmanager { .. } => "alertmanager",
            Self::Teams { .. } => "teams",
            Self::Slack { .. } => "slack",
            Self::Issue { .. } => "issue",
        }
    }
}

/// Mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The server's name, without the port.
    pub host: String,
    pub port: u16,
    pub tls: MailTls,
    pub from: String,
    pub to: Vec<String>,
    pub reply_to: Option<String>,
    /// Whether each message goes to its tenant's `contacts` instead of `to`, in the customer's words.
    pub contacts: bool,
}

kebab_enum! {
    /// How a connection to a mail server is protected.
    #[derive(Default)]
    MailTls {
        /// It begins in the clear and must be protected before anything else is said.
        #[default]
        Starttls => "starttls",
        /// It is protected from the first byte on.
        Implicit => "implicit",
        /// Not at all; only to this machine.
        None => "none",
    }
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub to: WebhookUrl,
    pub auth: WebhookAuth,
}

/// Where a webhook is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookUrl {
    Open(String),
    /// The URL is a secret and stands in the environment; its host must be this one.
    Secret {
        host: String,
    },
}

/// How a webhook knows who sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookAuth {
    None,
    Bearer,
    Basic,
    /// A header of this name.
    Header(String),
    /// A signature over time and content.
    Hmac,
}

kebab_enum! {
    /// A forge with issues.
    Forge {
        Github => "github",
        Gitlab => "gitlab",
        AzureDevops => "azure-devops",
    }
}

/// Which sink carries tickets, and whom they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketPolicy {
    pub sink: String,
    /// The key of a tenant's `tickets` that names the customer there.
    pub client: Option<String>,
    /// Whether no ticket is opened for a tenant without that key.
    pub require: bool,
    /// How often a ticket is told again that its renewal is critical: as often as its sink says.
    pub remind: Duration,
    /// For whom tickets are opened: for those whom the sink selects.
    pub select: Selection,
}

impl TicketPolicy {
    /// The tenant's number in the ticket system.
    pub fn client_of<'t>(&self, tenant: &'t Tenant) -> Option<&'t String> {
        tenant.tickets.get(self.client.as_ref()?)
    }

    /// Whether tickets are opened for the tenant. One that is open goes on, whatever is selected since.
    pub fn opens_for(&self, tenant: &Tenant) -> bool {
        self.select.matches(tenant) && self.lacks(tenant).is_none()
    }

    /// The key that the tenant would need for a ticket and does not have.
    pub fn lacks(&self, tenant: &Tenant) -> Option<&str> {
        let is_asked = self.require && self.select.matches(tenant);
        let key = self.client.as_deref().filter(|_| is_asked)?;
        (!tenant.tickets.contains_key(key)).then_some(key)
    }
}
