//! The SQL of what phones authenticate with.

use std::collections::HashMap;
use std::sync::Arc;

use compact_str::CompactString;
use serde::Deserialize;
use smallvec::SmallVec;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row as _};

use super::account::Table;
use super::store::word;
use super::{Account, DirectoryError, Sealer};
use crate::db::{Db, Pages};
use crate::vocab::{DirectoryNumber, PhoneId};

/// What a phone authenticates with. Few users are inactive: of the others nothing is to be kept for the join.
const ACCOUNTS: Pages = Pages {
    table: "phones",
    from: "phones LEFT JOIN leases ON leases.phone = phones.id \
        LEFT JOIN users ON users.id = phones.user AND users.status = 'inactive'",
    only: "state <> 'released'",
    columns: "phones.id, state, auth_name, sealed_secret, sealed_old_secret, algorithms, source, former_numbers, leases.number, \
        users.id",
    key: "phones.id",
};

/// The columns of one, in their order.
#[derive(Deserialize)]
struct Row {
    id: String,
    state: CompactString,
    auth_name: CompactString,
    sealed_secret: Option<String>,
    sealed_old_secret: Option<String>,
    algorithms: CompactString,
    source: CompactString,
    former_numbers: CompactString,
    /// The temporary one.
    number: Option<CompactString>,
    inactive_user: Option<String>,
}

impl FromRow<'_, PgRow> for Row {
    /// Rows come in their thousands: what type a column has is not looked up for each.
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let short = |column: usize| row.try_get_unchecked::<&str, _>(column).map(CompactString::from);
        Ok(Self {
            id: row.try_get_unchecked(0)?,
            state: short(1)?,
            auth_name: short(2)?,
            sealed_secret: row.try_get_unchecked(3)?,
            sealed_old_secret: row.try_get_unchecked(4)?,
            algorithms: short(5)?,
            source: short(6)?,
            former_numbers: short(7)?,
            number: row.try_get_unchecked::<Option<&str>, _>(8)?.map(CompactString::from),
            inactive_user: row.try_get_unchecked(9)?,
        })
    }
}

/// The numbers it may register. They are read by themselves: joined, PostgreSQL takes three times as long for both.
const LINES: Pages =
    Pages { table: "lines", from: "lines", only: "TRUE", columns: "phone, position, number", key: "rowid" };

/// Phone, position and number of one.
type Line = (String, i64, String);

/// Those of each phone, by their positions.
type Lines = HashMap<PhoneId, SmallVec<[(i64, DirectoryNumber); 1]>>;

/// Every account.
pub(super) async fn all(db: &Db, sealer: &Sealer) -> Result<Table, DirectoryError> {
    let sealer = sealer.clone();
    let lines =
        Arc::new(LINES.read::<i64, _, _, _, _>(db, |row| line(row).map(Some), Lines::with_capacity, add).await?);
    let account = move |row| account(row, &lines, &sealer).map(Some);
    ACCOUNTS.read::<String, _, _, _, _>(db, account, Table::with_capacity, Table::add).await
}

/// That of one phone, if it has one.
pub(super) async fn one(db: &Db, sealer: &Sealer, phone: PhoneId) -> Result<Option<Account>, DirectoryError> {
    let mut lines = Lines::new();
    for row in LINES.with(db, "phone", phone.to_string()).await? {
        add(&mut lines, line(row)?);
    }
    let found = ACCOUNTS.with(db, "phones.id", phone.to_string()).await?.pop();
    found.map(|row| account(row, &lines, sealer)).transpose()
}

fn line((phone, position, number): Line) -> Result<(PhoneId, (i64, DirectoryNumber)), DirectoryError> {
    Ok((word("phone", &phone)?, (position, word("line number", &number)?)))
}

fn add(lines: &mut Lines, (phone, line): (PhoneId, (i64, DirectoryNumber))) {
    lines.entry(phone).or_default().push(line);
}

fn account(row: Row, lines: &Lines, sealer: &Sealer) -> Result<Account, DirectoryError> {
    let open = |sealed: Option<&str>| sealed.map(|sealed| sealer.open(sealed)).transpose();
    let phone = word("phone", &row.id)?;
    let mut lines: Vec<_> = lines.get(&phone).into_iter().flatten().collect();
    lines.sort_unstable();
    let former = row.former_numbers.split(',').filter(|number| !number.is_empty());
    Ok(Account {
        phone,
        state: row.state.parse()?,
        auth_name: row.auth_name,
        secret: open(row.sealed_secret.as_deref())?,
        old_secret: open(row.sealed_old_secret.as_deref())?,
        // What is not spoken is not offered. With none that is, the phone is refused.
        algorithms: row.algorithms.split(',').filter_map(|name| name.trim().parse().ok()).collect(),
        lines: lines.into_iter().map(|(_, number)| number.clone()).collect(),
        temporary_number: row.number.map(|number| word("temporary number", &number)).transpose()?,
        former_numbers: former.map(|number| word("line number", number)).collect::<Result<_, _>>()?,
        is_suspended: row.inactive_user.is_some(),
        source: word("address", &row.source)?,
    })
}
