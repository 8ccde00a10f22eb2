//! What an answer of Graph's shows of a tenant's tokens, read here once more: nothing of the
//! program's own reading is used.

use std::collections::BTreeMap;

use applecart_simulator::Tenant;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::pool::Slot;

/// One credential in Intune.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) expires: DateTime<Utc>,
    /// Of a push certificate.
    pub(crate) serial: Option<String>,
    pub(crate) topic: Option<String>,
}

/// What is shown of the tokens that were asked for; `None` where there is none.
pub(crate) type Sights = BTreeMap<Slot, Option<Shown>>;

pub(crate) fn of(path: &str, asked: &[u8], status: u16, body: &[u8]) -> Sights {
    let mut sights = Sights::new();
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return sights };
    if !path.ends_with("/$batch") {
        one(path, status, &answer, &mut sights);
        return sights;
    }
    let asked: Value = serde_json::from_slice(asked).unwrap_or_default();
    let urls: BTreeMap<&str, &str> = list(&asked, "requests")
        .filter_map(|part| Some((part.get("id")?.as_str()?, part.get("url")?.as_str()?)))
        .collect();
    for part in list(&answer, "responses") {
        let url = part.get("id").and_then(Value::as_str).and_then(|id| urls.get(id));
        let status = part.get("status").and_then(Value::as_u64).unwrap_or_default();
        if let (Some(url), Some(body)) = (url, part.get("body")) {
            one(url, u16::try_from(status).unwrap_or_default(), body, &mut sights);
        }
    }
    sights
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn one(url: &str, status: u16, body: &Value, sights: &mut Sights) {
    let is_all = body.get("value").is_some_and(Value::is_array);
    if url.contains("applePushNotificationCertificate") {
        match status {
            200 => drop(sights.insert(Slot::Push, push(body))),
            404 => drop(sights.insert(Slot::Push, None)),
            _ => {}
        }
    } else if url.contains("depOnboardingSettings") && status == 200 {
        if is_all {
            sights.entry(Slot::Abm).or_default();
        }
        let all: Vec<&Value> = if is_all { list(body, "value").collect() } else { vec![body] };
        for token in all {
            if let Some(expires) = date(token, "tokenExpirationDateTime") {
                let shown = Shown { expires, serial: None, topic: None };
                sights.insert(Slot::Abm, Some(shown));
            }
        }
    } else if url.contains("vppTokens") && status == 200 {
        if is_all {
            sights.entry(Slot::London).or_default();
            sights.entry(Slot::Paris).or_default();
        }
        let all: Vec<&Value> = if is_all { list(body, "value").collect() } else { vec![body] };
        for token in all {
            let Some(expires) = date(token, "expirationDateTime") else { continue };
            let id = token.get("id").and_then(Value::as_str).unwrap_or_default();
            let slot = if id.starts_with("vpp-") { Slot::London } else { Slot::Paris };
            sights.insert(slot, Some(Shown { expires, serial: None, topic: None }));
        }
    }
}

fn push(body: &Value) -> Option<Shown> {
    let text = |name| body.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Shown {
        expires: date(body, "expirationDateTime")?,
        serial: text("certificateSerialNumber").map(|serial| serial.to_uppercase()),
        topic: text("topicIdentifier"),
    })
}

fn date(value: &Value, name: &str) -> Option<DateTime<Utc>> {
    value.get(name)?.as_str()?.parse().ok()
}

/// What Intune has in truth.
pub(crate) fn truth(tenant: &Tenant, slot: Slot) -> Option<Shown> {
    let plain = |expires| Shown { expires, serial: None, topic: None };
    match slot {
        Slot::Push => tenant.apple_push_notification_certificate.as_ref().map(|push| Shown {
            expires: push.expiration_date_time,
            serial: Some(push.certificate_serial_number.to_uppercase()),
            topic: Some(push.topic_identifier.clone()),
        }),
        Slot::Abm => tenant
            .dep_onboarding_settings
            .first()
            .map(|setting| plain(setting.token_expiration_date_time)),
        Slot::London | Slot::Paris => {
            let is_it = |id: &str| id.starts_with("vpp-") == (slot == Slot::London);
            let token = tenant.vpp_tokens.iter().find(|token| is_it(&token.id))?;
            Some(plain(token.expiration_date_time))
        }
    }
}
