//! `$batch`: up to 20 requests in one, each answered as if it had come alone.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Failure, finish, granted, refuse};
use crate::dispatch::Dispatcher;
use crate::message::{Call, Content, Outcome, Reply, percent_decoded};

const MOST: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    requests: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Part {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    depends_on: Vec<String>,
}

/// The API version of a path that is a `$batch`.
pub(crate) fn version(path: &str) -> Option<&'static str> {
    match path {
        "/v1.0/$batch" => Some("v1.0"),
        "/beta/$batch" => Some("beta"),
        _ => None,
    }
}

/// Answers a `$batch`. A part whose connection drops takes the whole with it.
pub(crate) async fn answer(world: &Dispatcher, call: &Call, version: &str) -> Outcome {
    match read(world, call) {
        Err(failure) => Outcome::Reply(refuse(&world.state, call, &failure)),
        Ok(batch) => carry_out(world, call, version, batch).await,
    }
}

fn read(world: &Dispatcher, call: &Call) -> Result<Batch, Failure> {
    let grant = granted(&world.state, call)?;
    let disabled = world.state.look(grant.tenant, |tenant| tenant.switches.batch_status).flatten();
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
    Ok(batch)
}

async fn carry_out(world: &Dispatcher, outer: &Call, version: &str, batch: Batch) -> Outcome {
    let mut responses = Vec::with_capacity(batch.requests.len());
    let mut failed: Vec<String> = Vec::new();
    let mut truncated = false;
    for part in batch.requests {
        let id = part.id.clone();
        let reply = if part.depends_on.iter().any(|id| failed.contains(id)) {
            refuse(&world.state, outer, &Failure::of_status(StatusCode::FAILED_DEPENDENCY))
        } else {
            match inner(outer, version, part) {
                Err(failure) => refuse(&world.state, outer, &failure),
                // Boxed: a dispatch may hold a batch, whose parts are dispatched.
                Ok(call) => match Box::pin(world.dispatch(&call)).await {
                    Outcome::Reply(reply) => reply,
                    Outcome::Truncated(reply) => {
                        truncated = true;
                        reply
                    }
                    gone @ (Outcome::Dropped | Outcome::Reset) => return gone,
                },
            }
        };
        if !reply.status.is_success() {
            failed.push(id.clone());
        }
        responses.push(response(&id, reply));
    }
    // Any order is allowed, so a client that relies on one fails here.
    responses.reverse();
    let reply = Reply::json(StatusCode::OK, json!({ "responses": responses }));
    let reply = finish(&world.state, outer, reply, Uuid::new_v4());
    if truncated { Outcome::Truncated(reply) } else { Outcome::Reply(reply) }
}

fn inner(outer: &Call, version: &str, part: Part) -> Result<Call, Failure> {
    let invalid = || Failure::bad_request("Invalid request in batch.");
    let mut headers = HeaderMap::new();
    for name in [header::AUTHORIZATION, HeaderName::from_static("client-request-id")] {
        if let Some(value) = outer.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    for (name, value) in &part.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        headers.insert(name, HeaderValue::from_str(value).map_err(|_| invalid())?);
    }
    let (path, query) = match part.url.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (part.url.as_str(), None),
    };
    Ok(Call {
        method: Method::from_bytes(part.method.as_bytes()).map_err(|_| invalid())?,
        path: percent_decoded(&format!("/{version}{path}")),
        query,
        headers,
        body: part.body.map(|body| Bytes::from(body.to_string())).unwrap_or_default(),
        part: true,
    })
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
