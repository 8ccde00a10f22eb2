//! Writing to one tenant: the push certificate and the consent it needs.
//!
//! A write leaves at most once. Only 429 is followed by another attempt, because Graph says with
//! it that nothing was done; of everything else the caller learns whether it was refused or may
//! have happened, and reads before it decides. Nothing here deletes, and nothing empty is sent.

use std::fmt;
use std::sync::Arc;

use azure_core::Bytes;
use reqwest::Method;
use serde::Serialize;
use zeroize::Zeroizing;

use super::batch;
use super::client::Reply;
use super::error::{Fault, Refusal};
use super::read::CONSENT;
use super::session::{Ask, Session};
use super::wire;
use crate::model::{Kind, LivePush, Problem, ProblemCode};

/// The one application permission that covers every write.
const WRITE: &str = "DeviceManagementServiceConfig.ReadWrite.All";

/// Why a write did not happen, or that nobody knows whether it did.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The value would remove or expose a credential. No request was made.
    #[error("not sent: {what} {why}")]
    Refused {
        /// Which value.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The request did not leave: no connection, or no sign-in.
    #[error("not sent: {}", detail(.problem))]
    NotSent {
        /// What stood in the way.
        problem: Problem,
    },
    /// Graph refused it for good: the same request will be refused again.
    #[error("rejected: {detail}")]
    Rejected {
        /// The HTTP status, 4xx.
        status: u16,
        /// Graph's error code.
        code: Option<String>,
        /// Graph's id of the request.
        request_id: Option<String>,
        /// One sentence for a person.
        detail: String,
    },
    /// 401 or 403: nothing was done.
    #[error(
        "not permitted: {detail}; grant the application permission {permission} and have the tenant's administrator consent to it"
    )]
    NotPermitted {
        /// The HTTP status.
        status: u16,
        /// The permission that the call needs.
        permission: &'static str,
        /// Graph's id of the request.
        request_id: Option<String>,
        /// One sentence for a person.
        detail: String,
    },
    /// The tenant protects this by multi admin approval: nothing was done, no request was filed.
    #[error(
        "approval required: {detail}; a second administrator of the tenant exempts the application from the access policy in Intune, or uploads in the portal"
    )]
    ApprovalRequired {
        /// Graph's id of the request.
        request_id: Option<String>,
        /// One sentence for a person.
        detail: String,
    },
    /// Still throttled after all retries: nothing was done.
    #[error("throttled: {detail}")]
    Throttled {
        /// Graph's id of the request.
        request_id: Option<String>,
        /// One sentence for a person.
        detail: String,
    },
    /// It may or may not have happened: read before anything else.
    #[error("outcome unknown: {detail}")]
    OutcomeUnknown {
        /// Graph's id of the request, where there was an answer.
        request_id: Option<String>,
        /// One sentence for a person.
        detail: String,
    },
}

fn detail(problem: &Problem) -> String {
    problem.detail.clone().unwrap_or_else(|| problem.code.to_string())
}

/// What became of a consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consented {
    /// It is granted.
    Granted,
    /// Graph has no such consent to grant (404): worth a warning, no reason to stop.
    NotOffered,
}

/// The writer of one tenant. Another tenant needs another writer.
pub struct IntuneWrite {
    session: Arc<Session>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PushBody<'a> {
    apple_identifier: &'a str,
    certificate: &'a str,
}

impl IntuneWrite {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    /// Uploads a push certificate, encoded as the fleet's `wire` setting says, and returns what
    /// Graph then shows.
    ///
    /// # Errors
    ///
    /// Before any request, when a value is blank (Graph takes that for a removal) or holds a
    /// private key; afterwards as [`WriteError`] tells.
    pub async fn upload_push(
        &self,
        apple_id: &str,
        certificate: &str,
    ) -> Result<LivePush, WriteError> {
        check("the Apple ID", apple_id)?;
        check("the certificate", certificate)?;
        let body = PushBody { apple_identifier: apple_id, certificate };
        let ask = Ask {
            method: Method::PATCH,
            url: self.session.endpoint.beta(batch::path(Kind::Push)),
            body: Some(json(&body, certificate.len())?),
            secret: Some(certificate),
            attempts: 1,
        };
        let reply = self.send(&ask).await?;
        let request_id = reply.request_id();
        let unknown = |detail| WriteError::OutcomeUnknown { request_id, detail };
        match reply.json::<wire::Push>() {
            Ok(push) => {
                push.live().map_err(|error| unknown(format!("Graph answered with {error}")))
            }
            Err(_) => Err(unknown(format!(
                "Graph answered {} with something other than a push certificate",
                reply.status
            ))),
        }
    }

    /// Consents, for the tenant, to sharing data with Apple. There is no way back.
    ///
    /// # Errors
    ///
    /// As [`WriteError`] tells.
    pub async fn consent(&self) -> Result<Consented, WriteError> {
        let ask = Ask {
            method: Method::POST,
            url: self.session.endpoint.beta(&format!("{CONSENT}/consentToDataSharing")),
            body: Some(Bytes::new()),
            secret: None,
            attempts: 1,
        };
        match self.send(&ask).await {
            Ok(_) => Ok(Consented::Granted),
            Err(WriteError::Rejected { status: 404, .. }) => Ok(Consented::NotOffered),
            Err(error) => Err(error),
        }
    }

    async fn send(&self, ask: &Ask<'_>) -> Result<Reply, WriteError> {
        let visit = self.session.visit();
        let mut attempt = 0;
        loop {
            attempt += 1;
            // The request gets its whole time: cutting it short would make its outcome unknown.
            let fault = match visit.once(ask, std::time::Duration::MAX).await {
                Ok(reply) => return Ok(reply),
                Err(fault) => fault,
            };
            let throttled = match &fault {
                Fault::Refused(refusal) if refusal.status == 429 => refusal.retry_after,
                _ => return Err(fault.into()),
            };
            if !visit.budget.wait(attempt, throttled).await {
                return Err(fault.into());
            }
        }
    }
}

impl fmt::Debug for IntuneWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntuneWrite").finish_non_exhaustive()
    }
}

impl From<Fault> for WriteError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(refusal) => refused(refusal),
            Fault::SignIn(problem) => Self::NotSent { problem },
            Fault::NotSent { detail, .. } => {
                Self::NotSent { problem: Problem::new(ProblemCode::Unreachable, detail) }
            }
            Fault::TimedOut => Self::OutcomeUnknown {
                request_id: None,
                detail: "Graph did not answer in time".to_owned(),
            },
            Fault::Cut { detail } => Self::OutcomeUnknown { request_id: None, detail },
            Fault::BadAnswer { detail, request_id } => Self::OutcomeUnknown { request_id, detail },
        }
    }
}

fn refused(refusal: Refusal) -> WriteError {
    let detail = refusal.describe();
    let Refusal { status, code, request_id, approval, .. } = refusal;
    match status {
        _ if approval => WriteError::ApprovalRequired { request_id, detail },
        401 | 403 => WriteError::NotPermitted { status, permission: WRITE, request_id, detail },
        429 => WriteError::Throttled { request_id, detail },
        // A conflict and a timeout of the gateway leave open what happened behind it.
        408 | 409 => WriteError::OutcomeUnknown { request_id, detail },
        400..=499 => WriteError::Rejected { status, code, request_id, detail },
        _ => WriteError::OutcomeUnknown { request_id, detail },
    }
}

/// Refuses what must never leave: Graph takes an empty certificate for its removal.
fn check(what: &'static str, value: &str) -> Result<(), WriteError> {
    let refuse = |why| Err(WriteError::Refused { what, why });
    if value.contains("PRIVATE KEY") {
        return refuse("holds a private key");
    }
    let content = value.lines().filter(|line| !line.trim_start().starts_with("-----"));
    if !content.flat_map(str::chars).any(|c| c.is_ascii_alphanumeric()) {
        return refuse("is empty");
    }
    Ok(())
}

/// The body, wiped when the last reference to it is dropped.
fn json(body: &PushBody<'_>, length: usize) -> Result<Bytes, WriteError> {
    // Large enough from the start: a vector that grows leaves copies behind.
    let mut buffer = Zeroizing::new(Vec::with_capacity(2 * length + 4096));
    serde_json::to_writer(&mut *buffer, body)
        .map_err(|_| WriteError::Refused { what: "the certificate", why: "cannot be encoded" })?;
    Ok(Bytes::from_owner(buffer))
}

#[cfg(test)]
mod tests;
