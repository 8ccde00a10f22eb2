//! Why a signature could not be judged. Nothing here says anything about a commit.

use crate::git::GitError;
use crate::git::program::ToolError;

/// Why a signature could not be judged, or not be made.
#[derive(Debug, thiserror::Error)]
pub enum SignersError {
    #[error("nobody can be told to be a signer: {path} of the policy revision {why}")]
    File {
        /// The setting that names it.
        setting: &'static str,
        /// From the repository's root.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    #[error("the settings name nobody who may sign")]
    Nobody,
    #[error("{variable} names {path}, which cannot sign the ledger")]
    Key {
        variable: &'static str,
        path: String,
        #[source]
        source: ToolError,
    },
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error("the files for verifying signatures could not be written")]
    Folder(#[from] std::io::Error),
    #[error(transparent)]
    Git(#[from] GitError),
}

impl SignersError {
    /// Whether it is the source's fault, and not this machine's.
    pub fn is_about_source(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Nobody)
    }
}
