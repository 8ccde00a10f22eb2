//! What a person is told of a download: why it was refused, and what becomes of one that the fleet
//! has now.

use std::path::{Path, PathBuf};

use super::error::CliError;
use super::output::Output;
use crate::app::download;
use applecart_core::apple::{FindingCode, Inspection, Verdict};
use applecart_core::model::Sha256;
use applecart_core::report::{self, escape};

/// Deletes a download that the fleet has now where that was asked for, else says what to do with
/// it.
pub(super) fn leave(
    file: Option<&PathBuf>,
    sha256: Sha256,
    remove: bool,
    output: &Output,
) -> Result<(), CliError> {
    let Some(file) = file.filter(|file| *file != Path::new("-")) else { return Ok(()) };
    let shown = file.display();
    output.note(&match remove {
        false => format!("{shown} is no longer needed: delete it (--remove-download does)"),
        true if download::remove(file, sha256)? => format!("deleted {shown}"),
        true => format!("warning: {shown} is another file by now, and was not deleted"),
    });
    Ok(())
}

/// Whether the file is a token file by its content.
pub(super) fn is_token(inspection: &Inspection) -> bool {
    let is_other = |code: FindingCode| code == FindingCode::WrongKind;
    inspection.kind.is_some() && !inspection.findings.iter().any(|one| is_other(one.code))
}

/// A refused file with every reason: the verdict is that of all of them, not of the file alone.
pub(super) fn refused(
    inspection: &Inspection,
    reasons: &[String],
    shown: &str,
    width: usize,
) -> String {
    let told = |code: &str| reasons.iter().any(|reason| reason.split(": ").next() == Some(code));
    let findings = inspection.findings.iter().filter(|one| !told(one.code.as_str()));
    let heading = Inspection {
        verdict: Verdict::Refuse,
        findings: findings.cloned().collect(),
        ..inspection.clone()
    };
    let file = report::inspection_human(&heading, shown, width);
    let (verdict, rest) = file.split_once('\n').unwrap_or((&file, ""));
    let mut text = format!("{verdict}\n");
    for reason in reasons {
        let (code, detail) = reason.split_once(": ").unwrap_or(("refused", reason));
        text.push_str(&format!("\n  {}\n", escape(code)));
        for sentence in detail.split_inclusive(". ") {
            text.push_str(&format!("    {}\n", escape(sentence.trim_end())));
        }
    }
    text.push_str(rest);
    text
}
