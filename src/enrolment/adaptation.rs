//! A changed directory reaches phones that are set up: their records follow at once, their configurations at a pace.
//!
//! Whoever writes the directory has marked them, in the same transaction (the triggers of migration 0040). What is to be
//! fetched is in the database until it was, so a restart forgets nobody.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::outfit::outfit;
use super::service::Enrolments;
use super::{EnrolmentError, store};
use crate::db::DbConnection;
use crate::directory::{self, Directory, PhoneState};
use crate::vocab::{PhoneId, UnixMillis};

/// Phones looked at in one transaction: registrations wait meanwhile.
const BATCH: u32 = 32;
/// Phones being told at once; one that doesn't answer takes half a minute.
const AT_ONCE: usize = 256;

impl Enrolments {
    /// Brings the phones the directory has changed for up to date: their numbers, names and labels hold from now on.
    pub async fn follow_directory(&self) -> Result<(), EnrolmentError> {
        while store::is_outdated(self.directory.db().reader()).await? {
            // One after the other: what one batch has read, another must not have changed before it is in force.
            let _turn = self.following.lock().await;
            for phone in self.follow_batch(UnixMillis::now()).await? {
                self.directory.refresh_account(phone).await?;
                self.registrar.settle(phone).await?;
            }
        }
        Ok(())
    }

    async fn follow_batch(&self, now: UnixMillis) -> Result<Vec<PhoneId>, EnrolmentError> {
        let mut transaction = self.directory.db().write().await?;
        let marked = store::outdated(&mut transaction, BATCH).await?;
        for marked in &marked {
            self.follow(&mut transaction, *marked, now).await?;
        }
        transaction.commit().await?;
        Ok(marked.into_iter().map(|marked| marked.phone).collect())
    }

    /// Makes one phone what its user's records say now.
    async fn follow(
        &self,
        db: &mut DbConnection,
        marked: store::Marked,
        now: UnixMillis,
    ) -> Result<(), EnrolmentError> {
        let Some(phone) = directory::load_phone(db, marked.phone).await? else { return Ok(()) };
        let (PhoneState::Enrolled, Some(user)) = (phone.state, phone.user) else { return Ok(()) };
        let Some(user) = Directory::user_in(db, user).await? else { return Ok(()) };
        let profile = Directory::profile_in(db, user.id).await?;
        let (device, line) = profile.map_or((None, None), |profile| (profile.desk_template, profile.line_template));
        // A profile that names no template any more leaves phones as they were made.
        let device = device.as_ref().or(phone.device_template.as_ref());
        let Some(outfit) = outfit(db, &phone, &user, device.map(String::as_str), line.as_deref()).await? else {
            return Ok(());
        };
        let before = phone.lines.first().map(|line| &line.number);
        store::retire_number(db, phone.id, before, outfit.line.as_ref().map(|line| &line.number)).await?;
        let is_another_template = phone.device_template.as_ref() != Some(&outfit.template_id);
        let says_something_new = store::dress(db, phone.id, phone.is_managed, &outfit, now).await?;
        if says_something_new || is_another_template || marked.must_fetch {
            store::make_due(db, phone.id, now).await?;
            tracing::info!(phone = %phone.id, user = %user.id, "the directory has changed for a phone");
        }
        Ok(())
    }

    /// Tells the next phones that are to fetch a changed configuration; to be called every second.
    pub async fn push_due(&self) -> Result<(), EnrolmentError> {
        let due = store::push_due(self.directory.db().reader()).await?;
        let now = Instant::now();
        #[allow(clippy::cast_precision_loss)]
        metrics::gauge!("phones_to_be_told").set(due.len() as f64);
        let wait = Duration::from_secs(self.settings.completion.notify_again_seconds);
        let most = usize::try_from(self.settings.phones_told_per_second.get()).unwrap_or(usize::MAX);
        let next = {
            let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            pace.keep(&due);
            let free = self.telling.available_permits().min(most);
            let location = self.registrar.location();
            pace.next(due.into_iter().filter(|due| !location.of_phone(due.phone, now).is_empty()), free, wait, now)
        };
        for phone in next {
            let Ok(place) = self.telling.clone().try_acquire_owned() else { break };
            let this = self.clone();
            tokio::spawn(async move {
                let _place = place;
                this.may_notify(phone, Duration::ZERO);
                if let Err(error) = this.tell(phone).await {
                    tracing::error!(%error, %phone, "a phone could not be told to fetch its configuration");
                }
            });
        }
        Ok(())
    }

    async fn tell(&self, phone: PhoneId) -> Result<(), EnrolmentError> {
        // What was under way when its account changed, or when the server stopped.
        self.registrar.settle(phone).await?;
        self.push(phone).await
    }

    /// Places for phones being told.
    pub(super) fn places() -> tokio::sync::Semaphore {
        tokio::sync::Semaphore::new(AT_ONCE)
    }
}
