//! The SQL of passwords that are overwritten.

use crate::db::DbConnection;
use crate::enrolment::EnrolmentError;
use crate::vocab::PhoneId;

/// Gives a phone that is somebody's, and has a password of ours, another; it may be fetched once. False if it is none such.
pub(in crate::enrolment) async fn overwrite_secret(
    db: &mut DbConnection,
    phone: PhoneId,
    sealed: &str,
) -> Result<bool, EnrolmentError> {
    let overwritten = sqlx::query(
        "UPDATE phones SET sealed_secret = $2, sealed_old_secret = NULL, push_pending = 1 \
         WHERE id = $1 AND state = 'enrolled' AND sealed_secret IS NOT NULL",
    )
    .bind(phone.to_string())
    .bind(sealed)
    .execute(db)
    .await?;
    Ok(overwritten.rows_affected() == 1)
}
