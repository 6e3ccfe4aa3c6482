//! The SQL of bindings.

use std::net::SocketAddr;
use std::time::Instant;

use sqlx::Row;

use super::RegistrarError;
use super::binding::Binding;
use super::journal::Batch;
use crate::db::{Db, DbConnection, DbRow, Statement};
use crate::directory::DirectoryError;
use crate::sip::{Flow, Transport};
use crate::vocab::{PhoneId, UnixMillis};

/// Most rows of one statement. Statements are prepared once for each number of rows: a power of two.
const ROWS: usize = 64;

/// Every binding that has not lapsed, with its address-of-record.
pub(super) async fn read(db: &Db, now: Instant) -> Result<Vec<(String, Binding)>, RegistrarError> {
    let wall = UnixMillis::now();
    let rows = sqlx::query(
        "SELECT aor, contact, phone, call_id, cseq, expires_at, transport, local, received, user_agent \
         FROM location WHERE expires_at > $1",
    )
    .bind(wall.get())
    .fetch_all(db.reader())
    .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, binding(row, now, wall)?))).collect()
}

fn binding(row: &DbRow, now: Instant, wall: UnixMillis) -> Result<Binding, RegistrarError> {
    let unreadable = |fault: &str| DirectoryError::Unreadable { what: "binding", fault: fault.to_owned() };
    let address = |column: usize| -> Result<SocketAddr, RegistrarError> {
        let text: &str = row.try_get(column)?;
        Ok(text.parse().map_err(|_| unreadable(text))?)
    };
    let (phone, transport): (&str, &str) = (row.try_get(2)?, row.try_get(6)?);
    let left = UnixMillis::new(row.try_get(5)?).since(wall);
    Ok(Binding {
        contact: row.try_get(1)?,
        phone: phone.parse().map_err(|_| unreadable(phone))?,
        call_id: row.try_get(3)?,
        cseq: u32::try_from(row.try_get::<i64, _>(4)?).unwrap_or(0),
        expires: now + left,
        flow: Flow {
            transport: Transport::from_param(transport).ok_or_else(|| unreadable(transport))?,
            local: address(7)?,
            peer: address(8)?,
        },
        user_agent: row.try_get::<&str, _>(9)?.into(),
    })
}

/// Writes a batch: all of it, or nothing.
pub(super) async fn write(db: &Db, batch: &Batch) -> Result<(), RegistrarError> {
    let (now, wall) = (Instant::now(), UnixMillis::now());
    let mut transaction = db.write().await?;
    let mut kept = Vec::with_capacity(batch.contacts.len());
    for ((aor, contact), binding) in &batch.contacts {
        match binding {
            Some(binding) => kept.push((aor.as_str(), binding)),
            None => remove(&mut transaction, aor, contact).await?,
        }
    }
    let mut kept = kept.as_slice();
    while !kept.is_empty() {
        let rows = 1 << kept.len().min(ROWS).ilog2();
        let (some, rest) = kept.split_at_checked(rows).unwrap_or((kept, &[]));
        put(&mut transaction, some, now, wall).await?;
        kept = rest;
    }
    for phone in &batch.seen {
        touch(&mut transaction, *phone, wall).await?;
    }
    Ok(transaction.commit().await?)
}

async fn remove(db: &mut DbConnection, aor: &str, contact: &str) -> Result<(), RegistrarError> {
    let delete = "DELETE FROM location WHERE aor = $1 AND contact = $2";
    sqlx::query(delete).bind(aor).bind(contact).execute(db).await?;
    Ok(())
}

async fn put(
    db: &mut DbConnection,
    bindings: &[(&str, &Binding)],
    now: Instant,
    wall: UnixMillis,
) -> Result<(), RegistrarError> {
    let mut query = Statement::new(
        "INSERT INTO location \
         (aor, contact, phone, call_id, cseq, expires_at, transport, local, received, user_agent) ",
    );
    query.push_values(bindings, |mut row, (aor, binding)| {
        row.push_bind(*aor)
            .push_bind(binding.contact.as_str())
            .push_bind(binding.phone.to_string())
            .push_bind(binding.call_id.as_str())
            .push_bind(i64::from(binding.cseq))
            .push_bind(wall.after(binding.expires.saturating_duration_since(now)).get())
            .push_bind(binding.flow.transport.as_param())
            .push_bind(binding.flow.local.to_string())
            .push_bind(binding.flow.peer.to_string())
            .push_bind(binding.user_agent.as_ref());
    });
    query.push(
        " ON CONFLICT (aor, contact) DO UPDATE SET phone = excluded.phone, call_id = excluded.call_id, \
         cseq = excluded.cseq, expires_at = excluded.expires_at, transport = excluded.transport, \
         local = excluded.local, received = excluded.received, user_agent = excluded.user_agent",
    );
    query.build().execute(db).await?;
    Ok(())
}

async fn touch(db: &mut DbConnection, phone: PhoneId, now: UnixMillis) -> Result<(), RegistrarError> {
    sqlx::query("UPDATE phones SET seen_at = $2 WHERE id = $1")
        .bind(phone.to_string())
        .bind(now.get())
        .execute(db)
        .await?;
    Ok(())
}
