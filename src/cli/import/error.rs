//! Why an import could not even begin.

use std::path::PathBuf;

use applecart_core::model::{Outcome, Problem, TenantId};

/// Why nothing was imported. What goes wrong with one tenant is in the report instead.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ImportError {
    /// The arguments do not fit together.
    #[error("{0}")]
    Usage(String),
    /// The list has mistakes.
    #[error("the list {} cannot be used: {}", path.display(), .mistakes.join("; "))]
    List { path: PathBuf, mistakes: Vec<String> },
    /// The partner's customers could not be listed.
    #[error("the customers of the partner {partner} could not be listed: {}{}", .problem.code, detail(.problem))]
    Customers { partner: TenantId, problem: Box<Problem> },
    /// The settings' base is unknown, so nobody is asked with them.
    #[error("{0}")]
    Blind(String),
    /// Existing files would change, and nobody can be asked.
    #[error("{} would change, and there is no terminal to ask; nothing was written", applecart_core::report::plural(*.files, "existing tenant file"))]
    NobodyToAsk { files: usize },
}

fn detail(problem: &Problem) -> String {
    problem.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default()
}

impl ImportError {
    pub(in crate::cli) fn outcome(&self) -> Outcome {
        match self {
            Self::Usage(_) | Self::List { .. } | Self::NobodyToAsk { .. } => Outcome::Usage,
            Self::Customers { problem, .. } if problem.code.is_sign_in() => Outcome::SignIn,
            Self::Customers { .. } | Self::Blind(_) => Outcome::Partial,
        }
    }

    pub(in crate::cli) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Usage(_) | Self::Blind(_) => None,
            Self::List { .. } => Some(
                "the first line is `name,tenantId`, with `displayName` and `auth` where wanted; one tenant a line, as CSV",
            ),
            Self::Customers { .. } => Some(
                "only a partner's own directory lists customers; the application needs Directory.Read.All there. A list works without: --from FILE",
            ),
            Self::NobodyToAsk { .. } => Some(
                "look at the changes above, then go on with --yes, or only look with --dry-run",
            ),
        }
    }
}
