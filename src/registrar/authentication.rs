//! Who sent a request: digest credentials, or for a phone that takes no configuration, where it registered from.
//!
//! Nobody who doesn't know a password learns from it whether a name is anybody's: challenge, answer, limits and work are the same.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::guessing::{Guesses, NAME, ShutOut, Standing, WrongPasswordSettings};
use crate::directory::{Account, Accounts};
use crate::sip::Origin;
use crate::sip::digest::{Algorithm, Challenge, Credentials, NonceState, Nonces, ha1, nonce_shown};
use crate::sip::message::{Request, Response};
use crate::vocab::{PhoneId, Secret};

/// How long a challenge may be answered.
const NONCE_LIFETIME: Duration = Duration::from_secs(120);
/// What everybody is challenged with who has not shown a password yet: every phone speaks it.
const USUAL: &[Algorithm] = &[Algorithm::Md5];

/// Decides who sent a request.
#[derive(Clone)]
pub struct Authenticator {
    realm: Arc<str>,
    accounts: Accounts,
    nonces: Arc<Mutex<Nonces>>,
    guesses: Arc<Mutex<Guesses>>,
    key: Arc<[u8; 32]>,
    nobody: Arc<Secret>,
}

/// What is decided.
#[derive(Debug)]
pub enum Verdict {
    /// The phone of this account sent it, shown by its password or, where it has none, by its address.
    Known(Arc<Account>),
    /// Somebody answered the challenge, and not as a phone of that name does.
    Unproven(Unproven),
    /// Send this answer.
    Answer(Response, Doubt),
}

/// Why nobody was known yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// Nothing was shown yet.
    Unasked,
    /// The password was shown; the device is asked in its own way now.
    AskedAgain,
    /// The nonce is old, used up, or none of ours; the phone of the name that was given with it.
    Stale(Option<PhoneId>),
    /// No password is looked at for a time; the phone of the name that was given.
    ShutOut(Option<PhoneId>),
    /// The algorithm is none that phone was offered.
    OtherAlgorithm(PhoneId),
}

/// Somebody who answered a challenge. That they receive where they send from is all that is shown.
#[derive(Debug)]
pub struct Unproven {
    /// The name they gave.
    pub name: String,
    /// Whether it is a phone's. Nothing they are told may depend on it.
    pub is_taken: bool,
}

/// The algorithms a nonce was issued with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Offer {
    Usual,
    Own,
}

impl Authenticator {
    /// `key` signs nonces and must be random at every start.
    pub fn new(
        realm: &str,
        accounts: Accounts,
        wrong_passwords: WrongPasswordSettings,
        key: [u8; 32],
        now: Instant,
    ) -> Self {
        Self {
            realm: realm.into(),
            accounts,
            nonces: Arc::new(Mutex::new(Nonces::new(key, NONCE_LIFETIME, now))),
            guesses: Arc::new(Mutex::new(Guesses::new(wrong_passwords))),
            key: Arc::new(key),
            nobody: Arc::new(Secret::from(hex::encode(key))),
        }
    }

    /// The challenge of a request that shows no credentials of this realm, or answers a nonce that is old or none of ours; none
    /// if what it shows has to be judged. Nothing is kept of it, and its To tag is the same for the same request (RFC 3261
    /// section 8.2.7).
    pub fn challenge_stranger(
        &self,
        request: &Request,
        origin: Origin,
        now: Instant,
        entropy: u64,
    ) -> Option<(Response, Doubt)> {
        if self.answers_usual(request, origin, now) {
            return None;
        }
        let doubt = match self.credentials(request) {
            None => Doubt::Unasked,
            Some(credentials) => {
                let account = self.accounts.named(&credentials.username);
                let own = offered_to(account.as_deref());
                if self.offered(&credentials, origin, own, now).is_some() {
                    return None;
                }
                Doubt::Stale(account.map(|account| account.phone))
            }
        };
        let is_stale = doubt != Doubt::Unasked;
        let answer = self.challenge(request, origin.ip(), USUAL, is_stale, entropy, now);
        Some((answer.with_to_tag(&self.tag_of(request)), doubt))
    }

    /// A To tag that is the same for the same request (RFC 3261 section 8.2.7), and that nobody can tell beforehand.
    pub fn tag_of(&self, request: &Request) -> String {
        let via = request.headers.get("Via").unwrap_or_default();
        let call_id = request.headers.call_id().unwrap_or_default();
        format!("{:016x}", self.mark([via.as_bytes(), call_id.as_bytes()]))
    }

    /// Judges the credentials of a request. `standing` says how well the phone of an account is known where it comes from.
    pub fn judge(
        &self,
        request: &Request,
        origin: Origin,
        standing: impl FnOnce(&Account) -> Standing,
        now: Instant,
        entropy: u64,
    ) -> Verdict {
        let challenge = |algorithms: &[Algorithm], doubt: Doubt| {
            let is_stale = doubt != Doubt::Unasked;
            Verdict::Answer(self.challenge(request, origin.ip(), algorithms, is_stale, entropy, now), doubt)
        };
        let Some(credentials) = self.credentials(request) else { return challenge(USUAL, Doubt::Unasked) };
        let account = self.accounts.named(&credentials.username);
        let phone = account.as_ref().map(|account| account.phone);
        let own = offered_to(account.as_deref());
        let offer = self.offered(&credentials, origin, own, now);
        if offer.is_none() {
            return challenge(USUAL, Doubt::Stale(phone));
        }
        let standing = account.as_deref().map_or(Standing::Strange, standing);
        let wait = self.guesses().wait(origin.ip(), &credentials.username, standing, now);
        if let Some(wait) = wait {
            metrics::counter!("sip_unjudged_total").increment(1);
            return Verdict::Answer(shut(request, wait), Doubt::ShutOut(phone));
        }
        let is_right = self.is_right(&credentials, account.as_deref(), request.method.as_str());
        let unproven =
            |credentials: Credentials, is_taken| Verdict::Unproven(Unproven { name: credentials.username, is_taken });
        let Some(account) = &account else { return unproven(credentials, false) };
        match &account.secret {
            // A phone without a password of ours is believed only where it was first seen.
            None if account.source != origin.ip().to_canonical() => return unproven(credentials, true),
            None => {}
            Some(_) if !is_right => return unproven(credentials, true),
            // The password is shown: now the device is asked in the way its record says.
            Some(_) if offer == Some(Offer::Usual) && own != USUAL => return challenge(own, Doubt::AskedAgain),
            Some(_) if !account.algorithms.contains(&credentials.algorithm) => {
                tracing::info!(peer = %origin.peer, phone = %account.phone, "a digest algorithm the phone was not offered");
                return Verdict::Answer(forbidden(request), Doubt::OtherAlgorithm(account.phone));
            }
            Some(_) => {}
        }
        // Bound first: the lock must be gone before a challenge takes it again.
        let state = self.nonces().check(&credentials.nonce, credentials.nc, now);
        if state != NonceState::Fresh {
            return challenge(own, Doubt::Stale(phone));
        }
        if standing != Standing::Here {
            self.guesses().forgive(origin.ip(), &credentials.username);
        }
        Verdict::Known(account.clone())
    }

    /// Refuses somebody who did not show who they are, and counts it. The same for a wrong password and a name nobody has.
    pub fn refuse(&self, request: &Request, origin: Origin, name: &str, now: Instant) -> Response {
        let name = name.chars().take(NAME).collect::<String>();
        tracing::info!(peer = %origin.peer, name, "wrong SIP name or password");
        metrics::counter!("sip_wrong_password_total").increment(1);
        self.count(origin.ip(), &name, now);
        forbidden(request)
    }

    /// Counts a wrong password, wherever it was shown.
    pub fn count(&self, address: IpAddr, name: &str, now: Instant) {
        let shut = self.guesses().count(address, name, now);
        for (scope, _) in shut {
            metrics::counter!("sip_shut_total", "scope" => scope.as_str()).increment(1);
        }
    }

    /// Who is shut out at this moment.
    pub fn shut_outs(&self, now: Instant) -> Vec<ShutOut> {
        self.guesses().shut(now)
    }

    /// Lets somebody in again; false if they are not shut out.
    pub fn lift(&self, shut_out: &ShutOut, now: Instant) -> bool {
        self.guesses().lift(shut_out, now)
    }

    /// The first credentials of this realm.
    fn credentials(&self, request: &Request) -> Option<Credentials> {
        let headers = &request.headers;
        let candidates = headers.all("Authorization").chain(headers.all("Proxy-Authorization"));
        candidates.filter_map(Credentials::parse).find(|credentials| credentials.realm == *self.realm)
    }

    /// Whether the password now or the one before was used. The same work where there is none.
    fn is_right(&self, credentials: &Credentials, account: Option<&Account>, method: &str) -> bool {
        let matches = |secret: Option<&Secret>| {
            let secret = secret.unwrap_or(&self.nobody);
            credentials.matches(&ha1(&credentials.username, &self.realm, secret, credentials.algorithm), method)
        };
        let is_now = matches(account.and_then(|account| account.secret.as_ref()));
        let was = matches(account.and_then(|account| account.old_secret.as_ref()));
        is_now || was
    }

    /// What was offered with the nonce of these credentials. Nothing if it is old, or none of ours for whoever sent them.
    fn offered(&self, credentials: &Credentials, origin: Origin, own: &[Algorithm], now: Instant) -> Option<Offer> {
        let state = self.nonces().look(&credentials.nonce, now);
        if state != NonceState::Fresh {
            return None;
        }
        self.offer(&credentials.nonce, origin.ip(), own)
    }

    /// True if a request answers a nonce that was offered to its sender as it is to everybody: that is all that can be said
    /// without reading the rest.
    fn answers_usual(&self, request: &Request, origin: Origin, now: Instant) -> bool {
        let Some(nonce) = request.headers.get("Authorization").and_then(nonce_shown) else { return false };
        self.nonces().look(nonce, now) == NonceState::Fresh
            && shown_place(nonce) == Some(self.place(origin.ip(), USUAL))
    }

    /// What was offered with this nonce. Nothing if it was given to another address: whoever answers it is there, and not
    /// only says so.
    fn offer(&self, nonce: &str, ip: IpAddr, own: &[Algorithm]) -> Option<Offer> {
        let shown = shown_place(nonce)?;
        if shown == self.place(ip, USUAL) {
            return Some(Offer::Usual);
        }
        (shown == self.place(ip, own)).then_some(Offer::Own)
    }

    /// What ties a nonce to an address and an offer.
    fn place(&self, ip: IpAddr, algorithms: &[Algorithm]) -> u32 {
        let ip = ip.to_canonical().to_string();
        let names = algorithms.iter().map(|algorithm| algorithm.as_str().as_bytes());
        // The upper half: any half would do.
        (self.mark([ip.as_bytes()].into_iter().chain(names)) >> 32) as u32
    }

    /// What only this server can say of some texts.
    fn mark<'t>(&self, texts: impl IntoIterator<Item = &'t [u8]>) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.key.as_slice());
        for text in texts {
            hash.update(text);
            hash.update(b" ");
        }
        hash.finalize().first_chunk().map_or(0, |octets| u64::from_be_bytes(*octets))
    }

    /// 401 with a challenge for each algorithm.
    fn challenge(
        &self,
        request: &Request,
        ip: IpAddr,
        algorithms: &[Algorithm],
        stale: bool,
        entropy: u64,
        now: Instant,
    ) -> Response {
        let nonce = self.nonces().issue(now, entropy << 32 | u64::from(self.place(ip, algorithms)));
        algorithms.iter().fold(request.respond(401), |response, algorithm| {
            let challenge =
                Challenge { realm: self.realm.to_string(), nonce: nonce.clone(), algorithm: *algorithm, stale };
            response.with_header("WWW-Authenticate", &challenge.to_string())
        })
    }

    fn nonces(&self) -> MutexGuard<'_, Nonces> {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guesses(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What ties a nonce to an address and an offer, as the nonce has it.
fn shown_place(nonce: &str) -> Option<u32> {
    u32::from_str_radix(nonce.get(24..32)?, 16).ok()
}

/// The algorithms a device is offered once it has shown its password.
fn offered_to(account: Option<&Account>) -> &[Algorithm] {
    account.map(|account| account.algorithms.as_slice()).filter(|own| !own.is_empty()).unwrap_or(USUAL)
}

/// The same words for a wrong password and for a name nobody has.
pub(super) fn forbidden(request: &Request) -> Response {
    request.respond(403)
}

/// The same again, with the time after which a password is looked at.
fn shut(request: &Request, wait: Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    forbidden(request).with_header("Retry-After", &seconds.to_string())
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("realm", &self.realm).finish_non_exhaustive()
    }
}
