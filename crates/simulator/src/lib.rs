//! A local Entra ID sign-in and the three Intune resources of Microsoft Graph, over HTTP.
//!
//! An independent witness of what is known about Graph: it is written from the facts, not from
//! this program's client, and never uses `intune`. It is strict about requests, so that a client
//! mistake fails here and not in a customer's tenant, and it can misbehave on demand. Where public
//! evidence does not say what Intune does, it takes the harmless reading or has a switch
//! ([`Switches`]), and the comment says so.
//!
//! * [`Simulator`] and [`Running`]: the server, on loopback only; [`InProcess`]: the same without
//!   a socket.
//! * [`State`]: tenants, journal and clock, in memory or in a folder.
//! * [`FaultRule`]: what goes wrong, where, and how often.
//! * [`Apple`]: what Apple's portals hand out: push certificates, enrollment and VPP tokens.
//! * [`run`]: the whole of the `simulate` command.
//!
//! Only the commands `simulate` and `demo` and tests use it; nothing else may depend on it.

mod apple;
mod certificate;
mod clock;
mod command;
mod control;
mod crypto;
mod dispatch;
mod fault;
mod graph;
mod journal;
mod login;
mod message;
mod seed;
mod server;
mod signing;
mod state;
#[cfg(test)]
mod tests;
mod token;
mod words;

pub use apple::service::NOTIFICATION_SECRET;
pub use apple::{
    Apple, AppleError, EnrollmentRequest, Issued, IssuedEnrollment, PushRequest, SubjectKey,
    VppRequest,
};
pub use certificate::CertificateError;
pub use command::{SimulateError, SimulateOptions, run};
pub use crypto::CryptoError;
pub use fault::{Fault, FaultRule, RetryAfter};
pub use journal::{Counters, LoggedRequest, Violation};
pub use seed::{Seed, seed_fleet};
pub use server::{InProcess, Options, Running, Simulator, SimulatorError};
pub use signing::{PushSigning, SigningError};
pub use state::{
    AppRegistration, Approval, ApprovalPolicy, Consent, Customer, DepEncoding, Enrollment,
    EnrollmentLag, FederatedCredential, HeldElsewhereAnswer, Location, PortalError, PortalUpload,
    PublicKeyForm, Push, READER_CLIENT_ID, READER_SECRET, State, StateError, Switches, Tenant,
    Upload, Via, Vpp, VppEncoding, VppLag, WRITER_CLIENT_ID, WRITER_SECRET, location_id,
};
pub use words::{Kind, TenantId};
