//! Certificates and keys in PEM text, cut out as Kafka's `DefaultSslEngineFactory.PemParser` cuts them.
//!
//! Kafka takes PEM from one-line properties too, where blanks stand for line ends; a parser by lines would refuse that.

use base64::Engine;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};

/// One `-----BEGIN …-----` block.
pub(super) struct Block {
    /// `CERTIFICATE`, `ENCRYPTED PRIVATE KEY`.
    pub(super) label: String,
    pub(super) der: Vec<u8>,
}

/// A block of this label is not base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotBase64(pub(super) String);

/// Returns the blocks whose label ends in `name`: `CERTIFICATE` finds `TRUSTED CERTIFICATE` too.
pub(super) fn blocks(text: &str, name: &str) -> Result<Vec<Block>, NotBase64> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((label, body, after)) = next_block(rest) {
        rest = after;
        if label.ends_with(name) {
            let der = decode(body).ok_or_else(|| NotBase64(label.clone()))?;
            found.push(Block { label, der });
        }
    }
    Ok(found)
}

/// Cuts the next complete block off: its label, what stands between its marks, and the text after it.
fn next_block(text: &str) -> Option<(String, &str, &str)> {
    const BEGIN: &str = "-BEGIN ";
    const END: &str = "-END ";
    let start = text.find(BEGIN)? + BEGIN.len();
    let (label, rest) = text[start..].split_once('-')?;
    let body_start = rest.trim_start_matches('-');
    let end = body_start.find(END)?;
    let after = body_start[end + END.len()..].split_once('-')?.1;
    let label = label.split_whitespace().collect::<Vec<_>>().join(" ");
    Some((label, body_start[..end].trim_end_matches('-'), after))
}

/// Decodes base64 without its blanks and without headers such as `Proc-Type: 4,ENCRYPTED`.
fn decode(body: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text: String = body
        .lines()
        .filter(|line| !line.contains(':'))
        .flat_map(str::split_whitespace)
        .collect();
    GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT)
        .decode(text)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, name: &str) -> Vec<(String, Vec<u8>)> {
        blocks(text, name)
            .unwrap()
            .into_iter()
            .map(|block| (block.label, block.der))
            .collect()
    }

    #[test]
    fn blocks_are_found_among_other_text_on_many_lines_or_on_one() {
        let text = "Bag Attributes: x\n-----BEGIN CERTIFICATE-----\nAQ\nID\n-----END CERTIFICATE-----\n\
                    -----BEGIN ENCRYPTED PRIVATE KEY-----\nProc-Type: 4\n\nBAUG\n-----END ENCRYPTED PRIVATE KEY-----";
        assert_eq!(
            read(text, "CERTIFICATE"),
            [("CERTIFICATE".to_owned(), vec![1, 2, 3])]
        );
        assert_eq!(
            read(text, "PRIVATE KEY"),
            [("ENCRYPTED PRIVATE KEY".to_owned(), vec![4, 5, 6])]
        );
        let line = "-----BEGIN CERTIFICATE----- AQ ID -----END CERTIFICATE----- -----BEGIN CERTIFICATE----- BA== -----END CERTIFICATE-----";
        assert_eq!(read(line, "CERTIFICATE").len(), 2);
    }

    #[test]
    fn a_block_without_an_end_is_no_block_and_wrong_base64_is_named() {
        assert_eq!(read("-----BEGIN CERTIFICATE-----\nAQID", "CERTIFICATE"), []);
        assert_eq!(read("", "CERTIFICATE"), []);
        let wrong = "-----BEGIN CERTIFICATE-----\nA*\n-----END CERTIFICATE-----";
        assert_eq!(
            blocks(wrong, "CERTIFICATE").err(),
            Some(NotBase64("CERTIFICATE".to_owned()))
        );
    }
}
