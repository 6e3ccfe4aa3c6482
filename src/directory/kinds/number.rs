//! Directory numbers, and the pools new ones come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Recorded;
use super::line_group::LINE_GROUPS;
use crate::directory::kind::as_record;
use crate::directory::records::Record;
use crate::directory::table::{Column, ColumnKind, Table, Usage};
use crate::directory::{Directory, DirectoryError, DrForward, Kind, Listed};
use crate::vocab::{DirectoryNumber, Name, UnixMillis};

/// A directory number as it is given.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectoryNumberDraft {
    /// Unique.
    pub number: DirectoryNumber,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The pool it belongs to, by name.
    #[serde(default)]
    pub pool: Option<String>,
    /// The group its lines are in, by name.
    #[serde(default)]
    pub line_group: Option<String>,
    /// What becomes of calls to it while it is live at the peer site only; as the settings of the sites say if it isn't given.
    #[serde(default)]
    pub dr_forward: Option<DrForward>,
}

/// A pool: a range of numbers new users get theirs from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberPool {
    /// Unique.
    pub name: Name,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The first number: digits only.
    pub first: DirectoryNumber,
    /// The last number, with as many digits.
    pub last: DirectoryNumber,
}

/// Directory numbers.
#[derive(Debug)]
pub struct DirectoryNumbers;

/// Pools of directory numbers.
#[derive(Debug)]
pub struct NumberPools;

impl Listed for DirectoryNumbers {
    const TABLE: &'static Table = &DIRECTORY_NUMBERS;
    type View = Recorded<DirectoryNumberDraft>;
}

impl Kind for DirectoryNumbers {
    type Draft = DirectoryNumberDraft;
}

impl Listed for NumberPools {
    const TABLE: &'static Table = &NUMBER_POOLS;
    type View = Recorded<NumberPool>;
}

impl Kind for NumberPools {
    type Draft = NumberPool;

    async fn record(
        _directory: &Directory,
        draft: NumberPool,
        _before: Option<&Record>,
        _now: UnixMillis,
    ) -> Result<Record, DirectoryError> {
        let (first, last) = (draft.first.as_str(), draft.last.as_str());
        let is_digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
        if !is_digits(first) || !is_digits(last) || first.len() != last.len() || first > last {
            return Err(DirectoryError::Refused {
                field: "last".to_owned(),
                code: "range",
                fault: format!("{first} to {last} is no range"),
                remedy: "give two numbers of equally many digits, the first not above the last, such as 1000 and 1999",
            });
        }
        as_record(&draft)
    }
}

static NUMBER_POOLS: Table = Table {
    name: "number_pools",
    what: "number pool",
    key: "name",
    sort: "name",
    columns: &[
        Column::new("name", ColumnKind::Text),
        Column::new("description", ColumnKind::Text),
        Column::new("first", ColumnKind::Text),
        Column::new("last", ColumnKind::Text),
    ],
    usages: &[Usage { what: "directory number", statement: "SELECT number FROM directory_numbers WHERE pool = $1" }],
};

static DIRECTORY_NUMBERS: Table = Table {
    name: "directory_numbers",
    what: "directory number",
    key: "number",
    sort: "number",
    columns: &[
        Column::new("number", ColumnKind::Text),
        Column::new("description", ColumnKind::Text),
        Column::new("pool", ColumnKind::Reference(&NUMBER_POOLS)),
        Column::new("line_group", ColumnKind::Reference(&LINE_GROUPS)),
        Column::new("dr_forward", ColumnKind::Text),
    ],
    usages: &[
        Usage { what: "user", statement: "SELECT user_id FROM users WHERE primary_extension = $2" },
        Usage {
            what: "phone",
            statement: "SELECT phones.name FROM lines JOIN phones ON phones.id = lines.phone WHERE lines.number = $2",
        },
        Usage {
            what: "route point",
            statement: "SELECT route_points.name FROM route_points, json_each(route_points.numbers) WHERE value = $2",
        },
    ],
};
