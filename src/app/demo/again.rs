//! What a person needs to run the demo's commands again, in the shell of their system.

use std::path::Path;

use applecart_core::model::shell_word;
use applecart_simulator::WRITER_SECRET;

#[derive(Clone, Copy)]
pub(super) enum Shell {
    Posix,
    PowerShell,
}

/// What the demo built, and where it answers.
pub(super) struct Built<'a> {
    pub(super) program: &'a Path,
    pub(super) url: &'a str,
    pub(super) key: &'a Path,
    pub(super) repo: &'a Path,
    pub(super) state: &'a Path,
}

impl Shell {
    pub(super) const HERE: Self = if cfg!(windows) { Self::PowerShell } else { Self::Posix };

    /// The name of the file that sets a shell up.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Posix => "env",
            Self::PowerShell => "env.ps1",
        }
    }

    fn quoted(self, path: &Path) -> String {
        let text = path.display().to_string();
        match self {
            Self::Posix => shell_word(&text),
            Self::PowerShell => format!("'{}'", text.replace('\'', "''")),
        }
    }

    /// What stands in that file.
    pub(super) fn setting_up(self, built: &Built<'_>) -> String {
        let (program, key, repo) =
            (self.quoted(built.program), self.quoted(built.key), self.quoted(built.repo));
        let url = built.url;
        match self {
            Self::Posix => format!(
                "export APPLECART_GRAPH_URL={url}\nexport APPLECART_LOGIN_URL={url}\nexport APPLECART_APPLE_URL={url}/apple\nexport AZURE_CLIENT_SECRET={WRITER_SECRET}\nexport SOPS_AGE_KEY_FILE={key}\napplecart() {{ {program} \"$@\"; }}\ncd {repo}\n"
            ),
            Self::PowerShell => format!(
                "$env:APPLECART_GRAPH_URL = '{url}'\n$env:APPLECART_LOGIN_URL = '{url}'\n$env:APPLECART_APPLE_URL = '{url}/apple'\n$env:AZURE_CLIENT_SECRET = '{WRITER_SECRET}'\n$env:SOPS_AGE_KEY_FILE = {key}\nfunction applecart {{ & {program} @args }}\nSet-Location {repo}\n"
            ),
        }
    }

    /// The lines that a person types.
    pub(super) fn lines(self, file: &Path, built: &Built<'_>) -> String {
        let (file, state) = (self.quoted(file), self.quoted(built.state));
        let listen = built.url.trim_start_matches("http://");
        match self {
            Self::Posix => format!(
                "  . {file}\n  applecart simulate --state {state} --listen {listen} &\n  applecart status\n"
            ),
            // A script file may not be run where Windows is as it comes; what it says may.
            Self::PowerShell => format!(
                "  Get-Content -Raw {file} | Invoke-Expression\n  applecart simulate --state {state} --listen {listen}\n\nand in a second window:\n\n  Get-Content -Raw {file} | Invoke-Expression\n  applecart status\n"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built() -> Built<'static> {
        Built {
            program: Path::new("C:\\Program Files\\applecart.exe"),
            url: "http://127.0.0.1:8080",
            key: Path::new("C:\\Users\\O'Neill\\demo.agekey"),
            repo: Path::new("C:\\demo\\fleet"),
            state: Path::new("C:\\demo\\simulator"),
        }
    }

    #[test]
    fn powershell_gets_words_of_its_own_and_paths_that_it_can_read() {
        let text = Shell::PowerShell.setting_up(&built());
        assert!(
            text.contains("$env:SOPS_AGE_KEY_FILE = 'C:\\Users\\O''Neill\\demo.agekey'"),
            "{text}"
        );
        assert!(
            text.contains("function applecart { & 'C:\\Program Files\\applecart.exe' @args }"),
            "{text}"
        );
        assert!(!text.contains("export"), "{text}");
        let lines = Shell::PowerShell.lines(Path::new("C:\\demo\\env.ps1"), &built());
        assert!(!lines.contains('&'), "PowerShell 5.1 has no background: {lines}");
    }

    #[test]
    fn a_posix_shell_reads_back_the_same_paths() {
        let text = Shell::Posix.setting_up(&built());
        let key = text.lines().find_map(|line| line.strip_prefix("export SOPS_AGE_KEY_FILE="));
        let words = shlex::split(key.unwrap()).unwrap();
        assert_eq!(words, ["C:\\Users\\O'Neill\\demo.agekey"]);
    }
}
