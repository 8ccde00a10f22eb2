//! What was merged after the planned commit: a clone that is behind, or an older revision.

use super::tenant::OneTenant;
use super::token::OneToken;
use super::words::{Words, of_table};
use crate::attention::{Cause, Matter, Severity};
use crate::plan::WaitingFile;

const CATCH_UP: &str =
    "Bring the clone up to date, then run this again without naming an older revision:";
pub(super) const PULL: &str = "git pull --ff-only";

impl OneTenant<'_> {
    /// The base has other content for the tenant: what is calm here may be last week's.
    pub(super) fn outdated(&self) -> Option<Matter> {
        let outdated = self.tenant.outdated.as_ref()?;
        let (why, _) = of_table(Cause::TenantOutdated);
        let waiting: Vec<String> =
            outdated.files.iter().map(|file| file.token.to_string()).collect();
        let brought = match waiting.is_empty() {
            true => String::new(),
            false => {
                format!(" A reviewed file waits there to be uploaded: {}.", waiting.join(", "))
            }
        };
        let message = format!(
            "The default branch has other content for this tenant than the planned commit, which is older.{brought} {why}"
        );
        let words = Words::new(message, CATCH_UP).run(PULL);
        let matter = self.matter(Cause::TenantOutdated, None, None, words);
        let severity = if waiting.is_empty() { matter.severity } else { Severity::Critical };
        Some(Matter { severity, ..matter })
    }
}

impl OneToken<'_> {
    /// The file that the base has for it, and the planned revision lacks.
    pub(super) fn waiting(&self) -> Option<&WaitingFile> {
        let mut files = self.of.tenant.outdated.as_ref()?.files.iter();
        files.find(|file| file.token.same_token(&self.token))
    }
}
