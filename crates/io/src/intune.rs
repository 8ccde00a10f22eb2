//! Microsoft Entra ID and Microsoft Graph: what Intune has of Apple's credentials, and the few
//! calls that change it.
//!
//! The only module that talks HTTP to Microsoft; [`crate::apple`] shares its [`Transport`]. It turns Microsoft's answers into the words of
//! [`model`](applecart_core::model), each resource by itself and with three answers (present, absent,
//! unknown), and it refuses to know plans, the ledger or the environment. The only files it reads
//! are those that prove who signs in.
//!
//! * [`Connector`]: one for a run; the HTTP client, the sign-ins, the retry policy. By itself it sends
//!   nothing but reads.
//! * [`IntuneWrite`]: the writer, another type, bound to one tenant id when it is made.
//! * [`Overrides`]: which hosts; never from the repository, except a cloud from a closed list.
//! * [`Turns`]: how many tenants are read at once; one in trouble leaves its place to the next.
//! * [`parse_snapshot`]: what a saved snapshot says of a tenant; it contacts nothing.
//! * [`Transport`]: how requests leave. The network is the real one; tests answer in memory.
//!
//! Inside: `client` sends one request and knows no meaning, `reply` tells what an answer means,
//! `sign_in` gets tokens in each of the ways that `credential:` names, `entra` makes sentences of
//! Entra's refusals, `session` adds the token and the retries, `wire` turns Microsoft's shapes into
//! the model in one place, `scrub` decides which words of an answer a person may see, and `id` which
//! ids go into a path.

mod batch;
mod client;
mod connector;
mod discovery;
mod endpoints;
mod entra;
mod id;
mod jwt;
mod read;
mod reply;
mod retry;
mod scrub;
mod session;
mod sign_in;
mod snapshot;
#[cfg(test)]
mod testing;
mod transport;
mod turn;
mod wire;
mod write;

pub use connector::{Connector, ConnectorError, ConnectorOptions, Granted, NotGranted};
pub(crate) use endpoints::{Base, is_loopback};
pub use endpoints::{Endpoint, EndpointError, Overrides};
pub use read::customers::Customers;
pub use read::{KeyRequest, ReadRequest};
pub use retry::RetryPolicy;
pub(crate) use retry::parse_retry_after;
pub use sign_in::{
    AskPerson, Asked, CertificateError, ClientSecret, ClientSecretSource, SignInError, Variables,
    of_application,
};
pub use snapshot::{SnapshotError, parse_snapshot, snapshot_of};
pub use transport::{Answer, NoAnswer, Request, Transport};
pub(crate) use transport::{MAX_BODY, Network};
pub use turn::{Turn, Turns};
pub use write::{Consented, IntuneWrite, Synced, TokenText, VppChange, VppCreation, WriteError};
