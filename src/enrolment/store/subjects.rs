//! Phones and users by the names people have for them.

use sqlx::Row;

use super::unreadable;
use crate::db::DbConnection;
use crate::enrolment::EnrolmentError;
use crate::vocab::{PhoneId, UserId};

/// Phones that are not released and have this identifier, hardware address or temporary number; where some of them wait
/// to be claimed, only those.
pub(in crate::enrolment) async fn phones_named(
    db: &mut DbConnection,
    name: &str,
    mac: Option<&str>,
) -> Result<Vec<PhoneId>, EnrolmentError> {
    let rows = sqlx::query(
        "SELECT id, state FROM phones WHERE (id = $1 OR mac = $2 OR id = (SELECT phone FROM leases \
            WHERE number = $1 AND cooling_until IS NULL)) AND state <> 'released' ORDER BY created_at DESC LIMIT 20",
    )
    .bind(name)
    .bind(mac)
    .fetch_all(db)
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: PhoneId = row.try_get::<String, _>("id")?.parse().map_err(|_| unreadable("phone"))?;
        found.push((id, row.try_get::<String, _>("state")? == "quarantine"));
    }
    let is_waiting = found.iter().any(|(_, waits)| *waits);
    Ok(found.into_iter().filter(|(_, waits)| *waits == is_waiting).map(|(id, _)| id).collect())
}

/// Users with this identifier, user ID, self-service ID or primary extension, and their user IDs.
pub(in crate::enrolment) async fn users_named(
    db: &mut DbConnection,
    name: &str,
) -> Result<Vec<(UserId, String)>, EnrolmentError> {
    let rows = sqlx::query(
        "SELECT id, user_id FROM users WHERE id = $1 OR user_id = $1 OR self_service_id = $1 OR primary_extension = $1 \
         ORDER BY user_id LIMIT 20",
    )
    .bind(name)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("id")?;
            Ok((id.parse().map_err(|_| unreadable("user"))?, row.try_get("user_id")?))
        })
        .collect()
}
