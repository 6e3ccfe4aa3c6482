//! The configuration file: TOML. A key nobody knows is refused, and the nearest known one named.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cti::{CtiSettings, RoutePointSettings};
use crate::db::DatabaseUrl;
use crate::enrolment::EnrolmentSettings;
use crate::http::RateSettings;
use crate::ivr::DialogueSettings;
use crate::mail::MailSettings;
use crate::registrar::{AutoRegistrationSettings, RegistrarSettings};
use crate::sip::{ClientCertificates, Deadlines, FloodSettings, TlsFiles, TlsTrust};

/// Every key with its default, and what it means.
pub const ANNOTATED: &str = include_str!("config.toml");

/// All settings.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the server listens.
    pub listen: ListenSettings,
    /// Where the database is.
    pub database: DatabaseSettings,
    /// The certificate shown to phones.
    pub tls: TlsSettings,
    /// Where host names are looked up.
    pub dns: DnsSettings,
    /// The log.
    pub log: LogSettings,
    /// What bounds it.
    pub limits: LimitSettings,
    /// How many SIP messages are taken.
    pub flood: FloodSettings,
    /// The registrar.
    pub registrar: RegistrarSettings,
    /// Phones nobody knows.
    pub auto_registration: AutoRegistrationSettings,
    /// Who may assign phones.
    pub self_provisioning: EnrolmentSettings,
    /// The number that reaches the voice.
    pub route_point: RoutePointSettings,
    /// The conversation.
    pub dialogue: DialogueSettings,
    /// Calls and their media.
    pub calls: CtiSettings,
    /// Letters to people.
    pub mail: MailSettings,
}

/// Where the server listens.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenSettings {
    /// SIP over UDP.
    pub sip_udp: Vec<SocketAddr>,
    /// SIP over TCP.
    pub sip_tcp: Vec<SocketAddr>,
    /// SIP over TLS.
    pub sip_tls: Vec<SocketAddr>,
    /// SIP over WebSocket.
    pub sip_ws: Vec<SocketAddr>,
    /// SIP over WebSocket within TLS.
    pub sip_wss: Vec<SocketAddr>,
    /// Pages whose WebSockets are taken.
    pub sip_ws_origins: Vec<String>,
    /// The phones' door.
    pub handset: SocketAddr,
    /// The administrators' door.
    pub admin: SocketAddr,
    /// What to show to peers instead of the address they reached; empty for none.
    pub advertised_address: String,
}

impl Default for ListenSettings {
    fn default() -> Self {
        Self {
            sip_udp: vec![SocketAddr::from(([0, 0, 0, 0], 5060))],
            sip_tcp: vec![SocketAddr::from(([0, 0, 0, 0], 5060))],
            sip_tls: Vec::new(),
            sip_ws: Vec::new(),
            sip_wss: Vec::new(),
            sip_ws_origins: Vec::new(),
            handset: SocketAddr::from(([0, 0, 0, 0], 8081)),
            admin: SocketAddr::from(([127, 0, 0, 1], 8080)),
            advertised_address: String::new(),
        }
    }
}

/// Where the database is.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSettings {
    /// A PostgreSQL; empty for a file in the data folder.
    pub url: DatabaseUrl,
}

/// The certificate shown to phones, and whether they are asked for one of theirs. Paths; empty for none.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// The certificate and those that lead to its authority (PEM).
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
    /// Whether phones are asked for a certificate.
    pub client_certificates: ClientCertificates,
    /// The authorities whose certificates are good for phones (PEM).
    pub client_authorities: PathBuf,
    /// The authorities whose certificates are good for servers this one connects to (PEM); empty for those the system trusts.
    pub server_authorities: PathBuf,
}

impl TlsSettings {
    /// The files; none where no certificate is named.
    pub fn files(&self) -> Option<TlsFiles> {
        let named = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
        Some(TlsFiles {
            certificate: named(&self.certificate)?,
            key: named(&self.key).unwrap_or_else(|| self.certificate.clone()),
            client_certificates: self.client_certificates,
            client_authorities: named(&self.client_authorities),
        })
    }

    /// Whose certificates are good for servers we connect to, and what we show them: the certificate phones see.
    pub fn trust(&self) -> TlsTrust {
        let identity = self.files().map(|files| (files.certificate, files.key));
        let is_named = !self.server_authorities.as_os_str().is_empty();
        TlsTrust { authorities: is_named.then(|| self.server_authorities.clone()), identity }
    }
}

/// Where host names are looked up.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DnsSettings {
    /// The servers to ask; empty for those of the system.
    pub servers: Vec<SocketAddr>,
}

/// What bounds the server.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// SIP transactions alive at once.
    pub transactions: usize,
    /// SIP connections, half of them at most from one address.
    pub connections: usize,
    /// SIP connections from one address over which nobody has registered or called.
    pub connections_per_address: usize,
    /// Seconds until the first whole message has come over a SIP connection, and until one that was begun is whole.
    pub connection_opening_seconds: NonZeroU32,
    /// Seconds a SIP connection stays open without a message over which nobody has registered or called.
    pub connection_idle_seconds: NonZeroU32,
    /// Seconds one stays open without anything at all over which somebody has.
    pub connection_lasting_seconds: NonZeroU32,
    /// Seconds one that is a WebSocket stays open without anything at all; its peer is asked whether it is there before.
    pub websocket_silence_seconds: NonZeroU32,
    /// Subscriptions to registrations and messages.
    pub subscriptions: usize,
    /// SIP requests on their way to a phone or a peer.
    pub proxied_requests: usize,
    /// Programs that follow the events.
    pub event_subscribers: usize,
    /// Connections to the phones' door.
    pub handset_connections: usize,
    /// Connections to the phones' door from one address.
    pub handset_connections_per_address: usize,
    /// Seconds a request at the phones' door may take to come.
    pub handset_request_seconds: u64,
    /// Connections to the administrators' door.
    pub admin_connections: usize,
    /// Connections to the administrators' door from one address.
    pub admin_connections_per_address: usize,
    /// Seconds a request at the administrators' door may take to come.
    pub admin_request_seconds: u64,
    /// Requests of the API in a second by one token; twice as many may come at once.
    pub api_requests_per_token: NonZeroU32,
    /// Requests of the API in a second without a good token from one address; twenty times as many may come at once.
    pub api_requests_of_strangers: NonZeroU32,
    /// Seconds running conversations may take when the server stops.
    pub drain_seconds: u64,
    /// Events kept for those who resume.
    pub events_kept: u32,
}

impl LimitSettings {
    /// How long SIP connections may stay open of which nothing comes.
    pub fn deadlines(&self) -> Deadlines {
        let of = |seconds: NonZeroU32| Duration::from_secs(seconds.get().into());
        Deadlines {
            opening: of(self.connection_opening_seconds),
            idle: of(self.connection_idle_seconds),
            lasting: of(self.connection_lasting_seconds),
            websocket: of(self.websocket_silence_seconds),
        }
    }
}

impl Default for LimitSettings {
    fn default() -> Self {
        let deadlines = Deadlines::default();
        let seconds =
            |it: Duration| u32::try_from(it.as_secs()).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        Self {
            transactions: 200_000,
            connections: 20_000,
            connections_per_address: 5000,
            connection_opening_seconds: seconds(deadlines.opening),
            connection_idle_seconds: seconds(deadlines.idle),
            connection_lasting_seconds: seconds(deadlines.lasting),
            websocket_silence_seconds: seconds(deadlines.websocket),
            subscriptions: 20_000,
            proxied_requests: 10_000,
            event_subscribers: 100,
            handset_connections: 1000,
            handset_connections_per_address: 100,
            handset_request_seconds: 10,
            admin_connections: 1000,
            admin_connections_per_address: 500,
            admin_request_seconds: 10,
            api_requests_per_token: RateSettings::default().of_token,
            api_requests_of_strangers: RateSettings::default().of_strangers_address,
            drain_seconds: 60,
            events_kept: 100_000,
        }
    }
}

/// The log.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// How it is written.
    pub format: LogFormat,
}

/// How the log is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: a JSON object a line.
    Json,
}

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("cannot read the configuration {file}: {source}")]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A key nobody knows.
    #[error("{key}: there is no such setting; did you mean {nearest}? `tsunagu config print` shows them all")]
    UnknownKey {
        /// The key as written, with its tables.
        key: String,
        /// The known key most like it.
        nearest: String,
    },
    /// Not TOML, or a value that can't be taken.
    #[error("configuration: {0}")]
    Value(#[from] toml::de::Error),
}

impl Config {
    /// Reads a file.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(file).map_err(|source| ConfigError::File { file: file.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let given: toml::Table = text.parse()?;
        let known = keys(&ANNOTATED.parse()?);
        for key in keys(&given) {
            if !known.contains(&key) {
                let nearest = known
                    .iter()
                    .max_by(|one, two| strsim::jaro_winkler(one, &key).total_cmp(&strsim::jaro_winkler(two, &key)));
                return Err(ConfigError::UnknownKey { nearest: nearest.cloned().unwrap_or_default(), key });
            }
        }
        Ok(toml::from_str(text)?)
    }
}

/// Every key and table of a document, dotted.
fn keys(table: &toml::Table) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, value) in table {
        found.insert(name.clone());
        if let Some(inner) = value.as_table() {
            found.extend(keys(inner).into_iter().map(|key| format!("{name}.{key}")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_annotated_file_is_every_default_and_nothing_else() {
        let annotated: toml::Table = ANNOTATED.parse().unwrap();
        let defaults = toml::Table::try_from(Config::default()).unwrap();
        assert_eq!(keys(&annotated), keys(&defaults));
        let read = toml::Table::try_from(Config::parse(ANNOTATED).unwrap()).unwrap();
        assert_eq!(read, defaults);
    }

    #[test]
    fn an_unknown_key_is_refused_and_the_nearest_named() {
        let error = Config::parse("[auto_registration]\nenable = true\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "auto_registration.enable: there is no such setting; did you mean auto_registration.enabled? \
             `tsunagu config print` shows them all"
        );
        assert!(Config::parse("[dialogue]\nauthentication = \"none\"\n").is_err());
    }

    #[test]
    fn a_value_that_can_not_be_taken_is_refused() {
        assert!(Config::parse("[dialogue]\ntries = 0\n").is_err());
        assert!(Config::parse("[self_provisioning]\nauthentication_code = \"12a\"\n").is_err());
        assert!(Config::parse("[route_point]\ncodecs = [\"G728\"]\n").is_err());
        assert!(Config::parse("[database]\nurl = \"mysql://db\"\n").is_err());
    }
}
