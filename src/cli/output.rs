//! Standard output and standard error.
#![expect(clippy::disallowed_types, reason = "the copy of what a pipeline shows is a file")]

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anstream::{AutoStream, ColorChoice};

use super::error::{CliError, Explain as _, Next};
use super::global::{self, Global};
use applecart_core::attention::{self, CloneState};
use applecart_core::fleet;
use applecart_core::model::{closing_command, sentence, without_secrets};
use applecart_core::report::{escape, without_commands};

/// Where a command's results and messages go.
///
/// Colour follows convention, the first that applies: `--no-color` or `NO_COLOR` takes it away,
/// `CLICOLOR_FORCE` puts it anywhere, `CLICOLOR=0` takes it away, and else it is on a terminal only.
/// With `--log-format json`, standard error holds JSON lines and nothing else.
#[derive(Clone)]
pub(super) struct Output {
    out: ColorChoice,
    err: ColorChoice,
    json_log: bool,
    quiet: bool,
    /// Whether more is told than by default.
    pub(super) verbose: bool,
    /// The file that the result goes to instead of standard output.
    file: Option<PathBuf>,
    /// The file that is also given whatever is shown, results and messages.
    copy: Option<Arc<std::fs::File>>,
}

/// What tables and sentences are cut to where there is no terminal to measure.
const WIDTH: usize = 100;

impl Output {
    pub(super) fn new(global: &Global) -> Self {
        let environment = global::environment();
        let wants = |terminal| wants_color(terminal, |name| environment.variable(name));
        let choice = |terminal| match !global.no_color && wants(terminal) {
            true => ColorChoice::Always,
            false => ColorChoice::Never,
        };
        Self {
            out: choice(std::io::stdout().is_terminal()),
            err: choice(std::io::stderr().is_terminal()),
            json_log: global.json_log(),
            quiet: global.quiet,
            verbose: global.is_verbose(),
            file: None,
            copy: None,
        }
    }

    /// The same, with whatever is shown also in this file, which is begun anew.
    pub(super) fn with_copy(&self, file: &Path) -> Result<Self, CliError> {
        let copy = std::fs::File::create(file).map_err(CliError::file(file, "write"))?;
        Ok(Self { copy: Some(Arc::new(copy)), ..self.clone() })
    }

    /// Writes what clap says of a command line, and into the copy what a reader of it has to know.
    pub(super) fn usage(&self, error: &clap::Error) {
        usage(error);
        let text = error.render().to_string();
        self.copy(&without_commands(&without_secrets(&text)));
    }

    fn copy(&self, text: &str) {
        let Some(mut copy) = self.copy.as_deref() else { return };
        // What is shown is what counts.
        let _ = copy.write_all(anstream::adapter::strip_str(text).to_string().as_bytes());
    }

    /// The same, with the result in this file; where a command names none, where it went before. `-` is
    /// standard output.
    pub(super) fn with_file(&self, file: Option<PathBuf>) -> Self {
        match file {
            // A step of a pipeline gives a command its file, and the command is given none by its words.
            None => self.clone(),
            Some(file) if file == Path::new("-") => Self { file: None, ..self.clone() },
            Some(file) => Self { file: Some(file), out: ColorChoice::Never, ..self.clone() },
        }
    }

    /// Writes a result. A reader that went away (`| head`) is no error: the command ends quietly,
    /// with the exit code that it would have had.
    ///
    /// Nothing of it commands a pipeline's runner: most of it are other people's words.
    pub(super) fn result(&self, text: &str) -> Result<(), CliError> {
        self.commands(&plain(text, self.out))
    }

    /// Writes a result whose lines a pipeline's runner is to obey: the renderer has escaped every
    /// word of others in it.
    pub(super) fn commands(&self, text: &str) -> Result<(), CliError> {
        if let Some(file) = &self.file {
            let plain = anstream::adapter::strip_str(text).to_string();
            return self.replace(file, plain.as_bytes());
        }
        self.copy(text);
        let mut out = AutoStream::new(std::io::stdout(), self.out);
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(CliError::Output(error))
            }
            _ => Ok(()),
        }
    }

    fn replace(&self, file: &Path, bytes: &[u8]) -> Result<(), CliError> {
        applecart_io::files::replace(file, bytes).map_err(CliError::file(file, "write"))
    }

    /// Tells the person something beside the result, unless they asked for quiet.
    pub(super) fn note(&self, text: &str) {
        if self.quiet {
            return;
        }
        if self.json_log {
            // At this level it is always written, as it is in text.
            return tracing::warn!(note = true, "{}", anstream::adapter::strip_str(text));
        }
        self.write_message(text);
    }

    /// What a person should know of the clone beside the result: each in a sentence, with the
    /// command that helps alone on its line.
    pub(super) fn clone_notes(&self, clone: &CloneState) {
        for matter in attention::of_clone(clone) {
            let command = matter.command.map(|run| format!("\n  {run}")).unwrap_or_default();
            let text = format!("note: {} {}{command}", matter.message, matter.next);
            self.note(&text.lines().map(escape).collect::<Vec<_>>().join("\n"));
        }
    }

    /// Tells each thing once, however often a command comes upon it.
    pub(super) fn saying(&self) -> Arc<dyn Fn(&str) + Send + Sync> {
        let (output, said) = (self.clone(), Mutex::new(BTreeSet::new()));
        Arc::new(move |text| {
            if said.lock().is_ok_and(|mut said| said.insert(text.to_owned())) {
                output.note(&text.lines().map(escape).collect::<Vec<_>>().join("\n"));
            }
        })
    }

    fn write_message(&self, text: &str) {
        let mut err = AutoStream::new(std::io::stderr(), self.err);
        self.copy(&format!("{text}\n"));
        // Nothing can be done where even the message cannot be written.
        let _ = writeln!(err, "{}", plain(text, self.err));
    }

    /// An error: what happened, why, and what to do next.
    pub(super) fn error(&self, error: &CliError) {
        if let CliError::InvalidFleet(mistakes) = error {
            let mistakes = fleet::render_all(mistakes);
            if self.json_log {
                tracing::error!("{}", anstream::adapter::strip_str(&mistakes));
            } else {
                self.write_message(&mistakes);
            }
        }
        if self.json_log {
            let because = std::error::Error::source(error).map(sentence).unwrap_or_default();
            let (because, next) = (without_secrets(&because), joined(&error.hints()));
            let (code, error) = (error.outcome().code(), error.to_string());
            return tracing::error!(
                code,
                because = &*because,
                next = &*without_secrets(&next),
                "{}",
                without_secrets(&error)
            );
        }
        let bad = anstyle::AnsiColor::Red.on_default().bold();
        // What was pasted after the wrong option is quoted by many an error.
        let escape = |text: &str| escape(&without_secrets(text));
        // Alone on its line, so that it can be copied.
        let alone = |run: &str| format!("\n    {}", escape(run));
        let told = |text: &str| match closing_command(text) {
            Some((text, run)) => escape(text) + &alone(run),
            None => escape(text),
        };
        let mut text = format!("{bad}error{bad:#}: {}", told(&error.to_string()));
        let causes = std::iter::successors(std::error::Error::source(error), |it| it.source());
        for cause in causes {
            text.push_str(&format!("\n  because: {}", told(&cause.to_string())));
        }
        for Next { say, run } in error.hints() {
            text.push_str(&format!("\n  next: {}", escape(&say)));
            text.extend(run.map(|run| alone(&run)));
        }
        self.write_message(&text);
    }

    /// Whether standard output is a screen, which has an edge.
    pub(super) fn is_terminal(&self) -> bool {
        self.file.is_none() && std::io::stdout().is_terminal()
    }

    /// How many columns a person sees.
    pub(super) fn width(&self) -> usize {
        let terminal = self.file.is_none().then(terminal_size::terminal_size).flatten();
        terminal.map_or(WIDTH, |(width, _)| usize::from(width.0).clamp(40, 200))
    }
}

impl Output {
    /// Writes a machine output, which has no colour, piece by piece.
    pub(super) fn json<T: serde::Serialize>(&self, value: &T) -> Result<(), CliError> {
        if let Some(file) = &self.file {
            let mut bytes = Vec::new();
            applecart_core::report::write_json(value, &mut bytes).map_err(CliError::Output)?;
            return self.replace(file, &bytes);
        }
        if let Some(copy) = self.copy.as_deref() {
            applecart_core::report::write_json(value, copy).map_err(CliError::Output)?;
        }
        let out = std::io::BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
        match applecart_core::report::write_json(value, out) {
            // A reader that went away (`| head`) is no error.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(CliError::Output(error))
            }
            _ => Ok(()),
        }
    }
}

/// Writes what clap says of a command line. It quotes the words of it, whatever they are: a secret
/// that was pasted after the wrong option, or a branch's name that a runner would obey.
pub(super) fn usage(error: &clap::Error) {
    if !error.use_stderr() {
        // Help and version: our own words.
        let _ = error.print();
        return;
    }
    let text = error.render();
    // Colours inside a word would keep it from being told.
    let text = match without_secrets(&text.to_string()) {
        Cow::Owned(masked) => masked,
        Cow::Borrowed(_) => text.ansi().to_string(),
    };
    let mut err = AutoStream::auto(std::io::stderr());
    // Nothing can be done where even the message cannot be written.
    let _ = write!(err, "{}", without_commands(&text));
}

/// A text as its stream shows it, without what a pipeline's runner would obey. Colours that are
/// taken out could else hide a command.
fn plain(text: &str, colours: ColorChoice) -> Cow<'_, str> {
    if colours != ColorChoice::Never || !text.contains('\u{1b}') {
        return without_commands(text);
    }
    let text = anstream::adapter::strip_str(text).to_string();
    Cow::Owned(without_commands(&text).into_owned())
}

fn joined(steps: &[Next]) -> String {
    steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Whether a stream gets colours: <https://no-color.org>, <https://bixense.com/clicolors>.
fn wants_color(terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    let is = |name: &str, value: &str| variable(name).is_some_and(|found| found == value);
    if variable("NO_COLOR").is_some() {
        return false;
    }
    if variable("CLICOLOR_FORCE").is_some() && !is("CLICOLOR_FORCE", "0") {
        return true;
    }
    terminal && !is("CLICOLOR", "0") && !is("TERM", "dumb")
}

#[cfg(test)]
mod tests {
    use super::wants_color;

    #[test]
    fn colours_follow_the_conventions() {
        let wants = |terminal, set: &[(&str, &str)]| {
            wants_color(terminal, |name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(wants(true, &[]));
        assert!(!wants(false, &[]));
        assert!(!wants(true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
        assert!(wants(false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!wants(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!wants(true, &[("CLICOLOR", "0")]));
        assert!(!wants(false, &[("CLICOLOR", "1")]));
        assert!(!wants(true, &[("TERM", "dumb")]));
    }
}
