//! One table of every code that people and scripts see.
//!
//! A code is a promise: it is never renamed. The enums that carry codes stay in the rooms that
//! raise them and are made by [`code_enum!`](crate::code_enum), which does not compile for a code
//! that the table lacks. `applecart explain`, `docs/codes.md`, the descriptions in the schemas and
//! the help of `validate` all come from here. The table knows no other room.

mod diagnostics;
mod files;
mod holds;
mod ledger;
mod states;
mod tenants;

pub use holds::Reason;

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::words::kebab_enum;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

/// Where a code appears. One code may appear in several places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Appearance {
    /// `reasons` of a plan: a write that would be due must not happen.
    Hold,
    /// A finding of `inspect` that refuses the file.
    Refusal,
    /// A finding of `inspect` that lets the file pass.
    Remark,
    /// A reason why `renew` or `seal` does not take a file.
    Renewal,
    /// `warnings` of a plan; holds nothing.
    Warning,
    /// `healthReasons`: Intune or Apple does not accept the credential.
    Health,
    /// `problems` of a tenant: something could not be read.
    Problem,
    /// The `cause` of an upload that failed, in the ledger and in the result of `apply`.
    Failure,
    /// `result` of `apply`: a write that was due did not happen.
    Result,
    /// `sync`: how Intune compares with Git.
    Sync,
    /// `expiry`: how much time is left.
    Expiry,
    /// A mistake in the fleet's files, from `validate`.
    Diagnostic,
    /// What is wrong with the ledger.
    Ledger,
    /// `attention`: a matter that needs a person and appears nowhere else.
    Attention,
}

impl Appearance {
    /// Every one, in the order of the reference.
    pub const ALL: [Self; 14] = [
        Self::Hold,
        Self::Refusal,
        Self::Remark,
        Self::Renewal,
        Self::Warning,
        Self::Health,
        Self::Problem,
        Self::Failure,
        Self::Result,
        Self::Sync,
        Self::Expiry,
        Self::Diagnostic,
        Self::Ledger,
        Self::Attention,
    ];

    /// In words, for a list.
    pub fn words(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Refusal => "finding that refuses the file",
            Self::Remark => "finding that only warns",
            Self::Renewal => "refusal of `renew` and `seal`",
            Self::Warning => "warning",
            Self::Health => "health reason",
            Self::Problem => "problem of a tenant",
            Self::Failure => "cause of a failed upload",
            Self::Result => "result of `apply`",
            Self::Sync => "sync state",
            Self::Expiry => "expiry state",
            Self::Diagnostic => "mistake in the fleet's files",
            Self::Ledger => "fault of the ledger",
            Self::Attention => "matter that needs a person",
        }
    }

    /// A heading over the codes that first appear here.
    fn heading(self) -> &'static str {
        match self {
            Self::Hold => "Holds",
            Self::Refusal => "Findings that refuse a file",
            Self::Remark => "Findings that only warn",
            Self::Renewal => "Refusals of renew and seal",
            Self::Warning => "Warnings",
            Self::Health => "Health reasons",
            Self::Problem => "Problems of a tenant",
            Self::Failure => "Causes of a failed upload",
            Self::Result => "Results of apply",
            Self::Sync => "Sync states",
            Self::Expiry => "Expiry states",
            Self::Diagnostic => "Mistakes in the fleet's files",
            Self::Ledger => "Faults of the ledger",
            Self::Attention => "Other matters that need a person",
        }
    }
}

kebab_enum! {
    /// How much a code weighs.
    Weight {
        /// It informs; nothing has to be done.
        Note => "note",
        /// Worth a look; nothing is stopped by it.
        Warning => "warning",
        /// Something that is due does not happen, or cannot be told.
        Error => "error",
        /// Devices, licences or the protection of credentials are at stake.
        Critical => "critical",
    }
}

/// What a reviewer may write so that a hold no longer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Release {
    /// An `allow` line on the token.
    Allow,
    /// A `moves` line in applecart.yaml.
    Moves,
    /// `claim: true` on the token.
    Claim,
    /// `create: true` on the token.
    Create,
    /// `consent: {dataSharing: true}` in the tenant file.
    Consent,
    /// Another date in `suspend`, or no such line.
    Suspend,
    /// Intune's `id` on the token, or no `id`.
    Id,
    /// `appleId` on the token.
    AppleId,
    /// `downloaded` on the token.
    Downloaded,
    /// What `applecart import --update` writes.
    Import,
    /// Another `wire` in applecart.yaml.
    Wire,
}

impl Release {
    /// The field or command to write, as a sentence names it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Allow => "an `allow` line on the token",
            Self::Moves => "a `moves` line in applecart.yaml",
            Self::Claim => "`claim: true` on the token",
            Self::Create => "`create: true` on the token",
            Self::Consent => "`consent: {dataSharing: true}` in the tenant file",
            Self::Suspend => "another date in `suspend`, or no `suspend`",
            Self::Id => "Intune's `id` on the token, or no `id`",
            Self::AppleId => "`appleId` on the token",
            Self::Downloaded => "`downloaded` on the token",
            Self::Import => "`applecart import --update`",
            Self::Wire => "another `wire` in applecart.yaml",
        }
    }
}

/// What is to be known of one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// In kebab-case, as plans and the ledger name it.
    pub code: &'static str,
    /// The outputs that show it; never empty.
    pub appears: &'static [Appearance],
    /// How much it weighs.
    pub severity: Weight,
    /// What a reviewer may write so that it no longer holds a write.
    pub released_by: &'static [Release],
    pub meaning: &'static str,
    /// Why it is raised.
    pub why: &'static str,
    /// What to do next.
    pub next: &'static str,
}

impl Explanation {
    /// Whether an `allow` line of a tenant file may release it.
    pub(crate) const fn is_releasable(&self) -> bool {
        let mut at = 0;
        while at < self.released_by.len() {
            if matches!(self.released_by[at], Release::Allow) {
                return true;
            }
            at += 1;
        }
        false
    }

    /// Whether it appears there.
    pub(crate) const fn appears_as(&self, appearance: Appearance) -> bool {
        let mut at = 0;
        while at < self.appears.len() {
            if self.appears[at] as u8 == appearance as u8 {
                return true;
            }
            at += 1;
        }
        false
    }
}

/// Writes rows of the table.
macro_rules! rows {
    ($($code:literal [$($appears:ident)+] $severity:ident ($($release:ident)*)
        $meaning:expr, $why:expr, $next:expr;)+) => {
        pub(super) const TABLE: &[crate::rules::codes::Explanation] = &[$(
            crate::rules::codes::Explanation {
                code: $code,
                appears: &[$(crate::rules::codes::Appearance::$appears),+],
                severity: crate::rules::codes::Weight::$severity,
                released_by: &[$(crate::rules::codes::Release::$release),*],
                meaning: $meaning,
                why: $why,
                next: $next,
            },
        )+];
    };
}
use rows;

const TABLE: [&[Explanation]; 6] =
    [holds::TABLE, files::TABLE, states::TABLE, tenants::TABLE, diagnostics::TABLE, ledger::TABLE];

/// Every code of every output, in the order of `applecart explain`.
pub fn all() -> impl Iterator<Item = &'static Explanation> {
    TABLE.into_iter().flatten()
}

/// Every code under a heading, by where it appears first.
pub fn grouped() -> impl Iterator<Item = (&'static str, impl Iterator<Item = &'static Explanation>)>
{
    Appearance::ALL.into_iter().map(|appearance| {
        let codes = all().filter(move |one| one.appears.first() == Some(&appearance));
        (appearance.heading(), codes)
    })
}

/// What is known of a code.
pub fn explain(code: &str) -> Option<&'static Explanation> {
    all().find(|one| one.code == code)
}

/// The code that was probably meant.
pub fn nearest(code: &str) -> Option<&'static str> {
    crate::model::nearest(code, all().map(|one| one.code))
}

/// The entry of a code that has to appear at one of these places. Called where the program is
/// compiled, so that a code without an entry stops the build.
#[doc(hidden)]
#[expect(clippy::panic, reason = "evaluated where the program is compiled, never where it runs")]
pub const fn entry(code: &str, appears: &[Appearance]) -> &'static Explanation {
    let mut group = 0;
    while group < TABLE.len() {
        let mut row = 0;
        while row < TABLE[group].len() {
            let one = &TABLE[group][row];
            if is_same(one.code.as_bytes(), code.as_bytes()) {
                let mut at = 0;
                while at < appears.len() {
                    if one.appears_as(appears[at]) {
                        return one;
                    }
                    at += 1;
                }
                panic!("the entry of this code in rules::codes lacks the place where it appears");
            }
            row += 1;
        }
        group += 1;
    }
    panic!("rules::codes has no entry for this code");
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The schema of an enum of codes, described by the table.
#[doc(hidden)]
pub fn schema(description: &str, codes: impl Iterator<Item = &'static Explanation>) -> Schema {
    let one_of: Vec<_> = codes
        .map(|one| {
            schemars::json_schema!({
                "type": "string", "const": one.code, "description": one.meaning,
            })
        })
        .collect();
    schemars::json_schema!({ "description": description.trim(), "oneOf": one_of })
}

/// Makes an enum of codes. Each of them has to be in [the table](self) with one of the given
/// places, or the program does not compile.
#[macro_export]
#[doc(hidden)]
macro_rules! code_enum {
    ($(#[doc = $doc:literal])+ $name:ident [$($appears:ident)+] { $($variant:ident = $code:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize,
            serde::Deserialize,
        )]
        #[allow(missing_docs, reason = "rules::codes has the meaning of each")]
        pub enum $name { $(#[serde(rename = $code)] $variant,)+ }

        impl $name {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as it is written in output.
            pub fn as_str(self) -> &'static str {
                self.explained().code
            }

            /// What the table says of it.
            pub fn explained(self) -> &'static $crate::rules::codes::Explanation {
                use $crate::rules::codes::{Appearance, Explanation, entry};
                const APPEARS: &[Appearance] = &[$(Appearance::$appears),+];
                match self {
                    $(Self::$variant => const { let found: &Explanation = entry($code, APPEARS); found },)+
                }
            }

            /// The value that is written so.
            pub fn of(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == code)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let codes = Self::ALL.iter().map(|one| one.explained());
                $crate::rules::codes::schema(concat!($($doc, "\n"),+), codes)
            }
        }
    };
}

/// The machine output of `explain`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanations {
    /// The version of this format.
    pub format_version: Cow<'static, str>,
    /// The codes that were asked for; all without one.
    pub codes: Vec<Explanation>,
}

impl Explanations {
    /// The answer of `applecart explain --format json` for these codes.
    pub fn of<'a>(codes: impl IntoIterator<Item = &'a Explanation>) -> Self {
        Self { format_version: "1.0".into(), codes: codes.into_iter().copied().collect() }
    }
}

/// All codes as a Markdown document.
pub fn reference() -> String {
    let mut text = String::from(
        "# Codes\n\n\
         Every hold, finding, problem and warning: what it means, why it is raised, what to do next.\n\
         Generated from the program; see CONTRIBUTING.md. `applecart explain CODE` prints one of them.\n",
    );
    for (heading, codes) in grouped() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n## {heading}");
        for one in codes {
            let appears: Vec<&str> = one.appears.iter().map(|place| place.words()).collect();
            let _ = write!(
                text,
                "\n### {}\n\n*{} · {}*\n\n{} {}\n\nNext: {}\n",
                one.code,
                appears.join(", "),
                one.severity.as_str(),
                one.meaning,
                one.why,
                one.next
            );
            if !one.released_by.is_empty() {
                let by: Vec<&str> = one.released_by.iter().map(|release| release.words()).collect();
                let _ = writeln!(text, "\nReleased by: {}.", by.join("; "));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests;
