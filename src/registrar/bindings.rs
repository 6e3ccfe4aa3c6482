//! The SQL of bindings in SQLite. Nobody else reads them.

use std::net::SocketAddr;
use std::time::Instant;

use sqlx::Row;

use super::RegistrarError;
use super::binding::Binding;
use super::journal::{Batch, Fate};
use super::keeper::{Found, Whose};
use crate::db::{Db, DbConnection, DbRow, Statement, by_rows};
use crate::directory::DirectoryError;
use crate::sip::{Flow, Transport};
use crate::vocab::{PhoneId, UnixMillis};

/// Most rows of one statement.
const ROWS: usize = 64;

/// Every binding that has not lapsed and is somebody's.
pub(super) async fn read(db: &Db, whose: &Whose, now: Instant) -> Result<Vec<Found>, RegistrarError> {
    let wall = UnixMillis::now();
    let rows = sqlx::query(
        "SELECT aor, contact, phone, call_id, cseq, expires_at, transport, local, received, user_agent, \
         path, instance, reg_id FROM location WHERE expires_at > $1",
    )
    .bind(wall.get())
    .fetch_all(db.reader())
    .await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        let found = Found { aor: row.try_get(0)?, binding: binding(row, now, wall)? };
        if whose(Some(found.binding.phone), &found.aor).is_some() {
            all.push(found);
        }
    }
    Ok(all)
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
        refreshed: None,
        flow: Flow {
            transport: Transport::from_param(transport).ok_or_else(|| unreadable(transport))?,
            local: address(7)?,
            peer: address(8)?,
        },
        user_agent: row.try_get::<&str, _>(9)?.into(),
        path: row.try_get::<&str, _>(10)?.into(),
        instance: row.try_get::<&str, _>(11)?.into(),
        reg_id: u32::try_from(row.try_get::<i64, _>(12)?).unwrap_or(0),
    })
}

/// Writes a batch: all of it, or nothing.
pub(super) async fn write(db: &Db, batch: &Batch) -> Result<(), RegistrarError> {
    let (now, wall) = (Instant::now(), UnixMillis::now());
    let mut transaction = db.write().await?;
    let mut kept = Vec::with_capacity(batch.bindings.len());
    for ((aor, ruid), fate) in &batch.bindings {
        match fate {
            Fate::Bound(binding) => {
                // A flow's contact may be another than before.
                if binding.reg_id != 0 {
                    remove(&mut transaction, aor, ruid).await?;
                }
                kept.push((aor.as_str(), binding));
            }
            Fate::Removed => remove(&mut transaction, aor, ruid).await?,
            Fate::Lapsed(binding) => remove_unless_refreshed(&mut transaction, aor, binding).await?,
        }
    }
    for some in by_rows(&kept, ROWS) {
        put(&mut transaction, some, now, wall).await?;
    }
    for phone in &batch.seen {
        touch(&mut transaction, *phone, wall).await?;
    }
    Ok(transaction.commit().await?)
}

async fn remove(db: &mut DbConnection, aor: &str, ruid: &str) -> Result<(), RegistrarError> {
    let delete = "DELETE FROM location WHERE aor = $1 AND (flow = $2 OR (flow = '' AND contact = $2))";
    sqlx::query(delete).bind(aor).bind(ruid).execute(db).await?;
    Ok(())
}

/// By the registration it was made with: a clock that was set says nothing about it.
async fn remove_unless_refreshed(db: &mut DbConnection, aor: &str, known: &Binding) -> Result<(), RegistrarError> {
    let delete = "DELETE FROM location WHERE aor = $1 AND (flow = $2 OR (flow = '' AND contact = $2)) \
        AND call_id = $3 AND cseq = $4";
    let query = sqlx::query(delete).bind(aor).bind(known.ruid());
    query.bind(known.call_id.as_str()).bind(i64::from(known.cseq)).execute(db).await?;
    Ok(())
}

async fn put(
    db: &mut DbConnection,
    bindings: &[(&str, &Binding)],
    now: Instant,
    wall: UnixMillis,
) -> Result<(), RegistrarError> {
    let mut query = Statement::of_rows(
        db,
        "INSERT INTO location \
         (aor, contact, phone, call_id, cseq, expires_at, transport, local, received, user_agent, path, instance, reg_id, flow) ",
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
            .push_bind(binding.user_agent.as_ref())
            .push_bind(&*binding.path)
            .push_bind(&*binding.instance)
            .push_bind(i64::from(binding.reg_id))
            .push_bind(if binding.reg_id == 0 { String::new() } else { binding.ruid() });
    });
    query.push(
        " ON CONFLICT (aor, contact, flow) DO UPDATE SET phone = excluded.phone, call_id = excluded.call_id, \
         cseq = excluded.cseq, expires_at = excluded.expires_at, transport = excluded.transport, \
         local = excluded.local, received = excluded.received, user_agent = excluded.user_agent, \
         path = excluded.path, instance = excluded.instance, reg_id = excluded.reg_id",
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
