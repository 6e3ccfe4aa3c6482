//! Wrong SIP passwords are counted by name and address, by name and by address; beyond a limit nobody is told any more whether
//! a password is right. Pure: it is told the time, and knows no request, account or phone.
//!
//! Each count leaks away evenly over an hour, so a limit is a burst and a steady rate at once, and nothing stays shut for ever.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::vocab::site;

/// The span in which a full count leaks away.
const HOUR: Duration = Duration::from_secs(3600);
/// Counts in one generation; there are two. A count is about 150 octets.
const MOST: usize = 32_768;
/// Characters of a name that are looked at: two that differ later share a count.
const NAME: usize = 64;

/// How many wrong passwords are taken.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WrongPasswordSettings {
    /// In an hour, for one name from one address.
    pub per_name_and_address: NonZeroU32,
    /// In an hour, for one name from everywhere.
    pub per_name: NonZeroU32,
    /// In an hour, for all names from one address.
    pub per_address: NonZeroU32,
}

impl Default for WrongPasswordSettings {
    fn default() -> Self {
        let limit = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        Self { per_name_and_address: limit(10), per_name: limit(50), per_address: limit(300) }
    }
}

/// How well somebody is known where they come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// A phone of this name is registered over this very flow.
    Here,
    /// A phone of this name is at home at this address: others there, or elsewhere, can't have it shut out by guessing.
    Near,
    /// Neither.
    Strange,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scope {
    /// One name from one address.
    NameAndAddress,
    /// One name from everywhere.
    Name,
    /// All names from one address.
    Address,
}

impl Scope {
    const ALL: [Self; 3] = [Self::NameAndAddress, Self::Name, Self::Address];

    /// For a log and a metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NameAndAddress => "name-and-address",
            Self::Name => "name",
            Self::Address => "address",
        }
    }

    /// Whether it shuts somebody of this standing out.
    fn binds(self, standing: Standing) -> bool {
        match standing {
            Standing::Here => false,
            Standing::Near => self == Self::NameAndAddress,
            Standing::Strange => true,
        }
    }

    fn subject(self, address: IpAddr, name: &str) -> Subject {
        let name = || name.chars().take(NAME).collect();
        match self {
            Self::NameAndAddress => Subject { address: Some(site(address)), name: Some(name()) },
            Self::Name => Subject { address: None, name: Some(name()) },
            Self::Address => Subject { address: Some(site(address)), name: None },
        }
    }
}

/// Somebody whose passwords are not looked at for a time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShutOut {
    /// What was counted.
    pub scope: Scope,
    /// The address, or for IPv6 the first of its network.
    pub address: Option<IpAddr>,
    /// The SIP name, as it was given.
    pub name: Option<String>,
    /// How long it still lasts.
    pub wait: Duration,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Subject {
    address: Option<IpAddr>,
    name: Option<String>,
}

/// Every count that has not leaked away.
#[derive(Debug)]
pub struct Guesses {
    settings: WrongPasswordSettings,
    /// When each count will have leaked away. The older generation is dropped when the younger is full: what goes is what
    /// was not asked for for longest.
    young: HashMap<Subject, Instant>,
    old: HashMap<Subject, Instant>,
    most: usize,
}

impl Guesses {
    /// Nothing counted yet.
    pub fn new(settings: WrongPasswordSettings) -> Self {
        Self { settings, young: HashMap::new(), old: HashMap::new(), most: MOST }
    }

    /// How long somebody has to wait before a password is looked at; nothing if it is looked at now.
    pub fn wait(&mut self, address: IpAddr, name: &str, standing: Standing, now: Instant) -> Option<Duration> {
        let binding = Scope::ALL.into_iter().filter(|scope| scope.binds(standing));
        binding.filter_map(|scope| self.shut_for(scope, &scope.subject(address, name), now)).max()
    }

    /// Counts a wrong password. Returns what is shut by it, and for how long.
    pub fn count(&mut self, address: IpAddr, name: &str, now: Instant) -> Vec<(Scope, Duration)> {
        let mut shut = Vec::new();
        if self.wait(address, name, Standing::Near, now).is_some() {
            // It came beside the one that shut it, and was told no more than that one.
            return shut;
        }
        for scope in Scope::ALL {
            let subject = scope.subject(address, name);
            if self.shut_for(scope, &subject, now).is_some() {
                continue;
            }
            let gone = self.gone(&subject).map_or(now, |gone| gone.max(now)) + HOUR / self.limit(scope);
            self.put(subject.clone(), gone);
            shut.extend(self.shut_for(scope, &subject, now).map(|wait| (scope, wait)));
        }
        shut
    }

    /// A password was right: that name's count at that address is forgotten.
    pub fn forgive(&mut self, address: IpAddr, name: &str) {
        let subject = Scope::NameAndAddress.subject(address, name);
        self.young.remove(&subject);
        self.old.remove(&subject);
    }

    /// Who is shut out, the longest first.
    pub fn shut(&self, now: Instant) -> Vec<ShutOut> {
        let counts = self.young.iter().chain(self.old.iter().filter(|(subject, _)| !self.young.contains_key(subject)));
        let mut shut: Vec<ShutOut> = counts
            .filter_map(|(subject, gone)| {
                let scope = match (&subject.address, &subject.name) {
                    (Some(_), Some(_)) => Scope::NameAndAddress,
                    (None, _) => Scope::Name,
                    (Some(_), None) => Scope::Address,
                };
                let wait = self.left(scope, *gone, now)?;
                Some(ShutOut { scope, address: subject.address, name: subject.name.clone(), wait })
            })
            .collect();
        shut.sort_by(|one, two| two.wait.cmp(&one.wait).then_with(|| one.name.cmp(&two.name)));
        shut
    }

    /// Forgets a count; false if it shuts nobody out.
    pub fn lift(&mut self, shut_out: &ShutOut, now: Instant) -> bool {
        let subject = Subject { address: shut_out.address, name: shut_out.name.clone() };
        let is_shut = self.shut_for(shut_out.scope, &subject, now).is_some();
        self.young.remove(&subject);
        self.old.remove(&subject);
        is_shut
    }

    fn limit(&self, scope: Scope) -> u32 {
        match scope {
            Scope::NameAndAddress => self.settings.per_name_and_address.get(),
            Scope::Name => self.settings.per_name.get(),
            Scope::Address => self.settings.per_address.get(),
        }
    }

    /// A count is full when one more would take longer than an hour to leak away.
    fn shut_for(&mut self, scope: Scope, subject: &Subject, now: Instant) -> Option<Duration> {
        let gone = self.gone(subject)?;
        self.left(scope, gone, now)
    }

    fn left(&self, scope: Scope, gone: Instant, now: Instant) -> Option<Duration> {
        let limit = self.limit(scope);
        let left = gone.saturating_duration_since(now);
        Some(left.saturating_sub(HOUR / limit * (limit - 1))).filter(|wait| !wait.is_zero())
    }

    fn gone(&mut self, subject: &Subject) -> Option<Instant> {
        if !self.young.contains_key(subject)
            && let Some((subject, gone)) = self.old.remove_entry(subject)
        {
            self.put(subject, gone);
        }
        self.young.get(subject).or_else(|| self.old.get(subject)).copied()
    }

    fn put(&mut self, subject: Subject, gone: Instant) {
        self.young.insert(subject, gone);
        if self.young.len() > self.most {
            self.old = std::mem::take(&mut self.young);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn guesses() -> (Guesses, Instant) {
        (Guesses::new(WrongPasswordSettings::default()), Instant::now())
    }

    /// Guesses once a second for an hour, a name and an address a time; gives how many were judged.
    fn judged(guess: impl Fn(u32) -> (IpAddr, String), per_second: u32) -> u32 {
        let (mut guesses, start) = guesses();
        let mut judged = 0;
        for turn in 0..3600 * per_second {
            let now = start + Duration::from_secs(1) * turn / per_second;
            let (address, name) = guess(turn);
            if guesses.wait(address, &name, Standing::Strange, now).is_none() {
                guesses.count(address, &name, now);
                judged += 1;
            }
        }
        judged
    }

    fn address(turn: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(0x0a00_0000 + turn % 50_000).into()
    }

    #[test]
    fn one_name_from_one_address_is_judged_ten_times_and_then_every_six_minutes() {
        let (mut guesses, start) = guesses();
        for turn in 1..=10 {
            assert_eq!(guesses.wait(ONE, "x", Standing::Strange, start), None);
            let shut = guesses.count(ONE, "x", start);
            let six_minutes = (Scope::NameAndAddress, Duration::from_secs(360));
            assert_eq!(shut, if turn == 10 { vec![six_minutes] } else { vec![] });
        }
        assert_eq!(guesses.wait(ONE, "x", Standing::Strange, start), Some(Duration::from_secs(360)));
        assert_eq!(guesses.wait(ONE, "x", Standing::Strange, start + Duration::from_secs(360)), None);
        assert_eq!(judged(|_| (ONE, "x".to_owned()), 1), 19);
    }

    #[test]
    fn an_account_is_judged_at_most_a_hundred_times_an_hour_from_however_many_addresses() {
        let judged = judged(|turn| (address(turn), "x".to_owned()), 10);
        assert!((50..=100).contains(&judged), "{judged}");
    }

    #[test]
    fn an_address_that_tries_name_after_name_is_shut_far_beyond_that() {
        let judged = judged(|turn| (ONE, turn.to_string()), 10);
        assert!((300..=600).contains(&judged), "{judged}");
    }

    #[test]
    fn guessing_at_one_name_shuts_out_no_other_at_that_address() {
        let (mut guesses, now) = guesses();
        for _ in 0..1000 {
            guesses.count(ONE, "x", now);
        }
        assert_eq!(guesses.wait(ONE, "y", Standing::Strange, now), None);
        assert_eq!(guesses.wait(TWO, "x", Standing::Strange, now), None);
    }

    #[test]
    fn a_phone_that_is_registered_goes_on_whatever_others_guess() {
        let (mut guesses, now) = guesses();
        for turn in 0..1000 {
            guesses.count(ONE, &turn.to_string(), now);
            guesses.count(address(turn), "mine", now);
        }
        assert!(guesses.wait(ONE, "mine", Standing::Strange, now).is_some());
        assert_eq!(guesses.wait(ONE, "mine", Standing::Near, now), None);
        for _ in 0..10 {
            guesses.count(TWO, "mine", now);
        }
        assert!(guesses.wait(TWO, "mine", Standing::Near, now).is_some());
        assert_eq!(guesses.wait(TWO, "mine", Standing::Here, now), None);
    }

    #[test]
    fn a_right_password_forgives_the_wrong_ones_before_it() {
        let (mut guesses, now) = guesses();
        for _ in 0..9 {
            guesses.count(ONE, "x", now);
        }
        guesses.forgive(ONE, "x");
        assert_eq!(guesses.count(ONE, "x", now), vec![]);
        assert_eq!(guesses.wait(ONE, "x", Standing::Strange, now), None);
    }

    #[test]
    fn who_is_shut_out_is_listed_and_let_in_again() {
        let (mut guesses, now) = guesses();
        for _ in 0..10 {
            guesses.count(ONE, "x", now);
            guesses.count(TWO, "y", now);
        }
        guesses.count(ONE, "z", now);
        let shut = guesses.shut(now);
        assert_eq!(shut.iter().map(|one| one.name.as_deref()).collect::<Vec<_>>(), [Some("x"), Some("y")]);
        assert!(shut.iter().all(|one| one.scope == Scope::NameAndAddress && one.wait == Duration::from_secs(360)));
        assert!(guesses.lift(&shut[0], now) && !guesses.lift(&shut[0], now));
        assert_eq!(guesses.wait(ONE, "x", Standing::Strange, now), None);
        assert_eq!(guesses.shut(now), shut[1..]);
        assert_eq!(guesses.shut(now + Duration::from_secs(360)), []);
    }

    #[test]
    fn memory_is_bounded_and_forgets_the_longest_unheard_of_first() {
        let (mut guesses, now) = guesses();
        guesses.most = 100;
        for turn in 0..10_000 {
            for _ in 0..2 {
                guesses.count(TWO, "steady", now);
            }
            guesses.count(address(turn), &format!("{turn}"), now);
            assert!(guesses.young.len() <= 101 && guesses.old.len() <= 101);
        }
        assert!(guesses.wait(TWO, "steady", Standing::Strange, now).is_some());
    }
}
