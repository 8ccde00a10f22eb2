//! Writing to one tenant: the three credentials, their settings, and the consent that one needs.
//!
//! A write is carried out at most once. Only 429 and a refused token (401) are followed by another
//! attempt, because Graph says with them that nothing was done; of everything else the caller learns whether it was refused or may
//! have happened, and reads before it decides. Nothing here deletes, and nothing empty is sent.
//!
//! `check` says what must never leave, `error` judges the answers; `push`, `enrollment` and `vpp` hold
//! the calls of one credential each.

mod check;
mod enrollment;
mod error;
mod push;
mod vpp;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde::Serialize;

use super::reply::{Fault, Reply, Retry};
use super::session::{Ask, Session, Visit, refused_twice};
use super::wire::Item;
pub use error::WriteError;
pub use push::Consented;
pub use vpp::{TokenText, VppChange, VppCreation};

/// What became of asking Intune to sync with Apple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synced {
    /// Intune took the request; the sync itself goes on by itself.
    Started,
    /// Intune takes no further request now: enrollment tokens sync at most every 15 minutes.
    /// Nothing is lost, for Intune also syncs by itself.
    TooSoon,
}

/// The writer of one tenant. Another tenant needs another writer.
pub struct IntuneWrite {
    session: Arc<Session>,
}

impl IntuneWrite {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    /// Sends a write; again only where Graph says that it did nothing but throttle, or look at the
    /// token.
    async fn send(&self, ask: &Ask<'_>) -> Result<Reply, WriteError> {
        let visit = self.session.visit();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let fault = match once(&visit, ask).await {
                Ok(reply) => return Ok(reply),
                Err(fault) => fault,
            };
            let asked = match (&fault, fault.retry()) {
                (Fault::Refused(refusal), Retry::Later(asked))
                    if matches!(refusal.status, 401 | 429) =>
                {
                    asked
                }
                _ => return Err(fault.into()),
            };
            if !visit.budget.wait(attempt, asked).await {
                return Err(fault.into());
            }
        }
    }

    /// Sends a body; `secret` is what of it must never be shown, should the answer repeat it.
    async fn put(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        secret: Option<&str>,
    ) -> Result<Reply, WriteError> {
        let ask = Ask {
            method,
            url: self.session.endpoint.beta(path),
            body: Some(check::json(body)?),
            secret,
            attempts: 1,
        };
        self.send(&ask).await
    }

    /// Calls an action that takes no parameters.
    fn action(&self, path: &str) -> Ask<'static> {
        Ask {
            method: Method::POST,
            url: self.session.endpoint.beta(path),
            body: None,
            secret: None,
            attempts: 1,
        }
    }

    /// Asks for a sync once: waiting until Intune takes the next one would take a quarter of an
    /// hour, and Intune has the credential without it.
    async fn sync(&self, path: &str, of: Object<'_>) -> Result<Synced, WriteError> {
        let ask = self.action(path);
        match once(&self.session.visit(), &ask).await {
            Ok(_) => Ok(Synced::Started),
            Err(Fault::Refused(refusal)) if refusal.too_soon => Ok(Synced::TooSoon),
            Err(fault) => Err(of.explain(fault.into())),
        }
    }
}

/// Sends a request, and again with a fresh token where Graph refused the old one: a refused token
/// has asked for nothing.
async fn once(visit: &Visit<'_>, ask: &Ask<'_>) -> Result<Reply, Fault> {
    // The request gets its whole time: cutting it short would make its outcome unknown.
    match visit.once(ask, Duration::MAX).await {
        Err(fault) if fault.wants_fresh_token() => match visit.once(ask, Duration::MAX).await {
            Err(fault) if fault.wants_fresh_token() => Err(refused_twice(fault)),
            outcome => outcome,
        },
        outcome => outcome,
    }
}

/// The object that a call names.
#[derive(Clone, Copy)]
struct Object<'a> {
    /// Such as `enrollment token`.
    name: &'static str,
    id: &'a str,
}

impl Object<'_> {
    /// Says in plain words that the object is not there: Graph's own sentence about it speaks of
    /// an error that occurred.
    fn explain(self, error: WriteError) -> WriteError {
        match error {
            WriteError::Rejected { status: 404, code, request_id, detail } => {
                let Self { name, id } = self;
                let detail = format!(
                    "{detail}; the tenant has no {name} with the id {id}, so nothing was changed: it was deleted in Intune, or `id` in the tenant file is wrong"
                );
                WriteError::Rejected { status: 404, code, request_id, detail }
            }
            other => other,
        }
    }

    /// The object that a success shows; where it shows none, or another one, what happened is
    /// unknown.
    fn shown<T: Item>(self, reply: &Reply) -> Result<T::Live, WriteError> {
        let live = shown::<T>(reply)?;
        if T::id(&live).eq_ignore_ascii_case(self.id) {
            return Ok(live);
        }
        Err(WriteError::OutcomeUnknown {
            status: Some(reply.status),
            request_id: reply.request_id(),
            detail: format!("Graph answered {} with another {}", reply.status, self.name),
        })
    }
}

/// The object that a success shows.
fn shown<T: Item>(reply: &Reply) -> Result<T::Live, WriteError> {
    let unknown = |detail| WriteError::OutcomeUnknown {
        status: Some(reply.status),
        request_id: reply.request_id(),
        detail,
    };
    let other = || {
        unknown(format!(
            "Graph answered {} with something other than the {}",
            reply.status,
            T::NAME
        ))
    };
    match reply.json::<T>().map(T::live) {
        Ok(Ok(Some(live))) => Ok(live),
        Ok(Err(error)) => Err(unknown(format!("Graph answered with {error}"))),
        Ok(Ok(None)) | Err(_) => Err(other()),
    }
}

#[cfg(test)]
mod tests;
