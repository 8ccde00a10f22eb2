//! One request to Apple, at its turn.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderValue, RETRY_AFTER};
use zeroize::Zeroizing;

use super::{Apple, At};
use crate::intune::{Answer, NoAnswer, Request, parse_retry_after};
use crate::seams::Clock;
use applecart_core::apple::location::Silence;

/// The time between two requests: ten a second. Apple's own limit was 15 a second in the one answer of its
/// `service/config` that is known.
const GAP: Duration = Duration::from_millis(100);
/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// After so many silences in a row Apple is left alone for the rest of the run: a fleet would else wait for
/// each of its tokens.
const GIVE_UP: u32 = 3;

/// A host of Apple's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// Apps and books.
    Vpp,
    /// Lists of revoked certificates.
    Crl,
}

impl Host {
    fn origin(self) -> &'static str {
        match self {
            Self::Vpp => "https://vpp.itunes.apple.com",
            Self::Crl => "https://crl.apple.com",
        }
    }
}

/// A read of something of Apple's. Not `Debug`: it may hold a token.
pub(super) struct Get<'a> {
    pub(super) host: Host,
    /// Begins with a slash.
    pub(super) path: &'a str,
    /// The token that is asked about.
    pub(super) bearer: Option<&'a str>,
    /// How many octets of an answer are read.
    pub(super) limit: usize,
}

/// A whole answer; its body is wiped when dropped. Not `Debug`: it may hold a secret.
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) body: Zeroizing<Vec<u8>>,
    /// How long Apple asks to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl Apple {
    /// Asks once.
    pub(super) async fn get(&self, get: &Get<'_>) -> Result<Told, Silence> {
        let (url, direct) = match &self.place.0 {
            At::Apple => (format!("{}{}", get.host.origin(), get.path), false),
            At::Simulator(base) => (base.join(get.path), true),
            At::Nowhere => return Err(Silence::NotAsked),
        };
        let mut request = Request::new(Method::GET, url, direct);
        (request.timeout, request.limit) = (TIMEOUT, get.limit);
        if let Some(token) = get.bearer {
            let bearer = Zeroizing::new(format!("Bearer {token}"));
            let Ok(mut value) = HeaderValue::from_str(&bearer) else {
                return Err(Silence::Unreachable { cause: "no such token can be sent".to_owned() });
            };
            value.set_sensitive(true);
            request = request.with("authorization", value).accepting_json();
        }
        self.pace.turn(&*self.clock).await;
        if self.silent.load(Ordering::Relaxed) >= GIVE_UP {
            return Err(Silence::GivenUp);
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        match self.transport.send(request).await {
            Ok(answer) => {
                self.silent.store(0, Ordering::Relaxed);
                told(answer)
            }
            Err(no_answer) => {
                let silence = silence(no_answer);
                if matches!(silence, Silence::TimedOut | Silence::Unreachable { .. }) {
                    self.silent.fetch_add(1, Ordering::Relaxed);
                }
                Err(silence)
            }
        }
    }

    /// Nobody asks before this time is over.
    pub(super) fn leave_alone(&self, time: Duration) {
        self.pace.leave_alone(&*self.clock, time);
    }
}

fn told(answer: Answer) -> Result<Told, Silence> {
    let Answer { status, headers, body, received } = answer;
    let body = Zeroizing::new(body);
    if (300..400).contains(&status) {
        return Err(Silence::Redirected);
    }
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let date = header(reqwest::header::DATE).and_then(|at| httpdate::parse_http_date(at).ok());
    let now = received.date_time().into();
    let retry_after = header(RETRY_AFTER).and_then(|asked| parse_retry_after(asked, date, now));
    Ok(Told { status, body, retry_after })
}

fn silence(no_answer: NoAnswer) -> Silence {
    match no_answer {
        NoAnswer::TimedOut => Silence::TimedOut,
        NoAnswer::TooLarge { .. } => Silence::TooLarge,
        NoAnswer::BrokeOff => {
            Silence::Unreachable { cause: "the answer broke off before its end".to_owned() }
        }
        NoAnswer::Unmade { cause }
        | NoAnswer::NoConnection { cause }
        | NoAnswer::Silence { cause } => Silence::Unreachable { cause },
    }
}

/// Whose turn it is when, over a whole run.
#[derive(Default)]
pub(super) struct Pace {
    next: Mutex<Duration>,
}

impl Pace {
    async fn turn(&self, clock: &dyn Clock) {
        let now = clock.elapsed();
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = now.max(*next);
            *next = at + GAP;
            at
        };
        if at > now {
            clock.sleep(at - now).await;
        }
    }

    fn leave_alone(&self, clock: &dyn Clock, time: Duration) {
        let until = clock.elapsed().saturating_add(time);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = until.max(*next);
    }
}
