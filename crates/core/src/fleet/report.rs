//! The machine output of `validate`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::diagnostic::Diagnostic;
use super::load::{Loaded, count};

/// The version of [`ValidateReport`]: the first number changes when a reader could break.
pub const REPORT_VERSION: &str = "1.0";

/// The machine output of `validate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValidateReport {
    /// The version of this format.
    pub format_version: String,
    /// Every mistake, sorted by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// How many of what there are.
    pub summary: ValidateSummary,
}

/// Counts of a [`ValidateReport`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValidateSummary {
    /// Mistakes that keep a file from being used.
    pub errors: usize,
    /// Mistakes that do not.
    pub warnings: usize,
    /// Tenants, valid or not.
    pub tenants: usize,
}

impl ValidateReport {
    /// The report of what was loaded.
    pub fn new(loaded: &Loaded) -> Self {
        let (errors, warnings) = count(&loaded.diagnostics);
        Self {
            format_version: REPORT_VERSION.to_owned(),
            diagnostics: loaded.diagnostics.clone(),
            summary: ValidateSummary { errors, warnings, tenants: loaded.tenants.len() },
        }
    }
}
