//! What a phone is to be set to, in no vendor's words. Templates turn it into a vendor's.
//!
//! Knows no vendor, file or template. Where the 420HD guide gives a default, [`PhoneSettings::new`] has it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::ProvisioningError;
use crate::vocab::{DirectoryNumber, Language, MacAddress, Secret};

/// Everything a configuration file can say.
#[derive(Clone, Debug)]
pub struct PhoneSettings {
    /// The phone's address, which names its file in a boot file.
    pub mac: Option<MacAddress>,
    /// The SIP account on line 1.
    pub account: Account,
    /// The registrar, which is the proxy too.
    pub registrar: Server,
    /// How SIP travels.
    pub transport: Transport,
    /// A second registrar.
    pub secondary: Option<Secondary>,
    /// Where every request goes first, if not to the registrar.
    pub outbound_proxy: Option<Server>,
    /// Expiry asked for in a REGISTER, in seconds.
    pub registration_expiry: u32,
    /// Seconds from a failed registration to the next try.
    pub registration_retry: u32,
    /// Seconds between OPTIONS to the registrar; `None` sends none.
    pub keep_alive: Option<u32>,
    /// Codecs to offer, the preferred first. Those a vendor's phones don't have are left out.
    pub codecs: Vec<Codec>,
    /// RTP payload type of telephone-event (RFC 4733), 96 to 127.
    pub dtmf_payload_type: u8,
    /// Where the time comes from.
    pub clock: Clock,
    /// The language of the phone's screen; not written where the vendor has no word for it.
    pub language: Language,
    /// The administrator's password of the phone; `None` leaves the line out, so that the phone keeps what it has.
    pub admin_password: Option<Secret>,
    /// Whether the phone's own web pages are served.
    pub web_ui: bool,
    /// The voicemail's number; with one, message waiting is shown.
    pub voicemail: Option<DirectoryNumber>,
    /// Whether the phone obeys NOTIFY with `Event: talk` and `hold` (third-party call control).
    pub talk_event: bool,
    /// Automatic call distribution; `None` turns it off.
    pub acd: Option<AutomaticCallDistribution>,
    /// Whether every check-sync reboots the phone.
    pub reboot_on_check_sync: bool,
    /// Whether the alphabetical keys are locked.
    pub block_non_numeric_keys: bool,
    /// A beep on the headset when a call is answered automatically.
    pub headset_beep: bool,
    /// The same on the speaker.
    pub speakerphone_beep: bool,
    /// Whether calls start muted until the agent unmutes.
    pub proactive_mute: bool,
    /// Whether a person can sign in with a phone number before there is an account.
    pub login_soft_key: bool,
    /// Whether the phone may still be led elsewhere by DHCP or multicast PnP; false once it is claimed.
    pub discovery: bool,
    /// Where the phone fetches its configuration from now on: for AudioCodes the file's URL, for Yealink its folder's,
    /// ending in `/`. Holds a token, so it is a secret. `None` leaves it as it is.
    pub provisioning_url: Option<Secret>,
    /// Where firmware comes from; `None` leaves it as it is.
    pub firmware_url: Option<String>,
    /// Minutes between two looks for a new configuration; `None` looks at power-up only.
    pub resync_interval: Option<u32>,
    /// Further parameters in the vendor's own words, written last and winning over the template's. Raw: at your own risk.
    pub extra: RawParameters,
}

impl PhoneSettings {
    /// Settings for this account at this registrar, all else as the 420HD guide has it from the box (or recommends).
    pub fn new(account: Account, registrar: Server) -> Self {
        Self {
            mac: None,
            account,
            registrar,
            transport: Transport::Udp,
            secondary: None,
            outbound_proxy: None,
            registration_expiry: 300,
            registration_retry: 60,
            keep_alive: None,
            codecs: vec![Codec::G722, Codec::Pcmu, Codec::Pcma],
            dtmf_payload_type: 101,
            clock: Clock::default(),
            language: Language::ENGLISH,
            admin_password: None,
            web_ui: true,
            voicemail: None,
            talk_event: false,
            acd: None,
            reboot_on_check_sync: false,
            block_non_numeric_keys: false,
            headset_beep: false,
            speakerphone_beep: false,
            proactive_mute: false,
            login_soft_key: false,
            discovery: true,
            provisioning_url: None,
            firmware_url: None,
            resync_interval: Some(24 * 60),
            extra: RawParameters::default(),
        }
    }
}

/// One SIP account.
#[derive(Clone, Debug)]
pub struct Account {
    /// The directory number: the user part of its address of record.
    pub number: DirectoryNumber,
    /// The user name it authenticates with.
    pub auth_name: String,
    /// The password; `None` (withheld) leaves the line out of the file, so that the phone keeps what it has.
    pub password: Option<Secret>,
    /// The name callees see. Characters a format can't hold become blanks.
    pub display: String,
    /// The name beside the line key. Likewise.
    pub label: String,
}

/// A SIP server's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its host.
    pub host: Host,
    /// Its port.
    pub port: u16,
}

/// A second registrar and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secondary {
    /// Where it is.
    pub server: Server,
    /// When the phone registers there.
    pub mode: Redundancy,
}

/// When a phone registers with its second registrar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redundancy {
    /// When the first is gone.
    Failover,
    /// Always, with both at once (dual registration, for business continuity).
    Simultaneous,
}

/// How SIP travels (RFC 3261 section 18; RFC 3261 section 26.2.1 for TLS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// An encrypted stream.
    Tls,
}

/// A voice codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// ITU-T G.722, wideband.
    G722,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// ITU-T G.729.
    G729,
    /// ITU-T G.723.1.
    G723,
    /// RFC 6716.
    Opus,
}

/// Where the time comes from.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// NTP server; `None` leaves the phone's (or DHCP's) choice.
    pub ntp: Option<Host>,
    /// Second NTP server.
    pub ntp_secondary: Option<Host>,
    /// Minutes ahead of UTC, -720 to 720; `None` leaves what DHCP or the phone says.
    pub utc_offset: Option<i32>,
    /// The zone's name as the phone's maker spells it, where the phone has names.
    pub zone_name: Option<String>,
}

/// Automatic call distribution on the phone (table 1 of the 420HD guide).
#[derive(Clone, Debug)]
pub struct AutomaticCallDistribution {
    /// The distribution server; `None` uses the SIP server.
    pub server: Option<Server>,
    /// The agent's log-in; `None` leaves it to be keyed in.
    pub user_name: Option<String>,
    /// The agent's password; `None` leaves the line out.
    pub password: Option<Secret>,
    /// The state after log-in.
    pub state_after_login: AgentState,
    /// Seconds the subscription lasts.
    pub expire_time: u32,
}

/// An agent's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentState {
    /// Takes calls.
    Ready,
    /// Takes none yet.
    NotReady,
}

/// A host name or an IP address: what can stand before `:port`, with an IPv6 address in brackets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Host(String);

impl Host {
    /// As written in a file.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Host {
    type Err = ProvisioningError;

    fn from_str(text: &str) -> Result<Self, ProvisioningError> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<Ipv6Addr>() {
            return Ok(Self(format!("[{address}]")));
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
                && !label.starts_with('-')
        };
        let name = text.len() <= 253 && text.split('.').all(label);
        if name || text.parse::<Ipv4Addr>().is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err(ProvisioningError::Setting {
                setting: "host".to_owned(),
                fault: "neither a host name nor an IP address".to_owned(),
            })
        }
    }
}

/// Parameters in a vendor's own words. `Debug` shows the names only, for a value may be a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RawParameters(pub BTreeMap<String, String>);

impl fmt::Debug for RawParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        for text in ["sip.example.com", "192.0.2.1", "pbx", "[2001:db8::1]"] {
            assert_eq!(text.parse::<Host>().unwrap().as_str(), text);
        }
        assert_eq!("2001:db8::1".parse::<Host>().unwrap().as_str(), "[2001:db8::1]");
        for text in ["", ".", "a..b", "a b", "a\nb", "a;b", "a=b", "-a", "{{x}}", "host:5060", "日本", "$(id)"] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_secret_and_no_raw_value() {
        let account = Account {
            number: "2001".parse().unwrap(),
            auth_name: "p1".to_owned(),
            password: Some(Secret::from("canary-a".to_owned())),
            display: String::new(),
            label: String::new(),
        };
        let server = Server { host: "pbx".parse().unwrap(), port: 5060 };
        let mut settings = PhoneSettings::new(account, server);
        settings.admin_password = Some(Secret::from("canary-b".to_owned()));
        settings.provisioning_url = Some(Secret::from("http://pbx/canary-c/".to_owned()));
        settings.extra.0.insert("some/parameter".to_owned(), "canary-d".to_owned());
        let shown = format!("{settings:?}");
        assert!(!shown.contains("canary") && shown.contains("some/parameter"), "{shown}");
    }
}
