//! TLS 1.2 and 1.3 (RFC 8446, RFC 5922): our certificate, whose certificates we ask for, handshakes. With
//! the other `tls_*.rs` the only file that knows rustls.
//!
//! Certificates are read anew while the server runs: handshakes from then on use the new ones, connections that are up
//! go on. What can't be used changes nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::message::Host;
use super::tls_refusal::{self, CertificateRefusal, Witness};

/// Whether peers are asked for a certificate of theirs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientCertificates {
    /// They are not asked.
    #[default]
    Off,
    /// They are asked; one they show must be good.
    Optional,
    /// Without a good one there is no connection.
    Required,
}

/// The files of a server's identity (PEM).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// The certificate, and after it those that lead to its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Whether peers are asked for theirs.
    pub client_certificates: ClientCertificates,
    /// The authorities whose certificates are good for peers.
    pub client_authorities: Option<PathBuf>,
}

impl TlsFiles {
    fn all(&self) -> impl Iterator<Item = &Path> {
        [&self.certificate, &self.key].into_iter().chain(&self.client_authorities).map(PathBuf::as_path)
    }

    fn stamp(&self) -> Stamp {
        stamp(self.all())
    }
}

/// When each of some files was changed last, and how long it is.
pub(super) type Stamp = Vec<Option<(Option<SystemTime>, u64)>>;

/// Of these files.
pub(super) fn stamp<'a>(files: impl Iterator<Item = &'a Path>) -> Stamp {
    let of = |file: &Path| std::fs::metadata(file).ok().map(|meta| (meta.modified().ok(), meta.len()));
    files.map(of).collect()
}

/// Why certificates can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file can't be read, or is not PEM.
    #[error("{file}: {fault}", file = .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        fault: rustls::pki_types::pem::Error,
    },
    /// A file has no certificate in it.
    #[error("{file}: there is no certificate in it", file = .0.display())]
    Empty(PathBuf),
    /// Peers are to show certificates, and nobody is named whose are good.
    #[error("client certificates are asked for, but no file of authorities is named")]
    NoAuthorities,
    /// The authorities can't be used.
    #[error("{file}: {fault}", file = .file.display())]
    Authorities {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        fault: String,
    },
    /// Certificate and key can't be used together.
    #[error("{certificate} and {key}: {fault}", certificate = .certificate.display(), key = .key.display())]
    Identity {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        fault: rustls::Error,
    },
}

/// The identity this server shows, as it is at the moment.
#[derive(Clone, Debug)]
pub struct Tls {
    files: Arc<TlsFiles>,
    current: Arc<Mutex<Current>>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    stamp: Stamp,
}

impl Tls {
    /// Reads the files.
    pub fn open(files: TlsFiles) -> Result<Self, TlsFault> {
        // Before the files: a change while they are read is seen as one.
        let stamp = files.stamp();
        let config = read(&files)?;
        Ok(Self { files: Arc::new(files), current: Arc::new(Mutex::new(Current { config, stamp })) })
    }

    /// Reads the files anew. If they can't be used, everything stays as it was.
    pub fn reload(&self) -> Result<(), TlsFault> {
        let stamp = self.files.stamp();
        let read = read(&self.files);
        let mut current = self.current();
        current.stamp = stamp;
        current.config = read?;
        Ok(())
    }

    /// Reads the files anew if one was changed since they were read last, usable or not.
    pub fn follow(&self) -> Option<Result<(), TlsFault>> {
        let is_same = self.current().stamp == self.files.stamp();
        (!is_same).then(|| self.reload())
    }

    /// The server's side of the handshake.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        deadline: Instant,
    ) -> Result<Secured, (std::io::Error, Option<CertificateRefusal>)> {
        let config = self.current().config.clone();
        tls_refusal::watch(async { timeout_at(deadline, TlsAcceptor::from(config).accept(stream)).await? }).await
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection within TLS that a peer has opened.
pub(super) type Secured = TlsStream<TcpStream>;

/// The certificate a peer has shown, and has shown to be its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PeerCertificate(CertificateDer<'static>);

impl PeerCertificate {
    pub(super) fn new(certificate: CertificateDer<'static>) -> Self {
        Self(certificate)
    }

    /// The one of this connection. There is one only if it was asked for and is good.
    pub(super) fn of(stream: &Secured) -> Option<Self> {
        stream.get_ref().1.peer_certificates()?.first().cloned().map(CertificateDer::into_owned).map(Self)
    }

    /// Whether it was given for `host`.
    pub(super) fn names(&self, host: &Host) -> bool {
        let name = match host {
            Host::Name(name) => ServerName::try_from(name.as_str()).ok(),
            Host::V4(ip) => Some(ServerName::from(std::net::IpAddr::from(*ip))),
            Host::V6(ip) => Some(ServerName::from(std::net::IpAddr::from(*ip))),
        };
        let parsed = ParsedCertificate::try_from(&self.0);
        matches!((parsed, name), (Ok(parsed), Some(name)) if verify_server_name(&parsed, &name).is_ok())
    }
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsFault> {
    let identity = |fault| TlsFault::Identity { certificate: files.certificate.clone(), key: files.key.clone(), fault };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(identity)?;
    let builder = match (files.client_certificates, &files.client_authorities) {
        (ClientCertificates::Off, _) => builder.with_no_client_auth(),
        (_, None) => return Err(TlsFault::NoAuthorities),
        (asked, Some(file)) => {
            let fault = |fault: String| TlsFault::Authorities { file: file.clone(), fault };
            let mut roots = RootCertStore::empty();
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|error| fault(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier =
                if asked == ClientCertificates::Optional { verifier.allow_unauthenticated() } else { verifier };
            let verifier = verifier.build().map_err(|error| fault(error.to_string()))?;
            builder.with_client_cert_verifier(Arc::new(Witness(verifier)))
        }
    };
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|fault| TlsFault::File { file: files.key.clone(), fault })?;
    builder.with_single_cert(certificates(&files.certificate)?, key).map(Arc::new).map_err(identity)
}

/// The certificates of a file.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let found = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match found {
        Ok(found) if found.is_empty() => Err(TlsFault::Empty(file.to_owned())),
        found => found.map_err(|fault| TlsFault::File { file: file.to_owned(), fault }),
    }
}
