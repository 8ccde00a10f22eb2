//! `$batch`: up to 20 requests in one, each answered as if it had come alone.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Failure, finish, granted};
use crate::message::{Call, Content, Reply, percent_decoded};
use crate::state::State;

const MOST: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    requests: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Part {
    pub(crate) id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    pub(crate) depends_on: Vec<String>,
}

/// The API version of a path that is a `$batch`.
pub(crate) fn version(path: &str) -> Option<&'static str> {
    match path {
        "/v1.0/$batch" => Some("v1.0"),
        "/beta/$batch" => Some("beta"),
        _ => None,
    }
}

/// What a `$batch` asks for, in its order.
pub(crate) fn parts(state: &State, call: &Call) -> Result<Vec<Part>, Failure> {
    let grant = granted(state, call)?;
    let disabled = state.look(grant.tenant, |tenant| tenant.switches.batch_status).flatten();
    if let Some(status) = disabled.and_then(|status| StatusCode::from_u16(status).ok()) {
        return Err(Failure::of_status(status));
    }
    if call.part {
        return Err(Failure::bad_request("A batch must not hold another batch."));
    }
    if call.method != Method::POST {
        return Err(Failure::method());
    }
    match call.media_type().as_deref() {
        Some("application/json") => {}
        other => return Err(Failure::media_type(other.unwrap_or_default())),
    }
    let batch: Batch = serde_json::from_slice(&call.body)
        .map_err(|_| Failure::bad_request("Invalid batch payload format."))?;
    if batch.requests.is_empty() || batch.requests.len() > MOST {
        return Err(Failure::bad_request(format!(
            "Number of batch request steps must be between 1 and {MOST}."
        )));
    }
    for (at, part) in batch.requests.iter().enumerate() {
        let earlier = batch.requests.get(..at).unwrap_or_default();
        let is_known = |id: &String| earlier.iter().any(|other| other.id == *id);
        if part.id.is_empty() || is_known(&part.id) {
            return Err(Failure::bad_request("Request ids must be present and unique."));
        }
        if !part.depends_on.iter().all(is_known) {
            return Err(Failure::bad_request("dependsOn must name earlier requests."));
        }
        if !part.url.starts_with('/') || part.url.starts_with("//") {
            return Err(Failure::bad_request("Request urls must be relative."));
        }
        let names_type = part.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
        if part.body.is_some() && !names_type {
            return Err(Failure::bad_request("A request with a body must name its Content-Type."));
        }
    }
    Ok(batch.requests)
}

/// The answer to a `$batch`, by the ids of its parts and the answers to them.
pub(crate) fn answer(state: &State, outer: &Call, replies: Vec<(String, Reply)>) -> Reply {
    // Any order is allowed, so a client that relies on one fails here.
    let responses: Vec<Value> =
        replies.into_iter().rev().map(|(id, reply)| response(&id, reply)).collect();
    let reply = Reply::json(StatusCode::OK, json!({ "responses": responses }));
    finish(state, outer, reply, Uuid::new_v4())
}

impl Part {
    /// The request as if it had come alone.
    pub(crate) fn call(self, outer: &Call, version: &str) -> Result<Call, Failure> {
        let invalid = || Failure::bad_request("Invalid request in batch.");
        let mut headers = HeaderMap::new();
        for name in [header::AUTHORIZATION, HeaderName::from_static("client-request-id")] {
            if let Some(value) = outer.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            headers.insert(name, HeaderValue::from_str(value).map_err(|_| invalid())?);
        }
        let (path, query) = match self.url.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (self.url.as_str(), None),
        };
        Ok(Call {
            method: Method::from_bytes(self.method.as_bytes()).map_err(|_| invalid())?,
            path: percent_decoded(&format!("/{version}{path}")),
            query,
            headers,
            body: self.body.map(|body| Bytes::from(body.to_string())).unwrap_or_default(),
            part: true,
        })
    }
}

fn response(id: &str, reply: Reply) -> Value {
    let mut headers: Map<String, Value> = reply
        .headers
        .iter()
        .filter_map(|(name, value)| Some((title(name.as_str()), json!(value.to_str().ok()?))))
        .collect();
    let body = match reply.content {
        Content::Nothing => None,
        Content::Json(value) => {
            headers.insert("Content-Type".to_owned(), json!("application/json"));
            Some(value)
        }
        Content::Text { media_type, text } => {
            headers.insert("Content-Type".to_owned(), json!(media_type));
            Some(Value::String(text))
        }
        // As Graph writes what is no JSON.
        Content::Bytes { media_type, bytes } => {
            headers.insert("Content-Type".to_owned(), json!(media_type));
            Some(Value::String(STANDARD.encode(bytes)))
        }
    };
    let mut response = json!({ "id": id, "status": reply.status.as_u16(), "headers": headers });
    if let (Some(body), Some(object)) = (body, response.as_object_mut()) {
        object.insert("body".to_owned(), body);
    }
    response
}

/// `retry-after` as `Retry-After`, the way Graph spells headers inside a batch.
fn title(name: &str) -> String {
    if name.starts_with("x-") || name.ends_with("request-id") {
        return name.to_owned();
    }
    name.split('-')
        .map(|word| {
            let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            first.to_ascii_uppercase() + rest
        })
        .collect::<Vec<_>>()
        .join("-")
}
