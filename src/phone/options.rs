//! What a phone is when it leaves its box, and what its owner may type into it.
//!
//! Plain values. Must not know sockets or the configuration's format.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::event::PhoneEvent;
use super::prints::PromptPrints;
use crate::vocab::{MacAddress, Secret};

/// How SIP travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SipTransport {
    /// Datagrams, with the retransmissions of RFC 3261.
    Udp,
    /// One connection to the server.
    Tcp,
}

impl SipTransport {
    /// The token of the Via header.
    pub fn token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// Whose parameter names the phone understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// AudioCodes 400HD series: `voip/line/0/id=…`.
    AudioCodes,
    /// Yealink T4x, T5x: `account.1.user_name = …`.
    Yealink,
}

/// A phone's make, name and firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The maker.
    pub make: Make,
    /// For example `420HD`.
    pub name: String,
    /// For example `2.2.8.61`.
    pub firmware: String,
}

impl Model {
    /// An AudioCodes 420HD with firmware 2.2.8.61.
    pub fn audiocodes_420hd() -> Self {
        Self { make: Make::AudioCodes, name: "420HD".to_owned(), firmware: "2.2.8.61".to_owned() }
    }

    /// A Yealink SIP-T46S with firmware 66.86.0.15.
    pub fn yealink_t46s() -> Self {
        Self { make: Make::Yealink, name: "SIP-T46S".to_owned(), firmware: "66.86.0.15".to_owned() }
    }

    /// What such a phone writes in User-Agent, for SIP and HTTP alike.
    pub fn user_agent(&self, mac: MacAddress) -> String {
        let octets = mac.octets().map(|octet| format!("{octet:02x}"));
        match self.make {
            Make::AudioCodes => {
                format!("AUDC-IPPhone/{} ({}; {})", self.firmware, self.name, octets.concat().to_uppercase())
            }
            Make::Yealink => format!("Yealink {} {} {}", self.name, self.firmware, octets.join(":")),
        }
    }

    /// The letters' case this model writes its MAC in when it names its file.
    pub fn mac_case(&self) -> MacCase {
        match self.make {
            Make::AudioCodes => MacCase::Upper,
            Make::Yealink => MacCase::Lower,
        }
    }
}

/// Letters of the MAC in the file's name. AudioCodes 2.0 wrote lower case, later firmware upper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacCase {
    /// `00908F112233.cfg`
    Upper,
    /// `00908f112233.cfg`
    Lower,
}

/// A line: where it registers and as whom.
#[derive(Clone, Debug)]
pub struct Account {
    /// `host` or `host:port` of the registrar; 5060 where no port is written.
    pub server: String,
    /// The number registered: the user part of the address of record.
    pub number: String,
    /// The name in digest answers.
    pub auth_name: String,
    /// The digest password; without one a challenge cannot be met.
    pub password: Option<Secret>,
    /// What callees are shown; may be empty.
    pub display_name: String,
}

/// An audio codec the phone can offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// G.711 µ-law, payload type 0.
    Pcmu,
    /// G.711 A-law, payload type 8.
    Pcma,
}

impl Codec {
    /// The encoding name of SDP.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// The static payload type (RFC 3551).
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }
}

/// Everything a phone needs to boot.
#[derive(Clone)]
pub struct PhoneOptions {
    /// The address its sockets are bound to, which must be one of this machine's (not 0.0.0.0); named in SIP and SDP unless
    /// the server tells another (RFC 3581).
    pub local_ip: IpAddr,
    /// The SIP port, or 0 for any.
    pub sip_port: u16,
    /// The hardware address.
    pub mac: MacAddress,
    /// Letters of the MAC in its file's name.
    pub mac_case: MacCase,
    /// Make and model.
    pub model: Model,
    /// The User-Agent of SIP and HTTP.
    pub user_agent: String,
    /// How SIP travels, until a configuration says otherwise.
    pub transport: SipTransport,
    /// Where a factory-new phone asks for its file, as DHCP option 66 or a typed URL would tell; `http` only.
    pub handset_url: Option<String>,
    /// A line typed in by hand.
    pub account: Option<Account>,
    /// Registration expiry asked for, seconds, until a configuration says otherwise.
    pub expires: u32,
    /// Codecs in the order offered.
    pub codecs: Vec<Codec>,
    /// The dynamic payload type offered for telephone events (RFC 4733), 96-127.
    pub event_payload_type: u8,
    /// How long an incoming call rings before it is answered.
    pub ring_time: Duration,
    /// How long a simulated restart takes.
    pub boot_time: Duration,
    /// Whether it obeys a NOTIFY only from who shows the line's password.
    pub challenges_notify: bool,
    /// What the prompts sound like; without them nothing is reported heard.
    pub prints: Option<Arc<PromptPrints>>,
    /// Where events go. An event is dropped where this is full: the phone waits for nobody.
    pub events: mpsc::Sender<PhoneEvent>,
}

impl PhoneOptions {
    /// A factory-new phone of that model, not yet told where to fetch or register.
    pub fn new(local_ip: IpAddr, mac: MacAddress, model: Model, events: mpsc::Sender<PhoneEvent>) -> Self {
        Self {
            local_ip,
            sip_port: 0,
            mac,
            mac_case: model.mac_case(),
            user_agent: model.user_agent(mac),
            model,
            transport: SipTransport::Udp,
            handset_url: None,
            account: None,
            expires: 3600,
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            event_payload_type: 101,
            ring_time: Duration::from_secs(1),
            boot_time: Duration::from_secs(1),
            challenges_notify: false,
            prints: None,
            events,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_say_who_they_are_as_the_real_ones_do() {
        let mac: MacAddress = "00908f112233".parse().unwrap();
        assert_eq!(Model::audiocodes_420hd().user_agent(mac), "AUDC-IPPhone/2.2.8.61 (420HD; 00908F112233)");
        assert_eq!(Model::yealink_t46s().user_agent(mac), "Yealink SIP-T46S 66.86.0.15 00:90:8f:11:22:33");
    }
}
