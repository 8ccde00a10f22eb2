//! Identities of age plugins, such as those of hardware keys: the plugin's program has the private
//! key, and opens a file's key in a conversation (<https://c2sp.org/age-plugin>).
//!
//! A program is started only where the user's environment names it, by its absolute path: neither a
//! file of the repository nor the search path decides what runs beside the keys.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::DecryptError;
use age::secrecy::{ExposeSecret as _, SecretString};
use age_core::format::{FileKey, Stanza};
use age_core::plugin::{Connection, IDENTITY_V1};
use applecart_core::model::safe_text;
use zeroize::Zeroizing;

use super::{IdentitiesError, IdentityFault, KeySource};

/// How every plugin's program is called.
const PREFIX: &str = "age-plugin-";

/// Asks somebody at the terminal; `None` where nobody sits there.
type AskAnytime = dyn Fn(&KeySource) -> Option<SecretString> + Send + Sync;

/// The programs of plugins that may be started.
#[derive(Clone)]
pub struct Plugins {
    programs: Vec<PathBuf>,
    ask: Arc<AskAnytime>,
}

impl Default for Plugins {
    fn default() -> Self {
        Self { programs: Vec::new(), ask: Arc::new(|_| None) }
    }
}

impl Plugins {
    /// Those that a setting names, and how a plugin asks for what it needs, such as a PIN.
    ///
    /// # Errors
    /// When one is not named by the absolute path of a plugin's program.
    pub fn new(
        setting: &KeySource,
        programs: Vec<PathBuf>,
        ask: Arc<AskAnytime>,
    ) -> Result<Self, IdentitiesError> {
        let is_one = |path: &PathBuf| path.is_absolute() && name_of(path).is_some();
        if !programs.iter().all(is_one) {
            return Err(IdentityFault::PluginPath.of(setting));
        }
        Ok(Self { programs, ask })
    }

    /// The identity on a line, where its plugin may be started.
    pub(super) fn identity(&self, name: &str, line: &str) -> Option<PluginIdentity> {
        let program = self.programs.iter().find(|path| name_of(path) == Some(name))?;
        Some(PluginIdentity {
            name: name.to_owned(),
            program: program.clone(),
            line: Zeroizing::new(line.to_owned()),
            ask: Arc::clone(&self.ask),
        })
    }
}

/// `age-plugin-yubikey`, also of a program that is called `….exe`.
fn name_of(program: &Path) -> Option<&str> {
    let name = program.file_name()?.to_str()?;
    let name = name.strip_suffix(".exe").unwrap_or(name);
    name.strip_prefix(PREFIX).filter(|rest| !rest.is_empty()).map(|_| name)
}

/// An identity whose private key a plugin has.
pub(super) struct PluginIdentity {
    name: String,
    program: PathBuf,
    line: Zeroizing<String>,
    ask: Arc<AskAnytime>,
}

impl PluginIdentity {
    fn file_key(&self, stanzas: &[Stanza]) -> io::Result<Option<FileKey>> {
        let mut plugin = Connection::open(&self.program, IDENTITY_V1)?;
        plugin.unidir_send(|mut phase| {
            phase.send("add-identity", &[self.line.as_str()], &[])?;
            let mut each = stanzas.iter();
            each.try_for_each(|stanza| phase.send_stanza("recipient-stanza", &["0"], stanza))
        })?;
        let mut found = None;
        let known = ["msg", "request-public", "request-secret", "file-key", "error"];
        plugin.bidir_receive(&known, |said, reply| {
            let body = Zeroizing::new(said.body);
            match said.tag.as_str() {
                "file-key" => {
                    found = <[u8; 16]>::try_from(body.as_slice()).ok().map(Box::new);
                    reply.ok(None)
                }
                "msg" | "error" => {
                    self.tell(&body);
                    reply.ok(None)
                }
                _ => {
                    self.tell(&body);
                    match (self.ask)(&KeySource::Plugin(self.name.clone())) {
                        Some(answer) => reply.ok(Some(answer.expose_secret().as_bytes())),
                        None => reply.fail(),
                    }
                }
            }
        })?;
        Ok(found.map(FileKey::new))
    }

    /// Passes on what the plugin says: "touch the key", or why it cannot open a file.
    fn tell(&self, said: &[u8]) {
        tracing::warn!("{}: {}", self.name, safe_text(&String::from_utf8_lossy(said)));
    }
}

impl age::Identity for PluginIdentity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    /// A plugin that fails says nothing about the file: it has no key for it, and another may.
    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        match self.file_key(stanzas) {
            Ok(key) => key.map(Ok),
            Err(error) => {
                self.tell(error.to_string().as_bytes());
                None
            }
        }
    }
}
