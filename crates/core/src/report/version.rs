//! What this program is: the text that a report of a problem begins with.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AUDIT_VERSION, IMPORT_VERSION, RENEW_FORMAT_VERSION, history};
use crate::fleet::API_VERSION;
use crate::{apple, ledger, plan};

/// The result of `version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    pub format_version: String,
    pub version: String,
    /// The commit that it was built from; `null` where its build did not say.
    pub commit: Option<String>,
    /// Processor, system and, where there are several, C library.
    pub target: String,
    /// The optional parts that it was built with.
    pub features: Vec<String>,
    /// The version of each form of files and outputs that it reads and writes.
    pub formats: BTreeMap<String, String>,
}

impl Version {
    pub fn new(version: &str, commit: Option<&str>, target: String, features: &[&str]) -> Self {
        let formats = [
            ("settings", API_VERSION),
            ("plan", plan::FORMAT_VERSION),
            ("audit", AUDIT_VERSION),
            ("history", history::FORMAT_VERSION),
            ("import", IMPORT_VERSION),
            ("inspect", apple::FORMAT_VERSION),
            ("ledger", ledger::FORMAT_VERSION),
            ("renew", RENEW_FORMAT_VERSION),
        ];
        let owned = |(name, version): (&str, &str)| (name.to_owned(), version.to_owned());
        Self {
            format_version: plan::FORMAT_VERSION.to_owned(),
            version: version.to_owned(),
            commit: commit.map(str::to_owned),
            target,
            features: features.iter().map(|&name| name.to_owned()).collect(),
            formats: formats.map(owned).into(),
        }
    }
}

/// For people.
pub fn version_human(version: &Version) -> String {
    let formats = version.formats.iter().map(|(name, version)| format!("{name} {version}"));
    let rows = [
        ("commit", version.commit.clone().unwrap_or_else(|| "not recorded".to_owned())),
        ("target", version.target.clone()),
        ("features", version.features.join(", ")),
        ("formats", formats.collect::<Vec<_>>().join(", ")),
    ];
    let mut text = format!("applecart {}\n", version.version);
    for (name, value) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<9} {value}");
    }
    text
}
