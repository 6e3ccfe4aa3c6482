//! The settings of auto-registration as an administrator keeps them.

use serde_json::Value;

use super::admission::AutoRegistrationSettings;
use super::number_range::NumberRange;
use crate::directory::{
    Column, ColumnKind, DeviceTemplates, Directory, DirectoryError, Kind, Listed, Record, Recorded, Settings, Table,
    as_record,
};
use crate::vocab::UnixMillis;

/// Longest lease, in seconds: a year.
const LONGEST: u64 = 366 * 24 * 3600;

/// The settings as a kind of record with one row.
#[derive(Debug)]
pub struct AutoRegistrationKind;

impl Settings for AutoRegistrationKind {
    const NAME: &'static str = "auto-registration";
}

impl Listed for AutoRegistrationKind {
    const TABLE: &'static Table = &TABLE;
    type View = Recorded<AutoRegistrationSettings>;
}

impl Kind for AutoRegistrationKind {
    type Draft = AutoRegistrationSettings;

    async fn record(
        _directory: &Directory,
        draft: AutoRegistrationSettings,
        _before: Option<&Record>,
        _now: UnixMillis,
    ) -> Result<Record, DirectoryError> {
        check(&draft)?;
        let mut record = as_record(&draft)?;
        record.entry("device_template").or_insert(Value::Null);
        record.insert("name".to_owned(), Self::NAME.into());
        Ok(record)
    }
}

/// Refuses what could never work.
fn check(settings: &AutoRegistrationSettings) -> Result<(), DirectoryError> {
    let refused = |field: &str, code, fault: String, remedy| {
        Err(DirectoryError::Refused { field: field.to_owned(), code, fault, remedy })
    };
    if let Err(fault) = NumberRange::new(&settings.first, &settings.last) {
        return refused("last", "range", fault.fault.to_owned(), fault.remedy);
    }
    let seconds = [
        ("lease_seconds", settings.lease_seconds, 60),
        ("first_registration_seconds", settings.first_registration_seconds, 30),
        ("cooling_seconds", settings.cooling_seconds, 0),
    ];
    for (field, value, least) in seconds {
        if !(least..=LONGEST).contains(&value) {
            let fault = format!("it is not from {least} to {LONGEST} seconds");
            return refused(field, "range", fault, "give another number of seconds");
        }
    }
    if settings.alarm_percent > 100 {
        return refused("alarm_percent", "range", "it is above 100".to_owned(), "give a number from 0 to 100");
    }
    for (field, value) in [
        ("per_address_per_minute", settings.per_address_per_minute),
        ("numbers_per_address", settings.numbers_per_address),
    ] {
        if !(1..=100_000).contains(&value) {
            let remedy = "give another number; to let nobody in, switch auto-registration off";
            return refused(field, "range", "it is not from 1 to 100000".to_owned(), remedy);
        }
    }
    if settings.networks.len() > 256 {
        return refused("networks", "range", "there are more than 256".to_owned(), "join networks that lie together");
    }
    Ok(())
}

static TABLE: Table = Table {
    name: "auto_registration",
    what: "auto-registration",
    key: "name",
    sort: "name",
    columns: &[
        Column::read_only("name", ColumnKind::Text),
        Column::new("enabled", ColumnKind::Flag),
        Column::new("first", ColumnKind::Text),
        Column::new("last", ColumnKind::Text),
        Column::new("device_template", ColumnKind::Reference(DeviceTemplates::TABLE)),
        Column::new("networks", ColumnKind::Json),
        Column::new("lease_seconds", ColumnKind::Integer),
        Column::new("first_registration_seconds", ColumnKind::Integer),
        Column::new("cooling_seconds", ColumnKind::Integer),
        Column::new("alarm_percent", ColumnKind::Integer),
        Column::new("per_address_per_minute", ColumnKind::Integer),
        Column::new("numbers_per_address", ColumnKind::Integer),
    ],
    usages: &[],
};
