//! Reservations: hardware addresses of phones that only one user may claim. They unlock nothing; they keep others out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Recorded;
use super::user::USERS;
use crate::db::DbConnection;
use crate::directory::records::{self, Record};
use crate::directory::table::{Column, ColumnKind, Table};
use crate::directory::{Directory, DirectoryError, Kind, Listed};
use crate::vocab::{MacAddress, UnixMillis, UserId};

/// A reservation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhoneReservation {
    /// The phone's hardware address; unique.
    pub mac: MacAddress,
    /// The user who alone may claim it, by user ID.
    pub user: String,
    /// For people.
    #[serde(default)]
    pub description: String,
}

/// Reservations of phones.
#[derive(Debug)]
pub struct PhoneReservations;

impl Listed for PhoneReservations {
    const TABLE: &'static Table = &PHONE_RESERVATIONS;
    type View = Recorded<PhoneReservation>;
}

impl Kind for PhoneReservations {
    type Draft = PhoneReservation;

    /// A phone that is somebody's is not to be claimed by anybody.
    async fn writing(
        db: &mut DbConnection,
        _id: &str,
        record: &Record,
        _now: UnixMillis,
    ) -> Result<(), DirectoryError> {
        let mac = records::text(record, "mac");
        let owner: Option<String> = sqlx::query_scalar(
            "SELECT user_id FROM phones JOIN users ON users.id = phones.user WHERE mac = $1 AND state = 'enrolled' LIMIT 1",
        )
        .bind(&mac)
        .fetch_optional(db)
        .await?;
        let Some(owner) = owner else { return Ok(()) };
        Err(DirectoryError::Refused {
            field: "mac".to_owned(),
            code: "phone-taken",
            fault: format!("the phone is {owner}'s already"),
            remedy: "release it first",
        })
    }
}

impl Directory {
    /// The user for whom a phone is reserved.
    pub async fn reserved_for_in(db: &mut DbConnection, mac: MacAddress) -> Result<Option<UserId>, DirectoryError> {
        let user: Option<String> = sqlx::query_scalar("SELECT \"user\" FROM phone_reservations WHERE mac = $1")
            .bind(mac.to_string())
            .fetch_optional(db)
            .await?;
        let read = user.map(|user| user.parse()).transpose();
        read.map_err(|fault: crate::vocab::VocabError| DirectoryError::Unreadable {
            what: "phone reservation",
            fault: fault.to_string(),
        })
    }

    /// A reserved phone was claimed.
    pub async fn end_reservation_in(db: &mut DbConnection, mac: MacAddress) -> Result<(), DirectoryError> {
        sqlx::query("DELETE FROM phone_reservations WHERE mac = $1").bind(mac.to_string()).execute(db).await?;
        Ok(())
    }
}

static PHONE_RESERVATIONS: Table = Table {
    name: "phone_reservations",
    what: "phone reservation",
    key: "mac",
    sort: "mac",
    columns: &[
        Column::new("mac", ColumnKind::Text),
        Column::new("user", ColumnKind::Reference(&USERS)),
        Column::new("description", ColumnKind::Text),
    ],
    usages: &[],
};
