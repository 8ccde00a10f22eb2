//! What an import did, for people and for scripts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{BAD, DIM, GOOD, HEAD, LOOK, escape, plural, styled, wrap};
use crate::model::{Kind, Problem, TenantId};

/// The version of [`ImportReport`].
pub const IMPORT_VERSION: &str = "1.0";

/// What became of one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Imported {
    /// It has a tenant file now that it did not have.
    Created,
    /// Its tenant file has other facts now.
    Updated,
    /// Its tenant file says all of it already.
    Unchanged,
    /// It has a tenant file, and no update was asked for.
    Exists,
    /// A customer that is proved to have none of the three credentials; no file was written.
    Empty,
    /// Its file cannot be written as things stand; the notes say why.
    Refused,
    /// It could not be read; nothing was written.
    Failed,
}

impl Imported {
    /// `written` tells what became of it from what would.
    fn word(self, written: bool) -> &'static str {
        match self {
            Self::Created if !written => "to create",
            Self::Updated if !written => "to update",
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Exists => "exists",
            Self::Empty => "empty",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImportNoteCode {
    /// The folder's name was made up or changed, because another one has it.
    Name,
    /// A value in Intune that a tenant file cannot have was left out.
    NotWritten,
    /// A token was added to the tenant file.
    Added,
    /// A token whose credential in Intune is not its file is watched from now on.
    Adopted,
    /// The push certificate in Intune has another topic than the earlier file.
    TopicChanged,
    /// The location of a VPP token has another name in Intune than the earlier file had.
    LocationChanged,
    /// A VPP token in Intune is of another organisation than the earlier file says.
    OrganizationChanged,
    /// A token in Intune belongs to another Apple Account than the earlier file says.
    AccountChanged,
    /// A token was deleted in Intune and created again; the entry names the new id.
    MadeAgain,
    /// A token in Git is proved absent in Intune; its entry stays.
    Missing,
    /// It is unknown which token in Intune an entry means.
    Ambiguous,
    /// A write of this token is held for another reason than a change outside Git.
    Held,
    /// A value in Git that is a wish, not a fact, differs from Intune and stays.
    Differs,
    /// A sealed file in the folder that no token names any more.
    Unreferenced,
    /// The folder has a tenant file already, or another tenant's.
    InTheWay,
    /// The file would be invalid, or cannot be edited without touching other text.
    Invalid,
    /// Something of the file system's.
    File,
}

/// One thing worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportNote {
    /// What it is about.
    pub code: ImportNoteCode,
    /// The token, such as `vpp "London"`; `null` when it is the tenant.
    pub token: Option<String>,
    /// A sentence for a person.
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedTenant {
    pub name: String,
    /// The directory id; `null` where an invalid file does not say.
    pub tenant_id: Option<TenantId>,
    /// What people call it.
    pub display_name: Option<String>,
    /// What became of it; with `written: false` what would.
    pub result: Imported,
    /// The tenant file, from the repository's root; `null` where none was or would be written.
    pub file: Option<String>,
    /// Kinds that could not be read. They are left out or as they were, not taken for absent.
    pub unknown: Vec<Kind>,
    pub problems: Vec<Problem>,
    pub notes: Vec<ImportNote>,
    /// The change of an existing file as a unified diff; `null` where there is none.
    pub diff: Option<String>,
}

/// How many tenants ended how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportSummary {
    /// With a new file.
    pub created: usize,
    pub updated: usize,
    /// Tenants whose file says already what Intune has.
    pub unchanged: usize,
    /// Left alone: a file is there already, or there is nothing to write.
    pub skipped: usize,
    pub refused: usize,
    pub failed: usize,
}

/// The result of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    pub format_version: String,
    /// The version of the program.
    pub applecart: String,
    /// Whether the files were written; otherwise the report says what would be.
    pub written: bool,
    /// Contracts of the partner that name no directory.
    pub unusable_contracts: usize,
    /// The tenants, sorted by name.
    pub tenants: Vec<ImportedTenant>,
    pub summary: ImportSummary,
}

impl ImportReport {
    /// A report of these tenants.
    pub fn new(mut tenants: Vec<ImportedTenant>, unusable_contracts: usize, written: bool) -> Self {
        tenants
            .sort_by(|one, other| (&one.name, one.tenant_id).cmp(&(&other.name, other.tenant_id)));
        let mut summary = ImportSummary::default();
        for tenant in &tenants {
            *match tenant.result {
                Imported::Created => &mut summary.created,
                Imported::Updated => &mut summary.updated,
                Imported::Unchanged => &mut summary.unchanged,
                Imported::Exists | Imported::Empty => &mut summary.skipped,
                Imported::Refused => &mut summary.refused,
                Imported::Failed => &mut summary.failed,
            } += 1;
        }
        Self {
            format_version: IMPORT_VERSION.to_owned(),
            applecart: env!("CARGO_PKG_VERSION").to_owned(),
            written,
            unusable_contracts,
            tenants,
            summary,
        }
    }
}

/// The tenants line by line, each with what is worth knowing, then the counts.
pub fn import_human(report: &ImportReport, width: usize) -> String {
    let mut out = String::new();
    for tenant in &report.tenants {
        let style = match tenant.result {
            Imported::Created | Imported::Updated => GOOD,
            Imported::Unchanged | Imported::Exists | Imported::Empty => DIM,
            Imported::Refused | Imported::Failed => BAD,
        };
        let called = tenant.display_name.as_deref().map(|name| format!("  {}", escape(name)));
        out.push_str(&format!(
            "{}  {}{}\n",
            styled(style, &format!("{:<9}", tenant.result.word(report.written))),
            styled(HEAD, &escape(&tenant.name)),
            called.unwrap_or_default(),
        ));
        for problem in &tenant.problems {
            let what = problem.resource.map_or_else(String::new, |resource| {
                format!("{} unknown, left unchanged: ", format!("{resource:?}").to_lowercase())
            });
            let detail = problem.detail.as_deref().unwrap_or_default();
            let text = format!("{what}{}: {}", problem.code, escape(detail));
            out.push_str(&styled(LOOK, wrap(&text, 4, width).trim_end()));
            out.push('\n');
        }
        for note in &tenant.notes {
            let token = note.token.as_deref().map(|token| format!("{}: ", escape(token)));
            let text = format!("{}{}", token.unwrap_or_default(), escape(&note.detail));
            out.push_str(&wrap(&text, 4, width));
        }
        if let Some(diff) = &tenant.diff {
            out.push('\n');
            for line in diff.lines() {
                let line = escape(line.trim_end_matches('\r'));
                let style = match line.as_bytes().first() {
                    Some(b'+') => GOOD,
                    Some(b'-') => BAD,
                    _ => DIM,
                };
                out.push_str(&format!("{}\n", styled(style, &line)));
            }
            out.push('\n');
        }
    }
    if report.unusable_contracts > 0 {
        let contracts = plural(report.unusable_contracts, "contract");
        out.push_str(&format!("{contracts} of the partner name no tenant and were skipped\n"));
    }
    let ImportSummary { created, updated, unchanged, skipped, refused, failed } = &report.summary;
    let would = if report.written { "" } else { " (nothing was written)" };
    let [new, old] = [Imported::Created, Imported::Updated].map(|one| one.word(report.written));
    out.push_str(&format!(
        "{created} {new}, {updated} {old}, {unchanged} unchanged, {skipped} skipped, {refused} refused, {failed} failed{would}\n"
    ));
    out
}
