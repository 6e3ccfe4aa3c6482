//! The server's nonces: signed instants, so that one need not be remembered until it has been used (RFC 7616, section 5.4).
//!
//! It keeps the counts a nonce was used with, in a bounded memory. It knows no user and no header.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How many nonces' counts are remembered; at 10,000 new ones a second that is 26 s of them, in about 16 MB.
const MAX_TRACKED: usize = 262_144;
/// How many outlived nonces one check forgets at most, so that no check is long.
const FORGOTTEN_A_CHECK: usize = 8;
/// Octets of the signature that go into a nonce: 128 bits.
const SIGNATURE_OCTETS: usize = 16;
/// Octets of a nonce before it is written in hexadecimal: instant, entropy, signature.
const NONCE_OCTETS: usize = 16 + SIGNATURE_OCTETS;
/// How far behind the highest count one may be and still be let through, once: requests overtake one another on UDP.
const WINDOW: u32 = 64;

/// What a nonce is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceState {
    /// Ours, young enough, and not used with this count before; without a count, not used at all.
    Fresh,
    /// Ours, but too old, or older than what is remembered: challenge again with `stale=true`.
    Stale,
    /// Ours, and used with this count before, or the count is too far behind to tell; without a count, used at all.
    Replayed,
    /// Not ours: never issued, tampered with, or issued under another key.
    Forged,
}

/// Issues nonces and judges them when they come back.
///
/// It counts time from its own beginning, on a clock that never jumps: setting the wall clock ends no nonce and revives none.
pub struct Nonces {
    signer: Hmac<Sha256>,
    began: Instant,
    lifetime_ms: i64,
    capacity: usize,
    /// In the order of issue, so that the oldest is the first.
    tracked: BTreeMap<Issue, Window>,
    /// Instant of the youngest nonce forgotten. What was issued up to then and isn't tracked may have been used: it is stale.
    forgotten: i64,
}

/// What makes a nonce: milliseconds since the beginning, then entropy.
type Issue = (i64, u64);

/// The counts a nonce was used with: the highest, and of the 64 up to it (bit 0 is the highest) which ones.
#[derive(Clone, Copy)]
struct Window {
    highest: u32,
    seen: u64,
}

/// Of a nonce that was used without a count: no count is admitted any more.
const SPENT: Window = Window { highest: u32::MAX, seen: u64::MAX };

impl Nonces {
    /// Nonces good for `lifetime` after their issue, signed with `key`, which must be random and new at every start: the
    /// counts seen do not outlive the process, so its nonces must not either. No instant before `now` is ever passed in.
    pub fn new(key: [u8; 32], lifetime: Duration, now: Instant) -> Self {
        Self::with_capacity(key, lifetime, now, MAX_TRACKED)
    }

    fn with_capacity(key: [u8; 32], lifetime: Duration, now: Instant, capacity: usize) -> Self {
        // HMAC fills a shorter key with zeros up to its block (RFC 2104); done here, the key has the length it asks for.
        let mut block = [0; 64];
        block.iter_mut().zip(key).for_each(|(kept, octet)| *kept = octet);
        Self {
            signer: Hmac::new(&block.into()),
            began: now,
            lifetime_ms: i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX),
            capacity,
            tracked: BTreeMap::new(),
            forgotten: i64::MIN,
        }
    }

    /// A new nonce: 64 hexadecimal digits. `entropy` must be random.
    pub fn issue(&self, now: Instant, entropy: u64) -> String {
        // What was forgotten may be as young as this moment; a nonce no younger would be stale from the start.
        let issue = (self.since_began(now).max(self.forgotten.saturating_add(1)), entropy);
        let mut text = encode(issue);
        text.push_str(&hex::encode(self.sign(issue)));
        text
    }

    /// What a nonce is worth before its use is looked at: fresh, stale or forged. Remembers nothing.
    pub fn look(&self, nonce: &str, now: Instant) -> NonceState {
        match self.verify(nonce) {
            None => NonceState::Forged,
            Some(issue) if self.outlived(issue, now) => NonceState::Stale,
            Some(_) => NonceState::Fresh,
        }
    }

    /// Judges a nonce and remembers the use. Call it when the response has been found right, so that only those who know a
    /// password can fill the memory. Without a count (`nc` is nothing: a client of RFC 2069) a nonce is good once: nothing
    /// would tell the second request from a replay of the first.
    pub fn check(&mut self, nonce: &str, nc: Option<u32>, now: Instant) -> NonceState {
        let Some(issue) = self.verify(nonce) else { return NonceState::Forged };
        self.forget_outlived(now);
        if self.outlived(issue, now) {
            return NonceState::Stale;
        }
        if let Some(window) = self.tracked.get_mut(&issue) {
            let is_first = nc.is_some_and(|count| window.admit(count));
            return if is_first { NonceState::Fresh } else { NonceState::Replayed };
        }
        if issue.0 <= self.forgotten {
            return NonceState::Stale;
        }
        let window = match nc {
            Some(0) => return NonceState::Replayed,
            Some(count) => Window { highest: count, seen: 1 },
            None => SPENT,
        };
        self.tracked.insert(issue, window);
        if self.tracked.len() > self.capacity {
            self.forget_first();
        }
        NonceState::Fresh
    }

    fn sign(&self, issue: Issue) -> [u8; SIGNATURE_OCTETS] {
        let whole = self.authenticator(issue).finalize().into_bytes();
        let mut signature = [0; SIGNATURE_OCTETS];
        signature.iter_mut().zip(whole).for_each(|(kept, octet)| *kept = octet);
        signature
    }

    fn authenticator(&self, (at, entropy): Issue) -> Hmac<Sha256> {
        let mut signer = self.signer.clone();
        signer.update(&at.to_be_bytes());
        signer.update(&entropy.to_be_bytes());
        signer
    }

    fn verify(&self, nonce: &str) -> Option<Issue> {
        let mut octets = [0; NONCE_OCTETS];
        hex::decode_to_slice(nonce, &mut octets).ok()?;
        let (at, rest) = octets.split_first_chunk::<8>()?;
        let (entropy, signature) = rest.split_first_chunk::<8>()?;
        let issue = (i64::from_be_bytes(*at), u64::from_be_bytes(*entropy));
        self.authenticator(issue).verify_truncated_left(signature).ok()?;
        Some(issue)
    }

    fn since_began(&self, now: Instant) -> i64 {
        i64::try_from(now.saturating_duration_since(self.began).as_millis()).unwrap_or(i64::MAX)
    }

    fn outlived(&self, (at, _): Issue, now: Instant) -> bool {
        self.since_began(now).saturating_sub(at) > self.lifetime_ms
    }

    fn forget_outlived(&mut self, now: Instant) {
        for _ in 0..FORGOTTEN_A_CHECK {
            match self.tracked.first_key_value() {
                Some((issue, _)) if self.outlived(*issue, now) => self.forget_first(),
                _ => return,
            }
        }
    }

    fn forget_first(&mut self) {
        if let Some(((at, _), _)) = self.tracked.pop_first() {
            self.forgotten = self.forgotten.max(at);
        }
    }
}

fn encode((at, entropy): Issue) -> String {
    format!("{:016x}{entropy:016x}", at.cast_unsigned())
}

impl Window {
    /// Whether `count` comes for the first time; remembers it.
    fn admit(&mut self, count: u32) -> bool {
        if count > self.highest {
            let ahead = count - self.highest;
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let behind = self.highest - count;
        if count == 0 || behind >= WINDOW {
            return false;
        }
        let bit = 1 << behind;
        let first = self.seen & bit == 0;
        self.seen |= bit;
        first
    }
}

/// Shows no key.
impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").field("tracked", &self.tracked.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use proptest::prelude::*;

    const LIFETIME: Duration = Duration::from_secs(300);

    fn nonces() -> (Nonces, Instant) {
        let start = Instant::now();
        (Nonces::new([7; 32], LIFETIME, start), start)
    }

    #[test]
    fn a_nonce_is_fresh_for_its_lifetime_and_then_stale() {
        let (mut nonces, start) = nonces();
        let nonce = nonces.issue(start, 1);
        assert_eq!(nonces.check(&nonce, Some(1), start), NonceState::Fresh);
        assert_eq!(nonces.check(&nonce, Some(2), start + LIFETIME), NonceState::Fresh);
        assert_eq!(nonces.look(&nonce, start + LIFETIME), NonceState::Fresh);
        let late = start + LIFETIME + Duration::from_millis(1);
        assert_eq!(nonces.look(&nonce, late), NonceState::Stale);
        assert_eq!(nonces.check(&nonce, Some(3), late), NonceState::Stale);
        assert_eq!(nonces.check(&nonce, None, late), NonceState::Stale);
        assert_eq!(nonces.tracked.len(), 0);
    }

    #[test]
    fn a_nonce_of_another_making_is_forged() {
        let (mut nonces, start) = nonces();
        let nonce = nonces.issue(start, 1);
        let other = Nonces::new([8; 32], LIFETIME, start).issue(start, 1);
        assert_eq!(nonces.look(&other, start), NonceState::Forged);
        assert_eq!(nonces.check(&other, Some(1), start), NonceState::Forged);
        for at in 0..nonce.len() {
            let mut bent = nonce.clone().into_bytes();
            bent[at] = if bent[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(nonces.check(std::str::from_utf8(&bent).unwrap(), Some(1), start), NonceState::Forged);
        }
        for text in ["", "0", &nonce[1..], &format!("{nonce}00"), "日本語"] {
            assert_eq!(nonces.check(text, Some(1), start), NonceState::Forged);
        }
        assert!(nonces.tracked.is_empty(), "what is forged takes no memory");
    }

    #[test]
    fn each_count_passes_once_however_the_requests_were_reordered() {
        let (mut nonces, start) = nonces();
        let nonce = nonces.issue(start, 1);
        for count in [3, 1, 2, 70, 8, 7] {
            assert_eq!(nonces.check(&nonce, Some(count), start), NonceState::Fresh, "{count}");
            assert_eq!(nonces.check(&nonce, Some(count), start), NonceState::Replayed, "{count}");
        }
        for count in [0, 6, 3, 1] {
            assert_eq!(nonces.check(&nonce, Some(count), start), NonceState::Replayed, "{count}");
        }
        assert_eq!(nonces.check(&nonce, Some(u32::MAX), start), NonceState::Fresh);
        assert_eq!(nonces.check(&nonce, Some(u32::MAX), start), NonceState::Replayed);
    }

    #[test]
    fn a_count_in_another_case_of_the_nonce_is_the_same_count() {
        let (mut nonces, start) = nonces();
        let nonce = nonces.issue(start, u64::MAX);
        assert_eq!(nonces.check(&nonce, Some(1), start), NonceState::Fresh);
        assert_eq!(nonces.check(&nonce.to_uppercase(), Some(1), start), NonceState::Replayed);
    }

    #[test]
    fn without_a_count_a_nonce_is_good_once() {
        let (mut nonces, start) = nonces();
        let nonce = nonces.issue(start, 1);
        assert_eq!(nonces.look(&nonce, start), NonceState::Fresh);
        assert_eq!(nonces.check(&nonce, None, start), NonceState::Fresh);
        for nc in [None, Some(1), Some(u32::MAX)] {
            assert_eq!(nonces.check(&nonce, nc, start), NonceState::Replayed, "{nc:?}");
        }
        let counted = nonces.issue(start, 2);
        assert_eq!(nonces.check(&counted, Some(1), start), NonceState::Fresh);
        assert_eq!(nonces.check(&counted, None, start), NonceState::Replayed);
        assert_eq!(
            nonces.check(&counted, Some(2), start),
            NonceState::Fresh,
            "a replay without a count spoils nothing"
        );
    }

    #[test]
    fn what_was_forgotten_is_stale_and_what_is_new_is_not() {
        let start = Instant::now();
        let mut nonces = Nonces::with_capacity([7; 32], LIFETIME, start, 1);
        let (first, second) = (nonces.issue(start, 1), nonces.issue(start, 2));
        assert_eq!(nonces.check(&first, Some(1), start), NonceState::Fresh);
        assert_eq!(nonces.check(&second, None, start), NonceState::Fresh);
        assert_eq!(nonces.check(&first, Some(1), start), NonceState::Stale);
        let third = nonces.issue(start, 3);
        assert_eq!(nonces.check(&third, Some(1), start), NonceState::Fresh);
    }

    proptest! {
        #[test]
        fn nothing_is_accepted_twice_and_memory_is_bounded(
            uses in proptest::collection::vec((0_usize..24, proptest::option::of(0_u32..80), 0_u64..40), 1..400)
        ) {
            let mut now = Instant::now();
            let mut nonces = Nonces::with_capacity([9; 32], Duration::from_millis(500), now, 8);
            let issued: Vec<String> = (0..24).map(|n| nonces.issue(now + Duration::from_millis(n), n)).collect();
            let mut accepted = HashSet::new();
            for (which, count, step) in uses {
                now += Duration::from_millis(step);
                if nonces.check(&issued[which], count, now) == NonceState::Fresh {
                    prop_assert!(accepted.insert((which, count)));
                }
                prop_assert!(nonces.tracked.len() <= 8);
            }
        }
    }
}
