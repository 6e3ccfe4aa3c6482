//! What a phone was before it was bound, and making it that again.

use serde::{Deserialize, Serialize};
use sqlx::Row;

use crate::db::DbConnection;
use crate::directory::DirectoryError;
use crate::enrolment::EnrolmentError;
use crate::vocab::{EnrolmentId, PhoneId, UnixMillis};

/// What a phone was, as it is kept.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Former {
    user: Option<String>,
    name: Option<String>,
    device_template: Option<String>,
    algorithms: Option<String>,
    transport: Option<String>,
    lines: Vec<FormerLine>,
}

#[derive(Debug, Deserialize, Serialize)]
struct FormerLine {
    position: i64,
    number: String,
    label: String,
    display: String,
    own_label: Option<String>,
    own_display: Option<String>,
}

/// Keeps with a phone's open enrolment what the phone is.
pub(in crate::enrolment) async fn remember_former(db: &mut DbConnection, phone: PhoneId) -> Result<(), EnrolmentError> {
    let phone = phone.to_string();
    let row = sqlx::query("SELECT \"user\", name, device_template, algorithms, transport FROM phones WHERE id = $1")
        .bind(&phone);
    let Some(row) = row.fetch_optional(&mut *db).await? else { return Ok(()) };
    let lines = sqlx::query(
        "SELECT position, number, label, display, own_label, own_display FROM lines WHERE phone = $1 ORDER BY position",
    );
    let lines = lines.bind(&phone).fetch_all(&mut *db).await?;
    let lines = lines.iter().map(|line| {
        Ok(FormerLine {
            position: line.try_get("position")?,
            number: line.try_get("number")?,
            label: line.try_get("label")?,
            display: line.try_get("display")?,
            own_label: line.try_get("own_label")?,
            own_display: line.try_get("own_display")?,
        })
    });
    let former = Former {
        user: row.try_get("user")?,
        name: row.try_get("name")?,
        device_template: row.try_get("device_template")?,
        algorithms: row.try_get("algorithms")?,
        transport: row.try_get("transport")?,
        lines: lines.collect::<Result<_, sqlx::Error>>()?,
    };
    sqlx::query("UPDATE enrolments SET former = $2 WHERE phone = $1 AND ended_at IS NULL")
        .bind(&phone)
        .bind(serde_json::to_string(&former).map_err(unreadable)?)
        .execute(db)
        .await?;
    Ok(())
}

/// True if no other bind of the phone came after that of this enrolment.
pub(in crate::enrolment) async fn is_newest_bind(
    db: &mut DbConnection,
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
    db: &mut DbConnection,
    phone: PhoneId,
    enrolment: EnrolmentId,
) -> Result<bool, EnrolmentError> {
    let phone = phone.to_string();
    let kept: Option<Option<String>> = sqlx::query_scalar("SELECT former FROM enrolments WHERE id = $1")
        .bind(enrolment.to_string())
        .fetch_optional(&mut *db)
        .await?;
    let former: Former = match kept.flatten() {
        Some(kept) => serde_json::from_str(&kept).map_err(unreadable)?,
        None => Former::default(),
    };
    sqlx::query(
        "UPDATE phones SET \"user\" = (SELECT id FROM users WHERE id = $2), name = $3, \
            device_template = (SELECT id FROM device_templates WHERE id = $4), \
            algorithms = coalesce($5, algorithms), transport = coalesce($6, transport) WHERE id = $1",
    )
    .bind(&phone)
    .bind(&former.user)
    .bind(former.name.as_deref().unwrap_or_default())
    .bind(&former.device_template)
    .bind(&former.algorithms)
    .bind(&former.transport)
    .execute(&mut *db)
    .await?;
    sqlx::query("DELETE FROM lines WHERE phone = $1").bind(&phone).execute(&mut *db).await?;
    let user: Option<String> = sqlx::query_scalar(
        "UPDATE phones SET state = CASE WHEN \"user\" IS NULL THEN 'quarantine' ELSE 'enrolled' END, \
            outdated = CASE WHEN \"user\" IS NULL THEN 0 ELSE 1 END WHERE id = $1 RETURNING \"user\"",
    )
    .bind(&phone)
    .fetch_one(&mut *db)
    .await?;
    if user.is_none() {
        return Ok(false);
    }
    for line in &former.lines {
        sqlx::query(
            "INSERT INTO lines (phone, position, number, label, display, own_label, own_display, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        )
        .bind(&phone)
        .bind(line.position)
        .bind(&line.number)
        .bind(&line.label)
        .bind(&line.display)
        .bind(&line.own_label)
        .bind(&line.own_display)
        .bind(UnixMillis::now().get())
        .execute(&mut *db)
        .await?;
    }
    Ok(true)
}

fn unreadable(fault: serde_json::Error) -> EnrolmentError {
    DirectoryError::Unreadable { what: "former phone", fault: fault.to_string() }.into()
}
