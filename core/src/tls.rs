//! Certificates and keys for TLS on the engine's own listener.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::Error;

/// What a listener identifies itself with. Clones are handles on the same identity: loading another
/// one counts for the connections that come from then on, on every listener that was given a
/// handle, and leaves those that are open alone.
///
/// TLS 1.2 and 1.3 are spoken, with rustls's choice of ciphers; ALPN names HTTP/1.1.
///
/// # Examples
/// ```no_run
/// use sori::Tls;
///
/// # fn main() -> Result<(), sori::Error> {
/// let server = sori::Server::builder().build()?;
/// let tls = Tls::from_pem_files("cert.pem", "key.pem")?;
/// server.listen_tls("0.0.0.0:443", &tls)?;
///
/// // The files have been renewed:
/// tls.reload()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Tls {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    current: RwLock<Arc<ServerConfig>>,
    files: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// An identity from texts in PEM: the certificate followed by those that vouch for it, and its
    /// private key (PKCS#8, PKCS#1 or SEC1).
    ///
    /// # Errors
    /// [`Error::Misuse`] if a text has no such thing, or the two do not belong together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Tls, Error> {
        Ok(Tls::new(read(certificates, key)?, None))
    }

    /// As [`Tls::from_pem`], from files, which [`Tls::reload`] reads again.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read, else as [`Tls::from_pem`].
    pub fn from_pem_files(
        certificates: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Tls, Error> {
        let files = (certificates.as_ref().to_owned(), key.as_ref().to_owned());
        Ok(Tls::new(read_files(&files)?, Some(files)))
    }

    /// A configuration of rustls's own, for client certificates, several names, or other ciphers.
    /// Its ALPN must name `http/1.1` or nothing.
    pub fn from_config(config: Arc<ServerConfig>) -> Tls {
        Tls::new(config, None)
    }

    /// Reads the files again.
    ///
    /// # Errors
    /// As [`Tls::from_pem_files`]; the identity then stays what it was. [`Error::Misuse`] if it
    /// does not come from files.
    pub fn reload(&self) -> Result<(), Error> {
        let files = self.inner.files.as_ref();
        let files = files
            .ok_or_else(|| Error::Misuse("the certificate does not come from files".to_owned()))?;
        self.replace(read_files(files)?);
        Ok(())
    }

    /// Takes another certificate and key; see [`Tls::from_pem`].
    ///
    /// # Errors
    /// As [`Tls::from_pem`]; the identity then stays what it was.
    pub fn reload_pem(&self, certificates: &[u8], key: &[u8]) -> Result<(), Error> {
        self.replace(read(certificates, key)?);
        Ok(())
    }

    /// Takes another configuration; see [`Tls::from_config`].
    pub fn replace(&self, config: Arc<ServerConfig>) {
        *self.inner.current.write() = config;
    }

    /// What a connection that begins now is to use.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.inner.current.read())
    }

    fn new(config: Arc<ServerConfig>, files: Option<(PathBuf, PathBuf)>) -> Tls {
        Tls {
            inner: Arc::new(Inner {
                current: RwLock::new(config),
                files,
            }),
        }
    }
}

fn read_files((certificates, key): &(PathBuf, PathBuf)) -> Result<Arc<ServerConfig>, Error> {
    let open = |path: &Path| {
        std::fs::read(path)
            .map_err(|error| Error::Io(format!("cannot read {}", path.display()), error))
    };
    read(&open(certificates)?, &open(key)?)
}

fn read(certificates: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, Error> {
    let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| misuse("the certificate is no PEM", &error))?;
    if chain.is_empty() {
        return Err(Error::Misuse(
            "there is no certificate in the PEM".to_owned(),
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| misuse("there is no private key in the PEM", &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|error| misuse("the certificate is of no use", &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn misuse(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Misuse(format!("{what}: {error}"))
}
