//! `$batch`: the three reads of a tenant in one request, each answer by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::reply::{Fault, Reply};
use super::wire::Overview;
use applecart_core::model::Kind;

/// Where the resource of a kind is, below the API version.
pub(super) fn path(kind: Kind) -> &'static str {
    match kind {
        Kind::Push => "/deviceManagement/applePushNotificationCertificate",
        Kind::Enrollment => "/deviceManagement/depOnboardingSettings",
        Kind::Vpp => "/deviceAppManagement/vppTokens",
    }
}

/// How many devices Intune manages, below the API version.
const DEVICES: &str = "/deviceManagement/managedDeviceOverview";
/// Its part of a batch.
const DEVICES_ID: &str = "devices";

/// The body that asks for `kinds`, and for how many devices there are; it holds nothing but GETs.
pub(super) fn body(kinds: &BTreeSet<Kind>, devices: bool) -> Vec<u8> {
    let requests: Vec<_> = kinds
        .iter()
        .map(|kind| (kind.as_str(), path(*kind)))
        .chain(devices.then_some((DEVICES_ID, DEVICES)))
        .map(|(id, path)| {
            serde_json::json!({
                "id": id,
                "method": "GET",
                "url": path,
                // The outer request's headers do not reach the inner ones.
                "headers": {"Accept": "application/json", "Prefer": "include-unknown-enum-members"},
            })
        })
        .collect();
    serde_json::json!({ "requests": requests }).to_string().into_bytes()
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow, deserialize_with = "super::wire::at_most::<MAX_PARTS, _, _>")]
    responses: Vec<Part<'a>>,
}

/// More answers than this were not asked for.
const MAX_PARTS: usize = 16;

#[derive(Deserialize)]
struct Part<'a> {
    id: String,
    status: u16,
    #[serde(default)]
    headers: serde_json::Map<String, serde_json::Value>,
    /// As it was sent: taken apart and put together again, of two members with one name the
    /// second would stay, and the reader of the resource would see nothing amiss.
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

/// A batch answer, taken apart.
pub(super) struct Parts {
    /// A kind that is missing, or answered twice, is left out: it is then asked for alone.
    pub(super) kinds: BTreeMap<Kind, Reply>,
    /// How many devices there are. Nothing is asked again for that.
    pub(super) devices: Option<u64>,
}

pub(super) fn parts(reply: &Reply) -> Result<Parts, Fault> {
    let batch: Batch<'_> = reply.json()?;
    let only = |id: &str| {
        let mut answers = batch.responses.iter().filter(|part| part.id == id);
        answers.next().filter(|_| answers.next().is_none()).map(|part| part.reply(reply))
    };
    let kinds = Kind::ALL.into_iter().filter_map(|kind| Some((kind, only(kind.as_str())?)));
    let overview = only(DEVICES_ID).filter(|part| part.status == 200);
    let overview = overview.and_then(|part| part.json::<Overview>().ok());
    Ok(Parts { kinds: kinds.collect(), devices: overview.and_then(|one| one.apple_devices()) })
}

impl Part<'_> {
    fn reply(&self, outer: &Reply) -> Reply {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = value.as_str().map(HeaderValue::from_str);
            if let (Ok(name), Some(Ok(value))) = (name, value) {
                headers.insert(name, value);
            }
        }
        // A part has no id of its own in its headers; the batch's leads support to it.
        if let Some(id) = outer.headers.get("request-id")
            && !headers.contains_key("request-id")
        {
            headers.insert("request-id", id.clone());
        }
        Reply {
            status: self.status,
            headers,
            body: self.body.map_or("null", RawValue::get).as_bytes().to_vec(),
            received: outer.received,
            scrub: Arc::clone(&outer.scrub),
            client_request_id: Arc::clone(&outer.client_request_id),
        }
    }
}
