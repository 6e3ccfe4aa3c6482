//! What auto-registration is asked and what it answers: its settings, a phone that asks to be let in, why one is not. Pure.

use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sip::Transport;
use crate::vocab::{DirectoryNumber, MacAddress, PhoneId};

/// Settings of auto-registration.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AutoRegistrationSettings {
    /// Whether phones nobody knows get a temporary number.
    pub enabled: bool,
    /// The first temporary number.
    pub first: DirectoryNumber,
    /// The last temporary number.
    pub last: DirectoryNumber,
    /// The universal device template of phones nobody has claimed, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_template: Option<String>,
    /// Networks unknown phones may come from.
    #[schemars(with = "Vec<String>")]
    pub networks: Vec<IpNet>,
    /// Seconds a phone may stay unseen before its number goes back.
    pub lease_seconds: u64,
    /// Seconds a phone may take from its first fetch to its first registration.
    pub first_registration_seconds: u64,
    /// Seconds a number rests after it was given back before another phone gets it.
    pub cooling_seconds: u64,
    /// An alarm is raised when no more than this many numbers in a hundred are free.
    pub alarm_percent: u8,
    /// New phones taken from one address in a minute.
    pub per_address_per_minute: u32,
    /// Temporary numbers phones from one address may have at once.
    pub numbers_per_address: u32,
}

impl Default for AutoRegistrationSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            first: default_number("9000"),
            last: default_number("9099"),
            device_template: None,
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
            numbers_per_address: 64,
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
    /// Phones from one address have as many temporary numbers as they may.
    TooManyNumbers,
}

impl Refusal {
    /// For a reason phrase, a Warning and a log.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Off => "Auto-registration is off",
            Self::Network => "Not allowed from this network",
            Self::PoolDry => "No temporary number is free",
            Self::TooManyFromAddress => "Too many new phones from this address",
            Self::TooManyNumbers => "Too many phones from this address wait to be assigned",
        }
    }
}

/// A name for a phone that is configured from here. `entropy` must be random: nobody finds it by trying.
pub fn generated_name(entropy: u64) -> String {
    format!("p{entropy:016x}")
}

/// Whether a phone that just registers may be let in by this name. Not by one that could be a directory number, or one given
/// out here: those are refused unseen, so trying them shows nothing of which there are, and nobody registers as an extension.
pub(super) fn is_admissible(name: &str) -> bool {
    let is_name =
        (1..=64).contains(&name.chars().count()) && !name.contains(|c: char| c.is_control() || c.is_whitespace());
    let is_generated = name.strip_prefix(['p', 'P']).is_some_and(|rest| rest.len() == 16 && is_hexadecimal(rest));
    let is_retired = name.starts_with(RETIRED);
    is_name && name.parse::<DirectoryNumber>().is_err() && !is_generated && !is_retired
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_hexdigit())
}

/// What the names of released phones begin with.
pub(super) const RETIRED: &str = "released-";

/// How many temporary numbers are left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct PoolLevel {
    /// All of them.
    pub total: u64,
    /// Those a phone could get now.
    pub free: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_somebody_typed_in_is_let_in() {
        for name in ["desk-7", "soft", "00908f200001", "reception@lobby", "受付", "p1", "p-0123456789abcdef"] {
            assert!(is_admissible(name), "{name}");
        }
    }

    #[test]
    fn nothing_that_could_be_a_number_or_was_given_out_here_is_let_in() {
        let generated = generated_name(0x0123_4567_89ab_cdef);
        assert_eq!(generated, "p0123456789abcdef");
        let upper = generated.to_uppercase();
        for name in
            ["1001", "9000", "+81312345678", "*21", "00908200001", &generated, &upper, "released-1", "", "a b", "a\r"]
        {
            assert!(!is_admissible(name), "{name:?}");
        }
        assert!(!is_admissible(&"x".repeat(65)) && is_admissible(&"x".repeat(64)));
    }
}
