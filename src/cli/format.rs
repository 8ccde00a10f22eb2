//! In which formats a result is shown.
//!
//! A command lists its formats once, each with the function that writes it: the list is what
//! `--format` offers, so a format cannot be offered and not written.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;

use super::error::CliError;
use super::output::Output;

/// A format of results, under the name that `--format` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Human,
    Json,
    Csv,
    CsvExcel,
    Markdown,
    Html,
    Ics,
    Prometheus,
    Github,
    Azure,
    Gitlab,
    Sarif,
}

impl Format {
    fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::CsvExcel => "csv-excel",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Ics => "ics",
            Self::Prometheus => "prometheus",
            Self::Github => "github",
            Self::Azure => "azure",
            Self::Gitlab => "gitlab",
            Self::Sarif => "sarif",
        }
    }

    /// Whether it places remarks beside lines of files.
    pub(super) fn is_annotation(self) -> bool {
        match self {
            Self::Github | Self::Azure | Self::Gitlab | Self::Sarif => true,
            Self::Human
            | Self::Json
            | Self::Csv
            | Self::CsvExcel
            | Self::Markdown
            | Self::Html
            | Self::Ics
            | Self::Prometheus => false,
        }
    }
}

/// Writes a result of type `T`.
pub(super) type Writer<T> = fn(&T, &Output) -> Result<(), CliError>;

/// The format that was chosen, and the function that writes it.
pub(super) struct Chosen<T> {
    pub(super) format: Format,
    writer: Writer<T>,
}

impl<T> Chosen<T> {
    pub(super) fn write(&self, result: &T, output: &Output) -> Result<(), CliError> {
        (self.writer)(result, output)
    }
}

impl<T> Clone for Chosen<T> {
    fn clone(&self) -> Self {
        Self { format: self.format, writer: self.writer }
    }
}

impl<T> std::fmt::Debug for Chosen<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.format.fmt(f)
    }
}

/// The formats of a command, as the parser of its `--format`.
pub(super) struct Formats<T: 'static>(pub(super) &'static [(Format, Writer<T>)]);

impl<T> Clone for Formats<T> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<T> Formats<T> {
    fn values(&self) -> impl Iterator<Item = PossibleValue> + '_ {
        self.0.iter().map(|(format, _)| PossibleValue::new(format.as_str()))
    }
}

impl<T: 'static> TypedValueParser for Formats<T> {
    type Value = Chosen<T>;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Chosen<T>, clap::Error> {
        // clap's own parser knows how to complain.
        let name = PossibleValuesParser::new(self.values()).parse_ref(command, arg, value)?;
        self.0
            .iter()
            .find(|(format, _)| format.as_str() == name)
            .map(|(format, writer)| Chosen { format: *format, writer: *writer })
            .ok_or_else(|| clap::Error::new(ErrorKind::InvalidValue).with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.values()))
    }
}
