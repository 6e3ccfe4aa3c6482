//! Who sent a request: digest credentials, or for a phone that takes no configuration, where it registered from.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::directory::{Account, Accounts};
use crate::sip::Flow;
use crate::sip::digest::{Algorithm, Challenge, Credentials, NonceState, Nonces, ha1};
use crate::sip::message::{Request, Response};
use crate::vocab::{Secret, UnixMillis};

/// How long a challenge may be answered.
const NONCE_LIFETIME: Duration = Duration::from_secs(120);

/// Decides who sent a request.
#[derive(Clone)]
pub struct Authenticator {
    realm: Arc<str>,
    accounts: Accounts,
    nonces: Arc<Mutex<Nonces>>,
    key: Arc<[u8; 32]>,
    nobody: Arc<Secret>,
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub enum Identity {
    /// The phone of this account, shown by its password or, where it has none, by its address.
    Account(Arc<Account>),
    /// Somebody who answered a challenge with a name nobody has. Nothing about them is proven.
    Stranger {
        /// The name they gave.
        name: String,
    },
}

/// What is decided.
#[derive(Debug)]
pub enum Verdict {
    /// Go on with this identity.
    Known(Identity),
    /// Send this answer.
    Answer(Response),
}

impl Authenticator {
    /// `key` signs nonces and must be random at every start.
    pub fn new(realm: &str, accounts: Accounts, key: [u8; 32]) -> Self {
        Self {
            realm: realm.into(),
            accounts,
            nonces: Arc::new(Mutex::new(Nonces::new(key, NONCE_LIFETIME))),
            key: Arc::new(key),
            nobody: Arc::new(Secret::from(hex::encode(key))),
        }
    }

    /// The digest realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Judges the credentials of a request. Whether the name exists shows neither in the answer nor in the work.
    pub fn judge(&self, request: &Request, flow: Flow, now: UnixMillis, entropy: u64) -> Verdict {
        let headers = &request.headers;
        let candidates = headers.all("Authorization").chain(headers.all("Proxy-Authorization"));
        let Some(credentials) =
            candidates.filter_map(Credentials::parse).find(|credentials| credentials.realm == *self.realm)
        else {
            return Verdict::Answer(self.challenge(request, flow, None, false, entropy, now));
        };
        let account = self.accounts.named(&credentials.username);
        // Bound first: the lock must be gone before a challenge takes it again.
        let state = self.nonces().check(&credentials.nonce, None, now);
        match state {
            NonceState::Fresh if self.is_of_place(&credentials.nonce, flow.peer.ip()) => {}
            state => {
                let is_stale = state == NonceState::Stale;
                return Verdict::Answer(self.challenge(request, flow, account.as_deref(), is_stale, entropy, now));
            }
        }
        let method = request.method.as_str();
        let secret = account.as_ref().and_then(|account| account.secret.as_ref());
        let is_right = self.matches(&credentials, secret.unwrap_or(&self.nobody), method);
        let old_secret = account.as_ref().and_then(|account| account.old_secret.as_ref());
        let was_right = self.matches(&credentials, old_secret.unwrap_or(&self.nobody), method);
        match account {
            Some(account) if account.secret.is_none() => match Self::at_its_place(request, account, flow.peer.ip()) {
                Ok(account) => self.use_nonce(request, flow, &credentials, account, entropy, now),
                Err(answer) => Verdict::Answer(answer),
            },
            Some(account) if (is_right || was_right) && account.offers(credentials.algorithm.as_str()) => {
                self.use_nonce(request, flow, &credentials, account, entropy, now)
            }
            Some(account) => {
                tracing::info!(peer = %flow.peer, phone = %account.phone, "wrong SIP password");
                metrics::counter!("sip_wrong_password_total").increment(1);
                Verdict::Answer(forbidden(request))
            }
            None => Verdict::Known(Identity::Stranger { name: credentials.username }),
        }
    }

    fn use_nonce(
        &self,
        request: &Request,
        flow: Flow,
        credentials: &Credentials,
        account: Arc<Account>,
        entropy: u64,
        now: UnixMillis,
    ) -> Verdict {
        let state = self.nonces().check(&credentials.nonce, credentials.nc, now);
        match state {
            NonceState::Fresh => Verdict::Known(Identity::Account(account)),
            NonceState::Stale | NonceState::Replayed | NonceState::Forged => {
                Verdict::Answer(self.challenge(request, flow, Some(&account), true, entropy, now))
            }
        }
    }

    /// A phone without a password of ours is believed only where it was first seen.
    fn at_its_place(request: &Request, account: Arc<Account>, from: IpAddr) -> Result<Arc<Account>, Response> {
        if account.source == from.to_canonical() {
            return Ok(account);
        }
        tracing::warn!(%from, phone = %account.phone, "a phone without a password came from another address");
        Err(forbidden(request))
    }

    /// A nonce is good only at the address it was given to: whoever answers it is there, and not only says so.
    fn is_of_place(&self, nonce: &str, ip: IpAddr) -> bool {
        let place = nonce.get(24..32).and_then(|text| u32::from_str_radix(text, 16).ok());
        place == Some(self.place(ip))
    }

    fn place(&self, ip: IpAddr) -> u32 {
        let mut hash = Sha256::new();
        hash.update(self.key.as_slice());
        hash.update(ip.to_canonical().to_string().as_bytes());
        hash.finalize().first_chunk().map_or(0, |octets| u32::from_be_bytes(*octets))
    }

    fn matches(&self, credentials: &Credentials, secret: &Secret, method: &str) -> bool {
        let ha1 = ha1(&credentials.username, &self.realm, secret, credentials.algorithm);
        credentials.matches(&ha1, method)
    }

    /// 401 with a challenge for each algorithm the device is offered; MD5 alone for a name nobody has.
    fn challenge(
        &self,
        request: &Request,
        flow: Flow,
        account: Option<&Account>,
        stale: bool,
        entropy: u64,
        now: UnixMillis,
    ) -> Response {
        let named = || request.headers.from().ok().and_then(|from| from.uri.user());
        let known = match account {
            Some(account) => Some(account.algorithms.clone()),
            None => named().and_then(|name| self.accounts.named(&name)).map(|account| account.algorithms.clone()),
        };
        let algorithms: Vec<Algorithm> = known.iter().flatten().filter_map(|name| name.parse().ok()).collect();
        let algorithms = if algorithms.is_empty() { vec![Algorithm::Md5] } else { algorithms };
        let nonce = self.nonces().issue(now, entropy << 32 | u64::from(self.place(flow.peer.ip())));
        let mut response = request.respond(401);
        for algorithm in algorithms {
            let challenge = Challenge { realm: self.realm.to_string(), nonce: nonce.clone(), algorithm, stale };
            response = response.with_header("WWW-Authenticate", &challenge.to_string());
        }
        response
    }

    fn nonces(&self) -> std::sync::MutexGuard<'_, Nonces> {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same words for a wrong password and for a name nobody has.
pub(super) fn forbidden(request: &Request) -> Response {
    request.respond(403)
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("realm", &self.realm).finish_non_exhaustive()
    }
}
