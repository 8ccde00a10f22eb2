//! Graph's refusals: status, code and message, as far as they are known.

use axum::http::StatusCode;
use serde_json::json;
use uuid::Uuid;

use crate::state::ApprovalPolicy;

/// Names a request that waits for approval, in the answer and when it is sent again.
pub(super) const APPROVAL_CODE: &str = "x-msft-approval-code";

#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// A header that only this refusal has.
    pub(crate) header: Option<(&'static str, String)>,
}

impl Failure {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), header: None }
    }

    /// 401: the access token opens nothing.
    pub(super) fn token(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message)
    }

    /// 400 from Graph itself.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 400: no such path in this API version.
    pub(super) fn segment(segment: &str) -> Self {
        Self::bad_request(format!("Resource not found for the segment '{segment}'."))
    }

    /// 400 from Intune: a sentence in Intune's shell.
    pub(super) fn intune(sentence: &str) -> Self {
        Self::bad_request(shell(sentence, "StatelessDeviceFEService/deviceManagement"))
    }

    /// The last manual sync was too short a time ago. Neither status nor sentence are confirmed.
    pub(super) fn early_sync(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::TOO_MANY_REQUESTS);
        let sentence = "A sync was requested too recently";
        Self {
            message: shell(sentence, "StatelessDeviceFEService/deviceManagement"),
            ..Self::of_status(status)
        }
    }

    /// 400: nobody licensed Intune, or chose it for device management.
    pub(super) fn unlicensed() -> Self {
        Self::bad_request("Request not applicable to target tenant.")
    }

    /// A second admin must approve first; `code` is the request that now waits for it.
    pub(super) fn approval(policy: ApprovalPolicy, code: Option<String>) -> Self {
        const ASK: &str =
            "The header x-msft-approval-justification is required to request approval";
        const WAIT: &str =
            "Approval Required. The request waits for the approval of another administrator";
        let (status, name, sentence) = match (policy, &code) {
            (ApprovalPolicy::Documented, None) => (StatusCode::FORBIDDEN, "Forbidden", ASK),
            (ApprovalPolicy::Documented, Some(_)) => {
                (StatusCode::FORBIDDEN, "ApprovalRequired", WAIT)
            }
            (ApprovalPolicy::Seen, None) => (StatusCode::BAD_REQUEST, "BadRequest", ASK),
            (ApprovalPolicy::Seen, Some(_)) => {
                (StatusCode::PRECONDITION_FAILED, "BadRequest", WAIT)
            }
        };
        let message = shell(sentence, "StatelessDeviceFEService/deviceManagement");
        let header = code.map(|code| (APPROVAL_CODE, code));
        Self { header, ..Self::new(status, name, message) }
    }

    /// 404: the object is not there.
    pub(super) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ResourceNotFound",
            shell("An error has occurred", "StatelessDeviceFEService/deviceManagement"),
        )
    }

    /// 403: none of the permissions that would do.
    pub(super) fn forbidden(roles: &[&str]) -> Self {
        let sentence = format!(
            "Application is not authorized to perform this operation. Application must have one \
             of the following scopes: {}",
            roles.join(", ")
        );
        Self::new(
            StatusCode::FORBIDDEN,
            "Forbidden",
            shell(&sentence, "StatelessDeviceFEService/deviceManagement"),
        )
    }

    /// 403: the simulator never does what this asks for.
    pub(super) fn refused(what: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Forbidden",
            shell(&format!("The simulator refuses {what}"), "StatelessDeviceFEService"),
        )
    }

    /// 405: the path exists, and not with this method.
    pub(super) fn method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target.",
        )
    }

    /// 415: a body that is not `application/json`.
    pub(super) fn media_type(found: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            format!("A request body of type '{found}' is not supported; use application/json."),
        )
    }

    /// A fault's status with the code that Graph commonly gives it.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let code = match status.as_u16() {
            400 => "BadRequest",
            401 => "InvalidAuthenticationToken",
            403 => "Forbidden",
            404 => "ResourceNotFound",
            409 => "Conflict",
            412 => "PreconditionFailed",
            424 => "FailedDependency",
            429 => "TooManyRequests",
            503 => "ServiceUnavailable",
            504 => "GatewayTimeout",
            500..=599 => "InternalServerError",
            _ => "UnknownError",
        };
        let message = status.canonical_reason().unwrap_or("Simulated fault");
        Self::new(status, code, message)
    }
}

/// Intune writes JSON into the message: a sentence with operation and activity id and an address.
fn shell(sentence: &str, service: &str) -> String {
    let message = format!(
        "{sentence} - Operation ID (for customer support): {} - Activity ID: {} - Url: \
         https://fef.simulated.manage.microsoft.com/DeviceFE/{service}?api-version=5025-01-01",
        Uuid::nil(),
        Uuid::new_v4(),
    );
    // By hand, for the order and the CRLF line ends are Intune's.
    format!(
        "{{\r\n  \"_version\": 3,\r\n  \"Message\": {},\r\n  \"CustomApiErrorPhrase\": \"\",\r\n  \
         \"RetryAfter\": null,\r\n  \"ErrorSourceService\": \"\",\r\n  \"HttpHeaders\": \"{{}}\"\r\n}}",
        json!(message)
    )
}
