//! The enrolments' SQL: what a bind and a push do to a phone here, timelines and lockouts beside.

mod changes;
mod former;
mod lockouts;
mod passwords;
mod settled;
mod subjects;
mod timeline;

use std::time::Duration;

use sqlx::Row;

pub(super) use self::changes::{Marked, dress, fetched, is_outdated, make_due, outdated, push_due, retire_number};
pub(super) use self::former::{is_newest_bind, remember_former, restore};
pub(super) use self::lockouts::{
    clear_counter, counter, forget_counters, lockout_subject, self_service_ids, set_counter,
};
pub(super) use self::passwords::overwrite_secret;
pub(super) use self::settled::settled_among;
pub(super) use self::subjects::{phones_named, users_named};
pub(super) use self::timeline::{
    all_open, begin, bound_and_open, count_open, end, end_as, enrolment_by_id, enrolments_by_ids, open_enrolment,
    open_language, open_steps, purge_ended, step, step_of,
};
use super::{EnrolmentError, Step};
use crate::db::{DbConnection, DbPool, flag};
use crate::directory::{DirectoryError, User};
use crate::sip::Transport;
use crate::vocab::{MacAddress, PhoneId, UnixMillis};

fn unreadable(what: &'static str) -> EnrolmentError {
    DirectoryError::Unreadable { what, fault: "not an identifier".to_owned() }.into()
}

/// What a bind writes.
pub(super) struct Bind<'a> {
    pub phone: PhoneId,
    pub user: &'a User,
    pub name: &'a str,
    pub device_template: &'a str,
    /// What its configuration will say; none for one that takes no configuration.
    pub managed: Option<Managed<'a>>,
    pub language: Option<&'a str>,
    /// Digest algorithms to offer it from now on; none leaves those it has.
    pub algorithms: Option<&'a str>,
    pub cooling: Duration,
    /// What the timeline says beside the step.
    pub detail: &'a str,
}

/// What a bind writes of a phone that fetches its configuration.
pub(super) struct Managed<'a> {
    /// Its next password, sealed.
    pub sealed_secret: &'a str,
    /// Its administrator's password, sealed.
    pub sealed_admin_password: &'a str,
    /// How its SIP travels from now on.
    pub transport: Transport,
}

/// Makes the phone its user's: all but the line, inside the caller's transaction. What it was before is kept with its open
/// enrolment.
pub(super) async fn bind(db: &mut DbConnection, bind: &Bind<'_>, now: UnixMillis) -> Result<(), EnrolmentError> {
    let phone = bind.phone.to_string();
    remember_former(db, bind.phone).await?;
    sqlx::query("DELETE FROM lines WHERE phone = $1").bind(&phone).execute(&mut *db).await?;
    sqlx::query(
        "UPDATE phones SET state = 'enrolled', \"user\" = $2, name = $3, device_template = $4, outdated = 0, \
         algorithms = coalesce($5, algorithms) WHERE id = $1",
    )
    .bind(&phone)
    .bind(bind.user.id.to_string())
    .bind(bind.name)
    .bind(bind.device_template)
    .bind(bind.algorithms)
    .execute(&mut *db)
    .await?;
    if let Some(managed) = &bind.managed {
        crate::directory::next_phone_secret(db, bind.phone, managed.sealed_secret).await?;
        sqlx::query("UPDATE phones SET push_pending = 1, sealed_admin_password = $2, transport = $3 WHERE id = $1")
            .bind(&phone)
            .bind(managed.sealed_admin_password)
            .bind(managed.transport.as_param())
            .execute(&mut *db)
            .await?;
    }
    sqlx::query("UPDATE leases SET cooling_until = $2 WHERE phone = $1")
        .bind(&phone)
        .bind(now.after(bind.cooling).get())
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "UPDATE enrolments SET \"user\" = $2, user_id = $3, bound_at = $4, language = $5 \
         WHERE phone = $1 AND ended_at IS NULL",
    )
    .bind(&phone)
    .bind(bind.user.id.to_string())
    .bind(&bind.user.user_id)
    .bind(now.get())
    .bind(bind.language)
    .execute(&mut *db)
    .await?;
    step(db, bind.phone, now, Step::Bound, bind.detail).await
}

/// Other phones in quarantine that showed the same hardware address: only the one that was claimed was the phone.
pub(super) async fn other_candidates(
    db: &mut DbConnection,
    phone: PhoneId,
    mac: MacAddress,
) -> Result<Vec<PhoneId>, EnrolmentError> {
    let ids: Vec<String> =
        sqlx::query_scalar("SELECT id FROM phones WHERE mac = $1 AND id <> $2 AND state = 'quarantine'")
            .bind(mac.to_string())
            .bind(phone.to_string())
            .fetch_all(db)
            .await?;
    Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
}

/// True if a phone with this hardware address belongs to somebody.
pub(super) async fn is_enrolled(db: &DbPool, mac: MacAddress) -> Result<bool, EnrolmentError> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM phones WHERE mac = $1 AND state = 'enrolled'")
        .bind(mac.to_string())
        .fetch_one(db)
        .await?;
    Ok(count > 0)
}

/// What a private URL leads to.
pub(super) struct Held {
    /// Whose it is.
    pub phone: PhoneId,
    /// Whether its secrets may be fetched.
    pub push_pending: bool,
    /// One of them, sealed; none until it is somebody's.
    pub sealed_admin_password: Option<String>,
}

/// The phone a private URL belongs to.
pub(super) async fn phone_by_token(db: &mut DbConnection, hash: &str) -> Result<Option<Held>, EnrolmentError> {
    let row = sqlx::query(
        "SELECT id, push_pending, sealed_admin_password FROM phones \
         WHERE (token_hash = $1 OR old_token_hash = $1) AND state <> 'released'",
    )
    .bind(hash)
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let id: String = row.try_get("id")?;
        Ok(Held {
            phone: id.parse().map_err(|_| unreadable("phone"))?,
            push_pending: flag(&row, "push_pending")?,
            sealed_admin_password: row.try_get("sealed_admin_password")?,
        })
    })
    .transpose()
}

/// The secrets of a push have been fetched: they are withheld from now on, and the next URL is in force.
pub(super) async fn push_fetched(
    db: &mut DbConnection,
    phone: PhoneId,
    next_token_hash: &str,
) -> Result<(), EnrolmentError> {
    sqlx::query("UPDATE phones SET push_pending = 0, old_token_hash = token_hash, token_hash = $2 WHERE id = $1")
        .bind(phone.to_string())
        .bind(next_token_hash)
        .execute(db)
        .await?;
    Ok(())
}

/// The phone is back as its user's: what it had before is worth nothing any more.
pub(super) async fn forget_the_past(db: &mut DbConnection, phone: PhoneId) -> Result<(), EnrolmentError> {
    sqlx::query("UPDATE phones SET sealed_old_secret = NULL, old_token_hash = NULL, former_numbers = '' WHERE id = $1")
        .bind(phone.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// True while a phone's secrets or settings wait to be fetched.
pub(super) async fn is_push_pending(db: &mut DbConnection, phone: PhoneId) -> Result<bool, EnrolmentError> {
    let pending: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM phones WHERE id = $1 AND (push_pending = 1 OR push_due IS NOT NULL OR outdated > 0)",
    )
    .bind(phone.to_string())
    .fetch_one(db)
    .await?;
    Ok(pending > 0)
}

/// A new push: a phone's secrets may be fetched once more.
pub(super) async fn rearm(db: &mut DbConnection, phone: PhoneId) -> Result<(), EnrolmentError> {
    sqlx::query(
        "UPDATE phones SET push_pending = 1 WHERE id = $1 AND state <> 'released' AND sealed_secret IS NOT NULL",
    )
    .bind(phone.to_string())
    .execute(db)
    .await?;
    Ok(())
}
