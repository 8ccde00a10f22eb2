//! What a token file is, for people and for scripts.

use super::text::{BAD, DIM, GOOD, HEAD, LOOK, escape, styled, wrap};
use crate::apple::{FileFacts, Inspection, RecipientFacts, Severity, Verdict};
use crate::model::Kind;

/// The verdict, then the findings, then the facts.
pub fn inspection_human(inspection: &Inspection, file: &str, width: usize) -> String {
    let (style, word) = match inspection.verdict {
        Verdict::Accept => (GOOD, "accept"),
        Verdict::Warn => (LOOK, "accept with warnings"),
        Verdict::Refuse => (BAD, "refuse"),
    };
    let kind = match inspection.kind {
        Some(Kind::Push) => "MDM push certificate",
        Some(Kind::Enrollment) => "enrollment program token",
        Some(Kind::Vpp) => "VPP token",
        None => "not a token file",
    };
    let mut out = format!("{}  {}  {kind}\n", styled(style, word), styled(HEAD, &escape(file)));
    for finding in &inspection.findings {
        let style = match finding.severity {
            Severity::Refuse => BAD,
            Severity::Warn => LOOK,
        };
        out.push_str(&format!("\n  {}\n", styled(style, finding.code.as_str())));
        out.push_str(&wrap(&escape(&finding.message), 4, width));
    }
    let facts = lines(&inspection.facts);
    if !facts.is_empty() {
        out.push('\n');
        for (name, value) in facts {
            out.push_str(&format!("  {} {}\n", styled(DIM, &format!("{name}:")), escape(&value)));
        }
    }
    if inspection.kind == Some(Kind::Enrollment) && inspection.verdict != Verdict::Refuse {
        out.push('\n');
        out.push_str(&wrap(
            "Downloading a token at Apple ends the one in use: upload this one soon.",
            2,
            width,
        ));
    }
    out
}

/// Facts as names and values, in a fixed order.
fn lines(facts: &FileFacts) -> Vec<(&'static str, String)> {
    // Opened field by field, so that a new fact must be given its place here.
    let FileFacts {
        topic,
        serial,
        not_before,
        organization,
        expires,
        public_key_sha256,
        recipient,
        other_recipients,
        content_cipher,
        downloaded,
        server,
    } = facts;
    let mut lines = Vec::new();
    let mut line = |name, value: Option<String>| lines.extend(value.map(|value| (name, value)));
    line("topic", topic.as_ref().map(ToString::to_string));
    line("serial", serial.as_ref().map(ToString::to_string));
    line("notBefore", not_before.map(|at| at.to_string()));
    line("organization", organization.clone());
    line("expires", expires.map(|at| at.to_string()));
    line("publicKeySha256", public_key_sha256.map(|digest| digest.to_string()));
    for recipient in recipient.iter().chain(other_recipients) {
        let RecipientFacts { issuer, serial, subject_key_identifier } = recipient;
        line("recipient issuer", issuer.clone());
        line("recipient serial", serial.as_ref().map(ToString::to_string));
        line("recipient subjectKeyIdentifier", subject_key_identifier.clone());
    }
    line("contentCipher", content_cipher.clone());
    line("downloaded", downloaded.map(|at| at.to_string()));
    line("server", server.clone());
    lines
}

/// JSON that a web page may hold as it is.
///
/// # Errors
/// Never for this type; `serde_json` cannot know that.
pub fn inspection_json(inspection: &Inspection) -> Result<String, serde_json::Error> {
    super::json::json_for_pages(inspection)
}
