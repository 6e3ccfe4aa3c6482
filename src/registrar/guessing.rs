//! Wrong SIP passwords are counted by name and address, by name and by address; beyond a limit nobody is told any more whether
//! a password is right. Pure: it is told the time, and knows no request, account or phone.
//!
//! Each count leaks away evenly over an hour, so a limit is a burst and a steady rate at once, and nothing stays shut for ever. What
//! one address may do in a minute is counted besides.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::vocab::site;

/// The span in which a full count leaks away.
const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
/// Counts in one generation; there are two. A count is about 150 octets.
const MOST: usize = 32_768;
/// Characters of a name that are looked at: two that differ later share a count.
pub(super) const NAME: usize = 64;

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
    /// The same in any minute.
    pub per_address_per_minute: NonZeroU32,
}

impl Default for WrongPasswordSettings {
    fn default() -> Self {
        let limit = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        Self {
            per_name_and_address: limit(10),
            per_name: limit(50),
            per_address: limit(300),
            per_address_per_minute: limit(10),
        }
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
    pub(super) const ALL: [Self; 3] = [Self::NameAndAddress, Self::Name, Self::Address];

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

impl Subject {
    fn scope(&self) -> Scope {
        match (&self.address, &self.name) {
            (Some(_), Some(_)) => Scope::NameAndAddress,
            (None, _) => Scope::Name,
            (Some(_), None) => Scope::Address,
        }
    }
}

/// Every count that has not leaked away.
#[derive(Debug)]
pub struct Guesses {
    settings: WrongPasswordSettings,
    /// When each count will have leaked away. The older generation is dropped when the younger is full: what goes is what
    /// was not asked for for longest.
    young: HashMap<Subject, Instant>,
    old: HashMap<Subject, Instant>,
    /// Those that may be full: what is listed.
    full: HashSet<Subject>,
    /// When wrong passwords came from each address within the last minute, the oldest first.
    of_late: HashMap<IpAddr, VecDeque<Instant>>,
    most: usize,
}

impl Guesses {
    /// Nothing counted yet.
    pub fn new(settings: WrongPasswordSettings) -> Self {
        let (young, old, full, of_late) = (HashMap::new(), HashMap::new(), HashSet::new(), HashMap::new());
        Self { settings, young, old, full, of_late, most: MOST }
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
            if scope == Scope::Address {
                self.note_of_late(site(address), now);
            }
            if let Some(wait) = self.shut_for(scope, &subject, now) {
                shut.push((scope, wait));
                self.full.insert(subject);
            }
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
    pub fn shut(&mut self, now: Instant) -> Vec<ShutOut> {
        let mut shut = Vec::new();
        for subject in std::mem::take(&mut self.full) {
            let scope = subject.scope();
            let Some(wait) = self.shut_for(scope, &subject, now) else { continue };
            shut.push(ShutOut { scope, address: subject.address, name: subject.name.clone(), wait });
            self.full.insert(subject);
        }
        shut.sort_by(|one, two| two.wait.cmp(&one.wait).then_with(|| one.name.cmp(&two.name)));
        shut
    }

    /// Forgets a count; false if it shuts nobody out.
    pub fn lift(&mut self, shut_out: &ShutOut, now: Instant) -> bool {
        let subject = Subject { address: shut_out.address, name: shut_out.name.clone() };
        let is_shut = self.shut_for(shut_out.scope, &subject, now).is_some();
        self.young.remove(&subject);
        self.old.remove(&subject);
        if let (Scope::Address, Some(address)) = (shut_out.scope, &subject.address) {
            self.of_late.remove(address);
        }
        is_shut
    }

    fn limit(&self, scope: Scope) -> u32 {
        match scope {
            Scope::NameAndAddress => self.settings.per_name_and_address.get(),
            Scope::Name => self.settings.per_name.get(),
            Scope::Address => self.settings.per_address.get(),
        }
    }

    /// A count is full when one more would take longer than an hour to leak away; an address, too, when as many came within a
    /// minute as may.
    fn shut_for(&mut self, scope: Scope, subject: &Subject, now: Instant) -> Option<Duration> {
        let hour = self.gone(subject).and_then(|gone| self.left(scope, gone, now));
        let minute = match scope {
            Scope::Address => subject.address.and_then(|address| self.minute_left(address, now)),
            Scope::NameAndAddress | Scope::Name => None,
        };
        hour.max(minute)
    }

    /// How long until one more may come from an address within the same minute.
    fn minute_left(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let of_late = self.of_late.get(&address)?;
        let most = usize::try_from(self.settings.per_address_per_minute.get()).unwrap_or(usize::MAX);
        let first = of_late.get(of_late.len().checked_sub(most)?)?;
        Some((*first + MINUTE).saturating_duration_since(now)).filter(|wait| !wait.is_zero())
    }

    fn note_of_late(&mut self, address: IpAddr, now: Instant) {
        let is_over = |at: &Instant| *at + MINUTE <= now;
        if self.of_late.len() >= self.most {
            self.of_late.retain(|_, of_late| !of_late.back().is_none_or(is_over));
        }
        if self.of_late.len() >= self.most {
            self.of_late.clear();
        }
        let of_late = self.of_late.entry(address).or_default();
        while of_late.front().is_some_and(is_over) {
            of_late.pop_front();
        }
        of_late.push_back(now);
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

    /// The same that take more from one address in a minute.
    fn patient() -> (Guesses, Instant) {
        let per_address_per_minute = NonZeroU32::new(1000).unwrap();
        (Guesses::new(WrongPasswordSettings { per_address_per_minute, ..Default::default() }), Instant::now())
    }

    /// Guesses so many times a second, a name and an address a time; gives how many were judged.
    fn judged(guess: impl Fn(u32) -> (IpAddr, String), per_second: u32, seconds: u32) -> u32 {
        let (mut guesses, start) = guesses();
        let mut judged = 0;
        for turn in 0..seconds * per_second {
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
            let a_minute = (Scope::Address, MINUTE);
            assert_eq!(shut, if turn == 10 { vec![six_minutes, a_minute] } else { vec![] });
        }
        assert_eq!(guesses.wait(ONE, "x", Standing::Strange, start), Some(Duration::from_secs(360)));
        assert_eq!(guesses.wait(ONE, "x", Standing::Strange, start + Duration::from_secs(360)), None);
        assert_eq!(judged(|_| (ONE, "x".to_owned()), 1, 3600), 19);
        assert_eq!(judged(|_| (ONE, "x".to_owned()), 10, 60), 10);
    }

    #[test]
    fn an_account_is_judged_at_most_a_hundred_times_an_hour_from_however_many_addresses() {
        let judged = judged(|turn| (address(turn), "x".to_owned()), 10, 3600);
        assert!((50..=100).contains(&judged), "{judged}");
    }

    #[test]
    fn an_address_that_tries_name_after_name_is_shut_far_beyond_that() {
        let hour = judged(|turn| (ONE, turn.to_string()), 10, 3600);
        assert!((300..=600).contains(&hour), "{hour}");
        let minute = judged(|turn| (ONE, turn.to_string()), 10, 60);
        assert_eq!(minute, 10);
    }

    #[test]
    fn guessing_at_one_name_shuts_out_others_at_that_address_for_a_minute_at_most_and_nobody_elsewhere() {
        let (mut guesses, start) = guesses();
        for _ in 0..1000 {
            guesses.count(ONE, "x", start);
        }
        assert_eq!(guesses.wait(TWO, "x", Standing::Strange, start), None);
        assert_eq!(guesses.wait(ONE, "y", Standing::Near, start), None);
        assert_eq!(guesses.wait(ONE, "y", Standing::Strange, start), Some(MINUTE));
        for second in 60..360 {
            let now = start + Duration::from_secs(second);
            guesses.count(ONE, "x", now);
            assert_eq!(guesses.wait(ONE, "y", Standing::Strange, now), None, "{second}");
        }
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
        let (mut guesses, now) = patient();
        for _ in 0..9 {
            guesses.count(ONE, "x", now);
        }
        guesses.forgive(ONE, "x");
        assert_eq!(guesses.count(ONE, "x", now), vec![]);
        assert_eq!(guesses.wait(ONE, "x", Standing::Strange, now), None);
    }

    #[test]
    fn an_address_that_is_shut_out_is_listed_and_let_in_again() {
        let (mut guesses, now) = guesses();
        (0..10).for_each(|turn| drop(guesses.count(ONE, &turn.to_string(), now)));
        let shut = guesses.shut(now);
        assert_eq!(shut, [ShutOut { scope: Scope::Address, address: Some(ONE), name: None, wait: MINUTE }]);
        assert!(guesses.lift(&shut[0], now) && !guesses.lift(&shut[0], now));
        assert_eq!((guesses.wait(ONE, "x", Standing::Strange, now), guesses.shut(now)), (None, vec![]));
    }

    #[test]
    fn who_is_shut_out_is_listed_and_let_in_again() {
        let (mut guesses, now) = patient();
        for _ in 0..10 {
            guesses.count(ONE, "x", now);
            guesses.count(TWO, "y", now);
        }
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
            assert!(guesses.young.len() <= 101 && guesses.old.len() <= 101 && guesses.of_late.len() <= 100);
        }
        assert!(guesses.wait(TWO, "steady", Standing::Strange, now).is_some());
    }
}
