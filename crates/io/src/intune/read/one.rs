//! Reading one token: its object after a write, and the key of an enrollment token.

use super::super::batch;
use super::super::id;
use super::super::reply::{Fault, Reply};
use super::super::session::{Ask, Session, Start};
use super::super::wire::{self, Item};
use super::{READ, misshapen};
use applecart_core::model::{Kind, LiveEnrollment, LiveVpp, Problem, ProblemCode, Reading};

/// Reading a request for Apple needs the write role, although it is a GET (Microsoft's permission
/// tables).
const READ_REQUEST: &str = "DeviceManagementServiceConfig.ReadWrite.All";

/// Reads one enrollment token.
pub(in crate::intune) async fn enrollment(session: &Session, id: &str) -> Reading<LiveEnrollment> {
    object::<wire::Enrollment>(session, Kind::Enrollment, id).await
}

/// Reads one VPP token.
pub(in crate::intune) async fn vpp(session: &Session, id: &str) -> Reading<LiveVpp> {
    object::<wire::Vpp>(session, Kind::Vpp, id).await
}

/// Reads the public key of an enrollment token. The function that makes a new one has another
/// name and method; nothing here calls it.
pub(in crate::intune) async fn encryption_key(session: &Session, id: &str) -> Reading<String> {
    match path(Kind::Enrollment, id) {
        Ok(path) => {
            let path = format!("{path}/getEncryptionPublicKey");
            text(session, &path, Kind::Enrollment, READ, "public key").await
        }
        Err(problem) => Reading::Unknown(problem),
    }
}

/// Reads the outstanding request for Apple (CSR) of the push certificate. Whether Intune makes a
/// new key pair each time is not documented, so it is asked for once a renewal; the action that
/// surely makes one (`generate…`) is never called.
/// <https://learn.microsoft.com/en-us/graph/api/intune-devices-applepushnotificationcertificate-downloadapplepushnotificationcertificatesigningrequest>
pub(in crate::intune) async fn push_signing_request(session: &Session) -> Reading<String> {
    let push = batch::path(Kind::Push);
    let path = format!("{push}/downloadApplePushNotificationCertificateSigningRequest");
    text(session, &path, Kind::Push, READ_REQUEST, "request for Apple (CSR)").await
}

/// What a function answers that returns a text; `what` is its name in a sentence.
async fn text(
    session: &Session,
    path: &str,
    kind: Kind,
    permission: &str,
    what: &str,
) -> Reading<String> {
    let visit = session.visit();
    let ask = Ask::get(visit.beta(path));
    let parse = |reply: &Reply| {
        let text = reply.json::<wire::Text>()?.value;
        let detail = || format!("Graph answered with an empty {what}");
        let fault = || Fault::BadAnswer { detail: detail(), request_id: reply.request_id() };
        Ok(if text.trim().is_empty() { Err(fault()) } else { Ok(text) })
    };
    let answer = visit.ask(&ask, Start::default(), parse).await.map_err(|failure| failure.fault);
    match answer.and_then(|text| text) {
        Ok(text) => Reading::Present(text),
        Err(fault) => Reading::Unknown(fault.problem(kind.into(), permission)),
    }
}

async fn object<T: Item>(session: &Session, kind: Kind, id: &str) -> Reading<T::Live> {
    let path = match path(kind, id) {
        Ok(path) => path,
        Err(problem) => return Reading::Unknown(problem),
    };
    let visit = session.visit();
    let ask = Ask::get(visit.beta(&path));
    let parse = |reply: &Reply| Ok((reply.json::<T>()?, reply.request_id()));
    let (item, request_id) = match visit.ask(&ask, Start::default(), parse).await {
        Ok(answer) => answer,
        Err(failure) if failure.fault.is_absent() => return Reading::Absent,
        Err(failure) => return Reading::Unknown(failure.fault.problem(kind.into(), READ)),
    };
    match item.live() {
        Ok(Some(live)) if T::id(&live).eq_ignore_ascii_case(id) => Reading::Present(live),
        Ok(Some(_)) => {
            let detail = format!("Graph answered with another {}", T::NAME);
            let fault = Fault::BadAnswer { detail, request_id };
            Reading::Unknown(fault.problem(kind.into(), READ))
        }
        // There is an object, but it is no token.
        Ok(None) => Reading::Absent,
        Err(error) => Reading::Unknown(misshapen(&error, request_id, kind)),
    }
}

/// Where a token is, below the API version.
fn path(kind: Kind, id: &str) -> Result<String, Problem> {
    let segment = id::segment(id).map_err(|id::NoId| {
        let detail = "the token's id is not an id of Graph's, so nothing was asked; write into `id` what Intune shows, or run `applecart import`";
        Problem::new(ProblemCode::InvalidFile, detail).on(kind.into())
    })?;
    Ok(format!("{}/{segment}", batch::path(kind)))
}

#[cfg(test)]
mod tests;
