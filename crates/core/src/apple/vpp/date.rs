//! The expiry of a VPP token, as Apple and others write it.

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::model::Timestamp;

/// How an expiry is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `2027-01-31T00:00:00+0000`, as in every known file.
    Apple,
    Unusual,
    /// Without a time zone.
    NoZone,
}

/// The value of `expDate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Raw {
    Text(String),
    Number(i64),
}

/// Twelve digits of seconds are the year 33658; twelve of milliseconds are 2001.
const FIRST_MILLISECONDS: i64 = 100_000_000_000;

/// Reads an expiry. `None` when it is no instant.
#[expect(clippy::needless_pass_by_value, reason = "it is used up")]
pub(super) fn read(raw: Raw) -> Option<(Timestamp, Form)> {
    let text = match &raw {
        Raw::Number(number) => return epoch(*number),
        Raw::Text(text) => text.trim(),
    };
    if text.len() > 40 || !text.is_ascii() {
        return None;
    }
    if text.len() >= 9 && text.bytes().all(|c| c.is_ascii_digit()) {
        return epoch(text.parse().ok()?);
    }
    let utc = |at: DateTime<chrono::FixedOffset>| Timestamp::new(at.with_timezone(&Utc));
    // RFC 3339 readers refuse an offset without a colon, and chrono's %z takes more than that,
    // so the shape is checked first.
    let apple = text.len() == 24 && text.bytes().rev().take(4).all(|c| c.is_ascii_digit());
    if apple && let Ok(at) = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%z") {
        return Some((utc(at), Form::Apple));
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f %#z"]
    {
        if let Ok(at) = DateTime::parse_from_str(text, format) {
            return Some((utc(at), Form::Unusual));
        }
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"] {
        if let Ok(at) = NaiveDateTime::parse_from_str(text, format) {
            return Some((Timestamp::new(at.and_utc()), Form::NoZone));
        }
    }
    None
}

/// Seconds or milliseconds since 1970.
fn epoch(number: i64) -> Option<(Timestamp, Form)> {
    if number <= 0 {
        return None;
    }
    let seconds = if number < FIRST_MILLISECONDS { number } else { number / 1000 };
    // Past the year 9999 nothing is a date any more.
    (seconds < 253_402_300_800)
        .then(|| Timestamp::from_unix(seconds))
        .flatten()
        .map(|at| (at, Form::Unusual))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<(String, Form)> {
        read(Raw::Text(text.to_owned())).map(|(at, form)| (at.to_string(), form))
    }

    #[test]
    fn every_way_to_write_an_expiry() {
        for (written, at, form) in [
            ("2027-01-31T12:00:00+0000", "2027-01-31T12:00:00Z", Form::Apple),
            ("2027-01-31T23:15:16-0700", "2027-02-01T06:15:16Z", Form::Apple),
            ("2027-01-31T12:00:00+01:00", "2027-01-31T11:00:00Z", Form::Unusual),
            ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z", Form::Unusual),
            ("2027-01-31T12:00:00.123Z", "2027-01-31T12:00:00Z", Form::Unusual),
            ("2027-01-31T12:00:00.123+0000", "2027-01-31T12:00:00Z", Form::Unusual),
            ("2027-01-31 12:00:00 +0000", "2027-01-31T12:00:00Z", Form::Unusual),
            ("1801396800", "2027-01-31T12:00:00Z", Form::Unusual),
            ("1801396800000", "2027-01-31T12:00:00Z", Form::Unusual),
            ("2027-01-31T12:00:00", "2027-01-31T12:00:00Z", Form::NoZone),
            ("2027-01-31 12:00:00", "2027-01-31T12:00:00Z", Form::NoZone),
        ] {
            assert_eq!(text(written), Some((at.to_owned(), form)), "{written}");
        }
        let number = |number| read(Raw::Number(number)).map(|(at, _)| at.to_string());
        assert_eq!(number(1_801_396_800).as_deref(), Some("2027-01-31T12:00:00Z"));
        assert_eq!(number(1_801_396_800_999).as_deref(), Some("2027-01-31T12:00:00Z"));
        for wrong in [
            "",
            "soon",
            "2027-01-31",
            "2027-13-31T00:00:00+0000",
            "2027-01-31T25:00:00Z",
            "20270131",
            "31.01.2027",
            "2027-01-31T12:00:00+9999",
        ] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
        for wrong in [0, -1, i64::MIN, i64::MAX] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }
}
