//! Apple, as far as it can be asked: about a VPP token before that is uploaded, and for its lists of revoked
//! certificates.
//!
//! Nothing here sends anything but GET. A POST to the same address would take a token over from the MDM
//! that has it. The hosts are constants; `APPLECART_APPLE_URL` names a simulator on this machine and
//! nothing else. Redirects are refused, answers bounded, and a run asks at most ten times a second. What
//! an answer means is told by [`applecart_core::apple`].

mod get;
mod location;
mod revoked;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::intune::{Base, ConnectorError, EndpointError, Network, Transport};
use crate::seams::Clock;
use get::Pace;
use location::Answers;

/// The variable that names a simulator.
const VARIABLE: &str = "APPLECART_APPLE_URL";
/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Where Apple is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(At);

#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    Apple,
    /// A simulator on this machine.
    Simulator(Base),
    Nowhere,
}

impl Place {
    /// Checks the value of `APPLECART_APPLE_URL`; an empty one counts as not set. Where it is not set and
    /// Graph is on this machine, the tokens are a simulator's: Apple is not shown them.
    ///
    /// # Errors
    ///
    /// When it is not an address on this machine, with an optional path prefix, or Graph is not on this machine.
    pub fn parse(apple: Option<&str>, graph_is_loopback: bool) -> Result<Self, EndpointError> {
        Ok(Self(match apple.filter(|text| !text.trim().is_empty()) {
            Some(text) if graph_is_loopback => At::Simulator(Base::loopback(VARIABLE, text)?),
            // Left over from a tutorial, it would have a simulator answer for a real fleet.
            Some(_) => return Err(EndpointError::GraphIsReal { variable: VARIABLE }),
            None if graph_is_loopback => At::Nowhere,
            None => At::Apple,
        }))
    }

    /// Whether somebody on this machine stands in for Apple: only then another issuer than Apple's own
    /// may be believed.
    pub fn is_simulated(&self) -> bool {
        matches!(self.0, At::Simulator(_))
    }
}

/// The way to Apple, one for a run.
pub struct Apple {
    place: Place,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    pace: Pace,
    /// How often in a row there was no answer.
    silent: AtomicU32,
    sent: AtomicU64,
    answers: Answers,
}

impl Apple {
    /// Over the network; contacts nothing yet.
    ///
    /// # Errors
    ///
    /// When the HTTPS client cannot be made.
    pub fn new(place: Place, clock: Arc<dyn Clock>) -> Result<Self, ConnectorError> {
        // The client would panic without one.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(ConnectorError::NoTlsProvider);
        }
        let network = Network::new(CONNECT, Arc::clone(&clock)).map_err(ConnectorError::Client)?;
        Ok(Self::over(Arc::new(network), place, clock))
    }

    /// Over another transport.
    pub fn over(transport: Arc<dyn Transport>, place: Place, clock: Arc<dyn Clock>) -> Self {
        let (silent, sent, answers) = (AtomicU32::new(0), AtomicU64::new(0), Answers::default());
        Self { place, transport, clock, pace: Pace::default(), silent, sent, answers }
    }

    /// How many requests were sent so far.
    pub fn requests(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
