//! BER, as far as CMS needs it: definite and indefinite lengths, strings in pieces.

/// Elements inside one another; Apple's file has six.
const MAX_DEPTH: usize = 24;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
const CONSTRUCTED: u8 = 0x20;

/// One element, with what is inside read as well.
#[derive(Debug)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// The octets inside; for an indefinite length, without its end.
    pub(super) content: &'a [u8],
    /// Tag, length and content.
    pub(super) whole: &'a [u8],
    /// The elements inside a constructed one.
    pub(super) inside: Vec<Self>,
}

impl Element<'_> {
    /// The element inside at a place, which must have this tag.
    pub(super) fn at(&self, place: usize, tag: u8) -> Option<&Self> {
        self.inside.get(place).filter(|element| element.tag == tag)
    }

    /// The octets of a string whose tag is `tag` where it is in one piece.
    pub(super) fn string(&self, tag: u8) -> Option<Vec<u8>> {
        if self.tag == tag {
            return Some(self.content.to_vec());
        }
        if self.tag != tag | CONSTRUCTED {
            return None;
        }
        let pieces: Option<Vec<_>> =
            self.inside.iter().map(|piece| piece.string(OCTET_STRING)).collect();
        Some(pieces?.concat())
    }
}

/// Reads the first element; `None` when it is cut off, malformed or too deep.
pub(super) fn read(input: &[u8]) -> Option<Element<'_>> {
    element(input, MAX_DEPTH).map(|(element, _)| element)
}

fn element(input: &[u8], depth: usize) -> Option<(Element<'_>, &[u8])> {
    let depth = depth.checked_sub(1)?;
    let (&tag, rest) = input.split_first()?;
    let (&first, body) = rest.split_first()?;
    let constructed = tag & CONSTRUCTED != 0;
    if first == 0x80 {
        if !constructed {
            return None;
        }
        let (inside, content, rest) = until_end(body, depth)?;
        let whole = input.get(..input.len().checked_sub(rest.len())?)?;
        return Some((Element { tag, content, whole, inside }, rest));
    }
    let (length, body) = match first {
        0..=0x7F => (usize::from(first), body),
        0x81..=0x84 => {
            let (octets, body) = body.split_at_checked(usize::from(first & 0x7F))?;
            (octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)), body)
        }
        _ => return None,
    };
    let (content, rest) = body.split_at_checked(length)?;
    let whole = input.get(..input.len().checked_sub(rest.len())?)?;
    let mut inside = Vec::new();
    let mut left = if constructed { content } else { &[] };
    while !left.is_empty() {
        let (child, after) = element(left, depth)?;
        inside.push(child);
        left = after;
    }
    Some((Element { tag, content, whole, inside }, rest))
}

/// The elements up to the end of an indefinite length, their octets, and what follows it.
fn until_end(body: &[u8], depth: usize) -> Option<(Vec<Element<'_>>, &[u8], &[u8])> {
    let mut inside = Vec::new();
    let mut left = body;
    loop {
        if let [0, 0, after @ ..] = left {
            let content = body.get(..body.len().checked_sub(left.len())?)?;
            return Some((inside, content, after));
        }
        let (child, after) = element(left, depth)?;
        inside.push(child);
        left = after;
    }
}

/// One element of this tag and content.
pub(crate) fn definite(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut written = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length @ 0..=0x7F) => written.push(length),
        _ => {
            let octets = content.len().to_be_bytes();
            let zeros = octets.iter().take_while(|octet| **octet == 0).count();
            let octets = octets.get(zeros..).unwrap_or_default();
            // At most eight octets.
            written.push(0x80 | u8::try_from(octets.len()).unwrap_or_default());
            written.extend_from_slice(octets);
        }
    }
    written.extend_from_slice(content);
    written
}

/// One element of this tag and content that does not say how long it is.
pub(crate) fn indefinite(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x80], content, &[0, 0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_length_are_read() {
        let string = definite(OCTET_STRING, &[9; 300]);
        for input in [definite(SEQUENCE, &string), indefinite(SEQUENCE, &string)] {
            let read = read(&input).unwrap();
            assert_eq!(read.whole, input);
            assert_eq!(read.content, string);
            assert_eq!(read.at(0, OCTET_STRING).unwrap().content, [9; 300]);
            assert!(read.at(0, INTEGER).is_none() && read.at(1, OCTET_STRING).is_none());
        }
    }

    #[test]
    fn pieces_of_a_string_are_put_together() {
        let pieces = [definite(OCTET_STRING, &[1]), definite(OCTET_STRING, &[2, 3])].concat();
        let whole = indefinite(0xA0, &[pieces, indefinite(0x24, &[4, 1, 4])].concat());
        assert_eq!(read(&whole).unwrap().string(0x80).unwrap(), [1, 2, 3, 4]);
        assert_eq!(read(&[0x80, 1, 7]).unwrap().string(0x80).unwrap(), [7]);
        assert_eq!(read(&[0x30, 0]).unwrap().string(0x80), None);
    }

    #[test]
    fn what_is_cut_off_or_too_deep_is_nothing() {
        let deep = [0x30, 0x80].repeat(100_000);
        for input in [&[][..], &[0x30], &[0x30, 3, 4, 5, 1], &[0x04, 0x80, 0, 0], &deep] {
            assert!(read(input).is_none());
        }
    }
}
