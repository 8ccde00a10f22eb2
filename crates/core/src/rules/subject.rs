//! One token in Intune, of any kind, and the two questions that the decision table asks of it: is
//! it the file in Git, and does it prove that a sending landed?

use chrono::Duration;

use crate::apple::enrollment;
use crate::fleet::Token;
use crate::model::{Facts, Kind, LivePush, LiveToken, Record, Sha256, Timestamp};

/// How far the clocks of Intune and of the machines that write the ledger may be apart.
pub(super) const CLOCK_TOLERANCE: Duration = Duration::minutes(10);

/// What is known of one sending, to compare with Intune.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// The facts of the file that was sent.
    pub stated: &'a Facts,
    /// When that file was downloaded; enrollment only, where it is known.
    pub downloaded: Option<Timestamp>,
    /// Facts in Intune before it; `None` when there was no token.
    pub before: Option<&'a Facts>,
    /// When it was first intended: nothing was sent earlier.
    pub from: Timestamp,
    pub stage: Stage<'a>,
    /// How long Intune may take to show it.
    pub settle: Duration,
}

/// How far a sending came, as far as the ledger knows.
#[derive(Clone, Copy, Debug)]
pub enum Stage<'a> {
    /// It was announced, and may have been sent until `until`.
    Announced {
        until: Timestamp,
        /// The facts that Intune was last read to have.
        read: Option<&'a Facts>,
    },
    /// Intune accepted it; it was not sent later than this.
    Accepted(Timestamp),
}

impl Sent<'_> {
    fn is_after(&self, modified: Option<Timestamp>) -> bool {
        modified.is_some_and(|at| at.plus(CLOCK_TOLERANCE) >= self.from)
    }

    /// Whether Intune changed the token while it could take this sending.
    fn is_of_its_time(&self, modified: Option<Timestamp>, last: Timestamp) -> bool {
        let until = last.plus(self.settle).plus(CLOCK_TOLERANCE);
        self.is_after(modified) && modified.is_some_and(|at| at <= until)
    }
}

impl LiveToken<'_> {
    /// Whether it proves that the sending landed.
    ///
    /// Push shows its own serial. A VPP token shows its expiry to the second; where that was the
    /// expiry before, too (a token that is downloaded again after a password change), Intune must
    /// call it valid and have changed it since. An enrollment file does not tell its expiry: Intune's
    /// has to be a year after the download, and to have moved, or to be of the sending's time. Of a
    /// sending that was only announced both have to be so, because an administrator may have
    /// uploaded another file in the portal meanwhile.
    pub fn shows(self, sent: &Sent<'_>) -> bool {
        let before = sent.before.and_then(|before| before.expires);
        match self {
            Self::Push(live) => is_stated_certificate(live, sent.stated),
            Self::Vpp(live) => {
                live.expires.is_some()
                    && live.expires == sent.stated.expires
                    && (before != live.expires
                        || (live.is_valid() && sent.is_after(live.last_modified)))
            }
            Self::Enrollment(live) => {
                let Some(expires) = live.expires else { return false };
                let has_moved = |from: Option<Timestamp>| from.is_some_and(|from| from != expires);
                sent.downloaded.is_none_or(|at| enrollment::may_expire(at, expires))
                    && match sent.stage {
                        Stage::Announced { until, read } => {
                            has_moved(read.and_then(|read| read.expires))
                                && sent.is_of_its_time(live.last_modified, until)
                        }
                        Stage::Accepted(last) => {
                            has_moved(before) || sent.is_of_its_time(live.last_modified, last)
                        }
                    }
            }
        }
    }

    /// Whether it is the file of this entry, with this digest, as far as the ledger knows (decision
    /// table, row 6). `known` is the newest line that says which file Intune had.
    pub fn is_file(self, entry: &Token, sha256: Sha256, known: Option<&Record>) -> bool {
        let of_this_file = known.map(|record| record.sha256() == Some(sha256));
        match self {
            Self::Push(live) => is_stated_certificate(live, &entry.facts),
            Self::Vpp(live) => {
                live.expires.is_some()
                    && live.expires == entry.facts.expires
                    && of_this_file.unwrap_or(live.is_valid())
            }
            Self::Enrollment(live) => {
                let Some(expires) = live.expires else { return false };
                let then = known.and_then(|record| record.after.as_ref());
                of_this_file == Some(true)
                    && then.is_some_and(|then| then.expires == Some(expires))
                    && entry.downloaded.is_none_or(|at| enrollment::may_expire(at, expires))
            }
        }
    }

    /// Whether it is another credential than the one with these facts, which were read from Intune.
    pub(crate) fn differs_from(self, recorded: &Facts) -> bool {
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
    pub(crate) fn described(self) -> String {
        let until =
            self.expires().map_or_else(|| "no known end".to_owned(), |at| format!("until {at}"));
        match self {
            Self::Push(live) => format!("serial {} {until}", live.serial),
            Self::Enrollment(_) | Self::Vpp(_) => until,
        }
    }
}

/// What an `allow` line calls a token that Intune does not have.
pub(crate) const ABSENT: &str = "absent";

/// What the credential is called in a sentence.
pub fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Push => "certificate",
        Kind::Enrollment | Kind::Vpp => "token",
    }
}

/// Where Apple hands out the next one.
pub(crate) fn renew_at_apple(kind: Kind) -> &'static str {
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
