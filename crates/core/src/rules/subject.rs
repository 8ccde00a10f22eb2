//! One live token of any kind, and the two questions that the decision table asks of it: is it
//! the file in Git, and does it prove that a sending landed?

use chrono::Duration;

use crate::model::{Facts, Kind, LiveEnrollment, LivePush, LiveVpp, Record, Timestamp, TokenRef};

/// A live token of any kind.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// The push certificate.
    Push(&'a LivePush),
    /// An enrollment program token.
    Enrollment(&'a LiveEnrollment),
    /// A VPP token.
    Vpp(&'a LiveVpp),
}

/// What is known of one sending, to be held against live.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// The facts of the file that was sent.
    pub stated: &'a Facts,
    /// Live facts before it; `None` when there was no token.
    pub before: Option<&'a Facts>,
    /// When it was first intended: nothing was sent earlier.
    pub from: Timestamp,
    /// Its newest line: nothing was sent later.
    pub to: Timestamp,
    /// How long Intune may take to show it.
    pub settle: Duration,
}

impl<'a> Subject<'a> {
    /// The facts that plans and the ledger hold.
    pub fn facts(self) -> Facts {
        match self {
            Self::Push(live) => live.facts(),
            Self::Enrollment(live) => live.facts(),
            Self::Vpp(live) => live.facts(),
        }
    }

    /// When it lapses.
    pub fn expires(self) -> Option<Timestamp> {
        match self {
            Self::Push(live) => Some(live.expires),
            Self::Enrollment(live) => live.expires,
            Self::Vpp(live) => live.expires,
        }
    }

    /// The Apple Account it belongs to.
    pub fn apple_id(self) -> Option<&'a str> {
        match self {
            Self::Push(live) => live.apple_id.as_deref(),
            Self::Enrollment(live) => live.apple_id.as_deref(),
            Self::Vpp(live) => live.apple_id.as_deref(),
        }
    }

    /// Whether it proves that the sending landed.
    ///
    /// Push shows its own serial. A VPP token shows its expiry to the second; where that was the
    /// expiry before, too (a token downloaded anew after a password change), Intune must call it
    /// valid and have changed it since. An enrollment file does not tell its expiry, so what
    /// counts is that the expiry moved, or that Intune changed the token at that time.
    pub fn shows(self, sent: &Sent<'_>) -> bool {
        let before = sent.before.and_then(|before| before.expires);
        match self {
            Self::Push(live) => is_stated_certificate(live, sent.stated),
            Self::Vpp(live) => {
                let modified = live.last_modified.is_some_and(|at| at >= sent.from);
                live.expires.is_some()
                    && live.expires == sent.stated.expires
                    && (before != live.expires || (live.state == VALID && modified))
            }
            Self::Enrollment(live) => {
                let moved = before.is_some() && live.expires.is_some() && live.expires != before;
                let until = sent.to.plus(sent.settle);
                moved || live.last_modified.is_some_and(|at| at >= sent.from && at <= until)
            }
        }
    }

    /// Whether it is the file with these facts and this digest, as far as the ledger knows
    /// (decision table, row 6). `confirmed` is the token's last confirmation, of whatever file.
    pub fn is_file(
        self,
        stated: &Facts,
        sha256: crate::model::Sha256,
        confirmed: Option<&Record>,
    ) -> bool {
        let of_this_file = confirmed.map(|record| record.sha256() == Some(sha256));
        match self {
            Self::Push(live) => is_stated_certificate(live, stated),
            Self::Vpp(live) => {
                live.expires.is_some()
                    && live.expires == stated.expires
                    && of_this_file.unwrap_or(live.state == VALID)
            }
            Self::Enrollment(live) => {
                let then = confirmed.and_then(|record| record.after.as_ref());
                of_this_file == Some(true)
                    && live.expires.is_some()
                    && then.is_some_and(|then| then.expires == live.expires)
            }
        }
    }

    /// Whether it is another credential than the one with these facts, which were read live.
    pub fn differs_from(self, recorded: &Facts) -> bool {
        match self {
            Self::Push(live) => {
                recorded.serial.as_ref() != Some(&live.serial)
                    || recorded.topic.as_ref() != Some(&live.topic)
            }
            Self::Enrollment(_) | Self::Vpp(_) => {
                recorded.expires.is_some()
                    && self.expires().is_some()
                    && recorded.expires != self.expires()
            }
        }
    }

    /// In words, for a sentence.
    pub fn described(self) -> String {
        let until =
            self.expires().map_or_else(|| "no known end".to_owned(), |at| format!("until {at}"));
        match self {
            Self::Push(live) => format!("serial {} {until}", live.serial),
            Self::Enrollment(_) | Self::Vpp(_) => until,
        }
    }
}

/// Intune's `state` of a VPP token that works.
pub const VALID: &str = "valid";
/// What an `allow` line calls a live token that is not there.
pub const ABSENT: &str = "absent";

/// What the credential is called in a sentence.
pub fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Push => "certificate",
        Kind::Enrollment | Kind::Vpp => "token",
    }
}

/// Where Apple hands out the next one.
pub fn renew_at_apple(kind: Kind) -> &'static str {
    match kind {
        Kind::Push => "Renew it at Apple's push portal",
        Kind::Enrollment | Kind::Vpp => {
            "Download a new one from Apple Business or Apple School Manager"
        }
    }
}

/// The serial is unique per issuer, the topic binds the devices.
fn is_stated_certificate(live: &LivePush, stated: &Facts) -> bool {
    stated.serial.as_ref() == Some(&live.serial) && stated.topic.as_ref() == Some(&live.topic)
}

/// The token's newest confirmation of this very file.
pub fn confirmation<'a>(
    past: &'a crate::ledger::TenantLedger,
    token: &'a TokenRef,
    sha256: crate::model::Sha256,
) -> Option<&'a Record> {
    past.of(token).rfind(|record| {
        record.event() == crate::model::Event::Confirmed && record.sha256() == Some(sha256)
    })
}
