//! The SQL of what phones authenticate with.

use std::borrow::Cow;

use serde::Deserialize;

use super::account::Table;
use super::store::word;
use super::{Account, DirectoryError, Sealer};
use crate::db::{DbPool, Pages, rows};
use crate::vocab::{DirectoryNumber, PhoneId};

/// What a phone authenticates with and the numbers it may register.
const ACCOUNTS: Pages = Pages {
    table: "phones",
    select: "SELECT phones.id, state, auth_name, sealed_secret, sealed_old_secret, algorithms, source, former_numbers, \
            CASE WHEN users.status = 'inactive' THEN 1 ELSE 0 END AS is_suspended, leases.number AS temporary_number, \
            (SELECT string_agg(number, ',') FROM (SELECT number FROM lines WHERE phone = phones.id ORDER BY position) AS ordered) AS numbers \
         FROM phones LEFT JOIN leases ON leases.phone = phones.id LEFT JOIN users ON users.id = phones.user \
         WHERE state <> 'released'",
    columns: "id, state, auth_name, sealed_secret, sealed_old_secret, algorithms, source, former_numbers, is_suspended, \
         temporary_number, numbers",
    key: "id",
};

/// The columns of one.
#[derive(Deserialize)]
struct Row<'a> {
    id: &'a str,
    state: &'a str,
    #[serde(borrow)]
    auth_name: Cow<'a, str>,
    sealed_secret: Option<&'a str>,
    sealed_old_secret: Option<&'a str>,
    #[serde(borrow)]
    algorithms: Cow<'a, str>,
    source: &'a str,
    former_numbers: &'a str,
    is_suspended: u8,
    temporary_number: Option<&'a str>,
    numbers: Option<&'a str>,
}

/// Every account.
pub(super) async fn all(db: &DbPool, sealer: &Sealer) -> Result<Table, DirectoryError> {
    let sealer = sealer.clone();
    ACCOUNTS.read::<String, _, _, _>(db, move |page| accounts(page, &sealer), Table::with_capacity, Table::add).await
}

/// That of one phone, if it has one.
pub(super) async fn one(db: &DbPool, sealer: &Sealer, phone: PhoneId) -> Result<Option<Account>, DirectoryError> {
    match ACCOUNTS.of(db, phone.to_string()).await? {
        Some(found) => Ok(accounts(&found, sealer)?.pop()),
        None => Ok(None),
    }
}

fn accounts(page: &str, sealer: &Sealer) -> Result<Vec<Account>, DirectoryError> {
    let unreadable =
        |fault: serde_json::Error| DirectoryError::Unreadable { what: "account", fault: fault.to_string() };
    rows(page).map(|row| account(row.map_err(unreadable)?, sealer)).collect()
}

fn account(row: Row<'_>, sealer: &Sealer) -> Result<Account, DirectoryError> {
    let open = |sealed: Option<&str>| sealed.map(|sealed| sealer.open(sealed)).transpose();
    let numbers = |texts: &str| -> Result<Vec<DirectoryNumber>, DirectoryError> {
        let texts = texts.split(',').filter(|number| !number.is_empty());
        let mut numbers = Vec::with_capacity(texts.clone().count());
        for number in texts {
            numbers.push(word("line number", number)?);
        }
        Ok(numbers)
    };
    Ok(Account {
        phone: word("phone", row.id)?,
        state: row.state.parse()?,
        auth_name: row.auth_name.into_owned(),
        secret: open(row.sealed_secret)?,
        old_secret: open(row.sealed_old_secret)?,
        // What is not spoken is not offered. With none that is, the phone is refused.
        algorithms: row.algorithms.split(',').filter_map(|name| name.trim().parse().ok()).collect(),
        lines: numbers(row.numbers.unwrap_or_default())?,
        temporary_number: row.temporary_number.map(|number| word("temporary number", number)).transpose()?,
        former_numbers: numbers(row.former_numbers)?,
        is_suspended: row.is_suspended != 0,
        source: word("address", row.source)?,
    })
}
