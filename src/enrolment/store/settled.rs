//! Which phones there is nothing left to do for.

use std::collections::HashSet;

use sqlx::sqlite::SqlitePool;

use super::unreadable;
use crate::enrolment::EnrolmentError;
use crate::vocab::PhoneId;

/// Of these phones those that are their users', have fetched all there is to fetch and are in no enrolment.
pub(in crate::enrolment) async fn settled_among(
    db: &SqlitePool,
    phones: &[PhoneId],
) -> Result<HashSet<PhoneId>, EnrolmentError> {
    let named = serde_json::to_string(&phones.iter().map(ToString::to_string).collect::<Vec<_>>());
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM phones WHERE id IN (SELECT value FROM json_each($1)) AND state = 'enrolled' \
         AND push_pending = 0 AND push_due IS NULL AND outdated = 0 \
         AND sealed_old_secret IS NULL AND old_token_hash IS NULL AND former_numbers = '' \
         AND NOT EXISTS (SELECT 1 FROM enrolments WHERE enrolments.phone = phones.id AND ended_at IS NULL)",
    )
    .bind(named.map_err(|_| unreadable("phone"))?)
    .fetch_all(db)
    .await?;
    ids.iter().map(|id| id.parse().map_err(|_| unreadable("phone"))).collect()
}
