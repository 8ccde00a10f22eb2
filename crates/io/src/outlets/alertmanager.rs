//! Prometheus' Alertmanager, by version 2 of its API.

use std::sync::Arc;

use applecart_core::fleet::WebhookAuth;
use applecart_core::outlets::alert::{self, Alert};
use applecart_core::outlets::message::Message;
use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use url::Url;

use super::http::{Call, Http};
use super::webhook::{Proof, parse};
use super::{Sink, SinkError};
use crate::seams::Clock;

/// So many alerts go in one request.
const BATCH: usize = 200;

/// Posts alerts to one Alertmanager.
pub struct AlertmanagerSink {
    url: Url,
    proof: Proof,
    http: Arc<Http>,
    clock: Arc<dyn Clock>,
}

impl AlertmanagerSink {
    /// The sink of this name; its secrets are in the environment.
    pub fn new(
        sink: &str,
        url: &str,
        auth: &WebhookAuth,
        read: impl Fn(&str) -> Option<String>,
        http: Arc<Http>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SinkError> {
        let url = parse(&format!("{url}/api/v2/alerts"))?;
        Ok(Self { url, proof: Proof::new(sink, auth, &read)?, http, clock })
    }

    async fn post(&self, alerts: &[Alert]) -> Result<(), SinkError> {
        let unsendable = |error: serde_json::Error| SinkError::Unsendable {
            host: self.url.host_str().unwrap_or_default().to_owned(),
            why: error.to_string(),
        };
        let body = serde_json::to_vec(alerts).map_err(unsendable)?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.proof.sign(&mut headers, &body, &*self.clock);
        let call = Call { method: Method::POST, url: self.url.clone(), headers, body };
        self.http.send(call).await
    }
}

#[async_trait]
impl Sink for AlertmanagerSink {
    async fn deliver(&self, message: &Message) -> Result<(), SinkError> {
        self.post(&alert::of(message, self.clock.now())).await
    }

    fn forgets(&self) -> bool {
        true
    }

    async fn refresh(&self, open: &[Message]) -> Result<(), SinkError> {
        let now = self.clock.now();
        let alerts: Vec<Alert> = open.iter().flat_map(|message| alert::of(message, now)).collect();
        for batch in alerts.chunks(BATCH) {
            self.post(batch).await?;
        }
        Ok(())
    }
}
