//! The SQL of bindings in SQLite. Nobody else reads them.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use sqlx::FromRow;

use super::RegistrarError;
use super::binding::Binding;
use super::journal::{Batch, Fate};
use super::keeper::{Found, Whose};
use crate::db::{Db, DbConnection, Pages, Statement, by_rows};
use crate::directory::DirectoryError;
use crate::sip::{Flow, Transport};
use crate::vocab::{PhoneId, UnixMillis};

/// Most rows of one statement.
const ROWS: usize = 64;

/// The rows as they are.
const LOCATION: Pages = Pages {
    table: "location",
    from: "location",
    only: "TRUE",
    columns: "aor, contact, phone, call_id, cseq, expires_at, transport, local, received, user_agent, path, instance, reg_id",
    key: "rowid",
};

/// The columns of one.
#[derive(Deserialize, FromRow)]
struct Row {
    aor: String,
    contact: String,
    phone: String,
    call_id: String,
    cseq: i64,
    expires_at: i64,
    transport: String,
    local: String,
    received: String,
    user_agent: String,
    path: String,
    instance: String,
    reg_id: i64,
}

/// Puts every binding that has not lapsed and is somebody's into what is made for about so many.
pub(super) async fn read<T: Send + 'static>(
    db: &Db,
    whose: &Arc<Whose>,
    now: Instant,
    all: fn(usize) -> T,
    put: fn(&mut T, Found),
) -> Result<T, RegistrarError> {
    let (whose, wall) = (whose.clone(), UnixMillis::now());
    let understand = move |row: Row| {
        if row.expires_at <= wall.get() {
            return Ok(None);
        }
        let found = found(row, now, wall)?;
        let is_somebodys = whose(Some(found.binding.phone), &found.aor).is_some();
        Ok(is_somebodys.then_some(found))
    };
    LOCATION.read::<i64, _, _, _, _>(db, understand, all, put).await
}

fn found(row: Row, now: Instant, wall: UnixMillis) -> Result<Found, RegistrarError> {
    let address = |text: &str| text.parse::<SocketAddr>().map_err(|_| unreadable(&text));
    let number = |column: i64| u32::try_from(column).map_err(|_| unreadable(&column));
    let binding = Binding {
        contact: row.contact,
        phone: row.phone.parse().map_err(|_| unreadable(&row.phone))?,
        call_id: row.call_id,
        cseq: number(row.cseq)?,
        expires: now + UnixMillis::new(row.expires_at).since(wall),
        refreshed: None,
        flow: Flow {
            transport: Transport::from_param(&row.transport).ok_or_else(|| unreadable(&row.transport))?,
            local: address(&row.local)?,
            peer: address(&row.received)?,
        },
        user_agent: row.user_agent.into(),
        path: row.path.into(),
        instance: row.instance.into(),
        reg_id: number(row.reg_id)?,
    };
    Ok(Found { aor: row.aor, binding })
}

fn unreadable(fault: &dyn Display) -> RegistrarError {
    DirectoryError::Unreadable { what: "binding", fault: fault.to_string() }.into()
}

/// Writes a batch: all of it, or nothing.
pub(super) async fn write(db: &Db, batch: &Batch) -> Result<(), RegistrarError> {
    let (now, wall) = (Instant::now(), UnixMillis::now());
    let mut transaction = db.write().await?;
    let mut kept = Vec::with_capacity(batch.bindings.len());
    for ((aor, ruid), fate) in &batch.bindings {
        match fate {
            Fate::Bound(binding, _) => {
                // A flow's contact may be another than before.
                if binding.reg_id != 0 {
                    remove(&mut transaction, aor, ruid).await?;
                }
                kept.push((aor.as_str(), binding));
            }
            Fate::Removed(_) => remove(&mut transaction, aor, ruid).await?,
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
