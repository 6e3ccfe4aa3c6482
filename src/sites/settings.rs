//! The settings of the sites as an administrator keeps them.

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::asking::Place;
use crate::db::DbConnection;
use crate::directory::{
    Column, ColumnKind, DeskTransport, Directory, DirectoryError, DrForward, Kind, Listed, Record, Recorded, Settings,
    Table, as_record,
};
use crate::sip::message::Host;
use crate::vocab::{Secret, UnixMillis};

/// The longest name of a site, in characters.
const LONGEST: usize = 128;

/// The settings as they are given.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SitesSettings {
    /// What this site is called.
    pub name: String,
    /// What its peer is called.
    pub peer_name: String,
    /// Where the peer takes SIP: a host name or an IP address. Empty where there is no peer.
    pub peer_address: String,
    /// The port it takes SIP on.
    pub peer_port: u16,
    /// How SIP travels there.
    pub peer_transport: DeskTransport,
    /// The networks its calls come from: those of its servers, and of nobody else. They are not asked for a password.
    #[schemars(with = "Vec<String>")]
    pub peer_networks: Vec<IpNet>,
    /// Where its API is, for example `http://192.0.2.1:8080`; empty where what is live there can't be asked.
    pub peer_api: String,
    /// A token of its API with the role `view`; not shown again. Left as it is where it isn't given; empty takes it away.
    #[serde(skip_serializing)]
    pub peer_token: Option<Secret>,
    /// What becomes of calls to lines that are live at the peer only, where their number doesn't say.
    pub dr_forward: DrForward,
}

impl Default for SitesSettings {
    fn default() -> Self {
        Self {
            name: String::new(),
            peer_name: String::new(),
            peer_address: String::new(),
            peer_port: 5060,
            peer_transport: DeskTransport::default(),
            peer_networks: Vec::new(),
            peer_api: String::new(),
            peer_token: None,
            dr_forward: DrForward::default(),
        }
    }
}

/// The settings as they are shown.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SitesShown {
    /// What this site is called.
    pub name: String,
    /// What its peer is called.
    pub peer_name: String,
    /// Where the peer takes SIP. Empty where there is no peer.
    pub peer_address: String,
    /// The port it takes SIP on.
    pub peer_port: u16,
    /// How SIP travels there.
    pub peer_transport: DeskTransport,
    /// The networks its calls come from.
    #[schemars(with = "Vec<String>")]
    pub peer_networks: Vec<IpNet>,
    /// Where its API is.
    pub peer_api: String,
    /// What becomes of calls to lines that are live at the peer only, where their number doesn't say.
    pub dr_forward: DrForward,
}

/// The settings as a kind of record with one row.
#[derive(Debug)]
pub struct SitesKind;

impl Settings for SitesKind {
    const NAME: &'static str = "sites";
}

impl Listed for SitesKind {
    const TABLE: &'static Table = &TABLE;
    type View = Recorded<SitesShown>;
}

impl Kind for SitesKind {
    type Draft = SitesSettings;

    async fn record(
        directory: &Directory,
        draft: SitesSettings,
        _before: Option<&Record>,
        _now: UnixMillis,
    ) -> Result<Record, DirectoryError> {
        check(&draft)?;
        let mut record = as_record(&draft)?;
        record.insert("key".to_owned(), Self::NAME.into());
        if let Some(token) = draft.peer_token {
            let is_none = token.matches(&Secret::from(String::new()));
            let sealed = match is_none {
                true => Value::Null,
                false => directory.sealer().seal(&token, rand::random())?.into(),
            };
            record.insert("sealed_peer_token".to_owned(), sealed);
        }
        Ok(record)
    }

    /// Phones are told another second server.
    async fn writing(
        db: &mut DbConnection,
        _id: &str,
        record: &Record,
        _now: UnixMillis,
    ) -> Result<(), DirectoryError> {
        let address = record.get("peer_address").and_then(Value::as_str).unwrap_or_default();
        let port = record.get("peer_port").and_then(Value::as_i64).unwrap_or_default();
        sqlx::query(
            "UPDATE phones SET outdated = 2 WHERE state = 'enrolled' AND EXISTS \
             (SELECT 1 FROM sites WHERE peer_address <> $1 OR peer_port <> $2)",
        )
        .bind(address)
        .bind(port)
        .execute(db)
        .await?;
        Ok(())
    }
}

/// Refuses what could never work.
fn check(settings: &SitesSettings) -> Result<(), DirectoryError> {
    let refused = |field: &str, code, fault: &str, remedy| {
        Err(DirectoryError::Refused { field: field.to_owned(), code, fault: fault.to_owned(), remedy })
    };
    for (field, name) in [("name", &settings.name), ("peer_name", &settings.peer_name)] {
        if name.chars().count() > LONGEST || name.chars().any(char::is_control) {
            return refused(field, "site-name", "it is no name", "give at most 128 printable characters");
        }
    }
    if !settings.peer_address.is_empty() && settings.peer_address.parse::<Host>().is_err() {
        let remedy = "give a host name or an IP address, an IPv6 address in brackets";
        return refused("peer_address", "site-address", "it is neither a host name nor an IP address", remedy);
    }
    if settings.peer_port == 0 {
        return refused("peer_port", "range", "0 is no port", "give a port from 1 to 65535");
    }
    if !settings.peer_api.is_empty() && settings.peer_api.parse::<Place>().is_err() {
        let remedy = "give scheme, host and port, for example http://192.0.2.1:8080";
        return refused("peer_api", "site-api", "it is no http or https URL", remedy);
    }
    Ok(())
}

static TABLE: Table = Table {
    name: "sites",
    what: "settings of the sites",
    key: "key",
    sort: "key",
    columns: &[
        Column::read_only("key", ColumnKind::Text),
        Column::new("name", ColumnKind::Text),
        Column::new("peer_name", ColumnKind::Text),
        Column::new("peer_address", ColumnKind::Text),
        Column::new("peer_port", ColumnKind::Integer),
        Column::new("peer_transport", ColumnKind::Text),
        Column::new("peer_networks", ColumnKind::Json),
        Column::new("peer_api", ColumnKind::Text),
        Column::hidden("sealed_peer_token", ColumnKind::Text),
        Column::new("dr_forward", ColumnKind::Text),
    ],
    usages: &[],
};

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(change: impl FnOnce(&mut SitesSettings)) -> Option<String> {
        let mut settings = SitesSettings::default();
        change(&mut settings);
        match check(&settings) {
            Err(DirectoryError::Refused { field, .. }) => Some(field),
            _ => None,
        }
    }

    #[test]
    fn what_could_never_work_is_refused_by_field() {
        assert_eq!(fault(|_| {}), None);
        assert_eq!(fault(|it| it.peer_address = "sip.example.com".to_owned()), None);
        assert_eq!(fault(|it| it.peer_address = "a b".to_owned()).as_deref(), Some("peer_address"));
        assert_eq!(fault(|it| it.peer_port = 0).as_deref(), Some("peer_port"));
        assert_eq!(fault(|it| it.peer_api = "https://osaka.example.com".to_owned()), None);
        assert_eq!(fault(|it| it.peer_api = "ftp://osaka".to_owned()).as_deref(), Some("peer_api"));
        assert_eq!(fault(|it| it.peer_name = "a\nb".to_owned()).as_deref(), Some("peer_name"));
    }
}
