//! Enrolments by an administrator: started without a call, cancelled, undone.

use std::time::Duration;

use super::bind::{Bid, Office};
use super::objection::Objection;
use super::record::Enrolment;
use super::service::Enrolments;
use super::{EnrolmentEnding, EnrolmentError, Step, store};
use crate::directory::{self, Actor, PhoneState};
use crate::vocab::{EnrolmentId, Language, MacAddress, PhoneId, UnixMillis, UserId};

/// An enrolment to be started.
#[derive(Clone, Debug)]
pub struct Order {
    /// The phone: its identifier, hardware address or temporary number.
    pub phone: String,
    /// The user: user ID, self-service ID or extension.
    pub user: String,
    /// The language to speak when the phone is called back.
    pub language: Option<Language>,
    /// Take the phone from whoever has it.
    pub rebind: bool,
}

/// What becomes of a phone whose enrolment is cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Afterwards {
    /// It goes on waiting to be claimed.
    Waits,
    /// It is let go: its temporary number goes back.
    LetGo,
}

/// What came of it.
type Outcome<T> = Result<Result<T, Objection>, EnrolmentError>;

impl Enrolments {
    /// Gives a phone to a user as a call would have. The phone isn't told yet: see [`Enrolments::call_ended`].
    pub async fn start(&self, order: &Order, actor: &Actor, now: UnixMillis) -> Outcome<Enrolment> {
        let phone = match self.phone_named(&order.phone).await? {
            Ok(phone) => phone,
            Err(objection) => return Ok(Err(objection)),
        };
        let user = match self.user_named(&order.user).await? {
            Ok(user) => user,
            Err(objection) => return Ok(Err(objection)),
        };
        let office = Some(Office { rebind: order.rebind });
        let bid = Bid { phone, user, language: order.language.as_ref(), new_pin: None, deadline: None, actor, office };
        if let Err(refusal) = self.bind(&bid, now).await? {
            metrics::counter!("enrolment_refusals_total", "reason" => refusal.as_str()).increment(1);
            return Ok(Err(Objection::Refused(refusal)));
        }
        let mut reader = self.directory.db().reader().acquire().await?;
        let open = store::open_enrolment(&mut reader, phone).await?;
        drop(reader);
        match open {
            Some(id) => Ok(self.get(id).await?.ok_or(Objection::ChangedSince)),
            None => Ok(Err(Objection::ChangedSince)),
        }
    }

    async fn phone_named(&self, name: &str) -> Outcome<PhoneId> {
        let mac = name.parse::<MacAddress>().ok().map(|mac| mac.to_string());
        let id = name.parse::<PhoneId>().map_or_else(|_| name.to_owned(), |id| id.to_string());
        let mut reader = self.directory.db().reader().acquire().await?;
        let found = store::phones_named(&mut reader, &id, mac.as_deref()).await?;
        Ok(match found[..] {
            [] => Err(Objection::NoSuchPhone(name.to_owned())),
            [phone] => Ok(phone),
            // Whoever knows a hardware address may have asked for a configuration with it.
            _ => Err(Objection::SeveralPhones {
                name: name.to_owned(),
                names: found.iter().map(PhoneId::to_string).collect(),
            }),
        })
    }

    async fn user_named(&self, name: &str) -> Outcome<UserId> {
        let mut reader = self.directory.db().reader().acquire().await?;
        let found = store::users_named(&mut reader, name).await?;
        Ok(match &found[..] {
            [] => Err(Objection::NoSuchUser(name.to_owned())),
            [(user, _)] => Ok(*user),
            several => Err(Objection::SeveralUsers {
                name: name.to_owned(),
                names: several.iter().map(|(_, user_id)| user_id.clone()).collect(),
            }),
        })
    }

    /// Ends an open enrolment. A phone that was given to its user already is taken back. Whoever is calling from it must
    /// be told by the caller.
    pub async fn cancel(
        &self,
        id: EnrolmentId,
        afterwards: Afterwards,
        actor: &Actor,
        now: UnixMillis,
    ) -> Outcome<Enrolment> {
        let Some(enrolment) = self.get(id).await? else { return Ok(Err(Objection::Ended)) };
        if enrolment.bound_at.is_none() {
            let mut transaction = self.directory.db().write().await?;
            if store::open_enrolment(&mut transaction, enrolment.phone).await? != Some(id) {
                return Ok(Err(Objection::Ended));
            }
            // Between the look and this, a claim may have been carried out.
            if store::open_steps(&mut transaction, enrolment.phone).await?.contains(&Step::Bound) {
                drop(transaction);
                return self.take_phone_back(id, true, actor, now).await;
            }
            let how = (Step::Cancelled, EnrolmentEnding::Cancelled);
            store::undone(&mut transaction, id, how, &actor.name, now).await?;
            let change = acted("enrolment", id.to_string(), "cancel");
            directory::write_audit(&mut transaction, actor, &change, now).await?;
            transaction.commit().await?;
            metrics::counter!("enrolments_ended_total", "ending" => "cancelled").increment(1);
        } else if let Err(objection) = self.take_phone_back(id, true, actor, now).await? {
            return Ok(Err(objection));
        }
        let waits = self.directory.phone(enrolment.phone).await?.is_some_and(|it| it.state == PhoneState::Quarantine);
        if afterwards == Afterwards::LetGo && waits {
            self.release(enrolment.phone, actor, now).await?;
        }
        Ok(self.get(id).await?.ok_or(Objection::Ended))
    }

    /// Undoes a bind that was not long ago: the phone is what it was before, and is told so.
    pub async fn undo(&self, id: EnrolmentId, actor: &Actor, now: UnixMillis) -> Outcome<Enrolment> {
        self.take_phone_back(id, false, actor, now).await
    }

    async fn take_phone_back(
        &self,
        id: EnrolmentId,
        is_cancelled: bool,
        actor: &Actor,
        now: UnixMillis,
    ) -> Outcome<Enrolment> {
        let phone = match self.commit_take_back(id, is_cancelled, actor, now).await? {
            Ok(phone) => phone,
            Err(objection) => return Ok(Err(objection)),
        };
        self.directory.refresh_account(phone).await?;
        self.registrar.settle(phone).await?;
        metrics::counter!("enrolments_undone_total").increment(1);
        tracing::info!(%phone, enrolment = %id, "a bind was undone");
        // A former user's records may have changed since it was theirs.
        self.follow_directory().await?;
        let this = self.clone();
        tokio::spawn(async move {
            this.may_notify(phone, Duration::ZERO);
            if let Err(error) = this.push(phone).await {
                tracing::error!(%error, %phone, "a phone could not be told that it is taken back");
            }
        });
        Ok(self.get(id).await?.ok_or(Objection::ChangedSince))
    }

    async fn commit_take_back(
        &self,
        id: EnrolmentId,
        is_cancelled: bool,
        actor: &Actor,
        now: UnixMillis,
    ) -> Outcome<PhoneId> {
        let mut transaction = self.directory.db().write().await?;
        // Nobody writes between this and the commit.
        let Some(enrolment) = self.get(id).await? else { return Ok(Err(Objection::NotBound)) };
        let is_open = enrolment.ended_at.is_none();
        let ending = enrolment.ending.as_deref();
        if is_cancelled && !is_open {
            return Ok(Err(Objection::Ended));
        }
        if [EnrolmentEnding::Undone, EnrolmentEnding::Cancelled].iter().any(|it| ending == Some(it.as_str())) {
            return Ok(Err(Objection::Undone));
        }
        let Some(bound_at) = enrolment.bound_at else { return Ok(Err(Objection::NotBound)) };
        let undo_seconds = self.settings.undo_seconds;
        if !is_cancelled && now.since(bound_at) > Duration::from_secs(undo_seconds) {
            return Ok(Err(Objection::TooLate(undo_seconds)));
        }
        let before = directory::load_phone(&mut transaction, enrolment.phone).await?;
        let is_newest = store::is_newest_bind(&mut transaction, enrolment.phone, id).await?;
        let Some(before) = before.filter(|phone| phone.state == PhoneState::Enrolled && is_newest) else {
            return Ok(Err(Objection::ChangedSince));
        };
        if before.user != enrolment.user {
            return Ok(Err(Objection::ChangedSince));
        }
        let is_somebodys = store::restore(&mut transaction, before.id, id).await?;
        if !is_somebodys
            && self.registrar.auto_registration().lend_again(&mut transaction, before.id, now).await?.is_none()
        {
            return Ok(Err(Objection::NoNumber));
        }
        let after = directory::load_phone(&mut transaction, before.id).await?;
        let number = |phone: &directory::Phone| phone.lines.first().map(|line| line.number.clone());
        let (had, has) = (number(&before), after.as_ref().and_then(number));
        store::retire_number(&mut transaction, before.id, had.as_ref(), has.as_ref()).await?;
        store::rearm(&mut transaction, before.id).await?;
        store::make_due(&mut transaction, before.id, now).await?;
        let how = match is_cancelled {
            true => (Step::Cancelled, EnrolmentEnding::Cancelled),
            false => (Step::Undone, EnrolmentEnding::Undone),
        };
        store::undone(&mut transaction, id, how, &actor.name, now).await?;
        if !is_somebodys {
            store::begin(&mut transaction, before.id, now).await?;
        }
        directory::note_phone(&mut transaction, actor, Some(&before), after.as_ref(), now).await?;
        let done = if is_cancelled { "cancel" } else { "undo" };
        directory::write_audit(&mut transaction, actor, &acted("enrolment", id.to_string(), done), now).await?;
        transaction.commit().await?;
        Ok(Ok(before.id))
    }
}

/// Something done, for the audit.
fn acted(kind: &'static str, record: String, done: &'static str) -> directory::Change {
    directory::Change {
        action: directory::Action::Act,
        kind,
        record,
        name: String::new(),
        before: None,
        after: Some(done.into()),
    }
}
