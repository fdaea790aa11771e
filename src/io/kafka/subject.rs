//! The subject of a client certificate, written as a JVM broker writes it into a principal's name.

use rustls::pki_types::CertificateDer;
use x509_parser::asn1_rs::{Any, Tag, ToDer as _};
use x509_parser::oid_registry::Oid;
use x509_parser::x509::{AttributeTypeAndValue, RelativeDistinguishedName, X509Name};

/// Returns the certificate's subject as `X500Principal.getName()` does (RFC 2253); `None` for one that cannot be read.
pub(super) fn of_certificate(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    name(parsed.subject())
}

/// The last relative name comes first.
fn name(subject: &X509Name<'_>) -> Option<String> {
    let names: Vec<&RelativeDistinguishedName<'_>> = subject.iter_rdn().collect();
    let names: Option<Vec<String>> = names.into_iter().rev().map(relative).collect();
    names.map(|names| names.join(","))
}

fn relative(name: &RelativeDistinguishedName<'_>) -> Option<String> {
    let parts: Option<Vec<String>> = name.iter().map(part).collect();
    parts.map(|parts| parts.join("+"))
}

/// A type that RFC 2253 has no keyword for, and a value that is no text, are written in hexadecimal.
fn part(part: &AttributeTypeAndValue<'_>) -> Option<String> {
    let (kind, value) = (part.attr_type(), part.attr_value());
    let id = kind.to_id_string();
    let keyword = KEYWORDS.iter().find(|(known, _)| *known == id);
    match (keyword, value.tag()) {
        (Some((_, keyword)), Tag::Utf8String | Tag::PrintableString | Tag::Ia5String) => {
            let text = std::str::from_utf8(value.data).ok()?;
            Some(format!("{keyword}={}", escaped(text)))
        }
        // Encodings of the last century, which the JVM decodes.
        (Some(_), Tag::T61String | Tag::BmpString | Tag::GeneralString) => None,
        _ => in_hexadecimal(kind, value),
    }
}

fn in_hexadecimal(kind: &Oid<'_>, value: &Any<'_>) -> Option<String> {
    use std::fmt::Write as _;
    let mut text = format!("{}=#", kind.to_id_string());
    for byte in value.to_der_vec().ok()? {
        write!(text, "{byte:02x}").ok()?;
    }
    Some(text)
}

/// The JVM escapes more than RFC 2253 asks for, and every space at either end.
fn escaped(value: &str) -> String {
    let leading = value.len() - value.trim_start_matches(' ').len();
    let trailing = value.trim_end_matches(' ').len();
    let mut text = String::with_capacity(value.len());
    for (at, character) in value.char_indices() {
        let at_an_end = character == ' ' && (at < leading || at >= trailing);
        if ",=+<>#;\"\\".contains(character) || at_an_end {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

/// Types with a keyword (RFC 2253, section 2.3).
const KEYWORDS: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::prelude::FromDer as _;

    /// Names as the JVM encoded them, and what `X500Principal.getName()` of Java 17 says of each.
    #[test]
    fn names_are_written_as_the_jvm_writes_them() {
        for (der, expected) in [
            (
                "301f310d300b060355040a1304782c2079310e300c06035504030c05613d622363",
                r"CN=a\=b\#c,O=x\, y",
            ),
            (
                "3016311430120603550403130b202074776f202073702020",
                r"CN=\ \ two  sp\ \ ",
            ),
            (
                "30133111300f06035504030c0822715c753c3e3b2b",
                r#"CN=\"q\\u\<\>\;\+"#,
            ),
            (
                "3081ab310a3008060355040c130178310a30080603550405130137310b3009060355040b13026f75310b3009060355040613024445310a3008060355040713016c310b3009060355040813027374310a3008060355040913017331123010060a0992268993f22c64010113026d6531173015060a0992268993f22c64011916076578616d706c65310f300d06035504030c06c3bc20e4b8ad3114301206092a864886f70d01090116056140622e63",
                "1.2.840.113549.1.9.1=#16056140622e63,CN=ü 中,DC=example,UID=me,STREET=s,ST=st,L=l,C=DE,OU=ou,2.5.4.5=#130137,2.5.4.12=#130178",
            ),
            (
                "3036311430120603550403130b74776f2020737061636573311e300806035504031301623008060355040a1301613008060355040b130163",
                "CN=b+O=a+OU=c,CN=two  spaces",
            ),
        ] {
            let bytes: Vec<u8> = (0..der.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&der[at..at + 2], 16).unwrap())
                .collect();
            let (_, subject) = X509Name::from_der(&bytes).unwrap();
            assert_eq!(name(&subject).as_deref(), Some(expected));
        }
    }
}
