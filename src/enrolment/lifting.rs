//! Lockouts in force, as administrators see and lift them. What was keyed in is never shown: a mark is matched to the user
//! whose ID it is, or to nobody.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::service::Enrolments;
use super::{EnrolmentError, store};
use crate::directory::{self, Action, Actor, Change, Column, ColumnKind, Listed, Listing, Page, Table};
use crate::vocab::UnixMillis;

/// A lockout of a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LockoutRow {
    /// Names it while it is in force.
    pub id: String,
    /// Who is locked out: `user`, `phone` or `all`.
    pub scope: String,
    /// What attempts are counted under.
    #[serde(skip_serializing)]
    subject: String,
    /// Wrong attempts counted towards the next one.
    pub failures: u32,
    /// How often in a row.
    pub times_locked: u32,
    /// The latest wrong attempt.
    pub last_at: UnixMillis,
    /// When it ends by itself.
    pub locked_until: UnixMillis,
}

impl LockoutRow {
    fn phone(&self) -> Option<String> {
        (self.scope == "phone").then(|| self.subject.clone())
    }
}

/// A lockout as it is shown.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Lockout {
    /// What is kept of it.
    #[serde(flatten)]
    pub row: LockoutRow,
    /// The user ID of whom it is about; none where nobody has the ID that was keyed in, and where it isn't about a user.
    pub user: Option<String>,
    /// The phone it is about: its address, and its hardware address or SIP name.
    pub phone: Option<String>,
}

/// Lockouts in force, as lists know them.
#[derive(Debug)]
pub struct LockoutRows;

impl Listed for LockoutRows {
    const TABLE: &'static Table = &LOCKOUTS;
    type View = LockoutRow;
}

static LOCKOUTS: Table = Table {
    name: "current_lockouts",
    what: "lockout",
    key: "id",
    sort: "-locked_until",
    columns: &[
        Column::read_only("scope", ColumnKind::Text),
        Column::hidden("subject", ColumnKind::Text),
        Column::read_only("failures", ColumnKind::Integer),
        Column::read_only("times_locked", ColumnKind::Integer),
        Column::read_only("last_at", ColumnKind::Instant),
        Column::read_only("locked_until", ColumnKind::Instant),
    ],
    usages: &[],
};

impl Enrolments {
    /// A page of the lockouts in force.
    pub async fn lockouts(&self, listing: &Listing) -> Result<Page<Lockout>, EnrolmentError> {
        let Page { items, next, total } = self.directory.list::<LockoutRows>(listing).await?;
        Ok(Page { items: self.named(items).await?, next, total })
    }

    /// All lockouts in force, up to a page, without looking for whose they are: for whoever asks again and again.
    pub async fn unnamed_lockouts(&self, listing: &Listing) -> Result<Vec<Lockout>, EnrolmentError> {
        let rows = self.directory.list::<LockoutRows>(listing).await?.items;
        Ok(rows.into_iter().map(|row| Lockout { user: None, phone: row.phone(), row }).collect())
    }

    /// One lockout in force.
    pub async fn lockout(&self, id: &str) -> Result<Option<Lockout>, EnrolmentError> {
        match self.directory.find::<LockoutRows>(id).await? {
            Some(kept) => Ok(self.named(vec![kept.view]).await?.pop()),
            None => Ok(None),
        }
    }

    /// Says whom they are about.
    async fn named(&self, rows: Vec<LockoutRow>) -> Result<Vec<Lockout>, EnrolmentError> {
        let users =
            if rows.iter().any(|row| row.scope == "user") { self.users_by_mark().await? } else { HashMap::new() };
        let named = rows.into_iter().map(|row| Lockout {
            user: users.get(&row.subject).filter(|_| row.scope == "user").cloned(),
            phone: row.phone(),
            row,
        });
        Ok(named.collect())
    }

    /// Every user's ID by what attempts for them are counted under. Marking takes a microsecond or two each.
    async fn users_by_mark(&self) -> Result<HashMap<String, String>, EnrolmentError> {
        let users = store::self_service_ids(self.directory.db().reader()).await?;
        let sealer = self.directory.sealer().clone();
        let marked = tokio::task::spawn_blocking(move || {
            users.into_iter().map(|(user_id, id)| (sealer.mark(super::judgement::LOCKOUT, &id), user_id)).collect()
        });
        marked.await.map_err(|_| EnrolmentError::Stopped)
    }

    /// Lifts a lockout and forgets what was counted towards it. None if it is not in force.
    pub async fn lift(&self, id: &str, actor: &Actor, now: UnixMillis) -> Result<Option<Lockout>, EnrolmentError> {
        let Some(lockout) = self.lockout(id).await? else { return Ok(None) };
        let mut transaction = self.directory.db().write().await?;
        let Some((scope, subject)) = store::lockout_subject(&mut transaction, id).await? else { return Ok(None) };
        store::clear_counter(&mut transaction, scope, &subject).await?;
        let change = Change {
            action: Action::Delete,
            kind: "lockout",
            record: id.to_owned(),
            name: lockout.user.clone().or_else(|| lockout.phone.clone()).unwrap_or_default(),
            before: serde_json::to_value(&lockout).ok(),
            after: None,
        };
        directory::write_audit(&mut transaction, actor, &change, now).await?;
        transaction.commit().await?;
        tracing::info!(scope = %lockout.row.scope, by = %actor.name, "a lockout was lifted");
        Ok(Some(lockout))
    }
}
