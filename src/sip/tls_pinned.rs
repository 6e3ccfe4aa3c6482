//! TLS with a server that must show one certificate and no other: how the program looks at its own ports. Knows rustls, as the
//! other `tls_*.rs` do.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::tls::certificates;

/// What comes of it.
#[derive(Debug)]
pub enum Pinned<S> {
    /// The handshake is done, with that certificate.
    Done(S),
    /// That certificate was shown; then the server wanted one of us.
    Shown,
    /// Another one was shown.
    Other,
}

/// Connects to `address`, where the first certificate of `file` should be shown. Who it is for and whether it is in force is not
/// looked at.
pub async fn connect_pinned(
    address: SocketAddr,
    file: &Path,
) -> std::io::Result<Pinned<impl AsyncRead + AsyncWrite + Unpin + use<>>> {
    let wanted = certificates(file).map_err(std::io::Error::other)?.into_iter().next();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let pin = Arc::new(Pin { wanted, provider: provider.clone(), is_shown: false.into(), is_other: false.into() });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(pin.clone())
        .with_no_client_auth();
    // Who resumes is not shown a certificate.
    config.resumption = rustls::client::Resumption::disabled();
    let stream = TcpStream::connect(address).await?;
    match TlsConnector::from(Arc::new(config)).connect(ServerName::from(address.ip()), stream).await {
        Ok(stream) => Ok(Pinned::Done(stream)),
        Err(_) if pin.is_other.load(Ordering::Relaxed) => Ok(Pinned::Other),
        Err(_) if pin.is_shown.load(Ordering::Relaxed) => Ok(Pinned::Shown),
        Err(error) => Err(error),
    }
}

#[derive(Debug)]
struct Pin {
    wanted: Option<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
    is_shown: AtomicBool,
    is_other: AtomicBool,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _between: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.wanted.as_ref().is_some_and(|wanted| wanted.as_ref() == shown.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        self.is_other.store(true, Ordering::Relaxed);
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let valid = verify_tls12_signature(message, shown, signed, &self.provider.signature_verification_algorithms)?;
        self.is_shown.store(true, Ordering::Relaxed);
        Ok(valid)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let valid = verify_tls13_signature(message, shown, signed, &self.provider.signature_verification_algorithms)?;
        self.is_shown.store(true, Ordering::Relaxed);
        Ok(valid)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
