//! Mistakes in a fleet's files: what, where, and what to do about it.
//!
//! The codes are a promise to scripts: they are never renamed, and each is explained by its
//! message without a manual. How a diagnostic is printed for people is decided here too, so that
//! tests and commands show the same.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::Excerpt;
use crate::model::safe_text;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+) => {
        /// What kind of mistake it is; stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Code {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $variant,)+
        }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as it is written in output.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

codes! {
    /// The file is not UTF-8.
    NotUtf8 = "not-utf8",
    /// The file is larger than a settings file may be.
    FileTooLong = "file-too-long",
    /// The file is not well-formed YAML, or has a character YAML forbids.
    Syntax = "syntax",
    /// The file nests deeper than any valid file does.
    TooDeep = "too-deep",
    /// A key stands twice in one mapping.
    DuplicateKey = "duplicate-key",
    /// A YAML feature that is not read here: alias, merge key, tag, directive, complex key.
    UnsupportedYaml = "unsupported-yaml",
    /// More than one document in a file.
    SeveralDocuments = "several-documents",
    /// The file has no content.
    EmptyFile = "empty-file",
    /// More mistakes than are shown for one file.
    TooManyMistakes = "too-many-mistakes",
    /// `apiVersion` is not one that this program reads.
    ApiVersion = "api-version",
    /// `kind` does not belong into this file.
    FileKind = "file-kind",
    /// A field that the format does not have.
    UnknownField = "unknown-field",
    /// A required field is missing.
    MissingField = "missing-field",
    /// A value of another type than the field takes.
    WrongType = "wrong-type",
    /// A word that is not one of the field's words.
    UnknownValue = "unknown-value",
    /// The fleet has no `applecart.yaml`.
    MissingFleetFile = "missing-fleet-file",
    /// A tenant's folder has no `tenant.yaml`.
    MissingTenantFile = "missing-tenant-file",
    /// No tenant at all.
    NoTenants = "no-tenants",
    /// A file directly under `tenants/`.
    StrayFile = "stray-file",
    /// A symbolic link or submodule where a tenant's folder should be.
    NotAFolder = "not-a-folder",
    /// A tenant's folder has too many entries.
    TooManyFiles = "too-many-files",
    /// The object is not in this clone.
    ObjectMissing = "object-missing",
    /// A text is empty, too long, or has characters that it must not have.
    BadText = "bad-text",
    /// A folder's or tenant's name that is not allowed.
    BadName = "bad-name",
    /// `name` differs from the folder.
    NameMismatch = "name-mismatch",
    /// Not a GUID.
    BadGuid = "bad-guid",
    /// Not a date or instant.
    BadDate = "bad-date",
    /// Not a duration.
    BadDuration = "bad-duration",
    /// Not a percentage.
    BadPercentage = "bad-percentage",
    /// A number outside its range.
    OutOfRange = "out-of-range",
    /// Not a SHA-256.
    BadSha256 = "bad-sha256",
    /// Not a certificate's serial number.
    BadSerial = "bad-serial",
    /// Not an MDM push topic.
    BadTopic = "bad-topic",
    /// Not a country code.
    BadCountry = "bad-country",
    /// Not a key that files can be sealed to.
    BadRecipient = "bad-recipient",
    /// Not a branch that the ledger can live on.
    BadBranch = "bad-branch",
    /// Not a path inside the repository.
    BadPath = "bad-path",
    /// `signers` is missing though signatures are required.
    MissingSigners = "missing-signers",
    /// A file that says who may sign is missing, empty, or not of its format.
    BadSigners = "bad-signers",
    /// Not the whole name of a commit.
    BadCommit = "bad-commit",
    /// A move that leads nowhere, or stands twice.
    BadMove = "bad-move",
    /// A token's `file` needs facts that are missing.
    MissingFact = "missing-fact",
    /// `sha256` without a `file`.
    Sha256WithoutFile = "sha256-without-file",
    /// A token file of a kind that is not watched.
    UnwatchedFile = "unwatched-file",
    /// `watch` is empty.
    NothingWatched = "nothing-watched",
    /// `file` names something that is not in the folder.
    MissingFile = "missing-file",
    /// `file` does not name a direct member of the folder.
    FileOutsideFolder = "file-outside-folder",
    /// `file` names a link, folder or submodule.
    FileNotPlain = "file-not-plain",
    /// A token file over the limit.
    FileTooLarge = "file-too-large",
    /// `auth` names a profile that does not exist.
    UnknownProfile = "unknown-profile",
    /// `allow` names a hold that does not exist.
    UnknownHold = "unknown-hold",
    /// `allow` names a hold that nothing releases.
    HoldNotReleasable = "hold-not-releasable",
    /// More tokens than a tenant may have.
    TooManyTokens = "too-many-tokens",
    /// A token's name stands twice in one tenant.
    DuplicateName = "duplicate-name",
    /// A token's id stands twice.
    DuplicateTokenId = "duplicate-token-id",
    /// Two tenants have the same `tenantId`.
    DuplicateTenantId = "duplicate-tenant-id",
    /// Two tokens have the same file.
    DuplicateTokenFile = "duplicate-token-file",
    /// Two tokens have the same `sha256`.
    DuplicateSha256 = "duplicate-sha256",
    /// Two tenants have the same push topic.
    DuplicateTopic = "duplicate-topic",
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// How bad it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The file is not used as it is.
    Error,
    /// Probably not what was meant; the file is used.
    Warning,
}

impl Severity {
    /// The severity as it is written in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
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

impl Diagnostic {
    /// A mistake of a file as a whole.
    pub fn of_file(code: Code, file: &str, message: impl Into<String>) -> Self {
        Self {
            file: safe_text(file),
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

    /// Whether it keeps the file from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Renders one diagnostic for people, without colour, ending with a line feed.
pub fn render(diagnostic: &Diagnostic) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_diagnostic(&mut out, diagnostic);
    out
}

/// Renders diagnostics for people, with an empty line between two.
pub fn render_all<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>) -> String {
    diagnostics.into_iter().map(render).collect::<Vec<_>>().join("\n")
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
