//! A claim: somebody at a phone says whose it is to be. Rules and bind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::configuration::algorithms;
use super::fetch::{random_admin_password, random_secret};
use super::judgement::{Judgement, device_of};
use super::lockout::Scope;
use super::pin_change::NewPinReason;
use super::rules::{self, Refusal};
use super::service::Enrolments;
use super::settings::Proof;
use super::{EnrolmentEnding, EnrolmentError, Step, store};
use crate::directory::{self, CredentialHash, Directory, Line, Phone, TemplateVariables, User};
use crate::vocab::{DirectoryNumber, Language, PhoneId, Secret, SelfServiceId, UnixMillis};

/// What somebody keyed in at a phone.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The phone called from, as its credentials showed; never what a From header says.
    pub phone: PhoneId,
    /// Who they say they are.
    pub id: SelfServiceId,
    /// What they keyed in to prove it.
    pub credential: Option<Secret>,
    /// The PIN they want from now on; asked for by [`ClaimVerdict::NewPin`].
    pub new_pin: Option<Secret>,
    /// What has to be proven, as the conversation began with it.
    pub proof: Arc<Proof>,
    /// The language they chose.
    pub language: Language,
    /// When they are told that nothing was changed, if nothing was decided by then.
    pub deadline: Instant,
}

/// What comes of a claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClaimVerdict {
    /// The phone is theirs.
    Bound {
        /// Their primary extension, now on line 1.
        extension: DirectoryNumber,
        /// What the phone does next.
        next: Next,
    },
    /// They are who they say, and have to choose another PIN first. Nothing was changed.
    NewPin(NewPinReason),
    /// Wrong ID, PIN or code; not said which.
    WrongCredentials,
    /// No, for this reason.
    Refused(Refusal),
}

/// What a bound phone does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// It is told to fetch its configuration.
    Fetch,
    /// Nothing: it takes no configuration and works as it is.
    Nothing,
}

impl Enrolments {
    /// Whether a call from this phone may claim it at all. Notes that it called.
    pub async fn called(&self, phone: Option<PhoneId>, now: UnixMillis) -> Result<Result<(), Refusal>, EnrolmentError> {
        let Some(id) = phone else { return Ok(Err(Refusal::PhoneUnknown)) };
        let mut transaction = self.directory.db().write().await?;
        let found = directory::load_phone(&mut transaction, id).await?;
        if let Err(refusal) = rules::claimable(found.map(|phone| phone.state)) {
            return Ok(Err(refusal));
        }
        store::begin(&mut transaction, id, now).await?;
        // A phone that dials at once may be ahead of the news that it registered.
        let bindings = self.registrar.location().of_phone(id, Instant::now());
        if let Some((aor, _)) = bindings.first()
            && !store::open_steps(&mut transaction, id).await?.contains(&Step::Registered)
        {
            store::step(&mut transaction, id, now, Step::Registered, aor).await?;
        }
        store::step(&mut transaction, id, now, Step::Called, "").await?;
        let device = self.device(id).await?;
        let phone_locked = store::counter(&mut transaction, Scope::Phone, &device).await?.is_locked(now);
        let all_locked = store::counter(&mut transaction, Scope::All, "").await?.is_locked(now);
        if phone_locked || all_locked {
            let detail = Refusal::LockedOut.as_str();
            store::step(&mut transaction, id, now, Step::Refused, detail).await?;
        }
        transaction.commit().await?;
        Ok(if phone_locked || all_locked { Err(Refusal::LockedOut) } else { Ok(()) })
    }

    /// Judges a claim and carries it out.
    pub async fn claim(&self, claim: &Claim, now: UnixMillis) -> Result<ClaimVerdict, EnrolmentError> {
        let proven = match self.judge(claim, now).await? {
            Judgement::Right(proven) => proven,
            Judgement::Wrong => return Ok(ClaimVerdict::WrongCredentials),
            Judgement::LockedOut => return self.refuse(claim, Refusal::LockedOut, now).await,
        };
        let new_pin = match self.pin_change(claim, &proven).await? {
            Ok(new_pin) => new_pin,
            Err(reason) => return Ok(ClaimVerdict::NewPin(reason)),
        };
        let user = proven.user;
        match self.bind(claim, &user, new_pin.as_ref(), now).await? {
            Ok((extension, next, strangers)) => {
                for stranger in &strangers {
                    self.registrar.forget(*stranger);
                }
                for changed in strangers.iter().chain([&claim.phone]) {
                    self.directory.refresh_account(*changed).await?;
                }
                tracing::info!(phone = %claim.phone, user = %user.id, "a phone was bound to its user");
                metrics::counter!("enrolments_bound_total").increment(1);
                Ok(ClaimVerdict::Bound { extension, next })
            }
            Err(refusal) => self.refuse(claim, refusal, now).await,
        }
    }

    async fn refuse(&self, claim: &Claim, refusal: Refusal, now: UnixMillis) -> Result<ClaimVerdict, EnrolmentError> {
        metrics::counter!("enrolment_refusals_total", "reason" => refusal.as_str()).increment(1);
        let mut transaction = self.directory.db().write().await?;
        store::step(&mut transaction, claim.phone, now, Step::Refused, refusal.as_str()).await?;
        transaction.commit().await?;
        Ok(ClaimVerdict::Refused(refusal))
    }

    /// The bind: one transaction, in which everything it rests on is read again.
    async fn bind(
        &self,
        claim: &Claim,
        user: &User,
        new_pin: Option<&CredentialHash>,
        now: UnixMillis,
    ) -> Result<Result<(DirectoryNumber, Next, Vec<PhoneId>), Refusal>, EnrolmentError> {
        let mut transaction = self.directory.db().write().await?;
        let phone = directory::load_phone(&mut transaction, claim.phone).await?;
        if let Err(refusal) = rules::claimable(phone.as_ref().map(|phone| phone.state)) {
            return Ok(Err(refusal));
        }
        let Some(phone) = phone else { return Ok(Err(Refusal::PhoneUnknown)) };
        let Some(user) = Directory::user_in(&mut transaction, user.id).await? else {
            return Ok(Err(Refusal::NotEnabled));
        };
        if let Some(mac) = phone.mac {
            match Directory::reserved_for_in(&mut transaction, mac).await? {
                Some(other) if other != user.id => return Ok(Err(Refusal::Reserved)),
                Some(_) => Directory::end_reservation_in(&mut transaction, mac).await?,
                None => {}
            }
        }
        let profile = Directory::profile_in(&mut transaction, user.id).await?;
        let phones = Directory::phones_of_in(&mut transaction, user.id).await?;
        let grounds = match rules::eligible(&user, profile.as_ref(), phones) {
            Ok(grounds) => grounds,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some((template_id, template)) =
            Directory::device_template_in(&mut transaction, grounds.device_template).await?
        else {
            return Ok(Err(Refusal::NoDeviceTemplate));
        };
        let line_template = match grounds.line_template {
            Some(name) => Directory::line_template_in(&mut transaction, name).await?,
            None => None,
        };
        let extension = grounds.extension.clone();
        let mac = phone.mac.map(|mac| mac.to_string()).unwrap_or_default();
        let variables = TemplateVariables {
            user_id: &user.user_id,
            user_name: &user.name,
            extension: extension.as_str(),
            model: phone.model.as_deref().unwrap_or(&phone.vendor),
            mac: &mac,
        };
        let (label, display) = match &line_template {
            Some(line) => (variables.fill(&line.label), variables.fill(&line.display)),
            None => (extension.to_string(), user.name.clone()),
        };
        let seal = |secret: Secret| self.directory.sealer().seal(&secret, rand::random());
        let (sealed_secret, sealed_admin_password) = (seal(random_secret())?, seal(random_admin_password())?);
        let managed = phone.is_managed.then_some(store::Managed {
            sealed_secret: &sealed_secret,
            sealed_admin_password: &sealed_admin_password,
            transport: template.transport,
        });
        let cooling = self.registrar.auto_registration().cooling();
        let algorithms = algorithms(&template.settings)?;
        let bind = store::Bind {
            phone: phone.id,
            user: user.id,
            name: &variables.fill(&template.phone_name),
            device_template: &template_id,
            managed,
            language: &claim.language.to_string(),
            algorithms: algorithms.as_deref(),
            cooling,
        };
        if let Some(hash) = new_pin {
            directory::set_pin(&mut transaction, user.id, hash, now).await?;
            store::step(&mut transaction, phone.id, now, Step::PinChanged, "").await?;
        }
        store::clear_counter(&mut transaction, Scope::Phone, &device_of(&phone)).await?;
        store::bind(&mut transaction, &bind, now).await?;
        let line = Line { number: extension.clone(), label, display };
        directory::insert_line(&mut transaction, phone.id, 1, &line).await?;
        let strangers = self.drop_strangers(&mut transaction, &phone, now).await?;
        if Instant::now() >= claim.deadline {
            return Err(EnrolmentError::TooLate);
        }
        // The caller hears the verdict out before the phone is notified.
        self.may_notify(phone.id, Duration::ZERO);
        transaction.commit().await?;
        let next = if phone.is_managed { Next::Fetch } else { Next::Nothing };
        Ok(Ok((extension, next, strangers)))
    }

    /// Whoever else asked for a configuration with this phone's hardware address was not the phone.
    async fn drop_strangers(
        &self,
        transaction: &mut sqlx::SqliteConnection,
        phone: &Phone,
        now: UnixMillis,
    ) -> Result<Vec<PhoneId>, EnrolmentError> {
        let Some(mac) = phone.mac else { return Ok(Vec::new()) };
        let strangers = store::other_candidates(transaction, phone.id, mac).await?;
        for stranger in &strangers {
            store::end(transaction, *stranger, now, EnrolmentEnding::Replaced).await?;
            self.registrar.auto_registration().release(transaction, *stranger, now).await?;
        }
        Ok(strangers)
    }
}
