//! The key with which this machine signs the ledger.

use std::path::{Path, PathBuf};

use super::{Signature, Signers, SignersError, format};
use crate::git::program::{Tool, ToolError};

/// An SSH key that signs commits of the ledger.
///
/// It is named by its file, and never read here: `ssh-keygen` does. The file may be the public key
/// of one that an SSH agent or a security key holds.
#[derive(Clone, Debug)]
pub struct SigningKey {
    path: PathBuf,
}

impl SigningKey {
    /// The variable that names the key's file. It is never named in the repository.
    pub const VARIABLE: &str = "APPLECART_LEDGER_SIGNING_KEY";

    /// The key of a file, once it has signed something.
    ///
    /// # Errors
    /// When it cannot sign: no such file, a passphrase that cannot be typed, no `ssh-keygen`.
    pub fn open(path: &Path) -> Result<Self, SignersError> {
        let absolute = std::path::absolute(path)?;
        let key = Self { path: absolute };
        let failed = |source| match source {
            ToolError::Missing { .. } | ToolError::TooOld { .. } => SignersError::Tool(source),
            source => SignersError::Key {
                variable: Self::VARIABLE,
                path: path.display().to_string(),
                source,
            },
        };
        key.sign(b"probe").map(|_| key).map_err(failed)
    }

    /// The signature of a commit object's content, as it goes under `gpgsig`.
    pub(crate) fn sign(&self, content: &[u8]) -> Result<String, ToolError> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let tool = Tool::new("ssh-keygen", folder).with_agent();
        let path = self.path.as_os_str();
        let arguments = ["-q".as_ref(), "-Y".as_ref(), "sign".as_ref(), "-n".as_ref()];
        let arguments =
            [&arguments[..], &[format::NAMESPACE.as_ref(), "-f".as_ref(), path]].concat();
        let signature = tool.run("sign", &arguments, content.to_vec())?;
        Ok(String::from_utf8_lossy(&signature).trim_end().to_owned())
    }

    /// What those who read the ledger will find of this key's signatures.
    pub fn judged_by(&self, signers: &Signers, at: i64) -> Result<Signature, SignersError> {
        // The empty tree, which every repository knows.
        let head = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904";
        let who = format!("Applecart <applecart@localhost> {at} +0000");
        let header = format!("{head}\nauthor {who}\ncommitter {who}\n");
        let unsigned = format!("{header}\nprobe\n");
        let signature = self.sign(unsigned.as_bytes())?.replace('\n', "\n ");
        let signed = format!("{header}gpgsig {signature}\n\nprobe\n");
        let mut found = signers.judge(&[signed.into_bytes()])?;
        Ok(found.pop().unwrap_or(Signature::Unsigned))
    }
}
