//! Auto-registration: a temporary number for a phone nobody knows yet (seed 003), leased and given back.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::admission::{Admission, AutoRegistrationSettings, Candidate, PoolLevel, Refusal};
use super::admission_settings::AutoRegistrationKind;
use super::number_range::NumberRange;
use super::wall_clock::WallClock;
use super::{RegistrarError, store};
use crate::db::{DbConnection, Writing};
use crate::directory::{self, Actor, Directory, DirectoryError, Happening, Kept, PoolFill, Recorded};
use crate::vocab::{DirectoryNumber, PhoneId, UnixMillis, VocabError, site};

/// The span over which one address's admissions are counted.
const MINUTE: Duration = Duration::from_secs(60);
/// How long an alarm about one address stands for all that follow.
const HOUR: Duration = Duration::from_secs(3600);
/// Addresses remembered at once; beyond that, one that is not is refused.
const MOST_ADDRESSES: usize = 65_536;

/// How long a phone waits for a database that is away or busy: it asks again before it gives up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lets unknown phones in.
#[derive(Clone, Debug)]
pub struct AutoRegistration {
    in_force: Arc<RwLock<Arc<InForce>>>,
    /// One change at a time, so that what is kept last is what is in force.
    changing: Arc<tokio::sync::Mutex<()>>,
    directory: Directory,
    admissions: Arc<Mutex<HashMap<IpAddr, (Instant, u32)>>>,
    alarm: Arc<Mutex<bool>>,
    alarmed: Arc<Mutex<HashMap<IpAddr, Instant>>>,
    clock: Arc<Mutex<WallClock>>,
}

/// What auto-registration goes by at the moment.
#[derive(Debug)]
struct InForce {
    settings: AutoRegistrationSettings,
    range: NumberRange,
}

impl InForce {
    fn new(settings: AutoRegistrationSettings) -> Result<Self, DirectoryError> {
        let range = NumberRange::new(&settings.first, &settings.last)
            .map_err(|fault| DirectoryError::Unreadable { what: "auto-registration", fault: fault.to_string() })?;
        Ok(Self { settings, range })
    }

    fn show_limits(&self) {
        for (setting, value) in [
            ("auto-registration.per_address_per_minute", self.settings.per_address_per_minute),
            ("auto-registration.numbers_per_address", self.settings.numbers_per_address),
        ] {
            metrics::gauge!("limits", "setting" => setting).set(f64::from(value));
        }
    }
}

impl AutoRegistration {
    /// On the settings the directory keeps.
    ///
    /// # Errors
    /// If the database fails, or the first start has not made them yet.
    pub async fn open(directory: Directory) -> Result<Self, DirectoryError> {
        let in_force = InForce::new(directory.settings::<AutoRegistrationKind>().await?.view.fields)?;
        in_force.show_limits();
        Ok(Self {
            in_force: Arc::new(RwLock::new(Arc::new(in_force))),
            changing: Arc::default(),
            directory,
            admissions: Arc::default(),
            alarm: Arc::default(),
            alarmed: Arc::default(),
            clock: Arc::new(Mutex::new(WallClock::new(Instant::now(), UnixMillis::now()))),
        })
    }

    /// The settings in force.
    pub fn settings(&self) -> AutoRegistrationSettings {
        self.in_force().settings.clone()
    }

    /// Changes the settings, in force from now on. Phones that have a number keep it.
    ///
    /// # Errors
    /// What can't be taken.
    pub async fn change(
        &self,
        patch: &Value,
        expected: Option<i64>,
        actor: &Actor,
        now: UnixMillis,
    ) -> Result<Kept<Recorded<AutoRegistrationSettings>>, DirectoryError> {
        let _turn = self.changing.lock().await;
        let kept = self.directory.change_settings::<AutoRegistrationKind>(patch, expected, actor, now).await?;
        self.put_in_force(kept.view.fields.clone())?;
        tracing::info!(actor = actor.name, enabled = kept.view.fields.enabled, "auto-registration was changed");
        Ok(kept)
    }

    /// Goes by the settings as they are kept: somebody else may have changed them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn reload(&self) -> Result<(), DirectoryError> {
        let _turn = self.changing.lock().await;
        let settings = self.directory.settings::<AutoRegistrationKind>().await?.view.fields;
        self.put_in_force(settings)
    }

    fn put_in_force(&self, settings: AutoRegistrationSettings) -> Result<(), DirectoryError> {
        let in_force = Arc::new(InForce::new(settings)?);
        in_force.show_limits();
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = in_force;
        Ok(())
    }

    /// How many of the numbers of `settings` are left.
    ///
    /// # Errors
    /// If the database fails, or their range is not one.
    pub async fn level_of(&self, settings: &AutoRegistrationSettings) -> Result<PoolLevel, RegistrarError> {
        self.level_in(&InForce::new(settings.clone())?.range).await
    }

    fn in_force(&self) -> Arc<InForce> {
        self.in_force.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a phone may be let in from `source` at all.
    pub fn allows(&self, source: IpAddr) -> Result<(), Refusal> {
        let source = source.to_canonical();
        match &self.in_force().settings {
            settings if !settings.enabled => Err(Refusal::Off),
            settings if !settings.networks.iter().any(|network| network.contains(&source)) => Err(Refusal::Network),
            _ => Ok(()),
        }
    }

    /// Counts somebody who asks to be let in: those who ask too often are slowed, whatever they would have been told.
    pub fn knock(&self, source: IpAddr, now: Instant) -> Result<(), Refusal> {
        self.allows(source)?;
        let mut admissions = locked(&self.admissions);
        admissions.retain(|_, (since, _)| now.saturating_duration_since(*since) < MINUTE);
        let count = admissions.get(&site(source)).map_or(0, |(_, count)| *count);
        let is_full = count == 0 && admissions.len() >= MOST_ADDRESSES;
        if is_full || count >= self.in_force().settings.per_address_per_minute {
            metrics::counter!("auto_registration_slowed_total").increment(1);
            tracing::warn!(%source, "too many new phones from one address: is somebody trying out hardware addresses?");
            return Err(Refusal::TooManyFromAddress);
        }
        admissions.entry(site(source)).or_insert((now, 0)).1 += 1;
        Ok(())
    }

    /// Lets a phone in that has knocked: the next free number becomes its temporary one. A phone that asks once more before
    /// it ever registered keeps its number.
    pub async fn admit(
        &self,
        candidate: &Candidate,
        now: UnixMillis,
    ) -> Result<Result<Admission, Refusal>, RegistrarError> {
        if let Err(refusal) = self.allows(candidate.source) {
            return Ok(Err(refusal));
        }
        let phone = PhoneId::new(now, rand::random());
        let mut transaction = self.write().await?;
        let twins = store::unclaimed_twins(&mut transaction, candidate).await?;
        for (twin, _) in &twins {
            self.release(&mut transaction, *twin, None, now).await?;
        }
        let kept = twins.first().map(|(_, number)| number.as_str());
        let (number, free) = match self.room(&mut transaction, candidate.source, kept).await? {
            Ok(room) => room,
            Err(refusal) => {
                drop(transaction);
                self.note_refusal(refusal, candidate.source, now).await?;
                return Ok(Err(refusal));
            }
        };
        store::insert_quarantined(&mut transaction, phone, candidate, &number, now).await?;
        transaction.commit().await?;
        let replaced: Vec<PhoneId> = twins.into_iter().map(|(twin, _)| twin).collect();
        for changed in replaced.iter().chain([&phone]) {
            self.directory.refresh_account(*changed).await?;
        }
        self.report(PoolLevel { total: self.in_force().range.len(), free }, now).await?;
        Ok(Ok(Admission { phone, number, replaced }))
    }

    /// Whether a phone from `source` that has knocked would be let in now.
    pub async fn has_room(&self, source: IpAddr, now: UnixMillis) -> Result<Result<(), Refusal>, RegistrarError> {
        // Asked like an admission, so that it takes as long.
        let mut transaction = self.write().await?;
        let room = self.room(&mut transaction, source, None).await?;
        drop(transaction);
        if let Err(refusal) = room {
            self.note_refusal(refusal, source, now).await?;
        }
        Ok(room.map(drop))
    }

    /// A transaction, unless the database is away.
    async fn write(&self) -> Result<Writing, RegistrarError> {
        let writing = tokio::time::timeout(PATIENCE, self.directory.db().write());
        Ok(writing.await.map_err(|_| RegistrarError::Late)??)
    }

    /// The number a phone gets, the `kept` one if there is one, and how many are free then.
    async fn room(
        &self,
        db: &mut DbConnection,
        source: IpAddr,
        kept: Option<&str>,
    ) -> Result<Result<(DirectoryNumber, u64), Refusal>, RegistrarError> {
        let InForce { settings, range } = &*self.in_force();
        let held = store::held_numbers(db).await?;
        let from_here = held.iter().filter(|(number, at)| site(*at) == site(source) && Some(number.as_str()) != kept);
        if from_here.count() >= usize::try_from(settings.numbers_per_address).unwrap_or(usize::MAX) {
            return Ok(Err(Refusal::TooManyNumbers));
        }
        let used = store::numbers_in_use(db, range).await?;
        let mut free = range.numbers().filter(|number| !used.contains(number)).peekable();
        let number = match kept {
            Some(kept) => kept.to_owned(),
            None => match free.next() {
                Some(next) => next,
                None => return Ok(Err(Refusal::PoolDry)),
            },
        };
        Ok(Ok((temporary(number)?, free.count() as u64)))
    }

    /// Takes a phone out of quarantine, or from its user, inside the caller's transaction: its secrets and URL are worth
    /// nothing any more, and its temporary number cools. Without an actor, it is the phone itself that went away.
    pub async fn release(
        &self,
        db: &mut DbConnection,
        phone: PhoneId,
        actor: Option<&Actor>,
        now: UnixMillis,
    ) -> Result<(), RegistrarError> {
        let Some(before) = directory::load_phone(db, phone).await? else { return Ok(()) };
        store::release(db, phone, now, now.after(self.cooling())).await?;
        directory::tell(db, now, &Happening::PhoneReleased { phone }).await?;
        let after = directory::load_phone(db, phone).await?;
        let actor = actor.cloned().unwrap_or_else(|| Actor::phone(&before));
        Ok(directory::note_phone(db, &actor, Some(&before), after.as_ref(), now).await?)
    }

    /// Lends a temporary number to a phone that is nobody's again, inside the caller's transaction: the one it had, if
    /// that is not somebody else's by now, or the next free one. None if there is none.
    pub async fn lend_again(
        &self,
        db: &mut DbConnection,
        phone: PhoneId,
        now: UnixMillis,
    ) -> Result<Option<DirectoryNumber>, RegistrarError> {
        if let Some(number) = store::revive_lease(db, phone, now).await? {
            return Ok(Some(number));
        }
        let in_force = self.in_force();
        let used = store::numbers_in_use(db, &in_force.range).await?;
        let Some(number) = in_force.range.numbers().find(|number| !used.contains(number)) else { return Ok(None) };
        let number = temporary(number)?;
        store::lease(db, phone, &number, now).await?;
        Ok(Some(number))
    }

    /// How many numbers are left.
    pub async fn level(&self) -> Result<PoolLevel, RegistrarError> {
        self.level_in(&self.in_force().range).await
    }

    async fn level_in(&self, range: &NumberRange) -> Result<PoolLevel, RegistrarError> {
        let mut connection = self.directory.db().reader().acquire().await?;
        let used = store::numbers_in_use(&mut connection, range).await?.len() as u64;
        Ok(PoolLevel { total: range.len(), free: range.len().saturating_sub(used) })
    }

    /// Takes numbers back from phones not seen for the time of their lease, but for those that are registered, and forgets
    /// those that have cooled down. When the wall clock was set, nobody can say how long anything has been: all begins anew.
    pub(super) async fn collect(
        &self,
        now: UnixMillis,
        steady: Instant,
        is_registered: impl Fn(PhoneId) -> bool,
    ) -> Result<Vec<PhoneId>, RegistrarError> {
        let in_force = self.in_force();
        let unregistered = Duration::from_secs(in_force.settings.first_registration_seconds);
        let unseen = Duration::from_secs(in_force.settings.lease_seconds);
        let was_set = locked(&self.clock).was_set(steady, now);
        let mut transaction = self.directory.db().write().await?;
        if was_set {
            tracing::warn!(%now, "the clock was set: every lease of a temporary number begins anew");
            store::renew_leases(&mut transaction, now, now.after(self.cooling())).await?;
        }
        let mut lapsed = store::lapsed_leases(&mut transaction, now, unregistered, unseen).await?;
        lapsed.retain(|phone| !is_registered(*phone));
        for phone in &lapsed {
            self.release(&mut transaction, *phone, None, now).await?;
        }
        let cooled = store::forget_cooled(&mut transaction, now).await?;
        transaction.commit().await?;
        for phone in lapsed.iter().chain(&cooled) {
            self.directory.refresh_account(*phone).await?;
        }
        let level = self.level().await?;
        self.report(level, now).await?;
        Ok(lapsed)
    }

    /// Whether what the wall clock says may be acted on where it can't be undone.
    pub(super) fn believes_wall_clock(&self, steady: Instant, now: UnixMillis) -> bool {
        locked(&self.clock).is_believed(steady, now)
    }

    /// How long a number rests before another phone gets it.
    pub fn cooling(&self) -> Duration {
        Duration::from_secs(self.in_force().settings.cooling_seconds)
    }

    async fn note_refusal(&self, refusal: Refusal, source: IpAddr, now: UnixMillis) -> Result<(), RegistrarError> {
        match refusal {
            Refusal::PoolDry => self.report(PoolLevel { total: self.in_force().range.len(), free: 0 }, now).await,
            Refusal::TooManyNumbers => self.alarm_of(source, now).await,
            Refusal::Off | Refusal::Network | Refusal::TooManyFromAddress => Ok(()),
        }
    }

    /// Raises an alarm about an address that has as many numbers as it may; once an hour.
    async fn alarm_of(&self, source: IpAddr, now: UnixMillis) -> Result<(), RegistrarError> {
        metrics::counter!("auto_registration_address_full_total").increment(1);
        let steady = Instant::now();
        {
            let mut alarmed = locked(&self.alarmed);
            alarmed.retain(|_, at| steady.saturating_duration_since(*at) < HOUR);
            if alarmed.len() >= MOST_ADDRESSES || alarmed.contains_key(&site(source)) {
                return Ok(());
            }
            alarmed.insert(site(source), steady);
        }
        let most = self.in_force().settings.numbers_per_address;
        tracing::warn!(%source, most, "phones from one address have as many temporary numbers as they may");
        self.tell(&Happening::PoolAddressFull { source: source.to_string(), most }, now).await
    }

    /// Shows the level, and raises or ends the alarm.
    #[allow(clippy::cast_precision_loss)]
    async fn report(&self, level: PoolLevel, now: UnixMillis) -> Result<(), RegistrarError> {
        metrics::gauge!("temporary_numbers_free").set(level.free as f64);
        metrics::gauge!("temporary_numbers_total").set(level.total as f64);
        if !self.directory.db().is_on_duty() {
            // Whoever is sees it too.
            return Ok(());
        }
        let is_low = level.free * 100 <= level.total * u64::from(self.in_force().settings.alarm_percent);
        {
            let mut alarm = locked(&self.alarm);
            if *alarm == is_low {
                return Ok(());
            }
            *alarm = is_low;
        }
        metrics::gauge!("temporary_numbers_alarm").set(f64::from(u8::from(is_low)));
        if is_low {
            tracing::warn!(free = level.free, total = level.total, "few temporary numbers are free");
        } else {
            tracing::info!(free = level.free, total = level.total, "enough temporary numbers are free");
        }
        let fill = PoolFill { free: level.free, total: level.total };
        self.tell(&if is_low { Happening::PoolLow(fill) } else { Happening::PoolEnough(fill) }, now).await
    }

    async fn tell(&self, happening: &Happening, now: UnixMillis) -> Result<(), RegistrarError> {
        let mut transaction = self.directory.db().write().await?;
        directory::tell(&mut transaction, now, happening).await?;
        Ok(transaction.commit().await?)
    }
}

fn temporary(number: String) -> Result<DirectoryNumber, RegistrarError> {
    let unreadable =
        |fault: VocabError| DirectoryError::Unreadable { what: "temporary number", fault: fault.to_string() };
    Ok(number.parse().map_err(unreadable)?)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
