//! How commands reach Connect's REST API: one set of flags, and what they mean.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;

use super::args::{NOT_SHOWN, shown_text};
use super::connect::{file_failed, rest_failed, settings_failed, with_hint};
use super::error::{CliError, Kind};
use crate::io::connect_rest::{ConnectRest, RestSettings};
use crate::io::files::{self, LARGEST_CONFIG};
use crate::io::kafka::settings::{SettingsError, StoreError};
use crate::io::rest_tls::{self, ClientPem};
use crate::model::properties::Properties;

/// Login and TLS towards Connect's REST API, for every command that speaks to it. The names are those of curl.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connect's REST API")]
pub struct RestFlags {
    /// User for basic authentication; a URL of the form https://NAME:PASSWORD@HOST goes before it
    #[arg(
        long,
        value_name = "NAME:PASSWORD",
        value_parser = shown_text,
        env = "CONNECTCTL_USER",
        hide_env_values = true
    )]
    pub user: Option<String>,
    /// Trust the certificate authorities in this PEM file, and no others, for https:// URLs
    #[arg(
        long,
        value_name = "FILE",
        env = "CONNECTCTL_CACERT",
        hide_env_values = true
    )]
    pub cacert: Option<PathBuf>,
    /// Client certificate in PEM, where workers ask for one; the file may hold the key too
    #[arg(
        long,
        value_name = "FILE",
        env = "CONNECTCTL_CERT",
        hide_env_values = true
    )]
    pub cert: Option<PathBuf>,
    /// Private key of --cert, PEM in PKCS#8
    #[arg(
        long,
        value_name = "FILE",
        env = "CONNECTCTL_KEY",
        hide_env_values = true,
        requires = "cert"
    )]
    pub key: Option<PathBuf>,
}

impl RestFlags {
    /// Returns a client for the workers of one cluster, or one standalone worker.
    ///
    /// `worker` is the worker file whose own trust and key serve where no flag names others.
    pub fn client(
        &self,
        urls: &[String],
        worker: Option<&Properties>,
        timeout: Duration,
    ) -> Result<ConnectRest, CliError> {
        let settings = RestSettings {
            urls: urls.to_vec(),
            user: self.user.clone(),
            tls: self.tls(urls, worker)?,
            timeout,
        };
        ConnectRest::new(settings).map_err(rest_failed)
    }

    /// Returns the TLS settings that these URLs need; `None`: no URL is HTTPS, or the system's authorities serve.
    pub fn tls(
        &self,
        urls: &[String],
        worker: Option<&Properties>,
    ) -> Result<Option<Arc<rustls::ClientConfig>>, CliError> {
        let encrypted = |url: &String| {
            url.get(..8)
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
        };
        if !urls.iter().any(encrypted) {
            return Ok(None);
        }
        if self.cacert.is_some() || self.cert.is_some() {
            return self.tls_of_files().map(Some);
        }
        worker
            .map(rest_tls::of_worker)
            .transpose()
            .map_err(settings_failed)
    }

    /// Returns these flags as the words that are typed again, for a shell to quote. A password is not repeated.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if self.user.is_some() && std::env::var_os("CONNECTCTL_USER").is_none() {
            words.extend(["--user".to_owned(), NOT_SHOWN.to_owned()]);
        }
        let files = [
            ("--cacert", &self.cacert),
            ("--cert", &self.cert),
            ("--key", &self.key),
        ];
        for (flag, path) in files {
            if let Some(path) = path {
                words.extend([flag.to_owned(), path.to_string_lossy().into_owned()]);
            }
        }
        words
    }

    fn tls_of_files(&self) -> Result<Arc<rustls::ClientConfig>, CliError> {
        let text = |path: &Option<PathBuf>| path.as_deref().map(pem).transpose();
        let client = ClientPem {
            authorities: text(&self.cacert)?,
            certificate: text(&self.cert)?,
            key: text(&self.key)?,
        };
        rest_tls::of_pem(client).map_err(|error| self.named(error))
    }

    /// Says an error of the settings that stand for the files in the words of the flags.
    fn named(&self, error: SettingsError) -> CliError {
        let hint = error.hint();
        let SettingsError::Inline { key, source } = error else {
            return settings_failed(error);
        };
        let (flag, path) = match &source {
            _ if key == rest_tls::AUTHORITIES => ("--cacert", &self.cacert),
            StoreError::NoCertificate | StoreError::UnusableCertificate { .. } => {
                ("--cert", &self.cert)
            }
            _ if self.key.is_some() => ("--key", &self.key),
            _ => ("--cert", &self.cert),
        };
        let path = path.as_deref().unwrap_or_else(|| Path::new("-")).display();
        if let StoreError::NoKeyPassword { .. } = source {
            let failed = anyhow!("{flag} {path}: the private key is encrypted");
            return CliError::new(Kind::Failed, failed)
                .hint("take its password off: openssl pkcs8 -in FILE -out KEY.pem");
        }
        with_hint(
            CliError::new(Kind::Failed, anyhow!("{flag} {path}: {source}")),
            hint,
        )
    }
}

/// Reads a PEM file: text, of a size that certificates have.
fn pem(path: &Path) -> Result<String, CliError> {
    let file = files::read(path, LARGEST_CONFIG).map_err(file_failed)?;
    String::from_utf8(file.bytes.to_vec()).map_err(|_not_text| {
        let failed = anyhow!("{}: is not PEM text", file.path.display());
        CliError::new(Kind::Failed, failed)
            .hint("convert it with openssl: x509 -inform DER for a certificate, pkcs12 for a store")
    })
}
