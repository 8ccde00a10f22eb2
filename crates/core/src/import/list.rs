//! A list of tenants: CSV (RFC 4180; also apart by semicolon or tab) with the columns `name`, `tenantId` and, where wanted,
//! `displayName` and `auth`, in any order.

use std::collections::BTreeMap;

use super::targets::Wanted;
use crate::model::{IdentityError, TenantId, TenantName};
use crate::onboard::ListError;

const COLUMNS: [&str; 4] = ["name", "tenantId", "displayName", "auth"];

/// A mistake in a list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListMistake {
    #[error("{0}")]
    Encoding(ListError),
    #[error("it is empty")]
    Empty,
    #[error("it lists no tenant: only the first line is there")]
    NoTenants,
    #[error(
        "the first line: column {number} is none of {columns}",
        columns = COLUMNS.join(", ")
    )]
    // Without its text: whoever names the wrong file here may name a token or a key.
    UnknownColumn { number: usize },
    #[error("the first line: the column {0} must be there exactly once")]
    NeededColumn(&'static str),
    #[error("line {line}: {has} values where the first line has {wants}")]
    Values { line: usize, has: usize, wants: usize },
    #[error("line {line}: {why}")]
    Identity { line: usize, why: IdentityError },
    #[error("line {line}: {key} is in line {first} already")]
    Twice { line: usize, key: String, first: usize },
    #[error("line {0}: a quotation mark is not closed")]
    OpenQuote(usize),
}

/// Reads a list, or says every mistake in it with its line.
pub fn parse_list(text: &str) -> Result<Vec<Wanted>, Vec<ListMistake>> {
    let records = csv_table(text).map_err(|line| vec![ListMistake::OpenQuote(line)])?;
    let mut records = records.into_iter();
    let Some((_, header)) = records.next() else { return Err(vec![ListMistake::Empty]) };
    let header: Vec<&str> = header.iter().map(|name| name.trim()).collect();
    let mut mistakes = Vec::new();
    if let Some(index) = header.iter().position(|name| !COLUMNS.contains(name)) {
        mistakes.push(ListMistake::UnknownColumn { number: index + 1 });
    }
    for needed in ["name", "tenantId"] {
        if header.iter().filter(|name| **name == needed).count() != 1 {
            mistakes.push(ListMistake::NeededColumn(needed));
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let mut rows = Vec::new();
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for (line, record) in records {
        if record.len() != header.len() {
            let (has, wants) = (record.len(), header.len());
            mistakes.push(ListMistake::Values { line, has, wants });
            continue;
        }
        let value = |column: &str| {
            let at = header.iter().position(|name| *name == column)?;
            record.get(at).map(|value| value.trim()).filter(|value| !value.is_empty())
        };
        let (name, id) = (value("name").unwrap_or_default(), value("tenantId").unwrap_or_default());
        let (name, tenant_id) = match (name.parse::<TenantName>(), id.parse::<TenantId>()) {
            (Ok(name), Ok(tenant_id)) => (name, tenant_id),
            (name, id) => {
                let wrong = [name.err(), id.err()].into_iter().flatten();
                mistakes.extend(wrong.map(|why| ListMistake::Identity { line, why }));
                continue;
            }
        };
        for key in [name.to_string(), tenant_id.to_string()] {
            if let Some(first) = lines.insert(key.clone(), line) {
                mistakes.push(ListMistake::Twice { line, key, first });
            }
        }
        let owned = |column| value(column).map(str::to_owned);
        rows.push(Wanted {
            name: Some(name),
            tenant_id,
            display_name: owned("displayName"),
            auth: owned("auth"),
            note: None,
        });
    }
    if mistakes.is_empty() && rows.is_empty() {
        mistakes.push(ListMistake::NoTenants);
    }
    if mistakes.is_empty() { Ok(rows) } else { Err(mistakes) }
}

/// The records of a table as spreadsheets save it: with a byte order mark or not, apart by comma,
/// semicolon or tab, which Excel may say in a line of its own.
///
/// # Errors
/// The line of a quotation mark that is not closed.
pub(crate) fn csv_table(text: &str) -> Result<Vec<(usize, Vec<String>)>, usize> {
    let text = text.trim_start_matches('\u{feff}');
    let excel = text.get(..4).filter(|start| start.eq_ignore_ascii_case("sep="));
    let Some(_) = excel else { return csv_records(text, separator(text)) };
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let separator = first.chars().nth(4).unwrap_or(',');
    let numbered = |(line, record)| (line + 1, record);
    let records = csv_records(rest, separator).map_err(|line| line + 1)?;
    Ok(records.into_iter().map(numbered).collect())
}

/// The sign between columns: the one of which the first line has most.
fn separator(text: &str) -> char {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |sign: &char| first.matches(*sign).count();
    [',', ';', '\t'].into_iter().rev().max_by_key(count).unwrap_or(',')
}

/// The records of a CSV file that are not empty, each with the number of its first line.
///
/// # Errors
/// The line of a quotation mark that is not closed.
fn csv_records(text: &str, separator: char) -> Result<Vec<(usize, Vec<String>)>, usize> {
    let mut records = Vec::new();
    let (mut record, mut value) = (Vec::new(), String::new());
    let (mut line, mut first, mut quoted) = (1, 1, None);
    let mut rest = text.chars().peekable();
    let mut end = |record: &mut Vec<String>, value: &mut String, first: usize| {
        record.push(std::mem::take(value));
        let done = std::mem::take(record);
        if done.iter().any(|value| !value.trim().is_empty()) {
            records.push((first, done));
        }
    };
    while let Some(c) = rest.next() {
        match (c, quoted) {
            ('"', Some(_)) if rest.peek() == Some(&'"') => {
                rest.next();
                value.push('"');
            }
            ('"', Some(_)) => quoted = None,
            ('"', None) if value.trim().is_empty() => {
                value.clear();
                quoted = Some(line);
            }
            (c, None) if c == separator => record.push(std::mem::take(&mut value)),
            ('\r', None) if rest.peek() == Some(&'\n') => {}
            ('\n' | '\r', None) => {
                end(&mut record, &mut value, first);
                line += 1;
                first = line;
            }
            (c, _) => {
                line += usize::from(c == '\n');
                value.push(c);
            }
        }
    }
    if let Some(from) = quoted {
        return Err(from);
    }
    end(&mut record, &mut value, first);
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11";
    const OTHER: &str = "7d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11";

    #[test]
    fn a_list_is_read_as_spreadsheets_write_it() {
        let text = format!(
            "\u{feff}tenantId,displayName,name\r\n{ID},\"Contoso, \"\"Ltd\"\"\",contoso\r\n\r\n{OTHER},,fabrikam\r\n"
        );
        let rows = parse_list(&text).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].display_name.as_deref(), Some("Contoso, \"Ltd\""));
        assert_eq!(
            (rows[1].name.as_ref().unwrap().as_str(), &rows[1].display_name),
            ("fabrikam", &None)
        );
    }

    #[test]
    fn semicolons_and_excels_own_line_are_read_and_lines_are_counted_as_the_file_has_them() {
        for text in [
            format!("name;tenantId\ncontoso;{ID}\n"),
            format!("sep=;\r\nname;tenantId\r\ncontoso;{ID}\r\n"),
        ] {
            assert_eq!(parse_list(&text).unwrap()[0].name.as_ref().unwrap().as_str(), "contoso");
        }
        let mistakes = parse_list("sep=;\nname;tenantId\ncontoso;x\n").unwrap_err();
        assert!(mistakes[0].to_string().starts_with("line 3:"), "{mistakes:?}");
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let text = format!(
            "name,tenantId\nContoso,{ID}\nfabrikam,x\n\nfabrikam,{ID}\nfabrikam,{OTHER}\nadatum\n"
        );
        let mistakes = parse_list(&text).unwrap_err();
        let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        let lines: Vec<&str> = told.iter().map(|one| one.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["line 2", "line 3", "line 6", "line 7"], "{mistakes:?}");
    }

    #[test]
    fn a_header_that_is_not_ours_is_refused() {
        for (text, says) in [
            ("", "empty"),
            ("name;tenantId\n", "it lists no tenant"),
            ("name,tenantId,color\n", "the first line: column 3 is none of name, tenantId"),
            ("name\n", "tenantId must be there exactly once"),
            ("name,tenantId\n\"a,b\n", "line 2: a quotation mark"),
        ] {
            let mistakes = parse_list(text).unwrap_err();
            let mistakes: String = mistakes.iter().map(ToString::to_string).collect();
            assert!(mistakes.contains(says), "{text:?}: {mistakes}");
            assert!(!mistakes.contains("color"), "what the file holds is not shown: {mistakes}");
        }
    }
}
