//! Sending: each kind of receiver behind one trait.
//!
//! A sink is given messages that are made already, its address from the policy of the base, and its
//! secrets from the environment. No error of one holds a secret or what a receiver answered as it
//! came.

pub mod alertmanager;
mod blind;
pub mod calendar;
pub mod chat;
pub mod forge;
pub mod http;
pub mod issue;
pub mod mail;
mod make;
mod smtp;
pub mod webhook;

use std::time::Duration;

use applecart_core::outlets::message::Message;
use async_trait::async_trait;

pub use blind::ToldBlind;
pub use make::make;

/// The longest that one delivery may take.
pub const DELIVERY: Duration = Duration::from_secs(30);

/// Where messages go.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Delivers one message. To call it again with the same message is harmless at the receiver: it
    /// carries the same idempotency key.
    async fn deliver(&self, message: &Message) -> Result<(), SinkError>;

    /// Whether it forgets what it is not told again in every run.
    fn forgets(&self) -> bool {
        false
    }

    /// Tells a sink that forgets what stands open, and what ended lately. Nothing of it is recorded.
    async fn refresh(&self, _open: &[Message]) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Why a message was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// The receiver answered, and will not take it.
    #[error("{host} refused it with status {status}{}", told(.answer))]
    Refused {
        host: String,
        status: u16,
        /// What it said, safe to show.
        answer: Option<String>,
    },
    /// The receiver has trouble, or is asked too often.
    #[error("{host} answered with status {status}")]
    Busy {
        host: String,
        status: u16,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    #[error("{host} could not be reached: {why}")]
    Unreachable { host: String, why: String },
    /// Whether it arrived is not known.
    #[error("{host} did not answer within {} s", .after.as_secs())]
    TimedOut { host: String, after: Duration },
    #[error("{what} is no address that it can be sent to")]
    BadAddress { what: String },
    #[error("the environment variable {variable} is not set")]
    NotConfigured { variable: String },
    /// An environment variable is set to what cannot be used; its value is never shown.
    #[error("the environment variable {variable} cannot be used: {why}")]
    BadSecret { variable: String, why: &'static str },
    /// The message is not one that this receiver takes, such as one that is too large.
    #[error("the message cannot be sent to {host}: {why}")]
    Unsendable { host: String, why: String },
    /// Nobody is left to whom it could be sent.
    #[error("{why}")]
    Nobody { why: String },
    /// It was refused before, and was not tried.
    #[error("{why}; it is tried again later")]
    PutOff { why: String },
}

fn told(answer: &Option<String>) -> String {
    answer.as_ref().map(|answer| format!(": {answer}")).unwrap_or_default()
}

impl SinkError {
    /// Whether the receiver looked at this message and will not take it.
    pub fn is_of_the_message(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Unsendable { .. }) && !self.is_of_the_sink()
    }

    /// Whether nothing else for this receiver will arrive in this run, either.
    pub fn is_of_the_sink(&self) -> bool {
        match self {
            // Another message would be sent elsewhere, or be refused for the same secret.
            Self::Refused { status, .. } => {
                matches!(status, 300..=399 | 401 | 403 | 404 | 405 | 410)
            }
            Self::Unsendable { .. } | Self::Nobody { .. } | Self::PutOff { .. } => false,
            // A mail server speaks of one mailbox: it is full, or does not know the sender yet.
            Self::Busy { status: 450..=459, .. } => false,
            Self::Busy { .. }
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::BadAddress { .. }
            | Self::NotConfigured { .. }
            | Self::BadSecret { .. } => true,
        }
    }
}

/// What to do about a certificate that nobody here knows.
fn next_of_tls(why: &str) -> Option<&'static str> {
    let unknown = ["UnknownIssuer", "unknown issuer", "not trusted", "self-signed"];
    unknown.iter().any(|one| why.contains(one)).then_some(
        ". Where an authority of your own signed its certificate, name the authority's file in SSL_CERT_FILE",
    )
}

/// The environment variable of a sink's secret: `APPLECART_SINK_NOC_MAIL_TOKEN`.
pub fn variable(sink: &str, what: &str) -> String {
    format!("APPLECART_SINK_{}_{what}", sink.to_uppercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_the_receiver_did() {
        let host = || "hooks.msp.example".to_owned();
        let cases = [
            (
                SinkError::Refused { host: host(), status: 404, answer: Some("no hook".into()) },
                "hooks.msp.example refused it with status 404: no hook",
            ),
            (
                SinkError::Refused { host: host(), status: 401, answer: None },
                "hooks.msp.example refused it with status 401",
            ),
            (
                SinkError::TimedOut { host: host(), after: DELIVERY },
                "hooks.msp.example did not answer within 30 s",
            ),
            (
                SinkError::NotConfigured { variable: variable("noc-mail", "PASSWORD") },
                "the environment variable APPLECART_SINK_NOC_MAIL_PASSWORD is not set",
            ),
        ];
        for (error, text) in cases {
            assert_eq!(error.to_string(), text);
        }
    }
}
