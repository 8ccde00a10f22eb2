//! Teams and Slack: the address of their webhook is the secret.

use std::sync::Arc;

use applecart_core::outlets::message::Message;
use applecart_core::outlets::{chat, words};
use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use url::Url;

use super::http::{Call, Http, secret_url};
use super::{Sink, SinkError, variable};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatKind {
    /// A webhook of Workflows.
    Teams,
    /// An incoming webhook.
    Slack,
}

/// Posts into one channel.
pub struct ChatSink {
    kind: ChatKind,
    url: Url,
    http: Arc<Http>,
}

impl ChatSink {
    /// The sink of this name. Its address is in the environment and must be of this host.
    pub fn new(
        kind: ChatKind,
        sink: &str,
        host: &str,
        read: impl Fn(&str) -> Option<String>,
        http: Arc<Http>,
    ) -> Result<Self, SinkError> {
        Ok(Self { kind, url: secret_url(variable(sink, "URL"), host, read)?, http })
    }

    fn body(&self, message: &Message) -> serde_json::Result<Vec<u8>> {
        let letter = words::of_provider(message);
        match self.kind {
            ChatKind::Teams => serde_json::to_vec(&chat::teams(&letter)),
            ChatKind::Slack => serde_json::to_vec(&chat::slack(&letter)),
        }
    }
}

#[async_trait]
impl Sink for ChatSink {
    async fn deliver(&self, message: &Message) -> Result<(), SinkError> {
        let host = self.url.host_str().unwrap_or_default();
        let unsendable = |error: serde_json::Error| SinkError::Unsendable {
            host: host.to_owned(),
            why: error.to_string(),
        };
        let body = self.body(message).map_err(unsendable)?;
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let call = Call { method: Method::POST, url: self.url.clone(), headers, body };
        self.http.send(call).await
    }
}
