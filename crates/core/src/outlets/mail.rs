//! A message as a mail: its headers, made of nothing that could end a header, and its bodies.

use super::calendar::{Entry, Renewal};
use super::html::html;
use super::letter::Letter;
use super::message::Message;
use super::words;
use crate::fleet::Email;
use crate::model::{Sha256, Timestamp};

/// A mail, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// `<KEY@DOMAIN>`: the same whenever the same message is sent.
    pub message_id: String,
    /// The first mail of the conversation, where it is another one.
    pub answers: Option<String>,
    pub subject: String,
    pub from: String,
    pub reply_to: String,
    /// All of one customer, or all the provider's: never of two customers.
    pub to: Vec<String>,
    pub at: Timestamp,
    pub text: String,
    pub html: String,
    /// Push renewals: the request for Apple (CSR), as the file that Apple's portal takes.
    pub request: Option<String>,
    /// The provider's: the renewals that it tells of, for a calendar.
    pub renewals: Vec<Entry>,
}

/// Why there is no mail of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMail {
    /// It says nothing that is the customer's.
    #[error("it tells nothing to a customer")]
    NotTheirs,
    #[error("no tenant file names contacts of this customer")]
    NoContacts,
    #[error("the address that mail is sent from has no domain")]
    NoDomain,
}

impl NoMail {
    /// Whether nobody is left whom it could be sent to.
    pub fn is_for_nobody(self) -> bool {
        matches!(self, Self::NotTheirs | Self::NoContacts)
    }
}

impl Mail {
    /// The message to the addresses of the policy, in the provider's words; or to its customer's own
    /// contacts, in the customer's words.
    pub fn of(message: &Message, policy: &Email) -> Result<Self, NoMail> {
        let reply_to = policy.reply_to.as_ref().unwrap_or(&policy.from);
        let (letter, to) = if message.is_test() && policy.contacts {
            // No customer is written to for a test.
            (words::of_provider(message), vec![reply_to.clone()])
        } else if policy.contacts {
            let letter = words::of_customer(message, reply_to).ok_or(NoMail::NotTheirs)?;
            let customer = message.customer().ok_or(NoMail::NotTheirs)?;
            (letter, customer.contacts.clone())
        } else {
            (words::of_provider(message), policy.to.clone())
        };
        if to.is_empty() {
            return Err(NoMail::NoContacts);
        }
        let domain = domain(&policy.from).ok_or(NoMail::NoDomain)?;
        let id = |key: &str| format!("<{key}@{domain}>");
        let is_first = message.key() == message.root();
        Ok(Self {
            message_id: id(message.key()),
            answers: (!is_first).then(|| id(message.root())),
            subject: subject(&letter, message),
            from: policy.from.clone(),
            reply_to: reply_to.clone(),
            to,
            at: message.generated_at(),
            text: letter.text(),
            html: html(&letter),
            renewals: if policy.contacts { Vec::new() } else { renewals(message) },
            request: message
                .ticket()
                .and_then(|ticket| Some(ticket.sheet.as_ref()?.request.as_ref()?.text.clone())),
        })
    }
}

/// The same entries as `status --format ics` has, of what is not over.
fn renewals(message: &Message) -> Vec<Entry> {
    let name = message.customer().and_then(|customer| customer.display_name.as_deref());
    let open = message.told().iter().filter(|told| !told.step.is_last());
    let renewals = open.filter_map(|told| Renewal::of_matter(&told.matter, name));
    renewals.map(|renewal| renewal.entry(message.generated_at())).collect()
}

/// Mailboxes of ticket systems that do not look at `References` find the token in the subject.
fn subject(letter: &Letter, message: &Message) -> String {
    let token = Sha256::of(message.thread().as_bytes()).to_string();
    format!("{} [AC-{}]", letter.title(), token.get(..8).unwrap_or(&token))
}

/// The domain of a plain address.
fn domain(address: &str) -> Option<&str> {
    let (_, domain) = address.split_once('@')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    (!domain.is_empty() && domain.chars().all(plain)).then_some(domain)
}
