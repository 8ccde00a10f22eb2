//! Sealing with SOPS, for fleets that use it: the program of that name writes its own format.

pub(in crate::cli) use crate::app::SopsError;
use applecart_io::git::program::Tool;
use applecart_io::vault::{self, Form, Secret};

/// Seals to these recipients. The opened file goes through a pipe, never through a file.
///
/// SOPS runs in an empty folder with an empty environment: neither a `.sops.yaml` nor a variable
/// adds a key that `recipients` in applecart.yaml does not list.
pub(in crate::cli) fn seal(
    content: &Secret,
    recipients: &[String],
    name: &str,
) -> Result<Vec<u8>, SopsError> {
    let folder = tempfile::tempdir().map_err(SopsError::Folder)?;
    let to = recipients.join(",");
    let sealed = Tool::new("sops", folder.path()).run(
        "seal the file",
        &[
            "encrypt",
            "--age",
            &to,
            "--input-type",
            "binary",
            "--output-type",
            "binary",
            "--filename-override",
            name,
        ],
        content.expose().to_vec(),
    )?;
    match vault::form(&sealed) {
        Some(Form::Sops { recipients: Some(mut found) }) => {
            let mut wanted = recipients.to_vec();
            wanted.sort();
            found.sort();
            if found == wanted { Ok(sealed) } else { Err(SopsError::Other) }
        }
        _ => Err(SopsError::Other),
    }
}
