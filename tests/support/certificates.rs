//! A certificate authority, broker and client certificates, in PEM, PKCS12 and JKS; the last two written by the JVM.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::watchdog;

/// The password of every store; the JDK's PKCS12 allows ASCII alone.
pub const STORE_PASSWORD: &str = "store, pass=word";
/// The password of the key inside `client.jks`, which may differ from the store's.
pub const KEY_PASSWORD: &str = "key-password";

/// Everything in one temporary folder.
#[derive(Debug)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes all of them; takes the time of some runs of keytool.
    pub fn make() -> Self {
        let made = Self {
            folder: watchdog::temporary_folder("connectctl-certificates-"),
        };
        let authority = made.authority("ca", "connectctl test authority");
        made.authority("other-ca", "another authority");
        made.issue(
            &authority,
            "broker",
            &["127.0.0.1", "localhost", "::1"],
            "broker",
        );
        made.issue(
            &authority,
            "elsewhere",
            &["kafka.elsewhere.example"],
            "broker",
        );
        made.issue(&authority, "nameless", &[], "127.0.0.1");
        made.issue(&authority, "client", &["client"], "client");
        made.client_stores();
        made.broker_store();
        for name in ["ca", "other-ca"] {
            made.trust_stores(name);
        }
        made
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).expect("it was made")
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.join(name), content).expect("the folder is ours");
    }

    fn authority(&self, file: &str, name: &str) -> Issuer<'static, KeyPair> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("an authority");
        self.write(&format!("{file}.pem"), certificate.pem());
        Issuer::new(params, key)
    }

    /// Writes `NAME.pem`: key and certificate.
    fn issue(
        &self,
        authority: &Issuer<'_, KeyPair>,
        file: &str,
        names: &[&str],
        common_name: &str,
    ) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, authority).expect("a certificate");
        self.write(&format!("{file}.key"), key.serialize_pem());
        self.write(&format!("{file}.crt"), certificate.pem());
        self.write(
            &format!("{file}.pem"),
            format!("{}\n{}", key.serialize_pem(), certificate.pem()),
        );
    }

    /// `broker.p12`: Connect's REST server reads no PEM.
    fn broker_store(&self) {
        run(
            "openssl",
            &[
                "pkcs12",
                "-export",
                "-inkey",
                &self.path("broker.key"),
                "-in",
                &self.path("broker.crt"),
                "-out",
                &self.path("broker.p12"),
                "-passout",
                &format!("pass:{STORE_PASSWORD}"),
            ],
        );
    }

    /// `client.p12` and `client.jks`, rewritten by keytool from what openssl made of the PEM files.
    fn client_stores(&self) {
        let (key, crt, ca) = (
            self.path("client.key"),
            self.path("client.crt"),
            self.path("ca.pem"),
        );
        let seed = self.path("seed.p12");
        run(
            "openssl",
            &[
                "pkcs12",
                "-export",
                "-name",
                "client",
                "-inkey",
                &key,
                "-in",
                &crt,
                "-certfile",
                &ca,
                "-out",
                &seed,
                "-passout",
                "pass:seed-password",
            ],
        );
        for (file, kind, key_password) in [
            ("client.p12", "PKCS12", STORE_PASSWORD),
            ("client.jks", "JKS", KEY_PASSWORD),
        ] {
            run(
                "keytool",
                &[
                    "-importkeystore",
                    "-noprompt",
                    "-srckeystore",
                    &seed,
                    "-srcstorepass",
                    "seed-password",
                    "-srcalias",
                    "client",
                    "-destkeystore",
                    &self.path(file),
                    "-deststoretype",
                    kind,
                    "-deststorepass",
                    STORE_PASSWORD,
                    "-destkeypass",
                    key_password,
                ],
            );
        }
        run(
            "openssl",
            &[
                "pkcs8",
                "-topk8",
                "-v2",
                "aes-256-cbc",
                "-in",
                &key,
                "-out",
                &self.path("client.encrypted.key"),
                "-passout",
                &format!("pass:{KEY_PASSWORD}"),
            ],
        );
        let encrypted = self.text("client.encrypted.key");
        self.write(
            "client.encrypted.pem",
            format!("{encrypted}{}", self.text("client.crt")),
        );
    }

    /// `NAME.p12` and `NAME.jks` that trust the authority.
    fn trust_stores(&self, name: &str) {
        for (kind, ending) in [("PKCS12", "p12"), ("JKS", "jks")] {
            run(
                "keytool",
                &[
                    "-importcert",
                    "-noprompt",
                    "-alias",
                    "authority",
                    "-file",
                    &self.path(&format!("{name}.pem")),
                    "-keystore",
                    &self.path(&format!("{name}.{ending}")),
                    "-storetype",
                    kind,
                    "-storepass",
                    STORE_PASSWORD,
                ],
            );
        }
    }
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .env(
            "JAVA_TOOL_OPTIONS",
            "-Dsun.jnu.encoding=UTF-8 -Dfile.encoding=UTF-8",
        )
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program} starts: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
