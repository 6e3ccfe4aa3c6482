//! What a phone was before it was bound, and making it that again.

use sqlx::sqlite::SqliteConnection;

use super::step_of;
use crate::enrolment::{EnrolmentEnding, EnrolmentError, Step};
use crate::vocab::{EnrolmentId, PhoneId, UnixMillis};

/// Keeps with a phone's open enrolment what the phone is.
pub(in crate::enrolment) async fn remember_former(
    db: &mut SqliteConnection,
    phone: PhoneId,
) -> Result<(), EnrolmentError> {
    sqlx::query(
        "UPDATE enrolments SET former = (SELECT json_object('user', user, 'name', name, \
            'device_template', device_template, 'algorithms', algorithms, 'transport', transport, \
            'lines', (SELECT json_group_array(json_object('position', position, 'number', number, 'label', label, \
                'display', display, 'own_label', own_label, 'own_display', own_display)) FROM lines WHERE phone = $1)) \
            FROM phones WHERE id = $1) WHERE phone = $1 AND ended_at IS NULL",
    )
    .bind(phone.to_string())
    .execute(db)
    .await?;
    Ok(())
}

/// True if no other bind of the phone came after that of this enrolment.
pub(in crate::enrolment) async fn is_newest_bind(
    db: &mut SqliteConnection,
    phone: PhoneId,
    enrolment: EnrolmentId,
) -> Result<bool, EnrolmentError> {
    let newest: Option<String> = sqlx::query_scalar(
        "SELECT id FROM enrolments WHERE phone = $1 AND bound_at IS NOT NULL ORDER BY bound_at DESC, id DESC LIMIT 1",
    )
    .bind(phone.to_string())
    .fetch_optional(db)
    .await?;
    Ok(newest.is_some_and(|newest| newest == enrolment.to_string()))
}

/// Makes a phone again what it was before the bind of this enrolment: its former user's, if there is still such a user,
/// or nobody's. True if it is somebody's.
pub(in crate::enrolment) async fn restore(
    db: &mut SqliteConnection,
    phone: PhoneId,
    enrolment: EnrolmentId,
) -> Result<bool, EnrolmentError> {
    let (phone, enrolment) = (phone.to_string(), enrolment.to_string());
    sqlx::query(
        "UPDATE phones SET user = (SELECT id FROM users WHERE id = former ->> 'user'), \
            name = coalesce(former ->> 'name', ''), \
            device_template = (SELECT id FROM device_templates WHERE id = former ->> 'device_template'), \
            algorithms = coalesce(former ->> 'algorithms', algorithms), \
            transport = coalesce(former ->> 'transport', transport) \
         FROM (SELECT former FROM enrolments WHERE id = $2) WHERE phones.id = $1",
    )
    .bind(&phone)
    .bind(&enrolment)
    .execute(&mut *db)
    .await?;
    sqlx::query("DELETE FROM lines WHERE phone = $1").bind(&phone).execute(&mut *db).await?;
    let is_somebodys: bool = sqlx::query_scalar(
        "UPDATE phones SET state = iif(user IS NULL, 'quarantine', 'enrolled'), outdated = iif(user IS NULL, 0, 1) \
         WHERE id = $1 RETURNING user IS NOT NULL",
    )
    .bind(&phone)
    .fetch_one(&mut *db)
    .await?;
    if is_somebodys {
        sqlx::query(
            "INSERT INTO lines (phone, position, number, label, display, own_label, own_display, created_at, updated_at) \
             SELECT $1, value ->> 'position', value ->> 'number', value ->> 'label', value ->> 'display', \
                value ->> 'own_label', value ->> 'own_display', ended, ended \
             FROM (SELECT former, CAST(unixepoch('subsec') * 1000 AS INTEGER) AS ended FROM enrolments WHERE id = $2), \
                json_each(former, '$.lines')",
        )
        .bind(&phone)
        .bind(&enrolment)
        .execute(db)
        .await?;
    }
    Ok(is_somebodys)
}

/// An enrolment, open or ended, has come to nothing: `step` is what was done, `detail` who did it.
pub(in crate::enrolment) async fn undone(
    db: &mut SqliteConnection,
    enrolment: EnrolmentId,
    (step, ending): (Step, EnrolmentEnding),
    detail: &str,
    now: UnixMillis,
) -> Result<(), EnrolmentError> {
    step_of(db, enrolment, now, step, detail).await?;
    sqlx::query("UPDATE enrolments SET ended_at = $2, ending = $3 WHERE id = $1")
        .bind(enrolment.to_string())
        .bind(now.get())
        .bind(ending.as_str())
        .execute(db)
        .await?;
    Ok(())
}
