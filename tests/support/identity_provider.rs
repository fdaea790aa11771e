//! A small identity provider on loopback: a token endpoint (client credentials) and the JWKS that a broker checks with.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

pub const CLIENT_ID: &str = "connect";
pub const AUDIENCE: &str = "kafka";
pub const ISSUER: &str = "connectctl-test";

/// Answers until the process ends.
#[derive(Debug)]
pub struct IdentityProvider {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl IdentityProvider {
    /// Starts it; `secret` is the one secret that [`CLIENT_ID`] has.
    pub fn start(secret: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .expect("a signing key");
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
                .expect("the key just made");
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (seen, secret) = (Arc::clone(&requests), secret.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away in the middle is its own affair.
                drop(answer(stream, &key, &random, &secret, &seen));
            }
        });
        Self { port, requests }
    }

    pub fn token_url(&self) -> String {
        format!("http://127.0.0.1:{}/token", self.port)
    }

    pub fn jwks_url(&self) -> String {
        format!("http://127.0.0.1:{}/jwks", self.port)
    }

    /// Returns the bodies that the token endpoint was sent.
    pub fn requests(&self) -> Vec<String> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn answer(
    stream: TcpStream,
    key: &EcdsaKeyPair,
    random: &SystemRandom,
    secret: &str,
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    let length = header("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (status, answer) = if head.starts_with("GET /jwks ") {
        ("200 OK", jwks(key))
    } else if head.starts_with("POST /token ") {
        seen.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(String::from_utf8_lossy(&body).into_owned());
        let expected = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{secret}"));
        if header("authorization") == Some(format!("Basic {expected}")) {
            (
                "200 OK",
                format!(
                    r#"{{"access_token":"{}","token_type":"Bearer"}}"#,
                    token(key, random)
                ),
            )
        } else {
            ("401 Unauthorized", r#"{"error":"invalid_client","error_description":"unknown client or wrong secret"}"#.to_owned())
        }
    } else {
        ("404 Not Found", "{}".to_owned())
    };
    let mut text = String::new();
    write!(
        text,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
        answer.len()
    )
    .expect("a String takes everything");
    reader.into_inner().write_all(text.as_bytes())
}

fn jwks(key: &EcdsaKeyPair) -> String {
    let point = key.public_key().as_ref();
    let half = |range: std::ops::Range<usize>| BASE64_URL_SAFE_NO_PAD.encode(&point[range]);
    format!(
        r#"{{"keys":[{{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"k1","x":"{}","y":"{}"}}]}}"#,
        half(1..33),
        half(33..65)
    )
}

fn token(key: &EcdsaKeyPair, random: &SystemRandom) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let head = part(r#"{"alg":"ES256","typ":"JWT","kid":"k1"}"#);
    let claims = part(&format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"{CLIENT_ID}","scope":"kafka","iat":{now},"exp":{}}}"#,
        now + 600
    ));
    let signed = format!("{head}.{claims}");
    let signature = key.sign(random, signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}
