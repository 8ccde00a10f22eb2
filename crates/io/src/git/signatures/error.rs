//! Why a signature could not be judged. Nothing here says anything about a commit.

use crate::git::GitError;
use crate::git::program::ToolError;

/// Why a signature could not be judged, or not be made.
#[derive(Debug, thiserror::Error)]
pub enum SignersError {
    /// A file that the settings name cannot say who may sign.
    #[error("nobody can be told to be a signer: {path} of the policy revision {why}")]
    File {
        /// The setting that names it.
        setting: &'static str,
        /// From the repository's root.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The settings name no such file.
    #[error("the settings name nobody who may sign")]
    Nobody,
    /// The key that the ledger is signed with cannot sign.
    #[error("{variable} names {path}, which cannot sign the ledger")]
    Key {
        /// The variable.
        variable: &'static str,
        /// What it names.
        path: String,
        /// Why.
        #[source]
        source: ToolError,
    },
    /// A program is missing, too old, or failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A folder for the verification could not be made or written to.
    #[error("the files for verifying signatures could not be written")]
    Folder(#[from] std::io::Error),
    /// The repository cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl SignersError {
    /// Whether it is the source's fault, and not this machine's.
    pub fn is_about_source(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Nobody)
    }
}
