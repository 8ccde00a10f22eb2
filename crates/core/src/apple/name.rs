//! Distinguished names, compared by value and shown in the order of RFC 4514.
//!
//! Two encoders write one name with different string types (Apple's uses UTF8String where
//! Intune's may use PrintableString), so bytes are no measure. Like OpenSSL, this compares text
//! without regard to string type, case of ASCII letters and repeated blanks (RFC 5280 §7.1).

use std::fmt;

use der::asn1::ObjectIdentifier;

use super::ber::{BerError, Budget, Element, OBJECT_IDENTIFIER, SEQUENCE, SET};

/// A name with more attributes is no certificate's.
const MAX_ATTRIBUTES: usize = 64;
/// RFC 5280's longest upper bound is 32,768 for a name; those met have under 100 characters.
const MAX_VALUE: usize = 1024;

#[derive(Clone, Debug)]
pub(super) struct Name {
    /// Relative names in the order of the encoding.
    rdns: Vec<Vec<Attribute>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attribute {
    /// The content of the OBJECT IDENTIFIER.
    oid: Vec<u8>,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Text(String),
    /// Another type than a string: the whole element.
    Raw(Vec<u8>),
}

impl Name {
    /// Reads a name's element.
    pub(super) fn read(element: &Element<'_>, budget: &mut Budget) -> Result<Self, BerError> {
        if element.tag != SEQUENCE {
            return Err(BerError::Unexpected);
        }
        let mut rdns = Vec::new();
        let mut count = 0;
        let mut sets = element.inside();
        while let Some(set) = sets.next(budget)? {
            if set.tag != SET {
                return Err(BerError::Unexpected);
            }
            let mut rdn = Vec::new();
            let mut attributes = set.inside();
            while let Some(attribute) = attributes.next(budget)? {
                count += 1;
                if count > MAX_ATTRIBUTES {
                    return Err(BerError::TooComplex);
                }
                let mut inside = attribute.inside();
                let oid = inside.expect(OBJECT_IDENTIFIER, budget)?;
                let value = inside.next(budget)?.ok_or(BerError::Unexpected)?;
                if value.content.len() > MAX_VALUE {
                    return Err(BerError::TooComplex);
                }
                rdn.push(Attribute { oid: oid.content.to_vec(), value: Value::of(&value) });
            }
            rdns.push(rdn);
        }
        Ok(Self { rdns })
    }

    /// The name with everything taken out that two encoders may do differently.
    fn canonical(&self) -> Vec<Vec<Attribute>> {
        let plain = |attribute: &Attribute| Attribute {
            oid: attribute.oid.clone(),
            value: match &attribute.value {
                Value::Text(text) => {
                    let words: Vec<&str> = text.split_whitespace().collect();
                    Value::Text(words.join(" ").to_ascii_lowercase())
                }
                raw @ Value::Raw(_) => raw.clone(),
            },
        };
        self.rdns
            .iter()
            .map(|rdn| {
                let mut rdn: Vec<Attribute> = rdn.iter().map(plain).collect();
                rdn.sort();
                rdn
            })
            .collect()
    }

    /// Whether it has no part.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.rdns.is_empty()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for Name {}

impl Value {
    fn of(element: &Element<'_>) -> Self {
        let content = element.content;
        let text = match element.tag {
            // UTF8String, NumericString, PrintableString, IA5String, VisibleString.
            0x0C | 0x12 | 0x13 | 0x16 | 0x1A => {
                std::str::from_utf8(content).ok().map(str::to_owned)
            }
            // TeletexString, in practice Latin-1.
            0x14 => Some(content.iter().map(|octet| char::from(*octet)).collect()),
            // A BMPString is UTF-16 in big-endian order (X.690 §8.23).
            0x1E if content.len().is_multiple_of(2) => {
                let units = content.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
                char::decode_utf16(units).collect::<Result<String, _>>().ok()
            }
            // A UniversalString is UTF-32 in big-endian order (X.690 §8.23).
            0x1C if content.len().is_multiple_of(4) => content
                .as_chunks::<4>()
                .0
                .iter()
                .map(|four| char::from_u32(u32::from_be_bytes(*four)))
                .collect(),
            _ => None,
        };
        text.map_or_else(|| Self::Raw(element.whole.to_vec()), Self::Text)
    }
}

/// The short names of RFC 4514 §3 that certificates use.
fn short_name(oid: &[u8]) -> Option<&'static str> {
    Some(match oid {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 9] => "STREET",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 1, 1] => "UID",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 1, 25] => "DC",
        _ => return None,
    })
}

/// Dotted numbers; hexadecimal for what is no object identifier.
fn dotted(oid: &[u8]) -> String {
    ObjectIdentifier::from_bytes(oid).map_or_else(|_| hex::encode_upper(oid), |oid| oid.to_string())
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rdn) in self.rdns.iter().rev().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            for (index, attribute) in rdn.iter().enumerate() {
                if index > 0 {
                    f.write_str("+")?;
                }
                match (short_name(&attribute.oid), &attribute.value) {
                    (Some(name), Value::Text(text)) => {
                        write!(f, "{name}=")?;
                        escaped(text, f)?;
                    }
                    (None, Value::Text(text)) => {
                        write!(f, "{}=", dotted(&attribute.oid))?;
                        escaped(text, f)?;
                    }
                    (_, Value::Raw(element)) => {
                        write!(f, "{}=#{}", dotted(&attribute.oid), hex::encode_upper(element))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Escapes what would end or change a value in the text form of names (RFC 4514 §2.4).
fn escaped(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let last = text.chars().count().saturating_sub(1);
    for (index, character) in text.chars().enumerate() {
        let edge =
            (index == 0 && matches!(character, ' ' | '#')) || (index == last && character == ' ');
        match character {
            '\0' => f.write_str("\\00")?,
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => write!(f, "\\{character}")?,
            _ if edge => write!(f, "\\{character}")?,
            _ => write!(f, "{character}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::ber::first;

    fn name(attributes: &[(&[u8], u8, &[u8])]) -> Name {
        let element = |tag: u8, content: &[u8]| {
            [&[tag, u8::try_from(content.len()).unwrap()][..], content].concat()
        };
        let rdns: Vec<u8> = attributes
            .iter()
            .flat_map(|(oid, tag, value)| {
                let pair = [element(0x06, oid), element(*tag, value)].concat();
                element(SET, &element(SEQUENCE, &pair))
            })
            .collect();
        let der = element(SEQUENCE, &rdns);
        let mut budget = Budget::default();
        let (element, _) = first(&der, &mut budget).unwrap();
        Name::read(&element, &mut budget).unwrap()
    }

    const CN: &[u8] = &[0x55, 4, 3];
    const O: &[u8] = &[0x55, 4, 10];

    #[test]
    fn names_are_equal_by_value_whatever_the_string_type() {
        let utf8 = name(&[(CN, 0x0C, b"Intune  Key"), (O, 0x0C, b"Microsoft")]);
        let printable = name(&[(CN, 0x13, b"intune key"), (O, 0x13, b"Microsoft")]);
        let bmp = name(&[(CN, 0x1E, b"\0I\0n\0t\0u\0n\0e\0 \0K\0e\0y"), (O, 0x14, b"MICROSOFT")]);
        assert_eq!(utf8, printable);
        assert_eq!(utf8, bmp);
        assert_ne!(utf8, name(&[(O, 0x0C, b"Microsoft"), (CN, 0x0C, b"Intune Key")]));
        assert_ne!(utf8, name(&[(CN, 0x0C, b"Intune Key")]));
    }

    #[test]
    fn names_are_shown_as_rfc_4514_says() {
        let shown = name(&[(CN, 0x0C, b" a,b+c "), (O, 0x0C, "Ströer".as_bytes())]).to_string();
        assert_eq!(shown, "O=Ströer,CN=\\ a\\,b\\+c\\ ");
        assert!(name(&[]).is_empty());
        assert_eq!(name(&[(&[0x2A, 3, 4], 0x04, &[1])]).to_string(), "1.2.3.4=#040101");
    }
}
