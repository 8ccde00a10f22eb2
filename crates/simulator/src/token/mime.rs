//! The text around a token file: a mail's header, base64, PEM.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a `.p7m` holds: its header must say S/MIME and base64.
pub(super) fn content(file: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(file).ok()?.replace("\r\n", "\n");
    let (header, body) = text.split_once("\n\n")?;
    // Continued lines belong to the one before.
    let header = header.replace("\n ", " ").replace("\n\t", " ").to_ascii_lowercase();
    let field = |name: &str| {
        header.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            (found.trim() == name).then_some(value.trim())
        })
    };
    let smime = field("content-type")?.contains("pkcs7-mime");
    let base64 = field("content-transfer-encoding")? == "base64";
    if smime && base64 { decoded(body) } else { None }
}

/// A certificate's DER: from PEM, base64 of DER, or base64 of PEM.
pub(super) fn certificate(text: &str) -> Option<Vec<u8>> {
    if let Some((_, rest)) = text.split_once("-----BEGIN CERTIFICATE-----") {
        return decoded(rest.split_once("-----END")?.0);
    }
    let bytes = decoded(text)?;
    match std::str::from_utf8(&bytes) {
        Ok(inner) if inner.contains("-----BEGIN CERTIFICATE-----") => certificate(inner),
        _ => Some(bytes),
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let compact: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(compact).ok().filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_is() {
        let apple = "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\r\nContent-Transfer-Encoding: base64\r\n\r\nAQID\r\n";
        let openssl = "MIME-Version: 1.0\nContent-Type: application/x-pkcs7-mime;\n name=\"smime.p7m\"\nContent-Transfer-Encoding: base64\n\nAQ\nID\n\n";
        for text in [apple, openssl] {
            assert_eq!(content(text.as_bytes()), Some(vec![1, 2, 3]));
            assert_eq!(content(text.replace("pkcs7", "other").as_bytes()), None);
            assert_eq!(content(text.replace("base64", "7bit").as_bytes()), None);
            assert_eq!(content(text.replace("AQ", "!").as_bytes()), None);
        }
        assert_eq!(content(b"AQID"), None);
    }
}
