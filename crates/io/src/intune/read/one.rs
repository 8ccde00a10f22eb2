//! Reading one token: its object after a write, and the key of an enrollment token.

use super::super::batch;
use super::super::id;
use super::super::reply::Fault;
use super::super::reply::Reply;
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
    const KIND: Kind = Kind::Enrollment;
    let path = match path(KIND, id) {
        Ok(path) => format!("{path}/getEncryptionPublicKey"),
        Err(problem) => return Reading::Unknown(problem),
    };
    let visit = session.visit();
    let ask = Ask::get(visit.beta(&path));
    let parse = |reply: &Reply| Ok((reply.json::<wire::Text>()?.value, reply.request_id()));
    match visit.ask(&ask, Start::default(), parse).await {
        Ok((key, request_id)) if key.trim().is_empty() => {
            let detail = "Graph answered with an empty public key".to_owned();
            let fault = Fault::BadAnswer { detail, request_id };
            Reading::Unknown(fault.problem(KIND.into(), READ))
        }
        Ok((key, _)) => Reading::Present(key),
        Err(failure) => Reading::Unknown(failure.fault.problem(KIND.into(), READ)),
    }
}

/// Reads the outstanding request for Apple (CSR) of the push certificate. Whether Intune makes a new key
/// pair each time is not documented, so it is asked for once a renewal; the action that surely
/// makes one (`generate…`) is never called.
/// <https://learn.microsoft.com/en-us/graph/api/intune-devices-applepushnotificationcertificate-downloadapplepushnotificationcertificatesigningrequest>
pub(in crate::intune) async fn push_signing_request(session: &Session) -> Reading<String> {
    const KIND: Kind = Kind::Push;
    let path =
        format!("{}/downloadApplePushNotificationCertificateSigningRequest", batch::path(KIND));
    let visit = session.visit();
    let ask = Ask::get(visit.beta(&path));
    let parse = |reply: &Reply| Ok((reply.json::<wire::Text>()?.value, reply.request_id()));
    match visit.ask(&ask, Start::default(), parse).await {
        Ok((request, request_id)) if request.trim().is_empty() => {
            let detail = "Graph answered with an empty request for Apple (CSR)".to_owned();
            let fault = Fault::BadAnswer { detail, request_id };
            Reading::Unknown(fault.problem(KIND.into(), READ_REQUEST))
        }
        Ok((request, _)) => Reading::Present(request),
        Err(failure) => Reading::Unknown(failure.fault.problem(KIND.into(), READ_REQUEST)),
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
