//! The pipelines of a host, as they stand in `examples/pipelines`.

use applecart_core::fleet::Forge;

macro_rules! example {
    ($path:literal) => {
        include_str!(concat!("../../../examples/pipelines/", $path))
    };
}

/// Where the scripts stand in a fleet; every host runs the same.
const SCRIPTS: &str = ".applecart/pipeline/";

const SHARED: &[(&str, &str)] = &[
    (".applecart/pipeline/install.sh", example!("scripts/install.sh")),
    (".applecart/pipeline/pull-request.sh", example!("scripts/pull-request.sh")),
];

/// Scripts of earlier fleets, which every pipeline now runs the program for; an update removes them.
const FORMER_SCRIPTS: [&str; 5] = [
    ".applecart/pipeline/apply.sh",
    ".applecart/pipeline/comment.sh",
    ".applecart/pipeline/host.sh",
    ".applecart/pipeline/issues.sh",
    ".applecart/pipeline/schedule.sh",
];

/// Whether this program has ever written a file of the pipelines there. What a fleet's record names
/// besides is somebody else's, and is neither written nor removed.
pub(super) fn is_one(path: &str) -> bool {
    FORMER_SCRIPTS.contains(&path)
        || Forge::ALL.iter().any(|&host| of(host).any(|(own, _)| own == path))
}

/// Path and text of each file.
pub(super) fn of(host: Forge) -> impl Iterator<Item = (&'static str, &'static str)> {
    let own: &[(&str, &str)] = match host {
        Forge::Github => &[
            (".github/workflows/applecart-build.yml", example!("github/applecart-build.yml")),
            (
                ".github/workflows/applecart-pull-request.yml",
                example!("github/applecart-pull-request.yml"),
            ),
            (".github/workflows/applecart-apply.yml", example!("github/applecart-apply.yml")),
            (".github/workflows/applecart-schedule.yml", example!("github/applecart-schedule.yml")),
        ],
        Forge::AzureDevops => &[
            (".azuredevops/applecart-build.yml", example!("azure/applecart-build.yml")),
            (
                ".azuredevops/applecart-pull-request.yml",
                example!("azure/applecart-pull-request.yml"),
            ),
            (".azuredevops/applecart-apply.yml", example!("azure/applecart-apply.yml")),
            (".azuredevops/applecart-schedule.yml", example!("azure/applecart-schedule.yml")),
        ],
        Forge::Gitlab => &[(".gitlab-ci.yml", example!("gitlab/.gitlab-ci.yml"))],
    };
    own.iter().chain(SHARED).copied()
}

/// Whether the file is run, and so must be executable.
pub(super) fn is_script(path: &str) -> bool {
    path.starts_with(SCRIPTS)
}
