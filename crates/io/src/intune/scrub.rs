//! Which words of an answer a person may see.
//!
//! A server may answer with anything, also with what it was sent: the bearer token, the client
//! secret, the certificate. So nothing of an answer is shown as it came. Identifiers must look
//! like identifiers, sentences lose everything that could be a secret, and whatever contains a
//! secret that is held right now is dropped whole.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use zeroize::Zeroizing;

use applecart_core::model::is_hostile;

/// Longer sentences help nobody in a table or a log line.
const MAX_CHARS: usize = 300;

/// Longer unbroken runs of base64's letters are taken for encoded bytes. A GUID has 36.
const MAX_RUN: usize = 40;

/// Shorter texts would blank out harmless words; no real secret is that short.
const MIN_SECRET: usize = 6;

/// Base64 of a text that is base64 of JSON, as VPP tokens are, is as deep as it goes.
const MAX_LAYERS: usize = 3;

/// A shorter piece of a secret may be an everyday word.
const MIN_PIECE: usize = 16;

/// Cleans the texts of answers, knowing what must not be in them.
#[derive(Default)]
pub(super) struct Scrubber {
    held: Vec<Zeroizing<String>>,
}

impl Scrubber {
    /// Adds a secret that an answer may reflect, as it is and as forms and URLs encode it.
    #[must_use]
    pub(super) fn holding(mut self, secret: &str) -> Self {
        if secret.len() >= MIN_SECRET {
            let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            self.held.push(Zeroizing::new(secret.to_owned()));
            if encoded != secret {
                self.held.push(Zeroizing::new(encoded));
            }
        }
        self
    }

    /// Adds the content of a token file: as it is, as a text inside JSON repeats it, and what its
    /// base64 encodes, for a server that takes a token apart may reflect a part of the inside.
    #[must_use]
    pub(super) fn holding_credential(mut self, credential: &str) -> Self {
        let mut layer = Some(Zeroizing::new(credential.as_bytes().to_vec()));
        for _ in 0..MAX_LAYERS {
            let Some(bytes) = layer else { break };
            let Ok(text) = std::str::from_utf8(&bytes) else { break };
            self = self.holding(text);
            let quoted = Zeroizing::new(serde_json::Value::from(text).to_string());
            if quoted.len() != text.len() + 2 {
                self = self.holding(quoted.trim_matches('"'));
            }
            layer = decoded(&bytes);
        }
        self
    }

    /// Whether `text` holds a secret, or a piece of one that is long enough to be no accident.
    fn leaks(&self, text: &str) -> bool {
        let runs = || text.split(|c| !is_encoded(c)).map(|run| run.trim_matches(['-', '=']));
        self.held.iter().any(|secret| {
            text.contains(secret.as_str())
                || runs().any(|run| run.len() >= MIN_PIECE && secret.contains(run))
        })
    }

    /// An error code or a request id; `None` when it does not look like one.
    pub(super) fn word(&self, text: &str) -> Option<String> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
            && !self.leaks(text);
        fits.then(|| text.to_owned())
    }

    /// The sentence in Graph's or Entra's message; `None` when nothing presentable is left.
    pub(super) fn sentence(&self, message: &str) -> Option<String> {
        let inner = unwrap_message(message);
        if self.leaks(message) || self.leaks(&inner) {
            return None;
        }
        let text = cut_trailer(&inner);
        let words = text.split(|c: char| c.is_whitespace() || c.is_control());
        let words: Vec<_> = words.map(clean_word).filter(|word| !word.is_empty()).collect();
        let line = words.join(" ");
        let line = line.trim_end_matches(['.', ' ']);
        // Checked again: cleaning may have joined the pieces of a secret.
        let presentable = line.chars().any(char::is_alphanumeric) && !self.leaks(line);
        presentable.then(|| cap(line))
    }
}

/// Intune often puts a JSON object into the message, as text; its `Message` is what matters.
fn unwrap_message(message: &str) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Inner {
        message: String,
    }
    serde_json::from_str::<Inner>(message.trim())
        .map_or_else(|_| message.to_owned(), |inner| inner.message)
}

/// What follows is for Microsoft's support, and holds internal addresses.
fn cut_trailer(text: &str) -> &str {
    [" - Operation ID", " - Activity ID", " - Url:", "Trace ID:", "Correlation ID:"]
        .into_iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .map_or(text, |at| text.get(..at).unwrap_or(text))
}

/// A word without control and direction marks, without a URL's user, query and fragment, and
/// with `…` for anything that could be encoded bytes.
fn clean_word(word: &str) -> String {
    let word: String = word.chars().filter(|c| !is_hostile(*c)).collect();
    if let Some((scheme, rest)) = word.split_once("://") {
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = host.rsplit('@').next().unwrap_or_default();
        return replace_runs(&format!("{scheme}://{host}/{path}"));
    }
    replace_runs(&word)
}

/// Whether base64, in any of its alphabets, uses this letter.
fn is_encoded(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_')
}

fn replace_runs(word: &str) -> String {
    let mut shown = String::new();
    let mut run = String::new();
    for c in word.chars().chain(std::iter::once('\0')) {
        if is_encoded(c) {
            run.push(c);
            continue;
        }
        shown.push_str(if run.len() > MAX_RUN { "…" } else { &run });
        run.clear();
        if c != '\0' {
            shown.push(c);
        }
    }
    shown
}

/// At most [`MAX_CHARS`] characters, with `…` where some were cut.
fn cap(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS - 1) {
        Some((at, _)) if text.chars().count() > MAX_CHARS => {
            format!("{}…", text.get(..at).unwrap_or_default())
        }
        _ => text.to_owned(),
    }
}

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What base64 in `bytes` encodes, line breaks or not; `None` where it is no base64, or nothing.
pub(super) fn decoded(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // Large enough from the start: a vector that grows leaves copies behind.
    let mut letters = Zeroizing::new(Vec::with_capacity(bytes.len()));
    letters.extend(bytes.iter().filter(|byte| !byte.is_ascii_whitespace()));
    ENGINE.decode(&*letters).ok().filter(|bytes| !bytes.is_empty()).map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(message: &str) -> Option<String> {
        Scrubber::default().holding("MARKER~SECRET").sentence(message)
    }

    #[test]
    fn the_message_inside_the_message_is_shown_without_its_trailer() {
        let message = "{\r\n  \"_version\": 3,\r\n  \"Message\": \"The token is void - Operation ID (for customer support): 1 - Activity ID: 2 - Url: https://fef.example/x?y\",\r\n  \"RetryAfter\": null\r\n}";
        assert_eq!(clean(message).as_deref(), Some("The token is void"));
    }

    #[test]
    fn a_message_that_reflects_a_secret_is_dropped() {
        for message in [
            "you sent MARKER~SECRET",
            "you sent client_secret=MARKER%7ESECRET&x=1",
            "{\"Message\":\"MARKER~SECRET\"}",
            "{\"Message\":\"\\u004dARKER~SECRET\"}",
            "you sent MARKER~\u{200b}SECRET",
        ] {
            assert_eq!(clean(message), None, "{message}");
        }
    }

    #[test]
    fn a_piece_of_a_long_secret_is_dropped_as_well() {
        let pem =
            "-----BEGIN CERTIFICATE-----\nMIIFdjCCBF6gAwIBAgIIC3Cq\n-----END CERTIFICATE-----";
        let scrubber = Scrubber::default().holding(pem);
        assert_eq!(scrubber.sentence("at MIIFdjCCBF6gAwIBAg"), None);
        let harmless = "it starts with -----BEGIN CERTIFICATE-----";
        assert_eq!(scrubber.sentence(harmless).as_deref(), Some(harmless));
    }

    #[test]
    fn a_piece_of_what_a_token_file_encodes_is_dropped_as_well() {
        use base64::engine::general_purpose::STANDARD;
        let json = r#"{"expDate":"2027-11-20T10:11:12+0000","token":"c2VjcmV0LXNlY3JldA=="}"#;
        let file = STANDARD.encode(json);
        let scrubber = Scrubber::default().holding_credential(&STANDARD.encode(&file));
        for reflected in [&file[..20], "c2VjcmV0LXNlY3JldA", json] {
            assert_eq!(scrubber.sentence(&format!("got {reflected}")), None, "{reflected}");
        }
        assert_eq!(scrubber.sentence("got nothing").as_deref(), Some("got nothing"));

        let p7m = "Content-Type: x\n\nMIAGCSqGSIb3DQEHAqCA\nmore\n";
        let scrubber = Scrubber::default().holding_credential(p7m);
        assert_eq!(scrubber.sentence(r"got \nMIAGCSqGSIb3DQEHA"), None, "as JSON in JSON");
    }

    #[test]
    fn encoded_bytes_and_queries_are_cut_out() {
        let message = format!("bad {} at https://u:p@h.example/a?k=v#f, sorry", "QUJD".repeat(20));
        assert_eq!(clean(&message).as_deref(), Some("bad … at https://h.example/a sorry"));
    }

    #[test]
    fn control_and_direction_marks_reach_no_terminal() {
        let clean =
            clean("a\u{1b}[31mb\u{7}\r\n\u{202e}c\tid 6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11.");
        assert_eq!(clean.as_deref(), Some("a [31mb c id 6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11"));
    }

    #[test]
    fn long_sentences_are_cut() {
        let clean = clean(&"wörd ".repeat(100)).unwrap();
        assert_eq!(clean.chars().count(), 300);
        assert!(clean.ends_with('…'));
        assert_eq!(self::clean(" \r\n\u{0}"), None);
    }

    #[test]
    fn words_look_like_identifiers() {
        let scrubber = Scrubber::default().holding("MARKER-SECRET");
        assert_eq!(scrubber.word("ResourceNotFound").as_deref(), Some("ResourceNotFound"));
        for bad in ["", "a b", "<html>", "MARKER-SECRET", "x-MARKER-SECRET", &"x".repeat(65)] {
            assert_eq!(scrubber.word(bad), None, "{bad}");
        }
    }
}
