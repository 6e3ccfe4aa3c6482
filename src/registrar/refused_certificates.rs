//! Handshakes that failed for a certificate, told as errors of lines where the certificate names one: by the name its phone
//! authenticates with, by its number, or by its hardware address, which is what makers put into certificates. A certificate that
//! was refused proves nothing, just as a wrong password doesn't; what names no line is a stranger's attempt.

use tokio::sync::Semaphore;

use super::line_status::{Asked, Named, Observation, Observed, Reason, Sighting, name_kept};
use super::{Registrar, store};
use crate::sip::{CertificateRefusal, Flow};
use crate::vocab::{MacAddress, PhoneId, UnixMillis};

/// Hardware addresses looked up at once.
static LOOKUPS: Semaphore = Semaphore::const_new(2);
/// Phones of one number that are told of.
const MOST_PHONES: usize = 16;

impl Registrar {
    /// There is no TLS with a peer for this reason.
    pub async fn note_certificate(&self, flow: Flow, refusal: CertificateRefusal) {
        let (reason, names) = match refusal {
            CertificateRefusal::OfPeer { names } => (Reason::CertificateRefused, names),
            CertificateRefusal::NoneShown => (Reason::CertificateRefused, Vec::new()),
            CertificateRefusal::OfServer => (Reason::ServerCertificateRefused, Vec::new()),
        };
        let named = match self.named_by(&names).await {
            Some(named) => named,
            None => {
                // Who says no name is known by where they are.
                let name =
                    names.first().map_or_else(|| flow.peer.ip().to_canonical().to_string(), |name| name_kept(name));
                Named::Stranger { name, number: None, phones: Vec::new() }
            }
        };
        let seen =
            Sighting { source: flow.peer, transport: flow.transport, user_agent: "".into(), method: Asked::Handshake };
        let what = Observed::Failed(reason);
        self.lines.note_stranger(Observation { at: UnixMillis::now(), named, seen: Some(seen), what });
    }

    async fn named_by(&self, names: &[String]) -> Option<Named> {
        let accounts = self.directory.accounts();
        for name in names {
            // Host names of phones begin with what they are called.
            for name in
                [Some(name.as_str()), name.split('.').next().filter(|first| *first != name)].into_iter().flatten()
            {
                if let Some(account) = accounts.named(name).filter(|account| !account.lines.is_empty()) {
                    return Some(Named::Phone { phone: account.phone, aor: None });
                }
                let phones = accounts.with_line(name, MOST_PHONES);
                if !phones.is_empty() {
                    return Some(Named::Number { phones, number: name.to_owned() });
                }
                if let Some(phone) = self.with_mac(name).await {
                    return Some(Named::Phone { phone, aor: None });
                }
            }
        }
        None
    }

    /// The phone that is somebody's and has this hardware address.
    async fn with_mac(&self, name: &str) -> Option<PhoneId> {
        let mac: MacAddress = name.parse().ok()?;
        // Strangers who connect in great numbers keep nobody from the database.
        let _place = LOOKUPS.try_acquire().ok()?;
        match store::enrolled_with_mac(self.directory.db(), mac).await {
            Ok(phone) => phone,
            Err(error) => {
                tracing::warn!(%error, "whose certificate was refused could not be looked up");
                None
            }
        }
    }
}
