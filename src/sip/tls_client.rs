//! TLS towards servers we connect to (RFC 5922): whose certificates are good, for which name, and the one of our own we show if we
//! are asked. Knows rustls, as `tls.rs` does for the other side.
//!
//! Files are read anew when they have changed, before the next handshake.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::message::Host;
use super::tls::{PeerCertificate, Stamp, certificates, stamp};

/// Whom we trust and what we show as a client. The default trusts whom the system trusts, and shows nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TlsTrust {
    /// The authorities whose certificates are good for servers (PEM); none for those the system trusts.
    pub authorities: Option<PathBuf>,
    /// Our own certificate, with those that lead to its authority, and its key (PEM): shown to servers that ask for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// The client's side of TLS.
#[derive(Clone, Debug, Default)]
pub struct TlsClient {
    trust: Arc<TlsTrust>,
    current: Arc<Mutex<Option<Read>>>,
}

/// What was made of the files, and their state then.
type Read = (Arc<ClientConfig>, Stamp);

/// A connection within TLS that we have opened.
pub type Opened = TlsStream<TcpStream>;

impl TlsClient {
    /// With these files.
    pub fn new(trust: TlsTrust) -> Self {
        Self { trust: Arc::new(trust), current: Arc::default() }
    }

    /// The client's side of the handshake, with a server that must show a good certificate for `name`.
    /// # Errors
    /// If it doesn't, or not in time.
    pub async fn connect(&self, stream: TcpStream, name: &Host, deadline: Instant) -> std::io::Result<Opened> {
        let this = self.clone();
        let config = tokio::task::spawn_blocking(move || this.config()).await.map_err(std::io::Error::other)?;
        let name =
            server_name(name).ok_or_else(|| std::io::Error::other(format!("{name} can't be in a certificate")))?;
        timeout_at(deadline, TlsConnector::from(config?).connect(name, stream)).await?
    }

    fn config(&self) -> std::io::Result<Arc<ClientConfig>> {
        let identity = self.trust.identity.iter().flat_map(|(certificate, key)| [certificate, key]);
        let stamp = stamp(identity.chain(&self.trust.authorities).map(PathBuf::as_path));
        if let Some((config, _)) = self.current().as_ref().filter(|(_, known)| *known == stamp) {
            return Ok(config.clone());
        }
        let config = Arc::new(self.read()?);
        *self.current() = Some((config.clone(), stamp));
        Ok(config)
    }

    fn read(&self) -> std::io::Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let authorities = match &self.trust.authorities {
            Some(file) => certificates(file).map_err(std::io::Error::other)?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        roots.add_parsable_certificates(authorities);
        if roots.is_empty() {
            return Err(std::io::Error::other("no authority is known whose certificates are good for servers"));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .with_root_certificates(roots);
        match &self.trust.identity {
            None => Ok(config.with_no_client_auth()),
            Some((certificate, key)) => {
                let chain = certificates(certificate).map_err(std::io::Error::other)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(std::io::Error::other)?;
                config.with_client_auth_cert(chain, key).map_err(std::io::Error::other)
            }
        }
    }

    fn current(&self) -> MutexGuard<'_, Option<Read>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PeerCertificate {
    /// The one a server has shown.
    pub(super) fn of_server(stream: &Opened) -> Option<Self> {
        let shown = stream.get_ref().1.peer_certificates()?.first().cloned();
        shown.map(CertificateDer::into_owned).map(Self::new)
    }
}

fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Name(name) => ServerName::try_from(name.trim_end_matches('.').to_owned()).ok(),
        Host::V4(ip) => Some(ServerName::from(std::net::IpAddr::from(*ip))),
        Host::V6(ip) => Some(ServerName::from(std::net::IpAddr::from(*ip))),
    }
}
