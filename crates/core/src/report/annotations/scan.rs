//! The forms that are files: GitLab's Code Quality report and SARIF.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::{Annotation, Level};
use crate::model::Sha256;

/// GitLab's Code Quality report.
/// <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>
pub(super) fn gitlab(annotations: &[Annotation]) -> Value {
    let mut seen = HashMap::new();
    let all: Vec<Value> = annotations
        .iter()
        .map(|one| {
            let severity = match one.level {
                Level::Error => "critical",
                Level::Warning => "minor",
                Level::Note => "info",
            };
            json!({
                "description": one.message,
                "check_name": one.code,
                "fingerprint": fingerprint(one, &mut seen),
                "severity": severity,
                "location": { "path": one.file, "lines": { "begin": one.line } },
            })
        })
        .collect();
    Value::Array(all)
}

/// SARIF 2.1.0, with what GitHub's code scanning asks for.
/// <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>
pub(super) fn sarif(annotations: &[Annotation]) -> Value {
    let codes: BTreeSet<&str> = annotations.iter().map(|one| one.code.as_str()).collect();
    let rules: Vec<Value> = codes.iter().map(|code| json!({ "id": code })).collect();
    let mut seen = HashMap::new();
    let results: Vec<Value> = annotations
        .iter()
        .map(|one| {
            let mut region = json!({ "startLine": one.line });
            if let Some((first, last)) = one.columns {
                region["startColumn"] = json!(first);
                // SARIF's end is the column after the last one.
                region["endColumn"] = json!(last + 1);
            }
            json!({
                "ruleId": one.code,
                "ruleIndex": codes.iter().position(|code| *code == one.code),
                "level": match one.level {
                    Level::Error => "error",
                    Level::Warning => "warning",
                    Level::Note => "note",
                },
                "message": { "text": one.message },
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": { "uri": uri(&one.file), "uriBaseId": "%SRCROOT%" },
                        "region": region,
                    },
                }],
                "partialFingerprints": { "applecart/v1": fingerprint(one, &mut seen) },
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "applecart",
                    "informationUri": env!("CARGO_PKG_REPOSITORY"),
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": rules,
                },
            },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// The same remark keeps its fingerprint when lines above it come and go, or when it is said in other
/// words; a second one about the same thing gets its own.
fn fingerprint(one: &Annotation, seen: &mut HashMap<String, usize>) -> String {
    let count = seen.entry(one.identity.clone()).or_insert(0);
    *count += 1;
    Sha256::of(format!("{}\0{count}", one.identity).as_bytes()).to_string()
}

/// A path as a relative URI reference (RFC 3986).
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
