//! Lists of customers as Partner Center exports them and Excel saves them again: columns apart by
//! comma, semicolon or tab, headings in any case, columns that are nobody's matter here, and whatever
//! encoding the machine had.

use std::collections::BTreeMap;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::import::csv_table;
use crate::model::TenantId;

/// Headings, without case, spaces and signs, that mean the same.
const ID: [&str; 12] = [
    "mandantenid",
    "kundenid",
    "verzeichnisid",
    "tenantid",
    "microsoftid",
    "customerid",
    "customertenantid",
    "directoryid",
    "customermicrosoftid",
    "microsofttenantid",
    "azureadtenantid",
    "entratenantid",
];
const NAME: [&str; 13] = [
    "displayname",
    "companyname",
    "customername",
    "customer",
    "company",
    "name",
    "anzeigename",
    "firmenname",
    "unternehmensname",
    "kundenname",
    "firma",
    "unternehmen",
    "kunde",
];
const DOMAIN: [&str; 10] = [
    "primärerdomänenname",
    "domänenname",
    "domäne",
    "primarydomainname",
    "domain",
    "domainname",
    "defaultdomainname",
    "primarydomain",
    "customerdomainname",
    "customerdomain",
];

/// A file's text, and what it was taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    pub text: String,
    /// The encoding that was concluded from the bytes, where no mark says it.
    pub guessed: Option<&'static str>,
}

/// Why a list is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    #[error(
        "there is no encoding {0:?}; use utf-8, utf-16le, windows-1252 or another of the web's"
    )]
    Encoding(String),
    #[error("it is not written in {0}; name another --encoding")]
    NotIn(&'static str),
    #[error("it is empty")]
    Empty,
    #[error(
        "its first line has no column for the tenant: none is named Microsoft ID, Tenant ID, Customer ID, Primary domain name or Domain, or in German Mandanten-ID, Kunden-ID, Verzeichnis-ID, Primärer Domänenname or Domäne"
    )]
    NoColumn,
    #[error("it is a workbook of Excel. Save it there as `CSV UTF-8`, and name that file")]
    Workbook,
    #[error(
        "line {line}: two columns name different tenants, {one} and {other}: compare this line with its customer"
    )]
    Contradicts { line: usize, one: TenantId, other: TenantId },
    #[error(
        "line {line}: {domain} is a domain of the tenant {other}, by Entra's word, and the line names {listed}: compare this line with its customer"
    )]
    DomainOfAnother { line: usize, domain: String, listed: TenantId, other: TenantId },
    #[error("line {line}: {what} is neither a tenant id nor a domain")]
    Tenant { line: usize, what: String },
    #[error("line {0}: a quotation mark is not closed")]
    OpenQuote(usize),
    #[error("it lists no tenant")]
    NoTenants,
}

impl ListError {
    /// The line that it is about, where it is about one.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Contradicts { line, .. }
            | Self::DomainOfAnother { line, .. }
            | Self::Tenant { line, .. }
            | Self::OpenQuote(line) => Some(*line),
            Self::Encoding(_)
            | Self::NotIn(_)
            | Self::Empty
            | Self::NoColumn
            | Self::Workbook
            | Self::NoTenants => None,
        }
    }
}

/// A customer of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub line: usize,
    /// `None` where the list has only a domain.
    pub tenant_id: Option<TenantId>,
    pub display_name: Option<String>,
    pub domain: Option<String>,
}

/// What a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerList {
    pub customers: Vec<Listed>,
    /// Lines of a tenant that an earlier line has already, each with that line.
    pub twice: Vec<(usize, usize)>,
    /// Whether no column was taken for the customers' names.
    pub is_nameless: bool,
}

impl CustomerList {
    /// What is to be said of lines that name a tenant again: of one that calls it otherwise, one of two
    /// customers has the id of the other, and is left out.
    pub fn repeated(&self) -> Option<String> {
        let lines = |(line, first): &(usize, usize)| format!("line {line} (as line {first})");
        let lines: Vec<String> = self.twice.iter().map(lines).collect();
        (!lines.is_empty()).then(|| {
            format!("the tenant of an earlier line is named again, and the earlier line counts: {}. Where they are two customers, correct the id of one", lines.join(", "))
        })
    }
}

/// The text of a file: by its mark, else in the named encoding, else UTF-8 where it is that, else
/// Windows-1252, which Excel writes in the west.
pub fn decode(bytes: &[u8], named: Option<&str>) -> Result<Decoded, ListError> {
    // ZIP archives, and the files of Excel 97.
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        return Err(ListError::Workbook);
    }
    let named = match named {
        Some(label) => {
            let found = Encoding::for_label(label.as_bytes());
            Some(found.ok_or_else(|| ListError::Encoding(label.to_owned()))?)
        }
        None => None,
    };
    let marked = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    // Excel's "Unicode text" has a mark; other programs leave it out.
    let wide = [(UTF_16LE, 1), (UTF_16BE, 0)].into_iter().find(|(_, at)| {
        let zeros = bytes.iter().skip(*at).step_by(2).take(64).filter(|byte| **byte == 0).count();
        bytes.len() >= 8 && zeros * 2 > bytes.len().min(128) / 2
    });
    let (encoding, guessed) = match (named, marked, wide) {
        (Some(named), ..) => (named, false),
        (None, Some(marked), _) => (marked, false),
        (None, None, Some((wide, _))) => (wide, true),
        (None, None, None) if std::str::from_utf8(bytes).is_ok() => (UTF_8, false),
        (None, None, None) => (WINDOWS_1252, true),
    };
    let (text, _, wrong) = encoding.decode(bytes);
    if wrong {
        return Err(ListError::NotIn(encoding.name()));
    }
    Ok(Decoded { text: text.into_owned(), guessed: guessed.then(|| encoding.name()) })
}

/// Reads a list, or says every mistake in it with its line.
pub fn parse(text: &str) -> Result<CustomerList, Vec<ListError>> {
    let records = csv_table(text).map_err(|line| vec![ListError::OpenQuote(line)])?;
    let mut records = records.into_iter();
    let Some((_, header)) = records.next() else { return Err(vec![ListError::Empty]) };
    let header: Vec<String> = header.iter().map(|name| plain(name)).collect();
    let column = |names: &[&str]| {
        names.iter().find_map(|name| header.iter().position(|heading| heading == name))
    };
    let (id, name, domain) = (column(&ID), column(&NAME), column(&DOMAIN));
    if id.is_none() && domain.is_none() {
        return Err(vec![ListError::NoColumn]);
    }
    let (mut list, mut mistakes) =
        (CustomerList { is_nameless: name.is_none(), ..CustomerList::default() }, Vec::new());
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (line, record) in records {
        let value = |at: Option<usize>| {
            let value = record.get(at?)?.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        // A shifted column would give a customer the tenant of another one.
        let mut ids = header.iter().enumerate().filter(|(_, name)| ID.contains(&name.as_str()));
        let first = value(id).and_then(|text| text.parse::<TenantId>().ok());
        let other = ids.find_map(|(at, _)| {
            value(Some(at))?
                .parse::<TenantId>()
                .ok()
                .filter(|other| first.is_some_and(|one| one != *other))
        });
        if let (Some(one), Some(other)) = (first, other) {
            mistakes.push(ListError::Contradicts { line, one, other });
            continue;
        }
        let tenant_id = match value(id).map(|text| text.parse::<TenantId>().map_err(|_| text)) {
            Some(Ok(id)) => Some(id),
            Some(Err(what)) => {
                mistakes.push(ListError::Tenant { line, what });
                continue;
            }
            None => None,
        };
        let domain = value(domain).map(|domain| domain.to_lowercase());
        let wrong = domain.clone().filter(|domain| !is_domain(domain));
        let listed = Listed { line, tenant_id, display_name: value(name), domain };
        let key = match (&listed, wrong) {
            (Listed { tenant_id: Some(id), .. }, _) => id.to_string(),
            (_, Some(what)) => {
                mistakes.push(ListError::Tenant { line, what });
                continue;
            }
            (Listed { domain: Some(domain), .. }, None) => domain.clone(),
            _ => {
                mistakes.push(ListError::Tenant { line, what: "what stands there".to_owned() });
                continue;
            }
        };
        if let Some(first) = seen.get(&key) {
            list.twice.push((line, *first));
            continue;
        }
        seen.insert(key, line);
        list.customers.push(listed);
    }
    if mistakes.is_empty() && list.customers.is_empty() {
        mistakes.push(ListError::NoTenants);
    }
    if mistakes.is_empty() { Ok(list) } else { Err(mistakes) }
}

/// A heading without case, spaces and signs.
fn plain(heading: &str) -> String {
    heading.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a text can be the name of a domain, and so a part of an address.
pub fn is_domain(text: &str) -> bool {
    text.len() <= 253
        && text.contains('.')
        && text.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11";

    fn listed(text: &str) -> Vec<(Option<String>, Option<String>, Option<String>)> {
        let list = parse(text).unwrap();
        let row =
            |one: Listed| (one.tenant_id.map(|id| id.to_string()), one.display_name, one.domain);
        list.customers.into_iter().map(row).collect()
    }

    #[test]
    fn every_way_in_which_partner_center_and_excel_write_a_list_gives_the_same_customers() {
        let wanted = vec![(
            Some(ONE.to_owned()),
            Some("Müller, Söhne".to_owned()),
            Some("mueller.example".to_owned()),
        )];
        for text in [
            format!(
                "Microsoft ID,Company name,Primary domain name,Relationship\n{ONE},\"Müller, Söhne\",mueller.example,Reseller\n"
            ),
            format!(
                "company NAME;PRIMARY DOMAIN NAME;microsoft id\r\n\"Müller, Söhne\";MUELLER.example;{ONE}\r\n"
            ),
            format!(
                "\u{feff}Tenant ID\tDisplay-Name\tDomain\n{ONE}\tMüller, Söhne\tmueller.example\n"
            ),
            format!(
                "sep=;\nCustomer ID;Customer;Domain\n{ONE};Müller, Söhne;mueller.example\n\n;;\n"
            ),
        ] {
            assert_eq!(listed(&text), wanted, "{text}");
        }
    }

    #[test]
    fn an_encoding_is_told_by_its_mark_by_its_bytes_or_by_a_person() {
        let text = "Domain;Company name\nmueller.example;Müller\n";
        let (latin, _, _) = WINDOWS_1252.encode(text);
        let decoded = decode(&latin, None).unwrap();
        assert_eq!((decoded.text.as_str(), decoded.guessed), (text, Some("windows-1252")));
        assert_eq!(decode(&latin, Some("latin1")).unwrap().guessed, None);
        assert_eq!(decode(&latin, Some("utf-8")).unwrap_err(), ListError::NotIn("UTF-8"));
        assert!(matches!(decode(&latin, Some("klingon")), Err(ListError::Encoding(_))));
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(&wide, None).unwrap().text, text);
        let marked = [&[0xFF, 0xFE][..], &wide].concat();
        assert_eq!(
            decode(&marked, None).unwrap(),
            Decoded { text: text.to_owned(), guessed: None }
        );
        assert_eq!(decode(text.as_bytes(), None).unwrap().guessed, None);
    }

    #[test]
    fn headings_of_other_languages_are_known_or_the_list_says_that_it_has_no_names() {
        let text = format!(
            "Firmenname;Microsoft-ID;Prim\u{e4}rer Dom\u{e4}nenname\nContoso;{ONE};x.example\n"
        );
        let list = parse(&text).unwrap();
        assert_eq!(list.customers[0].display_name.as_deref(), Some("Contoso"));
        assert_eq!(list.customers[0].domain.as_deref(), Some("x.example"));
        assert!(!list.is_nameless);
        assert!(
            parse(&format!("Raison sociale;Microsoft ID\nContoso;{ONE}\n")).unwrap().is_nameless
        );
    }

    #[test]
    fn a_line_whose_columns_name_two_tenants_is_refused_and_a_workbook_is_told_as_one() {
        let other = "7d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b22";
        let text = format!("Microsoft ID;Tenant ID;Name\n{ONE};{ONE};a\n{ONE};{other};b\n");
        let [ListError::Contradicts { line: 3, .. }] = &parse(&text).unwrap_err()[..] else {
            panic!("{:?}", parse(&text));
        };
        assert_eq!(decode(b"PK\x03\x04 and so on", None), Err(ListError::Workbook));
    }

    #[test]
    fn every_line_that_names_no_tenant_is_told_with_its_number() {
        let text = format!(
            "Microsoft ID,Domain\n{ONE},\nnot-an-id,\n,no_domain\n,\"\"\n,x.example\n,x.example\n"
        );
        let told: Vec<String> = parse(&text).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "line 3: not-an-id is neither a tenant id nor a domain",
                "line 4: no_domain is neither a tenant id nor a domain",
            ]
        );
        assert_eq!(parse("Company name\nContoso\n").unwrap_err(), [ListError::NoColumn]);
        assert_eq!(parse("Domain\n").unwrap_err(), [ListError::NoTenants]);
        let list = parse("Domain\nx.example\nX.example\n").unwrap();
        assert_eq!(list.twice, [(3, 2)]);
        assert!(list.repeated().unwrap().contains("line 3 (as line 2)"));
    }
}
