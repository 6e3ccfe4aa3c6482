//! Which certificate was not taken in a handshake a peer has begun: the peer's by us, or ours by the peer. What a refused
//! certificate says of its holder is a claim and no more. With `tls.rs` and `tls_client.rs` it knows rustls.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{AlertDescription, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Names of one certificate that are looked at, and characters of each.
const NAMES: usize = 8;
const NAME: usize = 64;

/// Why there is no TLS with a peer, where it is for a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CertificateRefusal {
    /// The peer's is not good here.
    OfPeer {
        /// The names it claims: its subject's, and those of the hosts it is for.
        names: Vec<String>,
    },
    /// The peer has shown none, and one is required.
    NoneShown,
    /// The peer doesn't take ours.
    OfServer,
}

tokio::task_local! {
    /// What the certificate that was refused in this handshake claims.
    static CLAIMED: RefCell<Option<Vec<String>>>;
}

/// Runs a handshake; where it fails for a certificate, says for which.
pub(super) async fn watch<T>(
    handshake: impl Future<Output = std::io::Result<T>>,
) -> Result<T, (std::io::Error, Option<CertificateRefusal>)> {
    CLAIMED
        .scope(RefCell::new(None), async {
            let error = match handshake.await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let claimed = CLAIMED.with(RefCell::take);
            let refusal = match (error.get_ref().and_then(|inner| inner.downcast_ref()), claimed) {
                (_, Some(names)) => Some(CertificateRefusal::OfPeer { names }),
                (Some(Error::NoCertificatesPresented), None) => Some(CertificateRefusal::NoneShown),
                (Some(Error::AlertReceived(alert)), None) if is_of_certificate(*alert) => {
                    Some(CertificateRefusal::OfServer)
                }
                _ => None,
            };
            Err((error, refusal))
        })
        .await
}

fn is_of_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
    )
}

/// Judges as another does, and remembers whom it has refused, for [`watch`].
#[derive(Debug)]
pub(super) struct Witness(pub Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Witness {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let judged = self.0.verify_client_cert(shown, between, now);
        if judged.is_err() {
            let _ = CLAIMED.try_with(|claimed| claimed.replace(Some(names(shown))));
        }
        judged
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, shown, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// The common names and host names in a certificate, as they are kept.
fn names(shown: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(shown) else { return Vec::new() };
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok().map(str::to_owned));
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let hosts = alternative.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    });
    let kept = |name: String| name.chars().filter(|c| !c.is_control()).take(NAME).collect::<String>();
    common.chain(hosts).map(kept).filter(|name| !name.is_empty()).take(NAMES).collect()
}
