//! Dates that a file cannot have yet, or should not have, by today's clock. Everything else of a
//! fleet is judged without one.

use std::str::FromStr;

use chrono::{Days, NaiveDate};

use super::diagnostic::{Code, Diagnostic};
use super::document::{File, Node, Value};
use super::source::{FileBytes, Source};
use crate::apple::enrollment;
use crate::model::Timestamp;

/// Every enrollment file that is said to have been downloaded after `now`.
pub fn downloaded_in_future(source: &Source, now: Timestamp) -> Vec<Diagnostic> {
    in_each(source, |file, root| {
        let Some(Value::List(entries)) = root.member("enrollment").map(|node| &node.value) else {
            return Vec::new();
        };
        let downloads = entries.iter().filter_map(|entry| entry.member("downloaded"));
        let to_come = downloads.filter(|node| {
            parsed::<Timestamp>(node).is_some_and(|at| enrollment::is_to_come(at, now))
        });
        let mistakes = to_come.map(|node| {
            let message = format!("`downloaded` is in the future: it is {now} now");
            let help = "write when the file was downloaded at Apple: its name has the time. Where the date is right, set this machine's clock";
            file.mistake(Code::BadDate, node.span, message).with_help(help)
        });
        mistakes.collect()
    })
}

/// How long a suspension may be without a warning: no credential lives longer.
const LONGEST_SUSPENSION: Days = Days::new(366);

/// Every `suspend` line that lasts for more than a year. It is no mistake, for a contract may end
/// then; but what is parked so long is forgotten.
pub fn long_suspensions(source: &Source, now: Timestamp) -> Vec<Diagnostic> {
    let today = now.date_time().date_naive();
    let Some(latest) = today.checked_add_days(LONGEST_SUSPENSION) else { return Vec::new() };
    in_each(source, |file, root| {
        let tokens = ["push", "enrollment", "vpp"].into_iter().filter_map(|kind| root.member(kind));
        let tokens = tokens.flat_map(|node| match &node.value {
            Value::List(entries) => entries.iter().collect(),
            _ => vec![node],
        });
        let until = std::iter::once(root)
            .chain(tokens)
            .filter_map(|holder| holder.member("suspend")?.member("until"))
            .filter(|node| parsed::<NaiveDate>(node).is_some_and(|day| day > latest));
        let warnings = until.map(|node| {
            let message = format!("the suspension lasts for more than a year from {today}");
            let help = "write a date within the next year; every certificate and token expires within one, and the line can be renewed by review";
            file.mistake(Code::LongSuspension, node.span, message).as_warning().with_help(help)
        });
        warnings.collect()
    })
}

/// What `look` finds in the tenant files that can be read.
fn in_each(source: &Source, look: impl Fn(&File<'_>, &Node) -> Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for folder in &source.tenants {
        let Some(FileBytes::Read(bytes)) = &folder.tenant_file else { continue };
        let path = format!("tenants/{}/tenant.yaml", folder.name);
        let Ok(mut file) = File::open(&path, bytes) else { continue };
        let Some(root) = file.parse() else { continue };
        found.extend(look(&file, &root));
    }
    found
}

fn parsed<T: FromStr>(node: &Node) -> Option<T> {
    node.scalar()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::source::Folder;
    use super::*;

    fn found(downloaded: &str) -> Vec<Diagnostic> {
        let text =
            format!("name: contoso\nenrollment:\n  - name: ABM\n    downloaded: {downloaded}\n");
        downloaded_in_future(&source(text), NOW.parse().unwrap())
    }

    const NOW: &str = "2026-11-22T12:00:00Z";

    fn source(text: String) -> Source {
        let folder = Folder {
            name: "contoso".into(),
            tree: "tree".into(),
            tenant_file: Some(FileBytes::Read(text.into_bytes())),
            entries: Vec::new(),
            overfull: None,
        };
        Source { tenants: vec![folder], ..Source::default() }
    }

    #[test]
    fn a_download_of_the_future_is_a_mistake_with_its_place() {
        let [mistake] = &found("2026-11-22T12:10:01Z")[..] else { panic!("one") };
        assert_eq!((mistake.line, mistake.column), (4, 17));
        assert!(mistake.is_error());
        assert!(mistake.message.contains("in the future"), "{mistake:?}");
    }

    #[test]
    fn a_suspension_of_more_than_a_year_is_warned_about_with_its_place() {
        let text = "name: contoso\nsuspend: {reason: moves, until: 2027-11-23}\nvpp:\n  - name: London\n    suspend: {reason: moves, until: 2126-12-31}\n";
        let found = long_suspensions(&source(text.to_owned()), NOW.parse().unwrap());
        let [warning] = &found[..] else { panic!("one: {found:?}") };
        assert_eq!((warning.line, warning.code.as_str()), (5, "long-suspension"));
        assert!(!warning.is_error(), "the fleet stays valid: {warning:?}");
    }

    #[test]
    fn clocks_may_be_ten_minutes_apart() {
        assert_eq!(found("2026-11-22T12:10:00Z"), []);
        assert_eq!(found("2025-11-22T12:00:00Z"), []);
        assert_eq!(found("soon"), [], "that it is no date is told elsewhere");
    }
}
