//! Groups of lines: those of one office or department, say. A line is in the group of its number.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Recorded;
use super::portal_account::PORTAL_ACCOUNTS;
use crate::directory::table::{Column, ColumnKind, Table, Usage};
use crate::directory::{Kind, Listed};
use crate::vocab::Name;

/// A group of lines.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineGroup {
    /// Unique.
    pub name: Name,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Where its phones are, for people and for filters.
    #[serde(default)]
    pub site: String,
    /// The portal account that looks after its lines, by the name it logs in with.
    #[serde(default)]
    pub account: Option<String>,
}

/// Groups of lines.
#[derive(Debug)]
pub struct LineGroups;

impl Listed for LineGroups {
    const TABLE: &'static Table = &LINE_GROUPS;
    type View = Recorded<LineGroup>;
}

impl Kind for LineGroups {
    type Draft = LineGroup;
}

pub(super) static LINE_GROUPS: Table = Table {
    name: "line_groups",
    what: "line group",
    key: "name",
    sort: "name",
    columns: &[
        Column::new("name", ColumnKind::Text),
        Column::new("description", ColumnKind::Text),
        Column::new("site", ColumnKind::Text),
        Column::new("account", ColumnKind::Reference(&PORTAL_ACCOUNTS)),
    ],
    usages: &[Usage {
        what: "directory number",
        statement: "SELECT number FROM directory_numbers WHERE line_group = $1",
    }],
};
