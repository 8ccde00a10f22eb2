//! Arguments that several commands take.

use std::path::PathBuf;

use clap::ValueEnum;

use super::complete;
use super::error::CliError;
use applecart_core::fleet::parse_duration;
use applecart_core::model::Kind;
use applecart_core::plan::Selection;

/// Which tenants a command is about.
#[derive(clap::Args, Debug)]
pub(super) struct Selected {
    /// Only these tenants: a name (`contoso`, `con*`), `tenantId=…` or a label (`ring=pilot`). A
    /// comma means "and" (`ring=pilot,region!=emea`); repeat --select to add more tenants
    #[arg(long, value_name = "EXPR", add = complete::selection())]
    select: Vec<String>,
}

impl Selected {
    pub(super) fn selection(&self) -> Result<Selection, CliError> {
        Ok(Selection::parse(&self.select)?)
    }
}

/// Who opens sealed files.
#[derive(clap::Args, Debug)]
pub(super) struct Keys {
    /// A file with age identities that open sealed files; repeat to add more. SOPS_AGE_KEY_FILE,
    /// SOPS_AGE_KEY, SOPS_AGE_KEY_CMD and SOPS's own key file are read too
    #[arg(long, value_name = "FILE")]
    pub(super) identity: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum KindName {
    Push,
    Enrollment,
    Vpp,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Push => Self::Push,
            KindName::Enrollment => Self::Enrollment,
            KindName::Vpp => Self::Vpp,
        }
    }
}

/// A length of time such as 45d, 12h or 30m, as the settings write it.
pub(super) fn duration(option: &'static str, text: &str) -> Result<chrono::Duration, CliError> {
    let wrong = || CliError::Duration { option, text: text.to_owned() };
    parse_duration(text).ok_or_else(wrong)
}
