//! A reader of BER that is bounded in depth and in work.
//!
//! Apple's enrollment tokens are BER with indefinite lengths and octet strings in chunks, which
//! DER readers refuse. This one reads both. It copies nothing, follows no length that points out
//! of the input, and counts every header it looks at, so that neither deep nesting nor millions
//! of tiny pieces cost more than the budget.

/// Why bytes cannot be read as BER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BerError {
    /// The input ends inside an element.
    Truncated,
    /// A length or tag that no sensible encoder writes.
    Encoding,
    /// Nested deeper, or in more pieces, than any token file.
    TooComplex,
    /// Another element than the structure has here.
    Unexpected,
}

/// Indefinite lengths inside one another. Apple's file has five.
const MAX_DEPTH: usize = 16;
/// Headers that are looked at for one file. A token has about thirty; the chunks of a megabyte
/// of ciphertext, at the 1,000 octets that streaming encoders use, are a thousand.
const MAX_HEADERS: u32 = 50_000;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
const CONSTRUCTED: u8 = 0x20;

/// What is left of the work that one file may cost.
pub(super) struct Budget(u32);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_HEADERS)
    }
}

impl Budget {
    fn spend(&mut self) -> Result<(), BerError> {
        self.0 = self.0.checked_sub(1).ok_or(BerError::TooComplex)?;
        Ok(())
    }

    /// How many headers were looked at.
    #[cfg(test)]
    pub(super) fn spent(&self) -> u32 {
        MAX_HEADERS - self.0
    }
}

#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// The content, without the end marker of an indefinite length.
    pub(super) content: &'a [u8],
    /// Header, content and end marker.
    pub(super) whole: &'a [u8],
}

struct Header {
    tag: u8,
    /// `None` for an indefinite length.
    length: Option<usize>,
    size: usize,
}

fn header(input: &[u8]) -> Result<Header, BerError> {
    let tag = *input.first().ok_or(BerError::Truncated)?;
    // Tag numbers over 30 occur in none of the structures read here.
    if tag & 0x1F == 0x1F {
        return Err(BerError::Encoding);
    }
    let first = *input.get(1).ok_or(BerError::Truncated)?;
    let (length, size) = match first {
        0..0x80 => (Some(usize::from(first)), 2),
        0x80 if tag & CONSTRUCTED != 0 => (None, 2),
        // Four octets say 4 GiB; the input is a megabyte at most.
        0x81..=0x84 => {
            let count = usize::from(first & 0x7F);
            let octets = input.get(2..2 + count).ok_or(BerError::Truncated)?;
            let length = octets.iter().fold(0_u64, |sum, octet| sum << 8 | u64::from(*octet));
            (Some(usize::try_from(length).map_err(|_| BerError::Encoding)?), 2 + count)
        }
        _ => return Err(BerError::Encoding),
    };
    Ok(Header { tag, length, size })
}

/// Where the content of an indefinite length ends. Definite elements in it are stepped over
/// whole, so this is linear.
fn end_of_contents(input: &[u8], budget: &mut Budget) -> Result<usize, BerError> {
    let mut at = 0;
    let mut open = 1_usize;
    loop {
        budget.spend()?;
        let rest = input.get(at..).ok_or(BerError::Truncated)?;
        if let [0, 0, ..] = rest {
            open -= 1;
            if open == 0 {
                return Ok(at);
            }
            at += 2;
            continue;
        }
        let header = header(rest)?;
        match header.length {
            None => {
                open += 1;
                if open > MAX_DEPTH {
                    return Err(BerError::TooComplex);
                }
                at += header.size;
            }
            Some(length) => {
                at = at
                    .checked_add(header.size)
                    .and_then(|at| at.checked_add(length))
                    .ok_or(BerError::Truncated)?;
            }
        }
    }
}

/// The first element, and what follows it.
pub(super) fn first<'a>(
    input: &'a [u8],
    budget: &mut Budget,
) -> Result<(Element<'a>, &'a [u8]), BerError> {
    budget.spend()?;
    let Header { tag, length, size } = header(input)?;
    let body = input.get(size..).ok_or(BerError::Truncated)?;
    let (length, marker) = match length {
        Some(length) => (length, 0),
        None => (end_of_contents(body, budget)?, 2),
    };
    let (content, _) = body.split_at_checked(length).ok_or(BerError::Truncated)?;
    let (whole, rest) =
        input.split_at_checked(size + length + marker).ok_or(BerError::Truncated)?;
    Ok((Element { tag, content, whole }, rest))
}

/// Reads the elements inside another, one after the other.
pub(super) struct Inside<'a> {
    rest: &'a [u8],
}

impl<'a> Inside<'a> {
    pub(super) fn new(content: &'a [u8]) -> Self {
        Self { rest: content }
    }

    /// The next element; `None` at the end.
    pub(super) fn next(&mut self, budget: &mut Budget) -> Result<Option<Element<'a>>, BerError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (element, rest) = first(self.rest, budget)?;
        self.rest = rest;
        Ok(Some(element))
    }

    /// The next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8, budget: &mut Budget) -> Result<Element<'a>, BerError> {
        match self.next(budget)? {
            Some(element) if element.tag == tag => Ok(element),
            _ => Err(BerError::Unexpected),
        }
    }

    /// The next element if it has this tag; else it stays.
    pub(super) fn optional(
        &mut self,
        tag: u8,
        budget: &mut Budget,
    ) -> Result<Option<Element<'a>>, BerError> {
        if self.rest.first() == Some(&tag) { self.next(budget) } else { Ok(None) }
    }
}

impl<'a> Element<'a> {
    pub(super) fn inside(&self) -> Inside<'a> {
        Inside::new(self.content)
    }

    /// How many octets a string has: one piece, or pieces in pieces. `tag` is its tag when it is
    /// one piece.
    pub(super) fn octets(&self, tag: u8, budget: &mut Budget) -> Result<usize, BerError> {
        pieces(self, tag, budget, MAX_DEPTH)
    }
}

fn pieces(
    element: &Element<'_>,
    tag: u8,
    budget: &mut Budget,
    depth: usize,
) -> Result<usize, BerError> {
    if element.tag == tag {
        return Ok(element.content.len());
    }
    if element.tag != tag | CONSTRUCTED {
        return Err(BerError::Unexpected);
    }
    let depth = depth.checked_sub(1).ok_or(BerError::TooComplex)?;
    let mut inside = element.inside();
    let mut sum = 0;
    while let Some(piece) = inside.next(budget)? {
        sum += pieces(&piece, OCTET_STRING, budget, depth)?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Result<usize, BerError> {
        first(input, &mut Budget::default()).map(|(element, _)| element.content.len())
    }

    #[test]
    fn definite_and_indefinite_lengths() {
        assert_eq!(read(&[0x04, 2, 1, 2]), Ok(2));
        assert_eq!(read(&[0x04, 0x81, 2, 1, 2]), Ok(2));
        assert_eq!(read(&[0x30, 0x80, 0x04, 1, 9, 0, 0]), Ok(3));
        assert_eq!(read(&[0x30, 0x80, 0x30, 0x80, 0, 0, 0, 0]), Ok(4));
        assert_eq!(read(&[0x24, 0x80, 0x04, 2, 0, 0, 0, 0]), Ok(4));
    }

    #[test]
    fn lengths_that_lie() {
        for input in [
            &[][..],
            &[0x30],
            &[0x30, 0x82],
            &[0x30, 5, 1],
            &[0x30, 0x80],
            &[0x30, 0x80, 0x04, 9, 1],
            &[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
            &[0x30, 0x80, 0x04, 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
        ] {
            assert_eq!(read(input), Err(BerError::Truncated), "{input:?}");
        }
        // An indefinite length of a primitive, a reserved length, a length of 2^64, a long tag.
        for input in [
            &[0x04, 0x80, 0, 0][..],
            &[0x30, 0xFF],
            &[0x30, 0x88, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0x3F, 0x81, 1, 0],
        ] {
            assert_eq!(read(input), Err(BerError::Encoding), "{input:?}");
        }
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let deep: Vec<u8> = [0x30, 0x80].repeat(500_000);
        let mut budget = Budget::default();
        assert_eq!(first(&deep, &mut budget).map(|_| ()), Err(BerError::TooComplex));
        assert!(budget.spent() < 32, "{}", budget.spent());
    }

    #[test]
    fn work_ends_at_the_budget() {
        let mut many = vec![0x30, 0x80];
        many.extend([0x04, 0].repeat(400_000));
        many.extend([0, 0]);
        let mut budget = Budget::default();
        assert_eq!(first(&many, &mut budget).map(|_| ()), Err(BerError::TooComplex));
        assert_eq!(budget.spent(), MAX_HEADERS);
    }

    #[test]
    fn chunks_are_added_up() {
        let octets = |input: &[u8]| {
            let mut budget = Budget::default();
            let (element, _) = first(input, &mut budget)?;
            element.octets(0x80, &mut budget)
        };
        assert_eq!(octets(&[0x80, 3, 1, 2, 3]), Ok(3));
        assert_eq!(octets(&[0xA0, 0x80, 0x04, 1, 1, 0x24, 0x80, 0x04, 2, 1, 1, 0, 0, 0, 0]), Ok(3));
        assert_eq!(octets(&[0xA0, 3, 0x02, 1, 1]), Err(BerError::Unexpected));
    }
}
