//! Enrolments and their timelines.

use sqlx::Row;

use super::unreadable;
use crate::db::{DbConnection, DbPool, DbRow};
use crate::directory::{self, Happening};
use crate::enrolment::ended::{Ended, last_step};
use crate::enrolment::record::{Enrolment, TimelineStep, put_in_order};
use crate::enrolment::{EnrolmentEnding, EnrolmentError, Step};
use crate::vocab::{EnrolmentId, PhoneId, UnixMillis};

/// Steps in a timeline after which one that is there already is not noted again: whoever holds a phone may call as often as
/// they like.
const MOST_REPEATED: i64 = 1000;

/// Begins an enrolment of a phone; one already open stays. Gives the one that is open.
pub(in crate::enrolment) async fn begin(
    db: &mut DbConnection,
    phone: PhoneId,
    now: UnixMillis,
) -> Result<EnrolmentId, EnrolmentError> {
    let enrolment = EnrolmentId::new(now, rand::random());
    let begun =
        sqlx::query("INSERT INTO enrolments (id, phone, started_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(enrolment.to_string())
            .bind(phone.to_string())
            .bind(now.get())
            .execute(&mut *db)
            .await?;
    if begun.rows_affected() == 0 {
        return Ok(open_enrolment(db, phone).await?.unwrap_or(enrolment));
    }
    directory::tell(db, now, &Happening::EnrolmentBegun { enrolment, phone }).await?;
    Ok(enrolment)
}

/// Every open enrolment with its phone.
pub(in crate::enrolment) async fn all_open(db: &DbPool) -> Result<Vec<(PhoneId, EnrolmentId)>, EnrolmentError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT phone, id FROM enrolments WHERE ended_at IS NULL").fetch_all(db).await?;
    let read = |(phone, id): &(String, String)| {
        Ok((phone.parse().map_err(|_| unreadable("phone"))?, id.parse().map_err(|_| unreadable("enrolment"))?))
    };
    rows.iter().map(read).collect()
}

/// How many enrolments are open: those that wait for somebody to claim the phone, and those that wait for the phone to be
/// back as its user's.
pub(in crate::enrolment) async fn count_open(db: &DbPool) -> Result<(i64, i64), EnrolmentError> {
    let counted = "SELECT count(*) - count(bound_at), count(bound_at) FROM enrolments WHERE ended_at IS NULL";
    Ok(sqlx::query_as(counted).fetch_one(db).await?)
}

/// A phone's open enrolment.
pub(in crate::enrolment) async fn open_enrolment(
    db: &mut DbConnection,
    phone: PhoneId,
) -> Result<Option<EnrolmentId>, EnrolmentError> {
    let id: Option<String> = sqlx::query_scalar("SELECT id FROM enrolments WHERE phone = $1 AND ended_at IS NULL")
        .bind(phone.to_string())
        .fetch_optional(db)
        .await?;
    id.map(|id| id.parse().map_err(|_| unreadable("enrolment"))).transpose()
}

/// Adds a step to a phone's open enrolment; nothing if there is none.
pub(in crate::enrolment) async fn step(
    db: &mut DbConnection,
    phone: PhoneId,
    at: UnixMillis,
    step: Step,
    detail: &str,
) -> Result<(), EnrolmentError> {
    match open_enrolment(&mut *db, phone).await? {
        Some(enrolment) => step_of(db, enrolment, at, step, detail).await,
        None => Ok(()),
    }
}

/// Adds a step that was taken at `at` to this enrolment, whatever was noted and whether or not it ended since then.
pub(in crate::enrolment) async fn step_of(
    db: &mut DbConnection,
    enrolment: EnrolmentId,
    at: UnixMillis,
    step: Step,
    detail: &str,
) -> Result<(), EnrolmentError> {
    sqlx::query(
        "INSERT INTO enrolment_steps (enrolment, sequence, at, step, detail) \
         SELECT $1, coalesce(max(sequence) + 1, 0), $2, $3, $4 FROM enrolment_steps WHERE enrolment = $1 \
         HAVING coalesce(max(sequence) + 1, 0) < $5 OR NOT EXISTS \
         (SELECT 1 FROM enrolment_steps AS noted WHERE noted.enrolment = $1 AND noted.step = $3)",
    )
    .bind(enrolment.to_string())
    .bind(at.get())
    .bind(step.as_str())
    .bind(detail)
    .bind(MOST_REPEATED)
    .execute(&mut *db)
    .await?;
    let phone: String = sqlx::query_scalar("SELECT phone FROM enrolments WHERE id = $1")
        .bind(enrolment.to_string())
        .fetch_one(&mut *db)
        .await?;
    let phone = phone.parse().map_err(|_| unreadable("phone"))?;
    let (step, detail) = (step.as_str().to_owned(), detail.to_owned());
    Ok(directory::tell(db, at, &Happening::EnrolmentStep { enrolment, phone, step, detail }).await?)
}

/// Ends a phone's open enrolment. Nothing if there is none.
pub(in crate::enrolment) async fn end(
    db: &mut DbConnection,
    phone: PhoneId,
    now: UnixMillis,
    ending: EnrolmentEnding,
) -> Result<Option<Ended>, EnrolmentError> {
    let Some(enrolment) = open_enrolment(&mut *db, phone).await? else { return Ok(None) };
    let last = last_step(ending);
    let detail = if last == Step::Ended { ending.as_str() } else { "" };
    end_as(db, enrolment, (last, ending), detail, now).await.map(Some)
}

/// Ends an enrolment, even one that has ended otherwise: `step` is what was done last.
pub(in crate::enrolment) async fn end_as(
    db: &mut DbConnection,
    enrolment: EnrolmentId,
    (step, ending): (Step, EnrolmentEnding),
    detail: &str,
    now: UnixMillis,
) -> Result<Ended, EnrolmentError> {
    step_of(db, enrolment, now, step, detail).await?;
    let row = sqlx::query(
        "UPDATE enrolments SET ended_at = $2, ending = $3 WHERE id = $1 \
         RETURNING phone, \"user\", language, started_at, bound_at",
    )
    .bind(enrolment.to_string())
    .bind(now.get())
    .bind(ending.as_str())
    .fetch_one(&mut *db)
    .await?;
    let (phone, user): (String, Option<String>) = (row.try_get("phone")?, row.try_get("user")?);
    let ended = Ended {
        enrolment,
        user: user.map(|user| user.parse().map_err(|_| unreadable("user"))).transpose()?,
        language: row.try_get("language")?,
        started_at: UnixMillis::new(row.try_get("started_at")?),
        bound_at: row.try_get::<Option<i64>, _>("bound_at")?.map(UnixMillis::new),
        ended_at: now,
        ending,
    };
    let told = Happening::EnrolmentEnded {
        enrolment,
        phone: phone.parse().map_err(|_| unreadable("phone"))?,
        user: ended.user,
        ending: ending.as_str().to_owned(),
        language: ended.language.clone(),
    };
    directory::tell(db, now, &told).await?;
    Ok(ended)
}

/// The steps of a phone's open enrolment, each once, in the order in which they first happened. A phone that calls again and
/// again has many of some.
pub(in crate::enrolment) async fn open_steps(
    db: &mut DbConnection,
    phone: PhoneId,
) -> Result<Vec<Step>, EnrolmentError> {
    let steps: Vec<String> = sqlx::query_scalar(
        "SELECT step FROM enrolment_steps JOIN enrolments ON enrolments.id = enrolment \
         WHERE phone = $1 AND ended_at IS NULL GROUP BY step ORDER BY min(sequence)",
    )
    .bind(phone.to_string())
    .fetch_all(db)
    .await?;
    Ok(steps.iter().filter_map(|step| step.parse().ok()).collect())
}

/// Phones that were bound and whose enrolment is still open.
pub(in crate::enrolment) async fn bound_and_open(db: &DbPool) -> Result<Vec<PhoneId>, EnrolmentError> {
    let phones: Vec<String> =
        sqlx::query_scalar("SELECT phone FROM enrolments WHERE ended_at IS NULL AND bound_at IS NOT NULL")
            .fetch_all(db)
            .await?;
    phones.iter().map(|id| id.parse().map_err(|_| unreadable("phone"))).collect()
}

/// Forgets enrolments that ended before `then`, at most `most`, the longest past first. Returns how many went.
pub(in crate::enrolment) async fn purge_ended(
    db: &mut DbConnection,
    then: UnixMillis,
    most: u32,
) -> Result<u64, EnrolmentError> {
    let purged = sqlx::query(
        "DELETE FROM enrolments WHERE id IN \
         (SELECT id FROM enrolments WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)",
    )
    .bind(then.get())
    .bind(i64::from(most))
    .execute(db)
    .await?;
    Ok(purged.rows_affected())
}

/// The language chosen in a phone's open enrolment.
pub(in crate::enrolment) async fn open_language(
    db: &mut DbConnection,
    phone: PhoneId,
) -> Result<Option<String>, EnrolmentError> {
    let language = sqlx::query_scalar("SELECT language FROM enrolments WHERE phone = $1 AND ended_at IS NULL")
        .bind(phone.to_string())
        .fetch_optional(db)
        .await?;
    Ok(language.flatten())
}

/// A row's enrolment, without its timeline.
fn enrolment(row: &DbRow) -> Result<Enrolment, EnrolmentError> {
    let id: String = row.try_get("id")?;
    let phone: String = row.try_get("phone")?;
    let user: Option<String> = row.try_get("user")?;
    let instant = |column: &str| -> Result<Option<UnixMillis>, sqlx::Error> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(UnixMillis::new))
    };
    Ok(Enrolment {
        id: id.parse().map_err(|_| unreadable("enrolment"))?,
        phone: phone.parse().map_err(|_| unreadable("phone"))?,
        user: user.map(|user| user.parse().map_err(|_| unreadable("user"))).transpose()?,
        user_id: row.try_get("user_id")?,
        language: row.try_get("language")?,
        started_at: UnixMillis::new(row.try_get("started_at")?),
        bound_at: instant("bound_at")?,
        ended_at: instant("ended_at")?,
        ending: row.try_get("ending")?,
        steps: Vec::new(),
    })
}

/// These enrolments with their timelines, in this order.
pub(in crate::enrolment) async fn enrolments_by_ids(
    db: &DbPool,
    ids: &[EnrolmentId],
) -> Result<Vec<Enrolment>, EnrolmentError> {
    // In one statement: a timeline read before its enrolment's end was written would want its last step.
    let rows = sqlx::query(
        "SELECT enrolments.*, enrolment_steps.at, enrolment_steps.step, enrolment_steps.detail \
         FROM json_each($1) AS wanted JOIN enrolments ON enrolments.id = wanted.value \
         LEFT JOIN enrolment_steps ON enrolment_steps.enrolment = enrolments.id \
         ORDER BY wanted.key, enrolment_steps.at, enrolment_steps.sequence",
    )
    .bind(serde_json::json!(ids).to_string())
    .fetch_all(db)
    .await?;
    let mut found: Vec<Enrolment> = Vec::with_capacity(ids.len());
    for row in &rows {
        let enrolment = enrolment(row)?;
        if found.last().is_none_or(|last| last.id != enrolment.id) {
            found.push(enrolment);
        }
        if let (Some(at), Some(last)) = (row.try_get::<Option<i64>, _>("at")?, found.last_mut()) {
            let at = UnixMillis::new(at);
            last.steps.push(TimelineStep { at, step: row.try_get("step")?, detail: row.try_get("detail")? });
        }
    }
    found.iter_mut().for_each(|enrolment| put_in_order(&mut enrolment.steps));
    Ok(found)
}

/// One enrolment.
pub(in crate::enrolment) async fn enrolment_by_id(
    db: &DbPool,
    id: EnrolmentId,
) -> Result<Option<Enrolment>, EnrolmentError> {
    Ok(enrolments_by_ids(db, &[id]).await?.pop())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Db;

    async fn names(db: &Db, enrolment: EnrolmentId) -> Vec<String> {
        let found = enrolment_by_id(db.reader(), enrolment).await.unwrap().unwrap();
        found.steps.into_iter().map(|step| step.step).collect()
    }

    async fn phone(db: &mut DbConnection) -> PhoneId {
        let phone = PhoneId::new(UnixMillis::new(1000), [1; 10]);
        sqlx::query(
            "INSERT INTO phones (id, state, vendor, auth_name, source, created_at, seen_at) \
             VALUES ($1, 'enrolled', 'audiocodes', 'p1', '127.0.0.1', 0, 0)",
        )
        .bind(phone.to_string())
        .execute(db)
        .await
        .unwrap();
        phone
    }

    #[tokio::test]
    async fn a_phone_that_calls_without_end_has_a_timeline_that_ends() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db")).await.unwrap();
        let mut transaction = db.write().await.unwrap();
        let phone = phone(&mut transaction).await;
        let enrolment = begin(&mut transaction, phone, UnixMillis::new(0)).await.unwrap();
        for call in 0..MOST_REPEATED + 5 {
            step(&mut transaction, phone, UnixMillis::new(call), Step::Called, "").await.unwrap();
        }
        step(&mut transaction, phone, UnixMillis::new(5000), Step::Bound, "").await.unwrap();
        assert_eq!(open_steps(&mut transaction, phone).await.unwrap(), [Step::Called, Step::Bound]);
        transaction.commit().await.unwrap();
        let noted = names(&db, enrolment).await;
        assert_eq!((noted.len(), noted.last().map(String::as_str)), (1001, Some("bound")));
    }

    /// The phone's answer to the notification may be seen long after what the phone did because of it.
    #[tokio::test]
    async fn steps_are_shown_as_they_happened_and_not_as_they_were_noted() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db")).await.unwrap();
        let at = |millis: i64| UnixMillis::new(1000 + millis);
        let mut transaction = db.write().await.unwrap();
        let phone = phone(&mut transaction).await;
        begin(&mut transaction, phone, at(0)).await.unwrap();
        let enrolment = open_enrolment(&mut transaction, phone).await.unwrap().unwrap();
        step(&mut transaction, phone, at(0), Step::Bound, "").await.unwrap();
        // The phone was notified at 10 and fetched and registered at once; that was noted first, and ended the enrolment.
        step(&mut transaction, phone, at(10), Step::FetchedAgain, "").await.unwrap();
        step(&mut transaction, phone, at(12), Step::RegisteredAgain, "").await.unwrap();
        let ended = end(&mut transaction, phone, at(12), EnrolmentEnding::Complete).await.unwrap().unwrap();
        assert_eq!((ended.enrolment, ended.ended_at.since(ended.started_at).as_millis()), (enrolment, 12));
        step_of(&mut transaction, enrolment, at(10), Step::Notified, "").await.unwrap();
        step_of(&mut transaction, enrolment, at(5), Step::NotNotified, "").await.unwrap();
        // There is no enrolment any more that this could belong to.
        step(&mut transaction, phone, at(20), Step::Called, "").await.unwrap();
        transaction.commit().await.unwrap();
        let expected = ["bound", "not-notified", "notified", "fetched-again", "registered-again", "complete"];
        assert_eq!(names(&db, enrolment).await, expected);
    }
}
