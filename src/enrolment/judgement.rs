//! What a claim's proof is worth: the attempt counted, ID and PIN or code compared, the count taken back.

use std::sync::Arc;
use std::time::Instant;

use super::claim::Claim;
use super::lockout::Scope;
use super::service::Enrolments;
use super::turns::Turn;
use super::{EnrolmentError, Step, log_step, store};
use crate::directory::{self, Actor, ActorKind, Credential, CredentialHash, Happening, Phone, Pin, User};
use crate::vocab::{PhoneId, Secret, SelfServiceId, UnixMillis};

/// What the marks of IDs in lockouts are for.
pub(super) const LOCKOUT: &str = "lockout";

/// Somebody who has shown who they are.
pub(super) struct Proven {
    pub user: User,
    /// They gave the user's PIN.
    pub by_pin: bool,
    /// That PIN has to be changed.
    pub is_pin_due: bool,
    /// As the audit names them.
    pub actor: Actor,
}

/// Whose proof was given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prover {
    User,
    Administrator,
    Nobody,
}

impl Prover {
    /// As the audit names them.
    fn actor(self, user: &User, phone: &Phone) -> Actor {
        match self {
            Self::User => Actor::at_phone(ActorKind::User, &user.user_id, phone),
            Self::Administrator => Actor::at_phone(ActorKind::AuthenticationCode, "", phone),
            Self::Nobody => Actor::phone(phone),
        }
    }
}

/// What a claim's proof is worth.
pub(super) enum Judgement {
    Right(Box<Proven>),
    Wrong,
    LockedOut,
}

/// An attempt that was counted, and which lockouts it brings if it is wrong.
struct Attempt {
    subjects: [(Scope, String); 3],
    brings: Vec<(Scope, UnixMillis)>,
}

impl Enrolments {
    /// Whether the proof holds. The attempt counts as wrong until it is shown to be right, so that attempts side by side
    /// can't slip past a limit; those for one user wait for one another, so that right ones don't lock each other out.
    pub(super) async fn judge(&self, claim: &Claim, now: UnixMillis) -> Result<Judgement, EnrolmentError> {
        let user = self.counted_as(&claim.id);
        let turn = Arc::new(self.turns.wait(&user).await.ok_or(EnrolmentError::Stopped)?);
        if Instant::now() >= claim.deadline {
            return Err(EnrolmentError::TooLate);
        }
        let Some(attempt) = self.count_attempt(claim, user, now).await? else { return Ok(Judgement::LockedOut) };
        match self.prove(claim, &turn).await? {
            Some((user, prover, pin)) => {
                self.take_back(claim, &attempt, prover, now).await?;
                let policy = self.directory.credential_policy().await?;
                let is_due = |pin: &Pin| pin.must_change || policy.pin_is_over(pin.set_at, now);
                let by_pin = prover == Prover::User;
                let is_pin_due = by_pin && pin.as_ref().is_some_and(is_due);
                let actor = match self.directory.phone(claim.phone).await? {
                    Some(phone) => prover.actor(&user, &phone),
                    None => Actor::system("enrolment"),
                };
                Ok(Judgement::Right(Box::new(Proven { user, by_pin, is_pin_due, actor })))
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
            if let Some(until) = counter.locked_until.filter(|until| *until > now) {
                brings.push((scope, until));
            }
        }
        transaction.commit().await?;
        log_step(Step::Identified, "");
        Ok(Some(Attempt { subjects, brings }))
    }

    /// The attempt was wrong: whom it locks out, operators should know.
    async fn note_wrong(&self, claim: &Claim, attempt: &Attempt, now: UnixMillis) -> Result<(), EnrolmentError> {
        metrics::counter!("enrolment_wrong_credentials_total").increment(1);
        let found =
            if attempt.brings.is_empty() { None } else { self.directory.user_by_self_service_id(&claim.id).await? };
        let whose = found.map(|(user, _)| user.user_id);
        let mut transaction = self.directory.db().write().await?;
        store::step(&mut transaction, claim.phone, now, Step::Refused, "wrong-credentials").await?;
        for (scope, until) in &attempt.brings {
            metrics::counter!("enrolment_lockouts_total", "scope" => scope.as_str()).increment(1);
            // What was keyed in is not said: it may be a PIN.
            let device =
                attempt.subjects.iter().find_map(|(known, it)| (*known == Scope::Phone).then_some(it.as_str()));
            let user = whose.clone().filter(|_| *scope == Scope::User);
            tracing::warn!(scope = scope.as_str(), user, device, %until, "locked out after wrong credentials");
            let (scope, until) = (scope.as_str().to_owned(), Some(*until));
            let begun = Happening::LockoutBegun { scope, phone: claim.phone, user, until };
            directory::tell(&mut transaction, now, &begun).await?;
        }
        transaction.commit().await?;
        log_step(Step::Refused, "wrong-credentials");
        Ok(())
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
            let has_brought = attempt.brings.iter().any(|(brought, _)| brought == scope);
            let back = counter.taken_back(has_brought);
            store::set_counter(&mut transaction, *scope, subject, &back).await?;
        }
        let detail = match prover {
            Prover::User => "PIN",
            Prover::Administrator => "authentication code",
            Prover::Nobody => "not required",
        };
        store::step(&mut transaction, claim.phone, now, Step::Authenticated, detail).await?;
        transaction.commit().await?;
        log_step(Step::Authenticated, detail);
        Ok(())
    }

    /// What attempts for a user are counted under. Somebody may have keyed in a PIN where the ID was asked: it is not kept,
    /// and what is kept instead tells nobody what it was.
    fn counted_as(&self, id: &SelfServiceId) -> String {
        self.directory.sealer().mark(LOCKOUT, id.as_str())
    }

    /// What a phone's attempts are counted under.
    pub(super) async fn device(&self, phone: PhoneId) -> Result<String, EnrolmentError> {
        let record = self.directory.phone(phone).await?;
        Ok(record.as_ref().map_or_else(|| phone.to_string(), device_of))
    }

    /// Who it is, if the proof holds. The work is the same for an ID nobody has.
    async fn prove(
        &self,
        claim: &Claim,
        turn: &Arc<Turn>,
    ) -> Result<Option<(User, Prover, Option<Pin>)>, EnrolmentError> {
        let mode = claim.proof.mode;
        let found = self.directory.user_by_self_service_id(&claim.id).await?;
        let (user, pin) = found.map_or((None, None), |(user, pin)| (Some(user), pin));
        if !mode.takes_code() && !mode.takes_pin() {
            return Ok(user.map(|user| (user, Prover::Nobody, pin)));
        }
        let Some(credential) = claim.credential.clone() else { return Ok(None) };
        let is_pin =
            mode.takes_pin() && matches(pin.as_ref().map(|pin| pin.kept.clone()), credential.clone(), turn).await?;
        let is_code =
            mode.takes_code() && matches(claim.proof.code.clone().map(Credential::Hashed), credential, turn).await?;
        let prover = match (is_pin, is_code) {
            (true, _) => Prover::User,
            (false, true) => Prover::Administrator,
            (false, false) => return Ok(None),
        };
        Ok(user.map(|user| (user, prover, pin)))
    }
}

/// Hashing takes a core for 20 ms: off the threads that serve calls. Whoever stops waiting doesn't free the turn it takes.
async fn matches(kept: Option<Credential>, credential: Secret, turn: &Arc<Turn>) -> Result<bool, EnrolmentError> {
    let turn = turn.clone();
    let work = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        match kept {
            Some(kept) => kept.matches(&credential),
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
pub(super) fn device_of(phone: &Phone) -> String {
    match phone.mac {
        Some(mac) => format!("{} {mac}", phone.source),
        None => format!("{} {}", phone.source, phone.auth_name),
    }
}
