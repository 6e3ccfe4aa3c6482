//! A claim: somebody at a phone says whose it is to be.

use std::sync::Arc;
use std::time::Instant;

use super::bind::{Bid, Bound};
use super::judgement::Judgement;
use super::lockout::Scope;
use super::pin_change::NewPinReason;
use super::rules::{self, Refusal};
use super::service::Enrolments;
use super::settings::Proof;
use super::{EnrolmentError, Step, store};
use crate::directory;
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
        let bid = Bid {
            phone: claim.phone,
            user: proven.user.id,
            language: Some(&claim.language),
            new_pin: new_pin.as_ref(),
            deadline: Some(claim.deadline),
            actor: &proven.actor,
            office: None,
        };
        match self.bind(&bid, now).await? {
            Ok(Bound { extension, next }) => Ok(ClaimVerdict::Bound { extension, next }),
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
}
