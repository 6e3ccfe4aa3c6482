//! Phones the directory has changed for: marked by triggers in the transaction of the change, and what is made of the marks.

use sqlx::Row;

use super::unreadable;
use crate::db::{DbConnection, DbPool};
use crate::enrolment::EnrolmentError;
use crate::enrolment::outfit::Outfit;
use crate::enrolment::pace::Due;
use crate::vocab::{DirectoryNumber, PhoneId, UnixMillis};

/// Numbers a phone had before that are remembered.
const MOST_FORMER: usize = 8;

/// A phone the directory has changed for.
#[derive(Clone, Copy, Debug)]
pub(in crate::enrolment) struct Marked {
    pub phone: PhoneId,
    /// True if it is to fetch its configuration whatever else has changed.
    pub must_fetch: bool,
}

/// True if the directory has changed for some phone.
pub(in crate::enrolment) async fn is_outdated(db: &DbPool) -> Result<bool, EnrolmentError> {
    let found: Option<String> =
        sqlx::query_scalar("SELECT id FROM phones WHERE outdated > 0 LIMIT 1").fetch_optional(db).await?;
    Ok(found.is_some())
}

/// The next phones the directory has changed for, at most `most`; their marks are taken away.
pub(in crate::enrolment) async fn outdated(db: &mut DbConnection, most: u32) -> Result<Vec<Marked>, EnrolmentError> {
    let rows = sqlx::query("SELECT id, outdated FROM phones WHERE outdated > 0 LIMIT $1")
        .bind(i64::from(most))
        .fetch_all(&mut *db)
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let id: String = row.try_get("id")?;
        sqlx::query("UPDATE phones SET outdated = 0 WHERE id = $1").bind(&id).execute(&mut *db).await?;
        let phone = id.parse().map_err(|_| unreadable("phone"))?;
        found.push(Marked { phone, must_fetch: row.try_get::<i64, _>("outdated")? > 1 });
    }
    Ok(found)
}

/// Makes a phone what it is for its user by now. True if its configuration says something else than before.
pub(in crate::enrolment) async fn dress(
    db: &mut DbConnection,
    phone: PhoneId,
    is_managed: bool,
    outfit: &Outfit,
    now: UnixMillis,
) -> Result<bool, EnrolmentError> {
    let id = phone.to_string();
    sqlx::query("UPDATE phones SET name = $2, device_template = $3 WHERE id = $1")
        .bind(&id)
        .bind(&outfit.name)
        .bind(&outfit.template_id)
        .execute(&mut *db)
        .await?;
    let mut is_new = false;
    if is_managed {
        let transport = outfit.transport.as_param();
        let algorithms = outfit.algorithms.as_deref().unwrap_or("MD5");
        let moved = sqlx::query("UPDATE phones SET transport = $2 WHERE id = $1 AND transport <> $2")
            .bind(&id)
            .bind(transport)
            .execute(&mut *db)
            .await?;
        sqlx::query("UPDATE phones SET algorithms = $2 WHERE id = $1")
            .bind(&id)
            .bind(algorithms)
            .execute(&mut *db)
            .await?;
        is_new = moved.rows_affected() > 0;
    }
    let relined = match &outfit.line {
        None => sqlx::query("DELETE FROM lines WHERE phone = $1 AND position = 1").bind(&id).execute(&mut *db).await?,
        Some(line) => {
            sqlx::query(
                "INSERT INTO lines (phone, position, number, label, display, created_at, updated_at) \
                 VALUES ($1, 1, $2, $3, $4, $5, $5) ON CONFLICT (phone, position) DO UPDATE SET \
                 number = excluded.number, label = coalesce(lines.own_label, excluded.label), \
                 display = coalesce(lines.own_display, excluded.display), version = lines.version + 1, updated_at = $5 \
                 WHERE (lines.number, lines.label, lines.display) IS DISTINCT FROM (excluded.number, \
                 coalesce(lines.own_label, excluded.label), coalesce(lines.own_display, excluded.display))",
            )
            .bind(&id)
            .bind(line.number.as_str())
            .bind(&line.label)
            .bind(&line.display)
            .bind(now.get())
            .execute(&mut *db)
            .await?
        }
    };
    Ok(is_new || relined.rows_affected() > 0)
}

/// A phone's number is no longer the one it had: it may still ask for that until it has its new configuration.
pub(in crate::enrolment) async fn retire_number(
    db: &mut DbConnection,
    phone: PhoneId,
    before: Option<&DirectoryNumber>,
    after: Option<&DirectoryNumber>,
) -> Result<(), EnrolmentError> {
    if before == after {
        return Ok(());
    }
    let id = phone.to_string();
    let known: Option<String> = sqlx::query_scalar("SELECT former_numbers FROM phones WHERE id = $1")
        .bind(&id)
        .fetch_optional(&mut *db)
        .await?;
    let known = known.unwrap_or_default();
    let mut former: Vec<&str> = before.map(DirectoryNumber::as_str).into_iter().collect();
    for number in known.split(',').filter(|number| !number.is_empty()) {
        if Some(number) != after.map(DirectoryNumber::as_str) && !former.contains(&number) {
            former.push(number);
        }
    }
    former.truncate(MOST_FORMER);
    sqlx::query("UPDATE phones SET former_numbers = $2 WHERE id = $1")
        .bind(&id)
        .bind(former.join(","))
        .execute(db)
        .await?;
    Ok(())
}

/// A phone that takes configurations is to fetch the one it has now.
pub(in crate::enrolment) async fn make_due(
    db: &mut DbConnection,
    phone: PhoneId,
    now: UnixMillis,
) -> Result<(), EnrolmentError> {
    sqlx::query("UPDATE phones SET push_due = coalesce(push_due, $2) WHERE id = $1 AND sealed_secret IS NOT NULL")
        .bind(phone.to_string())
        .bind(now.get())
        .execute(db)
        .await?;
    Ok(())
}

/// A phone has fetched what it was to fetch.
pub(in crate::enrolment) async fn fetched(db: &mut DbConnection, phone: PhoneId) -> Result<(), EnrolmentError> {
    sqlx::query("UPDATE phones SET push_due = NULL WHERE id = $1 AND push_due IS NOT NULL")
        .bind(phone.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// The phones that are to fetch a changed configuration, those that wait longest first. One that was just bound is looked
/// after by its enrolment.
pub(in crate::enrolment) async fn push_due(db: &DbPool) -> Result<Vec<Due>, EnrolmentError> {
    let rows = sqlx::query(
        "SELECT id, push_due FROM phones WHERE push_due IS NOT NULL AND state <> 'released' AND NOT EXISTS \
         (SELECT 1 FROM enrolments WHERE phone = phones.id AND ended_at IS NULL AND bound_at IS NOT NULL) \
         ORDER BY push_due, id",
    )
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("id")?;
            let phone = id.parse().map_err(|_| unreadable("phone"))?;
            Ok(Due { phone, since: UnixMillis::new(row.try_get("push_due")?) })
        })
        .collect()
}
