//! A run's way to Microsoft: gives every request its id and its time, counts it, and turns what the
//! transport says into [`Reply`] and [`Fault`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::HeaderValue;

use super::reply::{Fault, Reply};
use super::scrub::Scrubber;
use super::transport::{NoAnswer, REQUEST_ID, Request, Transport};
use crate::seams::Seams;

/// Shared by all tenants.
pub(super) struct Http {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) seams: Seams,
    pub(super) timeout: Duration,
    sent: AtomicU64,
}

impl Http {
    pub(super) fn new(transport: Arc<dyn Transport>, seams: Seams, timeout: Duration) -> Self {
        Self { transport, seams, timeout, sent: AtomicU64::new(0) }
    }

    /// How many requests were sent so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends a request once and reads its whole answer, success or not.
    pub(super) async fn send(
        &self,
        request: Request,
        left: Duration,
        scrub: Arc<Scrubber>,
    ) -> Result<Reply, Fault> {
        let id: Arc<str> = self.seams.ids.uuid().to_string().into();
        let timeout = self.timeout.min(left).max(Duration::from_millis(1));
        let mut request = Request { timeout, ..request };
        if let Ok(id) = HeaderValue::from_str(&id) {
            request.headers.insert(REQUEST_ID, id);
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        match self.transport.send(request).await {
            Ok(answer) => Ok(Reply {
                status: answer.status,
                headers: answer.headers,
                body: answer.body,
                received: answer.received,
                scrub,
                client_request_id: id,
            }),
            Err(no_answer) => Err(fault(no_answer, &scrub, &id)),
        }
    }
}

/// What a failed exchange says about whether the request left.
fn fault(no_answer: NoAnswer, scrub: &Scrubber, id: &str) -> Fault {
    let shown =
        |cause: &str| scrub.sentence(cause).unwrap_or_else(|| "no cause was given".to_owned());
    let request_id = id.to_owned();
    match no_answer {
        NoAnswer::Unmade { cause } => {
            let detail = format!("the request cannot be made: {}", shown(&cause));
            Fault::NotSent { detail, lasting: true }
        }
        NoAnswer::NoConnection { cause } => {
            let lasting = cause.contains("invalid peer certificate");
            Fault::NotSent { detail: format!("no connection: {}", shown(&cause)), lasting }
        }
        NoAnswer::TimedOut => Fault::TimedOut { request_id },
        NoAnswer::Silence { cause } => {
            let detail = format!("the connection ended without an answer: {}", shown(&cause));
            Fault::Cut { detail, request_id }
        }
        NoAnswer::BrokeOff => {
            Fault::Cut { detail: "the answer broke off before its end".to_owned(), request_id }
        }
        NoAnswer::TooLarge { limit } => {
            let detail = format!("an answer of more than {} MiB", limit >> 20);
            Fault::BadAnswer { detail, request_id: Some(request_id) }
        }
    }
}

#[cfg(test)]
mod tests;
