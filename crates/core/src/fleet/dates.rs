//! Dates that a file cannot have yet, by today's clock. Everything else of a fleet is judged
//! without one.

use super::diagnostic::{Code, Diagnostic};
use super::document::{File, Node, Value};
use super::source::{FileBytes, Source};
use crate::apple::enrollment;
use crate::model::Timestamp;

/// Every enrollment file that is said to have been downloaded after `now`.
pub fn downloaded_in_future(source: &Source, now: Timestamp) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for folder in &source.tenants {
        let Some(FileBytes::Read(bytes)) = &folder.tenant_file else { continue };
        let path = format!("tenants/{}/tenant.yaml", folder.name);
        let Ok(mut file) = File::open(&path, bytes) else { continue };
        let Some(root) = file.parse() else { continue };
        let Some(Value::List(entries)) = value(&root, "enrollment").map(|node| &node.value) else {
            continue;
        };
        for node in entries.iter().filter_map(|entry| value(entry, "downloaded")) {
            let Value::Scalar { text, .. } = &node.value else { continue };
            let Ok(at) = text.trim().parse::<Timestamp>() else { continue };
            if enrollment::is_to_come(at, now) {
                let message = format!("`downloaded` is in the future: it is {now} now");
                let help = "write when the file was downloaded at Apple: its name has the time. Where the date is right, set this machine's clock";
                found.push(file.mistake(Code::BadDate, node.span, message).with_help(help));
            }
        }
    }
    found
}

fn value<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let Value::Map(pairs) = &node.value else { return None };
    pairs.iter().find(|(key, _)| key.text == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::super::source::Folder;
    use super::*;

    fn found(downloaded: &str) -> Vec<Diagnostic> {
        let text =
            format!("name: contoso\nenrollment:\n  - name: ABM\n    downloaded: {downloaded}\n");
        let folder = Folder {
            name: "contoso".into(),
            tree: "tree".into(),
            tenant_file: Some(FileBytes::Read(text.into_bytes())),
            entries: Vec::new(),
            overfull: None,
        };
        let source = Source { tenants: vec![folder], ..Source::default() };
        downloaded_in_future(&source, "2026-11-22T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_download_of_the_future_is_a_mistake_with_its_place() {
        let [mistake] = &found("2026-11-22T12:10:01Z")[..] else { panic!("one") };
        assert_eq!((mistake.line, mistake.column), (4, 17));
        assert!(mistake.is_error());
        assert!(mistake.message.contains("in the future"), "{mistake:?}");
    }

    #[test]
    fn clocks_may_be_ten_minutes_apart() {
        assert_eq!(found("2026-11-22T12:10:00Z"), []);
        assert_eq!(found("2025-11-22T12:00:00Z"), []);
        assert_eq!(found("soon"), [], "that it is no date is told elsewhere");
    }
}
