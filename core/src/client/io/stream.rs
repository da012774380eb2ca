//! A byte stream to a server: TCP, and TLS over it.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::client::config::{Config, Endpoint};
use crate::error::Error;

/// What transports read from and write to.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Opens streams to one server.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    endpoint: Arc<Endpoint>,
    #[cfg(feature = "client-tls")]
    tls: Option<tls::Connector>,
}

impl Dialer {
    /// # Errors
    /// [`Error::Misuse`] if the URL asks for TLS and the crate was built without, or if a
    /// certificate cannot be read.
    #[cfg_attr(not(feature = "client-tls"), allow(unused_variables))]
    pub(crate) fn new(endpoint: Arc<Endpoint>, config: &Config) -> Result<Dialer, Error> {
        #[cfg(feature = "client-tls")]
        {
            let tls = match endpoint.is_tls {
                true => Some(tls::Connector::new(
                    &endpoint.host,
                    &config.root_certificates,
                )?),
                false => None,
            };
            Ok(Dialer { endpoint, tls })
        }
        #[cfg(not(feature = "client-tls"))]
        match endpoint.is_tls {
            true => Err(Error::Misuse(
                "the URL asks for TLS: build with the feature client-tls".to_owned(),
            )),
            false => Ok(Dialer { endpoint }),
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A new stream.
    ///
    /// # Errors
    /// Texts for people, with the address.
    pub(crate) async fn dial(&self) -> Result<Box<dyn Stream>, String> {
        let Endpoint { host, port, .. } = &*self.endpoint;
        let wrong = |error: io::Error| format!("cannot connect to {host} port {port}: {error}");
        let tcp = TcpStream::connect((&**host, *port)).await.map_err(wrong)?;
        // Packets are small and answers to one another.
        tcp.set_nodelay(true).map_err(wrong)?;
        #[cfg(feature = "client-tls")]
        if let Some(tls) = &self.tls {
            return tls.secure(tcp).await.map_err(wrong);
        }
        Ok(Box::new(tcp))
    }
}

#[cfg(feature = "client-tls")]
mod tls {
    use std::io;
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;

    use super::Stream;
    use crate::error::Error;

    /// Speaks TLS with one server.
    #[derive(Clone)]
    pub(super) struct Connector {
        inner: TlsConnector,
        name: ServerName<'static>,
    }

    impl std::fmt::Debug for Connector {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Connector").finish_non_exhaustive()
        }
    }

    impl Connector {
        pub(super) fn new(host: &str, certificates: &[Vec<u8>]) -> Result<Connector, Error> {
            let name = ServerName::try_from(host.to_owned())
                .map_err(|_| Error::Misuse(format!("{host:?} is no name that TLS can check")))?;
            let config = ClientConfig::builder_with_provider(Arc::new(
                rustls::crypto::ring::default_provider(),
            ))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Misuse(format!("TLS: {error}")))?
            .with_root_certificates(roots(certificates)?)
            .with_no_client_auth();
            Ok(Connector {
                inner: TlsConnector::from(Arc::new(config)),
                name,
            })
        }

        pub(super) async fn secure(&self, tcp: TcpStream) -> io::Result<Box<dyn Stream>> {
            let stream = self.inner.connect(self.name.clone(), tcp).await?;
            Ok(Box::new(stream))
        }
    }

    /// Those of the system that can be read, and the caller's.
    fn roots(certificates: &[Vec<u8>]) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
        let unreadable = || Error::Misuse("a root certificate is not PEM".to_owned());
        for pem in certificates {
            let before = roots.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|_| unreadable())?;
                roots.add(certificate).map_err(|_| unreadable())?;
            }
            if roots.len() == before {
                return Err(unreadable());
            }
        }
        Ok(roots)
    }
}
