//! Why a write did not happen, or that it is unknown whether it did.

use super::super::reply::{self, Fault, Refusal};
use applecart_core::model::{Problem, ProblemCode};

/// The one application permission that covers every write.
const WRITE: &str = "DeviceManagementServiceConfig.ReadWrite.All";

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The value would remove or expose a credential. No request was made.
    #[error("not uploaded: {what} {why}")]
    Refused {
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nothing was done: no connection, or no sign-in that Graph takes.
    #[error("not uploaded: {}", detail(.problem))]
    NotSent {
        /// What stood in the way.
        problem: Problem,
    },
    /// Graph refused it for good: the same request will be refused again.
    #[error("rejected: {detail}")]
    Rejected {
        /// The HTTP status, 4xx.
        status: u16,
        code: Option<String>,
        /// Graph's id of the request.
        request_id: Option<String>,
        /// One sentence for a person.
        detail: String,
    },
    /// 403: nothing was done.
    #[error(
        "not permitted: {detail}; grant the application permission {permission} and have the tenant's administrator consent to it"
    )]
    NotPermitted {
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
        /// The HTTP status, where Graph answered.
        status: Option<u16>,
        /// The request's id: Graph's, or this program's own where Graph did not answer.
        request_id: Option<String>,
        /// One sentence for a person.
        detail: String,
    },
}

fn detail(problem: &Problem) -> String {
    problem.detail.clone().unwrap_or_else(|| problem.code.to_string())
}

impl From<Fault> for WriteError {
    fn from(fault: Fault) -> Self {
        let request_id = fault.request_id();
        match fault {
            // Whose token is refused has asked for nothing (RFC 9110, section 15.5.2).
            Fault::Refused(refusal) if refusal.status == 401 && !refusal.approval => {
                Self::NotSent { problem: reply::refused(refusal, WRITE) }
            }
            Fault::Refused(refusal) => refused(refusal),
            Fault::SignIn(problem) => Self::NotSent { problem },
            Fault::NotSent { detail, .. } => {
                Self::NotSent { problem: Problem::new(ProblemCode::Unreachable, detail) }
            }
            Fault::TimedOut { .. } => Self::OutcomeUnknown {
                status: None,
                request_id,
                detail: "Graph did not answer in time".to_owned(),
            },
            Fault::Cut { detail, .. } | Fault::BadAnswer { detail, .. } => {
                Self::OutcomeUnknown { status: None, request_id, detail }
            }
        }
    }
}

fn refused(refusal: Refusal) -> WriteError {
    let detail = refusal.describe();
    let Refusal { status, code, request_id, approval, .. } = refusal;
    match status {
        _ if approval => WriteError::ApprovalRequired { request_id, detail },
        403 => WriteError::NotPermitted { status, permission: WRITE, request_id, detail },
        429 => WriteError::Throttled { request_id, detail },
        // A conflict and a timeout of the gateway leave open what happened behind it.
        408 | 409 => WriteError::OutcomeUnknown { status: Some(status), request_id, detail },
        400..=499 => WriteError::Rejected { status, code, request_id, detail },
        _ => WriteError::OutcomeUnknown { status: Some(status), request_id, detail },
    }
}
