//! The enrolments as other rooms ask them, and what the registrar's news does to them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tracing::Instrument;

use super::ended::Ended;
use super::pace::Pace;
use super::record::{Enrolment, EnrolmentRows};
use super::settings::EnrolmentSettings;
use super::turns::Turns;
use super::{EnrolmentEnding, EnrolmentError, Step, log_step, store};
use crate::directory::{
    Account, Action, Actor, Change, Directory, Listing, Page, Phone, PhoneState, load_phone, purge_of_phones,
    write_audit,
};
use crate::locale::Words;
use crate::provisioning::Templates;
use crate::registrar::{Registrar, RegistrarEvent, RegistrarNews};
use crate::sip::Endpoint;
use crate::sites::Sites;
use crate::vocab::{DirectoryNumber, EnrolmentId, PhoneId, UnixMillis};

/// Records of one kind forgotten in one transaction, and the time between two.
const BATCH: u32 = 500;
const PURGES: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long it is remembered that a phone was notified.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// An enrolment has been seen to be complete.
#[derive(Clone, Debug)]
pub struct Completed {
    /// The phone.
    pub phone: PhoneId,
    /// The enrolment.
    pub enrolment: EnrolmentId,
    /// The number it has now.
    pub extension: DirectoryNumber,
    /// The language its user chose.
    pub language: Option<String>,
}

/// The enrolments.
#[derive(Clone, Debug)]
pub struct Enrolments {
    pub(super) settings: Arc<EnrolmentSettings>,
    pub(super) directory: Directory,
    pub(super) registrar: Registrar,
    pub(super) endpoint: Endpoint,
    pub(super) sites: Sites,
    pub(super) templates: Arc<Templates>,
    pub(super) turns: Turns,
    words: Arc<Words>,
    notified: Arc<Mutex<HashMap<PhoneId, Instant>>>,
    /// Since when each bound phone is waited for, on a clock that never jumps.
    pub(super) awaited: Arc<Mutex<HashMap<PhoneId, Instant>>>,
    purged_at: Arc<Mutex<Option<Instant>>>,
    /// Who follows the directory.
    pub(super) following: Arc<tokio::sync::Mutex<()>>,
    /// Who was told of a changed configuration, and places for being told.
    pub(super) pace: Arc<Mutex<Pace>>,
    pub(super) telling: Arc<tokio::sync::Semaphore>,
    completions: mpsc::Sender<Completed>,
}

/// What enrolments rest on.
#[derive(Debug)]
pub struct Foundations {
    /// The directory.
    pub directory: Directory,
    /// The registrar.
    pub registrar: Registrar,
    /// The way to phones.
    pub endpoint: Endpoint,
    /// Words on phones' screens.
    pub words: Words,
    /// This site and its peer.
    pub sites: Sites,
    /// Told of each completion.
    pub completions: mpsc::Sender<Completed>,
}

impl Enrolments {
    /// Fails if a setting can't be used.
    pub fn new(settings: EnrolmentSettings, foundations: Foundations) -> Result<Self, EnrolmentError> {
        Ok(Self {
            settings: Arc::new(settings),
            directory: foundations.directory,
            registrar: foundations.registrar,
            endpoint: foundations.endpoint,
            sites: foundations.sites,
            templates: Arc::new(Templates::built_in()?),
            turns: Turns::new(),
            words: Arc::new(foundations.words),
            notified: Arc::default(),
            awaited: Arc::default(),
            purged_at: Arc::default(),
            following: Arc::default(),
            pace: Arc::default(),
            telling: Arc::new(Self::places()),
            completions: foundations.completions,
        })
    }

    /// True if this node is the one that looks after what all share.
    pub fn is_on_duty(&self) -> bool {
        self.directory.db().is_on_duty()
    }

    pub(super) fn words(&self) -> &Words {
        &self.words
    }

    /// The SIP account of a phone.
    pub fn account_of(&self, phone: PhoneId) -> Option<Arc<Account>> {
        self.directory.accounts().of(phone)
    }

    /// A page of enrolments.
    pub async fn list(&self, listing: &Listing) -> Result<Page<Enrolment>, EnrolmentError> {
        let Page { items, next, total } = self.directory.list::<EnrolmentRows>(listing).await?;
        let ids: Vec<EnrolmentId> = items.into_iter().map(|row| row.id).collect();
        Ok(Page { items: store::enrolments_by_ids(self.directory.db().reader(), &ids).await?, next, total })
    }

    /// One enrolment.
    pub async fn get(&self, id: EnrolmentId) -> Result<Option<Enrolment>, EnrolmentError> {
        store::enrolment_by_id(self.directory.db().reader(), id).await
    }

    /// Learns which enrolments are open, so that the log can name them; to be called at the start, and when it is not known
    /// what other nodes have done.
    pub async fn remember_open(&self) -> Result<(), EnrolmentError> {
        let open = store::all_open(self.directory.db().reader()).await?;
        self.directory.under_way().replace(open.into_iter().collect());
        Ok(())
    }

    /// Learns which enrolment a phone is in; to be called when another node has begun or ended one.
    pub async fn remember_open_of(&self, phone: PhoneId) -> Result<(), EnrolmentError> {
        let mut connection = self.directory.db().reader().acquire().await?;
        match store::open_enrolment(&mut connection, phone).await? {
            Some(enrolment) => self.directory.under_way().begin(phone, enrolment),
            None => self.directory.under_way().end(phone),
        }
        Ok(())
    }

    /// How many enrolments wait for somebody to claim the phone, and how many for the phone to be back as its user's.
    pub async fn count_open(&self) -> Result<(i64, i64), EnrolmentError> {
        store::count_open(self.directory.db().reader()).await
    }

    /// Leaves the news there is something to do about. Most phones that register are done, and that is found out for many at once.
    ///
    /// # Errors
    /// If the database fails; then all is left as it was.
    pub async fn keep_of_concern(&self, news: &mut Vec<RegistrarNews>) -> Result<(), EnrolmentError> {
        let registered = news.iter().filter_map(|news| match &news.event {
            RegistrarEvent::Registered { phone, aor } => self.is_line_of(*phone, aor).then_some(*phone),
            _ => None,
        });
        let registered: Vec<PhoneId> = registered.collect();
        if registered.is_empty() {
            return Ok(());
        }
        let settled = store::settled_among(self.directory.db().reader(), &registered).await?;
        news.retain(|news| match &news.event {
            RegistrarEvent::Registered { phone, aor } => !settled.contains(phone) || !self.is_line_of(*phone, aor),
            _ => true,
        });
        Ok(())
    }

    fn is_line_of(&self, phone: PhoneId, aor: &str) -> bool {
        let account = self.directory.accounts().of(phone);
        account.is_some_and(|account| account.lines.iter().any(|number| number.as_str() == aor))
    }

    /// Takes the registrar's news.
    pub async fn note_registrar(&self, news: RegistrarNews) -> Result<(), EnrolmentError> {
        let span = self.directory.under_way().span(news.event.phone());
        self.note_event(news).instrument(span).await
    }

    async fn note_event(&self, news: RegistrarNews) -> Result<(), EnrolmentError> {
        let RegistrarNews { at, event } = news;
        match event {
            RegistrarEvent::Admitted { phone } => {
                let mut transaction = self.directory.db().write().await?;
                let enrolment = store::begin(&mut transaction, phone, at).await?;
                transaction.commit().await?;
                self.directory.under_way().begin(phone, enrolment);
                tracing::info!("a phone nobody knew registered");
                Ok(())
            }
            RegistrarEvent::Registered { phone, aor } => self.registered(phone, &aor, at).await,
            RegistrarEvent::LeaseEnded { phone } => {
                let mut transaction = self.directory.db().write().await?;
                let ended = store::end(&mut transaction, phone, at, EnrolmentEnding::Abandoned).await?;
                transaction.commit().await?;
                self.directory.under_way().end(phone);
                ended.inspect(Ended::note);
                Ok(())
            }
        }
    }

    async fn registered(&self, phone: PhoneId, aor: &str, at: UnixMillis) -> Result<(), EnrolmentError> {
        let Some(record) = self.directory.phone(phone).await? else { return Ok(()) };
        match record.state {
            PhoneState::Quarantine => {
                let mut transaction = self.directory.db().write().await?;
                // Taken back from a user, and not fetched yet what it is now.
                if record.is_managed && store::is_push_pending(&mut transaction, phone).await? {
                    drop(transaction);
                    return self.notify_again(phone).await;
                }
                let is_news = !store::open_steps(&mut transaction, phone).await?.contains(&Step::Registered);
                if is_news {
                    store::step(&mut transaction, phone, at, Step::Registered, aor).await?;
                }
                let is_back =
                    record.is_managed && record.temporary_number.as_ref().is_some_and(|it| it.as_str() == aor);
                if is_back {
                    store::forget_the_past(&mut transaction, phone).await?;
                }
                transaction.commit().await?;
                if is_news {
                    log_step(Step::Registered, aor);
                }
                if is_back {
                    self.directory.refresh_account(phone).await?;
                    self.registrar.forget_name(phone).await?;
                }
                Ok(())
            }
            PhoneState::Enrolled if record.lines.iter().any(|line| line.number.as_str() == aor) => {
                self.seen_on_its_line(&record, aor, at).await
            }
            // It came back with the configuration it had before.
            PhoneState::Enrolled => self.notify_again(phone).await,
            PhoneState::Released => Ok(()),
        }
    }

    /// A phone is registered on its user's number: done, if it has its configuration.
    pub(super) async fn seen_on_its_line(
        &self,
        phone: &Phone,
        aor: &str,
        at: UnixMillis,
    ) -> Result<(), EnrolmentError> {
        let mut transaction = self.directory.db().write().await?;
        if phone.is_managed && store::is_push_pending(&mut transaction, phone.id).await? {
            drop(transaction);
            return self.notify_again(phone.id).await;
        }
        let is_news = !store::open_steps(&mut transaction, phone.id).await?.contains(&Step::RegisteredAgain);
        if is_news {
            store::step(&mut transaction, phone.id, at, Step::RegisteredAgain, aor).await?;
        }
        transaction.commit().await?;
        if is_news {
            log_step(Step::RegisteredAgain, aor);
        }
        self.complete(phone.id, at).await
    }

    /// Notifies a phone, unless it was notified a moment ago.
    pub(super) async fn notify_again(&self, phone: PhoneId) -> Result<(), EnrolmentError> {
        let wait = Duration::from_secs(self.settings.completion.notify_again_seconds);
        match self.may_notify(phone, wait) {
            true => self.push(phone).await,
            false => Ok(()),
        }
    }

    /// The phone was seen to be its user's: what it had before is worth nothing any more.
    pub(super) async fn complete(&self, phone: PhoneId, now: UnixMillis) -> Result<(), EnrolmentError> {
        let mut transaction = self.directory.db().write().await?;
        store::forget_the_past(&mut transaction, phone).await?;
        let language = store::open_language(&mut transaction, phone).await?;
        let record = load_phone(&mut transaction, phone).await?;
        let ended = store::end(&mut transaction, phone, now, EnrolmentEnding::Complete).await?;
        if let Some(record) = record.as_ref().filter(|_| ended.is_some()) {
            let change = Change {
                action: Action::Act,
                kind: "phone",
                record: phone.to_string(),
                name: record.name.clone(),
                before: None,
                after: Some("complete".into()),
            };
            write_audit(&mut transaction, &Actor::phone(record), &change, now).await?;
        }
        transaction.commit().await?;
        self.directory.refresh_account(phone).await?;
        if record.as_ref().is_some_and(|record| record.is_managed) {
            self.registrar.forget_name(phone).await?;
        }
        let Some(ended) = ended else { return Ok(()) };
        self.directory.under_way().end(phone);
        ended.note();
        if let Some(extension) = record.and_then(|record| record.number().cloned()) {
            let _ = self.completions.try_send(Completed { phone, enrolment: ended.enrolment, extension, language });
        }
        Ok(())
    }

    /// True if the phone was not notified for `wait`; then it counts as notified now.
    pub(super) fn may_notify(&self, phone: PhoneId, wait: Duration) -> bool {
        let now = Instant::now();
        let mut notified = self.notified.lock().unwrap_or_else(PoisonError::into_inner);
        notified.retain(|_, at| now.saturating_duration_since(*at) < REMEMBERED);
        if notified.get(&phone).is_some_and(|at| now.saturating_duration_since(*at) < wait) {
            return false;
        }
        notified.insert(phone, now);
        true
    }

    /// Takes a phone from whoever has it: its numbers, secrets and private URL are worth nothing any more.
    pub async fn release(&self, phone: PhoneId, actor: &Actor, now: UnixMillis) -> Result<(), EnrolmentError> {
        let mut transaction = self.directory.db().write().await?;
        let ended = store::end(&mut transaction, phone, now, EnrolmentEnding::Abandoned).await?;
        self.registrar.auto_registration().release(&mut transaction, phone, Some(actor), now).await?;
        transaction.commit().await?;
        self.directory.under_way().end(phone);
        ended.inspect(Ended::note);
        self.registrar.forget(phone).await?;
        tracing::info!(%phone, "a phone was released");
        Ok(self.directory.refresh_account(phone).await?)
    }

    /// Has a phone fetch its configuration with its secrets once more: for a phone that lost them on the way.
    pub async fn push_again(&self, phone: PhoneId) -> Result<(), EnrolmentError> {
        let mut transaction = self.directory.db().write().await?;
        store::rearm(&mut transaction, phone).await?;
        transaction.commit().await?;
        self.may_notify(phone, Duration::ZERO);
        self.push(phone).instrument(self.directory.under_way().span(phone)).await
    }

    /// The caller has heard all; the phone is to fetch its configuration.
    pub async fn call_ended(&self, phone: PhoneId) -> Result<(), EnrolmentError> {
        let mut connection = self.directory.db().reader().acquire().await?;
        let steps = store::open_steps(&mut connection, phone).await?;
        drop(connection);
        if !steps.contains(&Step::Bound) || Step::since_bound(&steps).contains(&Step::Notified) {
            return Ok(());
        }
        self.may_notify(phone, Duration::ZERO);
        self.push(phone).await
    }

    /// Chases what is unfinished and forgets what is long past; to be called every few seconds.
    pub async fn tidy(&self, now: UnixMillis) -> Result<(), EnrolmentError> {
        self.chase(now).await?;
        let forget = Duration::from_secs(self.settings.lockout.forget_seconds);
        let mut transaction = self.directory.db().write().await?;
        store::forget_counters(&mut transaction, now.before(forget)).await?;
        transaction.commit().await?;
        if self.registrar.believes_wall_clock() && self.is_time_to_purge() {
            self.purge(now).await?;
        }
        Ok(())
    }

    fn is_time_to_purge(&self) -> bool {
        let now = Instant::now();
        let mut purged_at = self.purged_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = purged_at.is_none_or(|at| now.saturating_duration_since(at) >= PURGES);
        if is_time {
            *purged_at = Some(now);
        }
        is_time
    }

    /// Forgets enrolments that ended longer ago than records are kept, then phones released as long ago; a batch of each.
    pub async fn purge(&self, now: UnixMillis) -> Result<(), EnrolmentError> {
        let then = now.before(DAY * self.settings.keep_records_days.get());
        let mut transaction = self.directory.db().write().await?;
        let enrolments = store::purge_ended(&mut transaction, then, BATCH).await?;
        let phones = crate::registrar::purge_released(&mut transaction, then, BATCH).await?;
        purge_of_phones(&mut transaction, then, BATCH).await?;
        transaction.commit().await?;
        if enrolments + phones > 0 {
            tracing::info!(enrolments, phones, "records were forgotten that are no longer kept");
        }
        Ok(())
    }
}
