//! Raw → checked: every semantic mistake, at its place.
//!
//! A check that fails reports and yields `None`; its caller goes on with the other fields, so one
//! run shows everything. Only a file without any error becomes a checked value.

mod fleet;
mod notify;
mod policy;
mod sealed;
mod tenant;
mod token;
mod value;

pub(super) use fleet::{Claimant, Claims, duplicates};
pub(super) use policy::check_policy;
pub(super) use tenant::check_tenant;
pub use value::{MAX_TEXT, is_apple_id, is_country, is_device_name, is_text, parse_duration};

use std::str::FromStr;

use super::at::At;
use super::diagnostic::Code;
use super::document::{File, Span};
use super::text::quote;

/// The checks of one file.
pub(super) struct Checks<'f, 'a> {
    file: &'f mut File<'a>,
}

impl<'f, 'a> Checks<'f, 'a> {
    pub(super) fn new(file: &'f mut File<'a>) -> Self {
        Self { file }
    }

    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        let mistake = self.file.mistake(code, span, message);
        self.file.add(mistake);
    }

    fn error_with_help(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.file.refuse(code, span, message, help);
    }

    /// Parses a text that has a type of its own; `what` completes "… is not".
    fn parse<T: FromStr>(&mut self, raw: Option<&At<String>>, code: Code, what: &str) -> Option<T> {
        let At { value, span } = raw?;
        let parsed = value.parse().ok();
        if parsed.is_none() {
            self.error(code, *span, format!("{} is not {what}", quote(value)));
        }
        parsed
    }
}
