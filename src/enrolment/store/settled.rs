//! Which phones there is nothing left to do for.

use std::collections::HashSet;

use super::unreadable;
use crate::db::DbPool;
use crate::enrolment::EnrolmentError;
use crate::vocab::PhoneId;

/// Of these phones those that are their users', have fetched all there is to fetch and are in no enrolment.
pub(in crate::enrolment) async fn settled_among(
    db: &DbPool,
    phones: &[PhoneId],
) -> Result<HashSet<PhoneId>, EnrolmentError> {
    // Neighbours in the database are looked at together.
    let mut phones = phones.to_vec();
    phones.sort_unstable();
    let named = serde_json::to_string(&phones);
    // Not "old_token_hash IS NULL": an index says which those are, and SQLite would look at every phone there is.
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM phones WHERE id IN (SELECT value FROM json_each($1)) AND state = 'enrolled' \
         AND push_pending = 0 AND push_due IS NULL AND outdated = 0 \
         AND sealed_old_secret IS NULL AND coalesce(old_token_hash, '') = '' AND former_numbers = '' \
         AND NOT EXISTS (SELECT 1 FROM enrolments WHERE enrolments.phone = phones.id AND ended_at IS NULL)",
    )
    .bind(named.map_err(|_| unreadable("phone"))?)
    .fetch_all(db)
    .await?;
    ids.iter().map(|id| id.parse().map_err(|_| unreadable("phone"))).collect()
}
