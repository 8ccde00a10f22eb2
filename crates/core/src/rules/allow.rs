//! Whether a reviewed `allow` line of a tenant file releases a hold today.
//!
//! A line releases one named change: from what Intune has to what the file brings. What has to be
//! named for which hold is decided here as well, so that `seal`, `renew`, `plan` and `apply` all
//! take the same line.

use std::borrow::Cow;

use chrono::{Days, NaiveDate};

use super::codes::Reason;
use super::subject::ABSENT;
use crate::fleet::{Allow, NewAllow};
use crate::model::{Facts, Kind, LiveToken, Sha256, Timestamp};

/// How long an advised line releases: time for a review, and no longer.
const RELEASE: Days = Days::new(14);

/// What an `allow` line has to name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The value that Intune has, or `absent`.
    pub from: String,
    /// The file's value; its digest where the file tells none. The digest is taken in any case.
    pub to: String,
    /// The digest of the opened file.
    pub sha256: Sha256,
}

impl Change {
    /// Intune's credential is replaced by another one: named by the serial number of a push
    /// certificate, else by the expiry date.
    pub(crate) fn of_credential(
        kind: Kind,
        live: Option<LiveToken<'_>>,
        file: &Facts,
        sha256: Sha256,
    ) -> Self {
        Self::since(kind, live.map(LiveToken::facts).as_ref(), file, sha256)
    }

    /// The same where Intune's facts were read at another time.
    pub fn since(kind: Kind, before: Option<&Facts>, file: &Facts, sha256: Sha256) -> Self {
        let serial = |facts: &Facts| facts.serial.as_ref().map(ToString::to_string);
        let expires = |facts: &Facts| facts.expires.map(|at| at.to_string());
        let (from, to) = match kind {
            Kind::Push => (before.and_then(serial), serial(file)),
            Kind::Vpp => (before.and_then(expires), expires(file)),
            // The file does not tell when it expires.
            Kind::Enrollment => (before.and_then(expires), None),
        };
        Self {
            from: from.unwrap_or_else(|| ABSENT.to_owned()),
            to: to.unwrap_or_else(|| sha256.to_string()),
            sha256,
        }
    }

    /// One attribute becomes another one.
    pub fn of(from: &impl ToString, to: &impl ToString, sha256: Sha256) -> Self {
        Self { from: from.to_string(), to: to.to_string(), sha256 }
    }

    /// The line that releases `hold` for two weeks, to be written on the token's entry.
    pub fn line(&self, hold: Reason, reason: &str, today: NaiveDate) -> String {
        line(hold, &self.from, &self.to, reason, today)
    }

    /// Whether a line names this change.
    fn is_named_by(&self, allow: &Allow) -> bool {
        is_same_value(&allow.from, &self.from)
            && (is_same_value(&allow.to, &self.to) || allow.to == self.sha256.to_string())
    }
}

/// Something that speaks against a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub reason: Reason,
    /// The hold that an `allow` line has to name to release it: its own, but for one that stands
    /// and falls with another.
    line: Reason,
    /// What an `allow` line has to name; `None` where no line releases it here.
    pub change: Option<Change>,
    /// What is so, why it matters and the way out.
    pub detail: String,
}

impl Hold {
    /// A hold that no `allow` line releases.
    pub(crate) fn firm(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, line: reason, change: None, detail: detail.into() }
    }

    /// A hold that a line with this change releases.
    pub(crate) fn releasable(reason: Reason, change: Change, detail: impl Into<String>) -> Self {
        Self { reason, line: reason, change: Some(change), detail: detail.into() }
    }

    /// The same hold, released by the line that releases another one.
    #[must_use]
    pub(crate) fn released_with(self, line: Reason) -> Self {
        Self { line, ..self }
    }

    /// Whether a line releases it today.
    pub fn is_released(&self, allows: &[Allow], today: NaiveDate) -> bool {
        self.change.as_ref().is_some_and(|change| releases(allows, self.line, change, today))
    }

    /// The line that releases it today.
    pub(crate) fn released_by<'a>(
        &self,
        allows: &'a [Allow],
        today: NaiveDate,
    ) -> Option<&'a Allow> {
        releasing(allows, self.line, self.change.as_ref()?, today)
    }

    /// Why a line for this hold did not release it.
    pub(crate) fn near_miss(&self, allows: &[Allow], today: NaiveDate) -> Option<String> {
        let allow = allows.iter().find(|allow| allow.hold == self.line)?;
        Some(match &self.change {
            None => format!(
                "the `allow` line for {} does not help: here it cannot be released",
                allow.hold
            ),
            Some(_) if allow.until < today => {
                format!("the `allow` line for {} ended on {}", allow.hold, allow.until)
            }
            Some(Change { from, to, .. }) => format!(
                "the `allow` line for {} does not fit: it must say `from: {from}` and `to: {to}`",
                allow.hold
            ),
        })
    }
}

/// The release of `hold` for this change during two weeks.
pub fn release(hold: Reason, from: &str, to: &str, reason: &str, today: NaiveDate) -> NewAllow {
    let until = today.checked_add_days(RELEASE).unwrap_or(today);
    let [from, to, reason] = [from, to, reason].map(str::to_owned);
    NewAllow { hold, from, to, reason, until }
}

/// The same as a line to be written on the token's entry.
pub fn line(hold: Reason, from: &str, to: &str, reason: &str, today: NaiveDate) -> String {
    let NewAllow { hold, from, to, reason, until } = release(hold, from, to, reason, today);
    let (named, reason) = (named(hold, &from, &to), quoted(&reason));
    format!("allow: [{{{named}, reason: {reason}, until: {until}}}]")
}

/// What such a line names.
fn named(hold: Reason, from: &str, to: &str) -> String {
    format!("hold: {hold}, from: {}, to: {}", quoted(from), quoted(to))
}

/// A string of JSON is one of YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether a line that `told` advised for this hold releases it today, where only the words of the hold
/// were kept.
pub(crate) fn releases_as_advised(
    allows: &[Allow],
    hold: Reason,
    told: &str,
    today: NaiveDate,
) -> bool {
    let mut lines = allows.iter().filter(|allow| allow.hold == hold && allow.until >= today);
    lines.any(|allow| told.contains(&named(hold, &allow.from, &allow.to)))
}

/// A name as a value of YAML that somebody pastes into a tenant file: one with a colon or a number sign would
/// be cut there, or be no YAML at all.
pub(crate) fn pasted(name: &str) -> Cow<'_, str> {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = |c: char| c.is_alphanumeric() || " -_.".contains(c);
    let stays = name.starts_with(char::is_alphabetic)
        && !name.ends_with(' ')
        && name.chars().all(is_plain)
        && !WORDS.contains(&name.to_ascii_lowercase().as_str());
    if stays { Cow::Borrowed(name) } else { Cow::Owned(quoted(name)) }
}

/// Whether one of the lines releases this change for this hold on this day.
pub fn releases(allows: &[Allow], hold: Reason, change: &Change, today: NaiveDate) -> bool {
    releasing(allows, hold, change, today).is_some()
}

fn releasing<'a>(
    allows: &'a [Allow],
    hold: Reason,
    change: &Change,
    today: NaiveDate,
) -> Option<&'a Allow> {
    let mut lines = allows.iter().filter(|_| hold.explained().is_releasable());
    lines.find(|allow| allow.hold == hold && allow.until >= today && change.is_named_by(allow))
}

/// Two spellings of one instant are one value.
fn is_same_value(written: &str, wanted: &str) -> bool {
    written == wanted
        || matches!(
            (written.parse::<Timestamp>(), wanted.parse::<Timestamp>()),
            (Ok(written), Ok(wanted)) if written == wanted
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn line(hold: Reason, from: &str, to: &str) -> Allow {
        let (from, to, until) = (from.to_owned(), to.to_owned(), day("2026-12-31"));
        Allow { hold, from, to, reason: "reviewed".to_owned(), until }
    }

    #[test]
    fn for_every_releasable_hold_the_same_line_is_taken() {
        let sha256 = Sha256::of(b"file");
        let digest = sha256.to_string();
        let change = Change::of(&"2026-12-20T10:00:00Z", &"new", sha256);
        for &hold in Reason::ALL {
            let takes = |from: &str, to: &str, today: &str| {
                releases(&[line(hold, from, to)], hold, &change, day(today))
            };
            let releasable = hold.explained().is_releasable();
            for (from, to, today, fits) in [
                ("2026-12-20T10:00:00Z", "new", "2026-12-31", true),
                ("2026-12-20T11:00:00+01:00", "new", "2026-12-31", true),
                ("2026-12-20T10:00:00Z", digest.as_str(), "2026-12-31", true),
                ("2026-12-20T10:00:00Z", "new", "2027-01-01", false),
                ("2026-12-20T10:00:00Z", "New", "2026-12-31", false),
                ("2026-12-20T10:00:01Z", "new", "2026-12-31", false),
                ("absent", digest.as_str(), "2026-12-31", false),
                ("nonsense", "nonsense", "2026-12-31", false),
            ] {
                assert_eq!(
                    takes(from, to, today),
                    fits && releasable,
                    "{hold} {from} {to} {today}"
                );
            }
            let other = Reason::ALL.iter().find(|other| **other != hold).unwrap();
            let lines = [line(*other, "2026-12-20T10:00:00Z", "new")];
            assert!(!releases(&lines, hold, &change, day("2026-12-31")), "{hold}");
        }
    }

    #[test]
    fn a_name_that_is_pasted_is_read_back_as_it_is() {
        for (name, written) in [
            ("London HQ", "London HQ"),
            ("Zürich-2", "Zürich-2"),
            ("A: B # c", "\"A: B # c\""),
            ("no", "\"no\""),
            ("2026", "\"2026\""),
            ("London ", "\"London \""),
            ("\"London\"", "\"\\\"London\\\"\""),
        ] {
            assert_eq!(pasted(name), written);
        }
    }
}
