//! Standard output and standard error.

use std::io::Write as _;

use anstream::{AutoStream, ColorChoice};

use super::error::CliError;

/// Where a command's results and messages go. Colour is taken out where it is not wanted:
/// `--no-color`, `NO_COLOR`, or no terminal.
pub(super) struct Output {
    color: ColorChoice,
}

/// What tables and sentences are cut to where there is no terminal to measure.
const WIDTH: usize = 100;

impl Output {
    pub(super) fn new(no_color: bool) -> Self {
        Self { color: if no_color { ColorChoice::Never } else { ColorChoice::Auto } }
    }

    /// Writes a result. A reader that went away (`| head`) is no error.
    pub(super) fn result(&self, text: &str) -> Result<(), CliError> {
        let mut out = AutoStream::new(std::io::stdout(), self.color);
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(CliError::Output(error))
            }
            _ => Ok(()),
        }
    }

    /// Tells the person something beside the result.
    pub(super) fn note(&self, text: &str) {
        let mut err = AutoStream::new(std::io::stderr(), self.color);
        // Nothing can be done where even the message cannot be written.
        let _ = writeln!(err, "{text}");
    }

    /// An error: what happened, why, and what to do next.
    pub(super) fn error(&self, error: &CliError) {
        let bad = anstyle::AnsiColor::Red.on_default().bold();
        let mut text = format!("{bad}error{bad:#}: {}", crate::report::escape(&error.to_string()));
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text.push_str(&format!("\n  because: {}", crate::report::escape(&cause.to_string())));
            source = cause.source();
        }
        for hint in error.hints() {
            text.push_str(&format!("\n  next: {}", crate::report::escape(&hint)));
        }
        self.note(&text);
    }

    /// How many columns a person sees.
    pub(super) fn width(&self) -> usize {
        terminal_size::terminal_size()
            .map_or(WIDTH, |(width, _)| usize::from(width.0).clamp(40, 200))
    }
}

impl Output {
    /// Writes a machine output, which has no colour, piece by piece.
    pub(super) fn json<T: serde::Serialize>(&self, value: &T) -> Result<(), CliError> {
        let out = std::io::BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
        match crate::report::write_json(value, out) {
            // A reader that went away (`| head`) is no error.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(CliError::Output(error))
            }
            _ => Ok(()),
        }
    }
}
