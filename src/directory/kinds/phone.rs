//! Phones as lists know them. What one is in whole, [`crate::directory::Phone`] says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::user::USERS;
use crate::directory::Listed;
use crate::directory::table::{Column, ColumnKind, Table};
use crate::vocab::PhoneId;

/// A phone of a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PhoneRow {
    /// Names the record.
    pub id: PhoneId,
}

/// Phones.
#[derive(Debug)]
pub struct Phones;

impl Listed for Phones {
    const TABLE: &'static Table = &PHONES;
    type View = PhoneRow;
}

static PHONES: Table = Table {
    name: "phones",
    what: "phone",
    key: "id",
    sort: "-created_at",
    columns: &[
        Column::read_only("state", ColumnKind::Text),
        Column::read_only("mac", ColumnKind::Text),
        Column::read_only("vendor", ColumnKind::Text),
        Column::read_only("model", ColumnKind::Text),
        Column::read_only("name", ColumnKind::Text),
        Column::read_only("user", ColumnKind::Reference(&USERS)),
        Column::read_only("auth_name", ColumnKind::Text),
        Column::read_only("source", ColumnKind::Text),
    ],
    usages: &[],
};
