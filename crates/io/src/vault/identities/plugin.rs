//! Identities of age plugins, such as those of hardware keys: the plugin's program has the private
//! key, and opens a file's key in a conversation (<https://c2sp.org/age-plugin>).
//!
//! A program is started only where the user's environment names it, by its absolute path: neither a
//! file of the repository nor the search path decides what runs beside the keys.

mod talk;
#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use age::DecryptError;
use age::secrecy::{ExposeSecret as _, SecretString};
use age_core::format::{FileKey, Stanza};
use applecart_core::model::safe_text;
use zeroize::Zeroizing;

use self::talk::{Talk, TalkError};
use super::{IdentitiesError, IdentityFault, KeySource};

/// How every plugin's program is called.
const PREFIX: &str = "age-plugin-";

/// How long a plugin may take for each answer: a hardware key waits for somebody who touches it.
const PATIENCE: Duration = Duration::from_secs(60);

/// After how long it is told what is waited for.
const PAUSE: Duration = Duration::from_secs(3);

/// Asks somebody at the terminal; `None` where nobody sits there.
type AskAnytime = dyn Fn(&KeySource) -> Option<SecretString> + Send + Sync;

/// The programs of plugins that may be started.
#[derive(Clone)]
pub struct Plugins {
    programs: Vec<PathBuf>,
    ask: Arc<AskAnytime>,
    patience: Duration,
}

impl Default for Plugins {
    fn default() -> Self {
        Self { programs: Vec::new(), ask: Arc::new(|_| None), patience: PATIENCE }
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
        Ok(Self { programs, ask, patience: PATIENCE })
    }

    /// The identity on a line, where its plugin may be started.
    pub(super) fn identity(&self, name: &str, line: &str) -> Option<PluginIdentity> {
        let program = self.programs.iter().find(|path| name_of(path) == Some(name))?;
        Some(PluginIdentity {
            name: name.to_owned(),
            program: program.clone(),
            line: Zeroizing::new(line.to_owned()),
            ask: Arc::clone(&self.ask),
            patience: self.patience,
            is_given_up: AtomicBool::new(false),
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
    patience: Duration,
    /// Whether it did not answer: nobody waits for it a second time, with each file that is left.
    is_given_up: AtomicBool,
}

impl PluginIdentity {
    fn file_key(&self, stanzas: &[Stanza]) -> Result<Option<FileKey>, TalkError> {
        let mut talk = Talk::open(&self.program)?;
        talk.send("add-identity", &[self.line.as_str()], &[])?;
        for stanza in stanzas {
            let file_and_tag = ["0", stanza.tag.as_str()].into_iter();
            let words: Vec<&str> =
                file_and_tag.chain(stanza.args.iter().map(String::as_str)).collect();
            talk.send("recipient-stanza", &words, &stanza.body)?;
        }
        talk.send("done", &[], &[])?;
        let mut found = None;
        loop {
            let said = self.hear(&mut talk)?;
            let body = Zeroizing::new(said.body);
            match said.tag.as_str() {
                "done" => return Ok(found),
                "file-key" => {
                    let key = <[u8; 16]>::try_from(body.as_slice()).ok();
                    found = key.map(Box::new).map(FileKey::new);
                    talk.send("ok", &[], &[])?;
                }
                "msg" | "error" => {
                    self.tell(&body);
                    talk.send("ok", &[], &[])?;
                }
                "request-public" | "request-secret" => {
                    self.tell(&body);
                    match (self.ask)(&KeySource::Plugin(self.name.clone())) {
                        Some(answer) => talk.send("ok", &[], answer.expose_secret().as_bytes())?,
                        None => talk.send("fail", &[], &[])?,
                    }
                }
                _ => talk.send("unsupported", &[], &[])?,
            }
        }
    }

    /// What the plugin says next.
    fn hear(&self, talk: &mut Talk) -> Result<Stanza, TalkError> {
        let pause = PAUSE.min(self.patience);
        if let Some(said) = talk.hear(pause)? {
            return Ok(said);
        }
        let limit = self.patience;
        tracing::warn!(
            "{} has not answered yet: a hardware key may wait to be touched. It is given {} seconds",
            self.name,
            limit.as_secs()
        );
        talk.hear(limit.saturating_sub(pause))?.ok_or(TalkError::Silent { limit })
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
        if self.is_given_up.load(Ordering::Relaxed) {
            return None;
        }
        match self.file_key(stanzas) {
            Ok(key) => key.map(Ok),
            Err(error) => {
                self.is_given_up
                    .store(matches!(error, TalkError::Silent { .. }), Ordering::Relaxed);
                self.tell(error.to_string().as_bytes());
                None
            }
        }
    }
}
