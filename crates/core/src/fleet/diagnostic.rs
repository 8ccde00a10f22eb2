//! Mistakes in a fleet's files: what, where, and what to do about it.
//!
//! The codes are a promise to scripts: they are never renamed, and each is explained by its
//! message without a manual. How a diagnostic is printed for people is decided here too, so that
//! tests and commands show the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{Excerpt, NOT_SHOWN, shown_folder};
use crate::model::safe_text;
use crate::words::kebab_enum;

crate::code_enum! {
    /// What kind of mistake it is; stable.
    Code [Diagnostic] {
        NotUtf8 = "not-utf8",
        FileTooLong = "file-too-long",
        Syntax = "syntax",
        TooDeep = "too-deep",
        DuplicateKey = "duplicate-key",
        UnsupportedYaml = "unsupported-yaml",
        SeveralDocuments = "several-documents",
        EmptyFile = "empty-file",
        TooManyMistakes = "too-many-mistakes",
        ApiVersion = "api-version",
        FileKind = "file-kind",
        UnknownField = "unknown-field",
        MissingField = "missing-field",
        WrongType = "wrong-type",
        UnknownValue = "unknown-value",
        MissingFleetFile = "missing-fleet-file",
        MissingTenantFile = "missing-tenant-file",
        NoTenants = "no-tenants",
        StrayFile = "stray-file",
        NotAFolder = "not-a-folder",
        TooManyFiles = "too-many-files",
        ObjectMissing = "object-missing",
        BadText = "bad-text",
        BadName = "bad-name",
        NameMismatch = "name-mismatch",
        BadGuid = "bad-guid",
        Placeholder = "placeholder",
        LongSuspension = "long-suspension",
        CodeownersOverruled = "codeowners-overruled",
        BadDate = "bad-date",
        BadDuration = "bad-duration",
        BadPercentage = "bad-percentage",
        OutOfRange = "out-of-range",
        BadSha256 = "bad-sha256",
        BadSerial = "bad-serial",
        BadTopic = "bad-topic",
        BadLocationId = "bad-location-id",
        BadCountry = "bad-country",
        BadRecipient = "bad-recipient",
        BadBranch = "bad-branch",
        BadPath = "bad-path",
        MissingSigners = "missing-signers",
        BadSigners = "bad-signers",
        BadCommit = "bad-commit",
        BadMove = "bad-move",
        MissingFact = "missing-fact",
        Sha256WithoutFile = "sha256-without-file",
        UnwatchedFile = "unwatched-file",
        NothingWatched = "nothing-watched",
        MissingFile = "missing-file",
        FileOutsideFolder = "file-outside-folder",
        FileNotPlain = "file-not-plain",
        FileTooLarge = "file-too-large",
        NotSealed = "not-sealed",
        SealedToOthers = "sealed-to-others",
        OpenSecret = "open-secret",
        UnknownProfile = "unknown-profile",
        UnknownHold = "unknown-hold",
        HoldNotReleasable = "hold-not-releasable",
        TooManyTokens = "too-many-tokens",
        TooManyEntries = "too-many-entries",
        DuplicateName = "duplicate-name",
        DuplicateTokenId = "duplicate-token-id",
        DuplicateTenantId = "duplicate-tenant-id",
        DuplicateTokenFile = "duplicate-token-file",
        DuplicateSha256 = "duplicate-sha256",
        DuplicateTopic = "duplicate-topic",
        DuplicateLocationId = "duplicate-location-id",
        DuplicateTicketNumber = "duplicate-ticket-number",
        ToldNobody = "told-nobody",
    }
}

kebab_enum! {
    /// How bad it is.
    Severity {
        /// The file is not used as it is.
        Error => "error",
        /// Probably not what was meant; the file is used.
        Warning => "warning",
    }
}

/// One mistake, with its place.
///
/// The order of the fields is the order of sorting: by file, then by place.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Diagnostic {
    /// The file, from the repository's root, with hostile characters escaped.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters are meant; 0 when it is the file as a whole.
    pub length: usize,
    /// What kind of mistake it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The line of the file, shortened and escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
    /// What is written under the marked characters.
    #[serde(skip)]
    pub(super) label: Option<String>,
    /// Display columns of `snippet` before and under the mark.
    #[serde(skip)]
    pub(super) caret: (usize, usize),
}

/// The path as every outlet shows it: what no file of a fleet is called may be a secret.
fn shown_path(path: &str) -> String {
    let parts: Vec<_> = path.split('/').map(shown_folder).collect();
    safe_text(&parts.join("/"))
}

impl Diagnostic {
    /// A mistake of a file as a whole.
    pub fn of_file(code: Code, file: &str, message: impl Into<String>) -> Self {
        Self {
            file: shown_path(file),
            line: 1,
            column: 1,
            length: 0,
            code,
            severity: Severity::Error,
            message: message.into(),
            help: None,
            snippet: None,
            label: None,
            caret: (0, 0),
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same as a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The same with words under the mark.
    #[must_use]
    pub(super) fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The same with a place and its source line.
    #[must_use]
    pub(super) fn at(mut self, line: usize, column: usize, length: usize, shown: Excerpt) -> Self {
        (self.line, self.column, self.length) = (line, column, length.max(1));
        self.caret = (shown.indent, shown.width);
        self.snippet = Some(shown.line);
        self
    }

    /// The same without its source line.
    pub(super) fn hide(&mut self) {
        self.snippet = Some(NOT_SHOWN.to_owned());
        self.caret = (0, 0);
    }

    /// Whether it keeps the file from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

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

/// Renders one diagnostic for people, without colour, ending with a line feed.
pub fn render(diagnostic: &Diagnostic) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_diagnostic(&mut out, diagnostic);
    out
}

/// As many mistakes of one code are shown to people; a fleet of thousands may have one mistake in
/// every file, and nobody reads it ten thousand times.
const MAX_OF_A_CODE: usize = 50;

/// Renders diagnostics for people, with an empty line between two, and of many that are alike the
/// rest as a number.
pub fn render_all<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut shown = Vec::new();
    for diagnostic in diagnostics {
        let count = counts.entry(diagnostic.code.as_str()).or_default();
        *count += 1;
        if *count <= MAX_OF_A_CODE {
            shown.push(render(diagnostic));
        }
    }
    for (code, count) in counts.into_iter().filter(|(_, count)| *count > MAX_OF_A_CODE) {
        let more = count - MAX_OF_A_CODE;
        shown.push(format!(
            "… and {more} more of {code}; all of them:\n  applecart validate --format json\n"
        ));
    }
    shown.join("\n")
}

fn write_diagnostic(out: &mut String, d: &Diagnostic) -> std::fmt::Result {
    let number = d.line.to_string();
    let gutter = if d.snippet.is_some() { number.len() } else { 1 };
    writeln!(out, "{}[{}]: {}", d.severity.as_str(), d.code, d.message)?;
    write!(out, "{:gutter$}--> {}", "", d.file)?;
    if d.length > 0 {
        write!(out, ":{}:{}", d.line, d.column)?;
    }
    writeln!(out)?;
    match &d.snippet {
        None => {}
        Some(snippet) => {
            writeln!(out, "{:gutter$} |", "")?;
            writeln!(out, "{number} | {snippet}")?;
            let (indent, width) = d.caret;
            let label = d.label.as_deref().unwrap_or_default();
            let mark = format!("{:indent$}{:^<width$} {label}", "", "");
            if width > 0 {
                writeln!(out, "{:gutter$} | {}", "", mark.trim_end())?;
            }
        }
    }
    if let Some(help) = &d.help {
        for (n, line) in help.lines().enumerate() {
            match n {
                0 => writeln!(out, "{:gutter$} = help: {line}", "")?,
                _ => writeln!(out, "{:gutter$}         {line}", "")?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_kebab_case_and_unique() {
        let mut all: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!(
                code.as_str()
                    .bytes()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
            );
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), Code::ALL.len());
    }

    #[test]
    fn one_mistake_in_every_file_is_not_told_ten_thousand_times() {
        let one = |number| {
            Diagnostic::of_file(Code::NameMismatch, &format!("tenants/t{number}/tenant.yaml"), "x")
        };
        let mut all: Vec<Diagnostic> = (0..10_000).map(one).collect();
        all.push(Diagnostic::of_file(Code::BadGuid, "applecart.yaml", "the only one of its kind"));
        let text = render_all(&all);
        assert!(text.len() < 10_000, "{}", text.len());
        assert!(text.contains("the only one of its kind"), "{text}");
        assert!(text.ends_with(
            "… and 9950 more of name-mismatch; all of them:\n  applecart validate --format json\n"
        ));
    }

    #[test]
    fn a_file_as_a_whole_is_shown_without_a_place() {
        let missing = Diagnostic::of_file(
            Code::MissingTenantFile,
            "tenants/a\nb/tenant.yaml",
            "no tenant.yaml",
        )
        .with_help("write one\nor two");
        assert_eq!(
            render(&missing),
            "error[missing-tenant-file]: no tenant.yaml\n --> tenants/a\\u{a}b/tenant.yaml\n  = help: write one\n          or two\n"
        );
    }
}
