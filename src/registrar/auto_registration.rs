//! Auto-registration: a temporary number for a phone nobody knows yet (seed 003), leased and given back.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RegistrarError, store};
use crate::directory::{self, Directory};
use crate::sip::Transport;
use crate::vocab::{DirectoryNumber, MacAddress, PhoneId, UnixMillis, VocabError};

/// The span over which one address's admissions are counted.
const MINUTE: Duration = Duration::from_secs(60);

/// A range of directory numbers, all with the same count of digits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberRange {
    first: u64,
    last: u64,
    digits: usize,
}

impl NumberRange {
    /// From `first` to `last`, both included: digits only, equally many, not descending, at most 100,000 numbers.
    pub fn new(first: &DirectoryNumber, last: &DirectoryNumber) -> Result<Self, VocabError> {
        let fault = |fault| VocabError {
            what: "auto-registration range",
            fault,
            remedy: "give two numbers of equally many digits, the first not above the last, such as 9000 and 9999",
        };
        let read = |number: &DirectoryNumber| number.as_str().parse::<u64>().map_err(|_| fault("not digits only"));
        let range = Self { first: read(first)?, last: read(last)?, digits: first.as_str().len() };
        if last.as_str().len() != range.digits {
            return Err(fault("the two numbers differ in length"));
        }
        match range.last.checked_sub(range.first) {
            Some(0..100_000) => Ok(range),
            Some(_) => Err(fault("more than 100,000 numbers")),
            None => Err(fault("the last number comes before the first")),
        }
    }

    fn numbers(&self) -> impl Iterator<Item = String> + '_ {
        (self.first..=self.last).map(|number| format!("{number:0width$}", width = self.digits))
    }

    /// How many numbers it has.
    pub fn len(&self) -> u64 {
        self.last - self.first + 1
    }

    /// Never true; a range has at least one number.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// True if `number` is one of them.
    pub fn contains(&self, number: &str) -> bool {
        number.len() == self.digits && number.parse().is_ok_and(|number| (self.first..=self.last).contains(&number))
    }
}

/// Settings of auto-registration.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AutoRegistrationSettings {
    /// On or off.
    pub enabled: bool,
    /// The first temporary number.
    pub first: DirectoryNumber,
    /// The last temporary number.
    pub last: DirectoryNumber,
    /// The universal device template of phones nobody has claimed; empty for none.
    pub device_template: String,
    /// Networks unknown phones may come from.
    #[schemars(with = "Vec<String>")]
    pub networks: Vec<IpNet>,
    /// Seconds a phone may stay unseen before its number goes back.
    pub lease_seconds: u64,
    /// Seconds a phone may take from its first fetch to its first registration.
    pub first_registration_seconds: u64,
    /// Seconds a number rests after a bind before another phone gets it.
    pub cooling_seconds: u64,
    /// An alarm is raised when no more than this many numbers in a hundred are free.
    pub alarm_percent: u8,
    /// New phones taken from one address in a minute.
    pub per_address_per_minute: u32,
}

impl Default for AutoRegistrationSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            first: default_number("9000"),
            last: default_number("9099"),
            device_template: String::new(),
            networks: [
                "127.0.0.0/8",
                "10.0.0.0/8",
                "172.16.0.0/12",
                "192.168.0.0/16",
                "::1/128",
                "fc00::/7",
                "fe80::/10",
            ]
            .iter()
            .filter_map(|network| network.parse().ok())
            .collect(),
            lease_seconds: 24 * 3600,
            first_registration_seconds: 600,
            cooling_seconds: 600,
            alarm_percent: 20,
            per_address_per_minute: 30,
        }
    }
}

#[allow(clippy::expect_used)]
fn default_number(text: &'static str) -> DirectoryNumber {
    text.parse().expect("a constant that is a directory number")
}

/// A phone that asks to be let in.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its hardware address, if it showed one.
    pub mac: Option<MacAddress>,
    /// `audiocodes`, `yealink` or `generic`.
    pub vendor: String,
    /// As it says.
    pub model: Option<String>,
    /// What it will authenticate as.
    pub auth_name: String,
    /// Its sealed password; none for one that takes no configuration.
    pub sealed_secret: Option<String>,
    /// Digest algorithms to offer, comma-separated.
    pub algorithms: String,
    /// The hash of the token in its private URL.
    pub token_hash: Option<String>,
    /// How its SIP travels.
    pub transport: Transport,
    /// Where it asks from.
    pub source: IpAddr,
}

/// A phone let in.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The phone.
    pub phone: PhoneId,
    /// Its temporary number.
    pub number: DirectoryNumber,
    /// Earlier records of the same phone that this one replaces.
    pub replaced: Vec<PhoneId>,
}

/// Why a phone was not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Auto-registration is off.
    Off,
    /// The phone's address is in none of the networks allowed.
    Network,
    /// Every number is in use.
    PoolDry,
    /// Too many new phones from one address.
    TooManyFromAddress,
}

impl Refusal {
    /// For a reason phrase, a Warning and a log.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Off => "Auto-registration is off",
            Self::Network => "Not allowed from this network",
            Self::PoolDry => "No temporary number is free",
            Self::TooManyFromAddress => "Too many new phones from this address",
        }
    }
}

/// How many temporary numbers are left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct PoolLevel {
    /// All of them.
    pub total: u64,
    /// Those a phone could get now.
    pub free: u64,
}

/// Lets unknown phones in.
#[derive(Clone, Debug)]
pub struct AutoRegistration {
    settings: Arc<AutoRegistrationSettings>,
    range: NumberRange,
    directory: Directory,
    admissions: Arc<Mutex<HashMap<IpAddr, (UnixMillis, u32)>>>,
    alarm: Arc<Mutex<bool>>,
}

impl AutoRegistration {
    /// Fails if the range is not one.
    pub fn new(settings: AutoRegistrationSettings, directory: Directory) -> Result<Self, VocabError> {
        let range = NumberRange::new(&settings.first, &settings.last)?;
        Ok(Self { settings: Arc::new(settings), range, directory, admissions: Arc::default(), alarm: Arc::default() })
    }

    /// The settings in force.
    pub fn settings(&self) -> &AutoRegistrationSettings {
        &self.settings
    }

    /// Whether a phone may be let in from `source` at all.
    pub fn allows(&self, source: IpAddr) -> Result<(), Refusal> {
        let source = source.to_canonical();
        match &*self.settings {
            settings if !settings.enabled => Err(Refusal::Off),
            settings if !settings.networks.iter().any(|network| network.contains(&source)) => Err(Refusal::Network),
            _ => Ok(()),
        }
    }

    /// Counts somebody who asks to be let in: those who ask too often are slowed, whatever they would have been told.
    pub fn knock(&self, source: IpAddr, now: UnixMillis) -> Result<(), Refusal> {
        self.allows(source).and_then(|()| self.count(source, now))
    }

    /// Lets a phone in that has knocked: the next free number becomes its temporary one.
    pub async fn admit(
        &self,
        candidate: &Candidate,
        now: UnixMillis,
    ) -> Result<Result<Admission, Refusal>, RegistrarError> {
        if let Err(refusal) = self.allows(candidate.source) {
            return Ok(Err(refusal));
        }
        let phone = PhoneId::new(now, rand::random());
        let mut transaction = self.directory.db().write().await?;
        let replaced = store::unclaimed_twins(&mut transaction, candidate).await?;
        for twin in &replaced {
            store::release(&mut transaction, *twin).await?;
        }
        let used: HashSet<String> = store::numbers_in_use(&mut transaction, now).await?.into_iter().collect();
        let free = self.range.numbers().filter(|number| !used.contains(number)).count() as u64;
        let Some(number) = self.range.numbers().find(|number| !used.contains(number)) else {
            drop(transaction);
            self.report(PoolLevel { total: self.range.len(), free: 0 }, now).await?;
            return Ok(Err(Refusal::PoolDry));
        };
        let number: DirectoryNumber = number.parse().map_err(|fault: VocabError| {
            directory::DirectoryError::Unreadable { what: "temporary number", fault: fault.to_string() }
        })?;
        store::insert_quarantined(&mut transaction, phone, candidate, &number, now).await?;
        transaction.commit().await?;
        for changed in replaced.iter().chain([&phone]) {
            self.directory.refresh_account(*changed).await?;
        }
        self.report(PoolLevel { total: self.range.len(), free: free.saturating_sub(1) }, now).await?;
        Ok(Ok(Admission { phone, number, replaced }))
    }

    /// How many numbers are left.
    pub async fn level(&self, now: UnixMillis) -> Result<PoolLevel, RegistrarError> {
        let mut connection = self.directory.db().reader().acquire().await?;
        let used = store::numbers_in_use(&mut connection, now).await?;
        let used = used.iter().filter(|number| self.range.contains(number)).count() as u64;
        Ok(PoolLevel { total: self.range.len(), free: self.range.len().saturating_sub(used) })
    }

    /// Takes numbers back from phones not seen for the time of their lease, and forgets those that have cooled down.
    pub async fn collect(&self, now: UnixMillis) -> Result<Vec<PhoneId>, RegistrarError> {
        let unregistered = Duration::from_secs(self.settings.first_registration_seconds);
        let unseen = Duration::from_secs(self.settings.lease_seconds);
        let mut transaction = self.directory.db().write().await?;
        let lapsed = store::lapsed_leases(&mut transaction, now, unregistered, unseen).await?;
        for phone in &lapsed {
            store::release(&mut transaction, *phone).await?;
        }
        let cooled = store::forget_cooled(&mut transaction, now).await?;
        transaction.commit().await?;
        for phone in lapsed.iter().chain(&cooled) {
            self.directory.refresh_account(*phone).await?;
        }
        let level = self.level(now).await?;
        self.report(level, now).await?;
        Ok(lapsed)
    }

    fn count(&self, source: IpAddr, now: UnixMillis) -> Result<(), Refusal> {
        let mut admissions = self.admissions.lock().unwrap_or_else(PoisonError::into_inner);
        admissions.retain(|_, (since, _)| now.since(*since) < MINUTE);
        let (_, count) = admissions.entry(source).or_insert((now, 0));
        if *count >= self.settings.per_address_per_minute {
            metrics::counter!("auto_registration_slowed_total").increment(1);
            tracing::warn!(%source, "too many new phones from one address: is somebody trying out hardware addresses?");
            return Err(Refusal::TooManyFromAddress);
        }
        *count += 1;
        Ok(())
    }

    /// Shows the level, and raises or ends the alarm.
    #[allow(clippy::cast_precision_loss)]
    async fn report(&self, level: PoolLevel, now: UnixMillis) -> Result<(), RegistrarError> {
        metrics::gauge!("temporary_numbers_free").set(level.free as f64);
        metrics::gauge!("temporary_numbers_total").set(level.total as f64);
        let is_low = level.free * 100 <= level.total * u64::from(self.settings.alarm_percent);
        {
            let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
            if *alarm == is_low {
                return Ok(());
            }
            *alarm = is_low;
        }
        metrics::gauge!("temporary_numbers_alarm").set(f64::from(u8::from(is_low)));
        let (severity, kind) =
            if is_low { ("alarm", "temporary-numbers-low") } else { ("info", "temporary-numbers-enough") };
        let detail = format!("{} of {} temporary numbers are free", level.free, level.total);
        tracing::warn!(free = level.free, total = level.total, kind, "temporary numbers");
        let mut transaction = self.directory.db().write().await?;
        directory::record_event(&mut transaction, now, severity, kind, &detail).await?;
        Ok(transaction.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: &str, last: &str) -> Result<NumberRange, VocabError> {
        NumberRange::new(&first.parse().unwrap(), &last.parse().unwrap())
    }

    #[test]
    fn a_range_keeps_leading_zeros_and_both_its_ends() {
        let range = range("0098", "0101").unwrap();
        assert_eq!(range.numbers().collect::<Vec<_>>(), ["0098", "0099", "0100", "0101"]);
        assert_eq!(range.len(), 4);
        assert!(range.contains("0101") && !range.contains("101") && !range.contains("0102"));
    }

    #[test]
    fn what_is_not_a_range_is_refused() {
        for (first, last) in [("9", "10"), ("20", "10"), ("1*", "20"), ("000000", "999999")] {
            assert!(range(first, last).is_err(), "{first} {last}");
        }
    }
}
