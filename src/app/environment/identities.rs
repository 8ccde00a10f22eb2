//! Identities from the places where SOPS users have them, and from `--identity`.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Environment;
use applecart_io::files;
use applecart_io::git::program;
use applecart_io::vault::{
    Identities, IdentitiesError, IdentityFault, KeySource, MAX_IDENTITY_TEXT, Plugins,
    is_placeholder,
};

const KEY: &str = "SOPS_AGE_KEY";
const KEY_FILE: &str = "SOPS_AGE_KEY_FILE";
const KEY_COMMAND: &str = "SOPS_AGE_KEY_CMD";
/// Separated as in PATH. Never a setting of the repository: it names programs to run.
const PLUGINS: &str = "APPLECART_AGE_PLUGINS";
const SSH_KEY_FILE: &str = "SOPS_AGE_SSH_PRIVATE_KEY_FILE";

/// Where SOPS looks in the user's configuration folder, whatever the variables say.
const USUAL: [&str; 3] = ["sops", "age", "keys.txt"];

impl Environment {
    /// The private keys that are there. As with SOPS, every place counts and none hides another.
    ///
    /// # Errors
    /// When one that is named cannot be read, whether or not it would be needed; or when all that
    /// there are cannot be used.
    pub fn identities(&self, named: &[PathBuf]) -> Result<Identities, IdentitiesError> {
        let mut identities = Identities::with(self.plugins()?);
        for file in named {
            self.add_file(&mut identities, "--identity", file, &KeySource::File(file.clone()))?;
        }
        if let Some(file) = self.variable(KEY_FILE).map(PathBuf::from) {
            let source = KeySource::FileOf(KEY_FILE, file.clone());
            self.add_file(&mut identities, KEY_FILE, &file, &source)?;
        }
        if let Some(text) = self.variable(KEY).map(Zeroizing::new) {
            self.add(&mut identities, &KeySource::Value(KEY), text.as_bytes())?;
        }
        if let Some(line) = self.variable(KEY_COMMAND) {
            let source = KeySource::CommandOf(KEY_COMMAND);
            let printed = printed(&line).map_err(|fault| fault.of(&source))?;
            self.add(&mut identities, &source, &printed)?;
        }
        if let Some(file) = self.variable(SSH_KEY_FILE).map(PathBuf::from) {
            let source = KeySource::FileOf(SSH_KEY_FILE, file.clone());
            if Identities::READS_SSH {
                self.add_file(&mut identities, SSH_KEY_FILE, &file, &source)?;
            } else {
                identities.skip(IdentityFault::Ssh.of(&source));
            }
        }
        self.add_usual(&mut identities);
        identities.usable()
    }

    fn plugins(&self) -> Result<Plugins, IdentitiesError> {
        let list = self.variable(PLUGINS).unwrap_or_default();
        let programs = std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty());
        Plugins::new(&KeySource::Value(PLUGINS), programs.collect(), self.ask_passphrase.clone())
    }

    /// The file where SOPS looks, if it is there. Nobody named it, so nothing in it is a reason not
    /// to use another key.
    fn add_usual(&self, identities: &mut Identities) {
        let Some(path) = self.usual_key_file() else { return };
        let source = KeySource::Usual(path.clone());
        let added = match files::read(&path, MAX_IDENTITY_TEXT as u64) {
            Ok(bytes) => self.add(identities, &source, &bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(IdentityFault::Unreadable(error.kind()).of(&source)),
        };
        if let Err(error) = added {
            identities.skip(error);
        }
    }

    /// Where SOPS looks for a key file that nothing names.
    pub fn usual_key_file(&self) -> Option<PathBuf> {
        let folder = match self.variable("XDG_CONFIG_HOME") {
            None if cfg!(target_os = "macos") => self
                .variable("HOME")
                .map(|home| Path::new(&home).join("Library").join("Application Support")),
            _ => self.config_folder(),
        };
        folder.map(|folder| USUAL.iter().fold(folder, |path, part| path.join(part)))
    }

    fn add(
        &self,
        identities: &mut Identities,
        source: &KeySource,
        bytes: &[u8],
    ) -> Result<(), IdentitiesError> {
        identities.add(source, bytes, &|source| (self.ask_passphrase)(source))
    }

    /// `named_by` is what is told where the path must not be.
    fn add_file(
        &self,
        identities: &mut Identities,
        named_by: &'static str,
        path: &Path,
        source: &KeySource,
    ) -> Result<(), IdentitiesError> {
        if path.to_string_lossy().contains("AGE-SECRET-KEY-") {
            return Err(IdentityFault::KeyForPath.of(&KeySource::Value(named_by)));
        }
        match files::read(path, MAX_IDENTITY_TEXT as u64) {
            Ok(bytes) => self.add(identities, source, &bytes),
            Err(error) => Err(match error.kind() {
                std::io::ErrorKind::NotFound
                    if path.starts_with("~") || path.starts_with("$HOME") =>
                {
                    IdentityFault::Tilde
                }
                std::io::ErrorKind::NotFound if is_placeholder(&path.to_string_lossy()) => {
                    IdentityFault::Placeholder
                }
                kind => IdentityFault::Unreadable(kind),
            }
            .of(source)),
        }
    }
}

/// What the user's command prints. It is split into words as SOPS does, without a shell.
fn printed(line: &str) -> Result<Zeroizing<Vec<u8>>, IdentityFault> {
    let words = shlex::split(line).filter(|words| !words.is_empty());
    let words = words.ok_or(IdentityFault::CommandLine)?;
    program::printed(&words).map_err(|why| IdentityFault::Command(why.to_string()))
}
