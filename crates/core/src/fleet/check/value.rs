//! Single values: texts, GUIDs, dates, durations, percentages.

use chrono::{Duration, NaiveDate};

use super::super::at::At;
use super::super::diagnostic::Code;
use super::super::text::quote;
use super::Checks;
use crate::apple::secrets_in;
use crate::model::{Sha256, TenantId, Timestamp, safe_text};

/// Longest text of a field, in characters; Intune takes 256 for a display name.
pub const MAX_TEXT: usize = 256;

/// What keeps a text from standing in a file.
fn fault(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        Some("is empty".to_owned())
    } else if text.trim() != text {
        Some("starts or ends with a space".to_owned())
    } else if text.chars().count() > MAX_TEXT {
        Some(format!("has more than {MAX_TEXT} characters"))
    } else if safe_text(text) != *text {
        Some("has control characters or invisible ones".to_owned())
    } else {
        None
    }
}

/// Names that Windows gives to devices; a checkout there could not have the folder.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Whether Windows takes a file or folder of this name for a device, whatever ending it has: a
/// checkout there could not have it.
pub fn is_device_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    DEVICES.iter().any(|device| stem.eq_ignore_ascii_case(device))
}

/// Whether a text may stand in a file: not empty, one line, of at most 256 characters, nothing
/// hidden in it.
pub fn is_text(text: &str) -> bool {
    fault(text).is_none()
}

/// Names of hosts may be written in any script.
fn is_of_label(c: char) -> bool {
    c.is_alphanumeric() || c == '-'
}

/// Whether a text may stand in a file as an Apple Account.
pub fn is_apple_id(text: &str) -> bool {
    is_text(text) && !text.contains(char::is_whitespace)
}

/// Whether a text may stand in a file as a country: two lower-case letters. `on` is no country, and
/// what older YAML reads as true; `no` is Norway here.
pub fn is_country(text: &str) -> bool {
    text.len() == 2 && text != "on" && text.bytes().all(|c| c.is_ascii_lowercase())
}

impl Checks<'_, '_> {
    /// A text that people read: not empty, one line, nothing hidden in it.
    pub(super) fn text(&mut self, raw: Option<&At<String>>) -> Option<String> {
        let At { value, span } = raw?;
        if let Some(fault) = fault(value) {
            self.error(Code::BadText, *span, format!("the text {fault}"));
            return None;
        }
        // What every outlet shows must not be what no outlet may show.
        if !secrets_in(value.as_bytes()).kinds.is_empty() {
            self.error(Code::OpenSecret, *span, "the text holds a secret, which is not shown here");
            return None;
        }
        Some(value.clone())
    }

    pub(super) fn texts(&mut self, raw: Option<&Vec<At<String>>>) -> Option<Vec<String>> {
        let all = self.limited("roleScopeTagIds", Some(raw?), |one| Some(one.span));
        Some(all.iter().filter_map(|one| self.text(Some(one))).collect())
    }

    /// An Apple Account: a mail address or, in some countries, a phone number.
    pub(super) fn apple_id(&mut self, raw: Option<&At<String>>) -> Option<String> {
        let text = self.text(raw)?;
        if text.contains(char::is_whitespace) {
            let span = raw?.span;
            self.error(Code::BadText, span, format!("{} is not an Apple Account", quote(&text)));
            return None;
        }
        Some(text)
    }

    /// A mail domain, in lower case.
    pub(super) fn domain(&mut self, raw: &At<String>) -> Option<String> {
        let text = self.text(Some(raw))?;
        let plain = |label: &str| !label.is_empty() && label.chars().all(is_of_label);
        if !text.contains('.') || !text.split('.').all(plain) {
            let message = format!("{} is not a mail domain", quote(&text));
            self.error_with_help(Code::BadText, raw.span, message, "write it as contoso.example");
            return None;
        }
        Some(text.to_lowercase())
    }

    /// A mail address, only so far that it cannot break a header or a list of addresses.
    pub(super) fn mail(&mut self, raw: &At<String>) -> Option<String> {
        let text = self.text(Some(raw))?;
        let fits = text.split_once('@').is_some_and(|(user, host)| {
            let plain = |part: &str| {
                !part.is_empty()
                    && !part.contains(|c: char| c.is_whitespace() || "@,;<>\"()".contains(c))
            };
            plain(user) && plain(host)
        });
        if !fits {
            self.error(Code::BadText, raw.span, format!("{} is not a mail address", quote(&text)));
        }
        fits.then_some(text)
    }

    pub(super) fn tenant_id(&mut self, raw: Option<&At<String>>) -> Option<TenantId> {
        self.parse(raw, Code::BadGuid, "a GUID such as 6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11")
    }

    pub(super) fn sha256(&mut self, raw: Option<&At<String>>) -> Option<Sha256> {
        let digest = self.parse(raw, Code::BadSha256, "a SHA-256: 64 hexadecimal digits")?;
        // What a template leaves behind; no file has it.
        if digest == Sha256::ZERO {
            self.error(Code::BadSha256, raw?.span, "64 zeros are not the SHA-256 of a file");
            return None;
        }
        Some(digest)
    }

    pub(super) fn instant(&mut self, raw: Option<&At<String>>) -> Option<Timestamp> {
        let At { value, span } = raw?;
        let parsed = value.parse().ok();
        if parsed.is_none() {
            let message = format!("{} is not a date with time", quote(value));
            let help = if value.parse::<NaiveDate>().is_ok() {
                format!("add the time of day and the zone: {value}T00:00:00Z")
            } else {
                "write it as 2027-11-20T10:11:12Z".to_owned()
            };
            self.error_with_help(Code::BadDate, *span, message, help);
        }
        parsed
    }

    pub(super) fn day(&mut self, raw: Option<&At<String>>) -> Option<NaiveDate> {
        let At { value, span } = raw?;
        // chrono also takes `2026-1-2` and years of five digits; one spelling is enough.
        let parsed = (value.len() == 10).then(|| value.parse().ok()).flatten();
        if parsed.is_none() {
            let message = format!("{} is not a day", quote(value));
            self.error_with_help(Code::BadDate, *span, message, "write it as 2026-12-31");
        }
        parsed
    }

    /// A duration of at most `max`, not zero.
    pub(super) fn duration(
        &mut self,
        raw: Option<&At<String>>,
        least: Option<(Duration, &str)>,
        max: (Duration, &str),
    ) -> Option<Duration> {
        let At { value, span } = raw?;
        let Some(parsed) = parse_duration(value) else {
            let message = format!("{} is not a duration", quote(value));
            self.error_with_help(
                Code::BadDuration,
                *span,
                message,
                "write a whole number and a unit: 30m, 12h, 45d or 6w",
            );
            return None;
        };
        let is_short = match least {
            Some((least, _)) => parsed < least,
            None => parsed <= Duration::zero(),
        };
        if is_short || parsed > max.0 {
            let least =
                least.map_or("more than 0".to_owned(), |(_, text)| format!("at least {text}"));
            let message =
                format!("{} is out of range: {least} and at most {}", quote(value), max.1);
            self.error(Code::OutOfRange, *span, message);
            return None;
        }
        Some(parsed)
    }

    pub(super) fn percentage(&mut self, raw: Option<&At<String>>) -> Option<u32> {
        let At { value, span } = raw?;
        let digits = value.strip_suffix('%').filter(|digits| is_digits(digits));
        match digits.map(str::parse::<u32>) {
            Some(Ok(percent @ 1..=100)) => Some(percent),
            Some(_) => {
                let message = format!("{} is not from 1% to 100%", quote(value));
                self.error(Code::OutOfRange, *span, message);
                None
            }
            None => {
                let message = format!("{} is not a percentage", quote(value));
                self.error_with_help(Code::BadPercentage, *span, message, "write it as 30%");
                None
            }
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit())
}

/// Reads a length of time: a whole number and `s`, `m`, `h`, `d` or `w`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let number = text.strip_suffix(unit).filter(|digits| is_digits(digits))?.parse().ok()?;
    match unit {
        's' => Duration::try_seconds(number),
        'm' => Duration::try_minutes(number),
        'h' => Duration::try_hours(number),
        'd' => Duration::try_days(number),
        'w' => Duration::try_weeks(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(parse_duration("45d"), Some(Duration::days(45)));
        assert_eq!(parse_duration("30m"), Some(Duration::minutes(30)));
        for bad in
            ["", "d", "45", "45 d", "-1d", "1.5h", "1y", "99999999999999999999d", "1d2h", "9d€"]
        {
            assert_eq!(parse_duration(bad), None, "{bad:?}");
        }
        assert_eq!(parse_duration("999999999999999999w"), None);
    }
}
