//! The MIME wrapping of an enrollment token.
//!
//! Apple's file has four header lines, a blank line and base64; mail programs add headers, fold
//! them, wrap the whole in parts, or drop the headers and keep the body.

/// A MIME entity that says to be encrypted or signed mail.
pub(super) struct Entity<'a> {
    /// What follows the headers.
    pub(super) body: &'a str,
    /// The transfer encoding in lower case, empty if there is none.
    pub(super) encoding: String,
    /// What is not as Apple makes it.
    pub(super) oddity: Option<&'static str>,
}

/// Finds the entity in a text whose line ends are LF.
pub(super) fn entity(text: &str) -> Option<Entity<'_>> {
    let start = start(text)?;
    let (headers, body, blank) = split(text.get(start..)?);
    let encoding = value(&headers, "content-transfer-encoding").unwrap_or_default();
    let oddity = if !text.get(..start)?.trim().is_empty() {
        Some("there is other text before the token")
    } else if !blank {
        Some("the blank line after its headers is missing")
    } else {
        None
    };
    Some(Entity { body, encoding, oddity })
}

/// Where the headers begin that hold the last `Content-Type` of a PKCS#7 kind.
fn start(text: &str) -> Option<usize> {
    let mut block = None;
    let mut found = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        if is_header(content) {
            let begin = *block.get_or_insert(at);
            let lower = content.to_ascii_lowercase();
            if lower.starts_with("content-type:") && is_pkcs7(text.get(at..).unwrap_or_default()) {
                found = Some(begin);
            }
        } else if !content.starts_with([' ', '\t']) || content.trim().is_empty() {
            block = None;
        }
        at += line.len();
    }
    found
}

/// Whether a header that starts here, with its folded lines, names a PKCS#7 type.
fn is_pkcs7(text: &str) -> bool {
    let mut lines = text.lines();
    let mut header = lines.next().unwrap_or_default().to_ascii_lowercase();
    for line in lines.take_while(|line| line.starts_with([' ', '\t'])).take(16) {
        header.push_str(&line.trim().to_ascii_lowercase());
    }
    header.contains("pkcs7-mime")
}

/// The unfolded headers, the body, and whether a blank line parts them.
fn split(text: &str) -> (Vec<String>, &str, bool) {
    let mut headers: Vec<String> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        if content.is_empty() {
            return (headers, text.get(at + line.len()..).unwrap_or_default(), true);
        }
        if content.starts_with([' ', '\t']) && !headers.is_empty() {
            if let Some(last) = headers.last_mut() {
                last.push(' ');
                last.push_str(content.trim());
            }
        } else if is_header(content) {
            headers.push(content.to_owned());
        } else {
            return (headers, text.get(at..).unwrap_or_default(), false);
        }
        at += line.len();
    }
    (headers, "", true)
}

fn value(headers: &[String], name: &str) -> Option<String> {
    headers.iter().find_map(|header| {
        let (key, value) = header.split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_ascii_lowercase())
    })
}

/// `Name: value`, RFC 5322 §2.2. Base64 has no colon, so a body is never taken for one.
fn is_header(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| {
        !name.is_empty()
            && name.len() <= 64
            && name.trim_end().bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
    })
}

/// Whether a text is a whole mail message, as mail programs save one, and not Apple's four lines.
pub(super) fn is_message(bytes: &[u8]) -> bool {
    const OF_A_MESSAGE: [&str; 7] =
        ["from", "to", "subject", "date", "message-id", "received", "return-path"];
    let head = String::from_utf8_lossy(bytes.get(..64 * 1024).unwrap_or(bytes));
    let (headers, _, _) = split(&head);
    OF_A_MESSAGE.iter().filter(|name| value(&headers, name).is_some()).count() >= 3
}

/// Whether a file is a message as Outlook saves one (`.msg`): a compound file with the stream that
/// every message has.
pub(super) fn is_outlook_message(bytes: &[u8]) -> bool {
    const COMPOUND_FILE: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
    let stream: Vec<u8> =
        "__properties_version1.0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    bytes.starts_with(&COMPOUND_FILE) && bytes.windows(stream.len()).any(|part| part == stream)
}

/// The body of an entity that was transferred as binary.
pub(super) fn binary_body(bytes: &[u8]) -> Option<&[u8]> {
    let head = bytes.get(..bytes.len().min(4096))?;
    let lower = head.to_ascii_lowercase();
    if !lower.starts_with(b"content-") && !lower.starts_with(b"mime-version") {
        return None;
    }
    let blank = |marker: &[u8]| {
        head.windows(marker.len()).position(|window| window == marker).map(|at| at + marker.len())
    };
    let at = blank(b"\r\n\r\n").or_else(|| blank(b"\n\n"))?;
    bytes.get(at..).filter(|body| body.first() == Some(&0x30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_may_be_folded_many_or_broken() {
        let apple = "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"; smime-type=enveloped-data\nContent-Transfer-Encoding: base64\n\nMIAG\n";
        let found = entity(apple).unwrap();
        assert_eq!((found.body, found.encoding.as_str(), found.oddity), ("MIAG\n", "base64", None));
        let folded = "MIME-Version: 1.0\nContent-Type:\n application/x-pkcs7-mime;\n\tname=smime.p7m\nContent-Transfer-Encoding:\n  BASE64\n\nMIAG";
        let found = entity(folded).unwrap();
        assert_eq!((found.body, found.encoding.as_str(), found.oddity), ("MIAG", "base64", None));
        let unparted = "Content-Type: application/pkcs7-mime\nMIAG";
        assert_eq!(entity(unparted).unwrap().body, "MIAG");
        let multipart = "Content-Type: multipart/mixed; boundary=x\n\nHello:\n--x\nContent-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\nMIAG\n--x--\n";
        let found = entity(multipart).unwrap();
        assert_eq!((found.body, found.encoding.as_str()), ("MIAG\n--x--\n", "base64"));
        assert!(entity("Content-Type: text/html\n\n<p>").is_none());
    }
}
