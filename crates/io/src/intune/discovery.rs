//! Which tenant a domain belongs to: the document in which Entra tells everybody where a tenant's
//! sign-in is. No token is sent.
//! <https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols-oidc>

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;

use super::client::Http;
use super::endpoints::Endpoint;
use super::reply::{Fault, Reply};
use super::scrub::Scrubber;
use super::transport::Request;
use applecart_core::model::{Problem, ProblemCode, TenantId};

#[derive(Deserialize)]
struct Document {
    token_endpoint: String,
}

/// Seconds by which Entra's clock is ahead; `None` where no answer of it says. Nobody signs in for it.
pub(super) async fn skew(http: &Http, endpoint: &Endpoint, tenant: TenantId) -> Option<i64> {
    let url = endpoint.discovery(&tenant.to_string());
    ask(http, endpoint, &url).await.ok()?.skew()
}

async fn ask(http: &Http, endpoint: &Endpoint, url: &str) -> Result<Reply, Fault> {
    let ask = Request::new(Method::GET, url, endpoint.is_loopback(url)).accepting_json();
    http.send(ask, Duration::from_secs(60), Arc::new(Scrubber::default())).await
}

/// The tenant of a domain.
pub(super) async fn tenant(
    http: &Http,
    endpoint: &Endpoint,
    domain: &str,
) -> Result<TenantId, Problem> {
    let problem = |code, what: &str| Problem::new(code, format!("{what} for the domain {domain}"));
    let url = endpoint.discovery(domain);
    let reply = ask(http, endpoint, &url)
        .await
        .map_err(|_| problem(ProblemCode::Unreachable, "Entra did not answer"))?;
    if reply.status == 400 || reply.status == 404 {
        return Err(problem(ProblemCode::TenantNotFound, "Entra knows no tenant"));
    }
    let found = reply.json::<Document>().ok().filter(|_| reply.status == 200);
    // The tenant's id is a part of each of its addresses.
    let found = found.and_then(|document| {
        document.token_endpoint.split('/').find_map(|part| part.parse::<TenantId>().ok())
    });
    found.ok_or_else(|| problem(ProblemCode::BadAnswer, "Entra gave no usable answer"))
}
