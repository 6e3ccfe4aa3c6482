//! A claim: somebody at a phone says whose it is to be. Proof, rules and bind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lockout::Scope;
use super::rules::{self, Refusal};
use super::service::Enrolments;
use super::turns::Turn;
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

/// Whose proof was given.
enum Prover {
    User,
    Administrator,
    Nobody,
}

/// What a claim's proof is worth.
enum Judgement {
    Right(User),
    Wrong,
    LockedOut,
}

/// An attempt that was counted, and which lockouts it brings if it is wrong.
struct Attempt {
    subjects: [(Scope, String); 3],
    brings: Vec<Scope>,
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
        let user = match self.judge(claim, now).await? {
            Judgement::Right(user) => user,
            Judgement::Wrong => return Ok(ClaimVerdict::WrongCredentials),
            Judgement::LockedOut => return self.refuse(claim, Refusal::LockedOut, now).await,
        };
        match self.bind(claim, &user, now).await? {
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

    /// Whether the proof holds. The attempt counts as wrong until it is shown to be right, so that attempts side by side
    /// can't slip past a limit; those for one user wait for one another, so that right ones don't lock each other out.
    async fn judge(&self, claim: &Claim, now: UnixMillis) -> Result<Judgement, EnrolmentError> {
        let user = self.counted_as(&claim.id);
        let turn = Arc::new(self.turns.wait(&user).await.ok_or(EnrolmentError::Stopped)?);
        if Instant::now() >= claim.deadline {
            return Err(EnrolmentError::TooLate);
        }
        let Some(attempt) = self.count_attempt(claim, user, now).await? else { return Ok(Judgement::LockedOut) };
        match self.prove(claim, &turn).await? {
            Some((user, prover)) => {
                self.take_back(claim, &attempt, prover, now).await?;
                Ok(Judgement::Right(user))
            }
            None => {
                self.note_wrong(claim, &attempt, now).await?;
                Ok(Judgement::Wrong)
            }
        }
    }

    /// Counts the attempt. None if somebody is locked out: then nothing is counted.
    async fn count_attempt(
        &self,
        claim: &Claim,
        user: String,
        now: UnixMillis,
    ) -> Result<Option<Attempt>, EnrolmentError> {
        let device = self.device(claim.phone).await?;
        let subjects = [(Scope::User, user), (Scope::Phone, device), (Scope::All, String::new())];
        let mut transaction = self.directory.db().write().await?;
        let mut counters = Vec::with_capacity(subjects.len());
        for (scope, subject) in &subjects {
            let counter = store::counter(&mut transaction, *scope, subject).await?;
            if counter.is_locked(now) {
                return Ok(None);
            }
            counters.push((*scope, subject, counter.attempt(*scope, now, &self.settings.lockout)));
        }
        store::step(&mut transaction, claim.phone, now, Step::Identified, "").await?;
        let mut brings = Vec::new();
        for (scope, subject, counter) in counters {
            store::set_counter(&mut transaction, scope, subject, &counter).await?;
            if counter.is_locked(now) {
                brings.push(scope);
            }
        }
        transaction.commit().await?;
        Ok(Some(Attempt { subjects, brings }))
    }

    /// The attempt was wrong: whom it locks out, operators should know.
    async fn note_wrong(&self, claim: &Claim, attempt: &Attempt, now: UnixMillis) -> Result<(), EnrolmentError> {
        metrics::counter!("enrolment_wrong_credentials_total").increment(1);
        let mut transaction = self.directory.db().write().await?;
        store::step(&mut transaction, claim.phone, now, Step::Refused, "wrong-credentials").await?;
        for scope in &attempt.brings {
            metrics::counter!("enrolment_lockouts_total", "scope" => scope.as_str()).increment(1);
            tracing::warn!(scope = scope.as_str(), phone = %claim.phone, "locked out after wrong credentials");
            let detail = format!("{} (phone {})", scope.as_str(), claim.phone);
            let severity = if *scope == Scope::All { "alarm" } else { "warning" };
            directory::record_event(&mut transaction, now, severity, "lockout", &detail).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// The attempt was right: the user's counter goes, and the attempt is taken back from the others. Wrong attempts
    /// from the same phone stay counted until it is bound, or one good PIN would buy guesses at others.
    async fn take_back(
        &self,
        claim: &Claim,
        attempt: &Attempt,
        prover: Prover,
        now: UnixMillis,
    ) -> Result<(), EnrolmentError> {
        let mut transaction = self.directory.db().write().await?;
        for (scope, subject) in &attempt.subjects {
            if *scope == Scope::User {
                store::clear_counter(&mut transaction, *scope, subject).await?;
                continue;
            }
            let counter = store::counter(&mut transaction, *scope, subject).await?;
            let back = counter.taken_back(attempt.brings.contains(scope));
            store::set_counter(&mut transaction, *scope, subject, &back).await?;
        }
        let detail = match prover {
            Prover::User => "PIN",
            Prover::Administrator => "authentication code",
            Prover::Nobody => "not required",
        };
        store::step(&mut transaction, claim.phone, now, Step::Authenticated, detail).await?;
        Ok(transaction.commit().await?)
    }

    /// What attempts for a user are counted under. Somebody may have keyed in a PIN where the ID was asked: it is not kept,
    /// and what is kept instead tells nobody what it was.
    fn counted_as(&self, id: &SelfServiceId) -> String {
        self.directory.sealer().mark("lockout", id.as_str())
    }

    /// What a phone's attempts are counted under.
    async fn device(&self, phone: PhoneId) -> Result<String, EnrolmentError> {
        let record = self.directory.phone(phone).await?;
        Ok(record.as_ref().map_or_else(|| phone.to_string(), device_of))
    }

    /// Who it is, if the proof holds. The work is the same for an ID nobody has.
    async fn prove(&self, claim: &Claim, turn: &Arc<Turn>) -> Result<Option<(User, Prover)>, EnrolmentError> {
        let mode = self.settings.authentication;
        let found = self.directory.user_by_self_service_id(&claim.id).await?;
        let (user, pin) = found.map_or((None, None), |(user, pin)| (Some(user), pin));
        if !mode.takes_code() && !mode.takes_pin() {
            return Ok(user.map(|user| (user, Prover::Nobody)));
        }
        let Some(credential) = claim.credential.clone() else { return Ok(None) };
        let is_pin = mode.takes_pin() && matches(pin, credential.clone(), turn).await?;
        let is_code = mode.takes_code() && matches(self.code.clone(), credential, turn).await?;
        let prover = match (is_pin, is_code) {
            (true, _) => Prover::User,
            (false, true) => Prover::Administrator,
            (false, false) => return Ok(None),
        };
        Ok(user.map(|user| (user, prover)))
    }

    /// The bind: one transaction, in which everything it rests on is read again.
    async fn bind(
        &self,
        claim: &Claim,
        user: &User,
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
        let sealed = match phone.is_managed {
            true => Some(self.directory.sealer().seal(&super::fetch::random_secret(), rand::random())?),
            false => None,
        };
        let cooling = Duration::from_secs(self.registrar.auto_registration().settings().cooling_seconds);
        let algorithms = super::fetch::algorithms(&template.settings)?;
        let bind = store::Bind {
            phone: phone.id,
            user: user.id,
            name: &variables.fill(&template.phone_name),
            device_template: &template_id,
            sealed_secret: sealed.as_deref(),
            language: &claim.language.to_string(),
            algorithms: algorithms.as_deref(),
            cooling,
        };
        store::clear_counter(&mut transaction, Scope::Phone, &device_of(&phone)).await?;
        store::bind(&mut transaction, &bind, now).await?;
        let line = Line { number: extension.clone(), label, display };
        directory::insert_line(&mut transaction, phone.id, 1, &line).await?;
        let strangers = self.drop_strangers(&mut transaction, &phone, now).await?;
        if Instant::now() >= claim.deadline {
            return Err(EnrolmentError::TooLate);
        }
        // The caller hears the verdict out before the phone is notified.
        self.may_notify(phone.id, now, Duration::ZERO);
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
            crate::registrar::release(transaction, *stranger).await?;
        }
        Ok(strangers)
    }
}

/// Hashing takes a core for 20 ms: off the threads that serve calls. Whoever stops waiting doesn't free the turn it takes.
async fn matches(hash: Option<CredentialHash>, credential: Secret, turn: &Arc<Turn>) -> Result<bool, EnrolmentError> {
    let turn = turn.clone();
    let work = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        match hash {
            Some(hash) => hash.matches(&credential),
            None => {
                CredentialHash::waste_as_much(&credential);
                false
            }
        }
    });
    work.await.map_err(|_| EnrolmentError::Stopped)
}

/// What a phone's attempts are counted under: the address it came from and its hardware address, so that fetching a new
/// quarantine line buys no new attempts.
fn device_of(phone: &Phone) -> String {
    match phone.mac {
        Some(mac) => format!("{} {mac}", phone.source),
        None => format!("{} {}", phone.source, phone.auth_name),
    }
}
