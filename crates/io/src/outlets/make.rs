//! The sink that a policy describes.

use std::sync::Arc;

use applecart_core::fleet::{Receiver, SinkPolicy};

use super::alertmanager::AlertmanagerSink;
use super::chat::{ChatKind, ChatSink};
use super::http::Http;
use super::issue::IssueSink;
use super::mail::{MailSink, MailUser};
use super::webhook::WebhookSink;
use super::{Sink, SinkError};
use crate::seams::Clock;

/// Makes the sink; `read` is the environment, in which its secrets are.
///
/// # Errors
/// When a secret is missing, or cannot be used.
pub fn make(
    policy: &SinkPolicy,
    read: impl Fn(&str) -> Option<String>,
    http: &Arc<Http>,
    clock: &Arc<dyn Clock>,
) -> Result<Box<dyn Sink>, SinkError> {
    let (name, http, clock) = (policy.name.as_str(), Arc::clone(http), Arc::clone(clock));
    Ok(match &policy.receiver {
        Receiver::Email(email) => {
            let user = MailUser::from_environment(name, read)?;
            Box::new(MailSink::new(name, email.clone(), user)?)
        }
        Receiver::Webhook(webhook) => Box::new(WebhookSink::new(name, webhook, read, http, clock)?),
        Receiver::Alertmanager { url, auth } => {
            Box::new(AlertmanagerSink::new(name, url, auth, read, http, clock)?)
        }
        Receiver::Teams { host } => {
            Box::new(ChatSink::new(ChatKind::Teams, name, host, read, http)?)
        }
        Receiver::Slack { host } => {
            Box::new(ChatSink::new(ChatKind::Slack, name, host, read, http)?)
        }
        Receiver::Issue { forge, project, host } => {
            Box::new(IssueSink::new(name, *forge, project, host.as_deref(), read, http)?)
        }
    })
}
