//! Webhooks that take CloudEvents.

use std::sync::Arc;

use applecart_core::fleet::{WebhookAuth, WebhookUrl};
use applecart_core::outlets::event::{CloudEvent, MEDIA_TYPE};
use applecart_core::outlets::message::Message;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;
use url::Url;
use zeroize::Zeroizing;

use super::http::{Call, Http, secret_url};
use super::{Sink, SinkError, variable};
use crate::seams::Clock;

/// How requests prove who sends them. Not `Debug`: it holds a secret.
pub(super) enum Proof {
    None,
    Header(HeaderName, HeaderValue),
    Hmac(Zeroizing<Vec<u8>>),
}

impl Proof {
    /// The proof of the sink of this name, whose secrets are in the environment.
    pub(super) fn new(
        sink: &str,
        auth: &WebhookAuth,
        read: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SinkError> {
        let secret = |what: &str| {
            let variable = variable(sink, what);
            match read(&variable).map(Zeroizing::new) {
                Some(text) if !text.is_empty() => Ok((variable, text)),
                _ => Err(SinkError::NotConfigured { variable }),
            }
        };
        let header = |variable: String, name: HeaderName, text: &str| {
            let why = "it has characters that no header may have";
            let mut value =
                HeaderValue::from_str(text).map_err(|_| SinkError::BadSecret { variable, why })?;
            value.set_sensitive(true);
            Ok(Self::Header(name, value))
        };
        match auth {
            WebhookAuth::None => Ok(Self::None),
            WebhookAuth::Bearer => {
                let (variable, token) = secret("TOKEN")?;
                let text = Zeroizing::new(format!("Bearer {}", *token));
                header(variable, AUTHORIZATION, &text)
            }
            WebhookAuth::Basic => {
                let ((_, user), (variable, password)) = (secret("USER")?, secret("PASSWORD")?);
                let pair = Zeroizing::new(format!("{}:{}", *user, *password));
                let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
                header(variable, AUTHORIZATION, &text)
            }
            WebhookAuth::Header(name) => {
                let (variable, value) = secret("SECRET")?;
                let name = HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| SinkError::BadAddress { what: format!("the header {name}") })?;
                header(variable, name, &value)
            }
            WebhookAuth::Hmac => {
                let (_, key) = secret("SECRET")?;
                Ok(Self::Hmac(Zeroizing::new(key.as_bytes().to_vec())))
            }
        }
    }

    /// Adds what proves this request.
    pub(super) fn sign(&self, headers: &mut HeaderMap, body: &[u8], clock: &dyn Clock) {
        match self {
            Self::None => {}
            Self::Header(name, value) => {
                headers.insert(name.clone(), value.clone());
            }
            Self::Hmac(key) => {
                let at = clock.now().date_time().timestamp();
                // HMAC takes a key of any length.
                let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return };
                mac.update(format!("{at}.").as_bytes());
                mac.update(body);
                let digest = hex::encode(mac.finalize().into_bytes());
                headers.insert("x-applecart-timestamp", HeaderValue::from(at));
                if let Ok(signature) = HeaderValue::from_str(&format!("sha256={digest}")) {
                    headers.insert("x-applecart-signature", signature);
                }
            }
        }
    }
}

/// Posts events to one address.
pub struct WebhookSink {
    url: Url,
    proof: Proof,
    http: Arc<Http>,
    clock: Arc<dyn Clock>,
}

impl WebhookSink {
    /// The sink of this name; its secrets are in the environment.
    pub fn new(
        sink: &str,
        policy: &applecart_core::fleet::Webhook,
        read: impl Fn(&str) -> Option<String>,
        http: Arc<Http>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SinkError> {
        let url = match &policy.to {
            WebhookUrl::Open(url) => parse(url)?,
            WebhookUrl::Secret { host } => secret_url(variable(sink, "URL"), host, &read)?,
        };
        Ok(Self { url, proof: Proof::new(sink, &policy.auth, &read)?, http, clock })
    }
}

pub(super) fn parse(url: &str) -> Result<Url, SinkError> {
    Url::parse(url).map_err(|_| SinkError::BadAddress { what: url.to_owned() })
}

#[async_trait]
impl Sink for WebhookSink {
    async fn deliver(&self, message: &Message) -> Result<(), SinkError> {
        let unsendable = |why: String| SinkError::Unsendable {
            host: self.url.host_str().unwrap_or_default().to_owned(),
            why,
        };
        let body = serde_json::to_vec(&CloudEvent::of(message));
        let body = body.map_err(|error| unsendable(error.to_string()))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        let key = HeaderValue::from_str(message.key());
        headers.insert("idempotency-key", key.map_err(|error| unsendable(error.to_string()))?);
        self.proof.sign(&mut headers, &body, &*self.clock);
        let call = Call { method: Method::POST, url: self.url.clone(), headers, body };
        self.http.send(call).await
    }
}
