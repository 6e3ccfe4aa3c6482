//! The bind: a phone becomes its user's, in one transaction in which everything it rests on is read again.

use std::time::{Duration, Instant};

use super::claim::Next;
use super::ended::Ended;
use super::fetch::{random_admin_password, random_secret};
use super::judgement::device_of;
use super::lockout::Scope;
use super::outfit::outfit;
use super::rules::{self, Refusal};
use super::service::Enrolments;
use super::{EnrolmentEnding, EnrolmentError, Step, store};
use crate::directory::{self, Action, Actor, Change, CredentialHash, Directory, Phone, PhoneState};
use crate::vocab::{DirectoryNumber, EnrolmentId, Language, PhoneId, Secret, UnixMillis, UserId};

/// A phone that is to be somebody's.
pub(super) struct Bid<'a> {
    pub phone: PhoneId,
    pub user: UserId,
    /// The language the caller chose.
    pub language: Option<&'a Language>,
    /// The PIN they chose in place of one that has to be changed.
    pub new_pin: Option<&'a CredentialHash>,
    /// When the caller is told that nothing was changed.
    pub deadline: Option<Instant>,
    /// Who says so.
    pub actor: &'a Actor,
    /// Set where an administrator says so, and nobody at the phone.
    pub office: Option<Office>,
}

/// What an administrator may do and a caller may not.
#[derive(Clone, Copy)]
pub(super) struct Office {
    /// Take the phone from whoever has it.
    pub rebind: bool,
}

/// A phone that is somebody's now.
pub(super) struct Bound {
    /// Their primary extension, now on line 1.
    pub extension: DirectoryNumber,
    /// What the phone does next.
    pub next: Next,
}

/// Whoever else showed a phone's hardware address, and the enrolment that ended with that.
type Stranger = (PhoneId, Option<Ended>);

/// What came of a bind, for those who are to know once it is committed.
struct Committed {
    bound: Bound,
    enrolment: EnrolmentId,
    /// The enrolment of the same phone it took the place of.
    replaced: Option<Ended>,
    strangers: Vec<Stranger>,
}

impl Enrolments {
    /// Binds a phone to its user, and lets the registrar know.
    pub(super) async fn bind(&self, bid: &Bid<'_>, now: UnixMillis) -> Result<Result<Bound, Refusal>, EnrolmentError> {
        let Committed { bound, enrolment, replaced, strangers } = match self.commit_bind(bid, now).await? {
            Ok(committed) => committed,
            Err(refusal) => return Ok(Err(refusal)),
        };
        replaced.inspect(Ended::note);
        self.directory.under_way().begin(bid.phone, enrolment);
        for (stranger, ended) in strangers {
            self.registrar.forget(stranger).await?;
            self.directory.under_way().end(stranger);
            ended.inspect(Ended::note);
            self.directory.refresh_account(stranger).await?;
        }
        self.directory.refresh_account(bid.phone).await?;
        self.registrar.settle(bid.phone).await?;
        tracing::info!(step = Step::Bound.as_str(), user = %bid.user, "a phone was bound to its user");
        metrics::counter!("enrolments_bound_total").increment(1);
        Ok(Ok(bound))
    }

    async fn commit_bind(&self, bid: &Bid<'_>, now: UnixMillis) -> Result<Result<Committed, Refusal>, EnrolmentError> {
        let mut transaction = self.directory.db().write().await?;
        let phone = directory::load_phone(&mut transaction, bid.phone).await?;
        let may_rebind = bid.office.is_some_and(|office| office.rebind);
        let is_rebind = may_rebind && phone.as_ref().is_some_and(|phone| phone.state == PhoneState::Enrolled);
        if let Err(refusal) = rules::claimable(phone.as_ref().map(|phone| phone.state))
            && !is_rebind
        {
            return Ok(Err(refusal));
        }
        let Some(phone) = phone else { return Ok(Err(Refusal::PhoneUnknown)) };
        if phone.user == Some(bid.user) {
            return Ok(Err(Refusal::AlreadyProvisioned));
        }
        let Some(user) = Directory::user_in(&mut transaction, bid.user).await? else {
            return Ok(Err(Refusal::NotEnabled));
        };
        if let Some(mac) = phone.mac {
            match Directory::reserved_for_in(&mut transaction, mac).await? {
                // An administrator who says whose it is says it of this phone.
                Some(other) if other != user.id && bid.office.is_none() => return Ok(Err(Refusal::Reserved)),
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
        let extension = grounds.extension.clone();
        let outfit =
            outfit(&mut transaction, &phone, &user, Some(grounds.device_template), grounds.line_template).await?;
        let Some(outfit) = outfit else { return Ok(Err(Refusal::NoDeviceTemplate)) };
        let Some(line) = &outfit.line else { return Ok(Err(Refusal::NoPrimaryExtension)) };
        let (enrolment, replaced) = match (store::open_enrolment(&mut transaction, phone.id).await?, bid.office) {
            (Some(_), Some(_)) if is_rebind => {
                let replaced = store::end(&mut transaction, phone.id, now, EnrolmentEnding::Replaced).await?;
                (store::begin(&mut transaction, phone.id, now).await?, replaced)
            }
            (Some(open), _) => (open, None),
            (None, Some(_)) => (store::begin(&mut transaction, phone.id, now).await?, None),
            // It was cancelled while the caller was heard.
            (None, None) => return Err(EnrolmentError::CalledOff),
        };
        let seal = |secret: Secret| self.directory.sealer().seal(&secret, rand::random());
        let (sealed_secret, sealed_admin_password) = (seal(random_secret())?, seal(random_admin_password())?);
        let managed = phone.is_managed.then_some(store::Managed {
            sealed_secret: &sealed_secret,
            sealed_admin_password: &sealed_admin_password,
            transport: outfit.transport,
        });
        let cooling = self.registrar.auto_registration().cooling();
        let detail = if bid.office.is_some() { bid.actor.name.as_str() } else { "" };
        let language = bid.language.map(ToString::to_string);
        let bind = store::Bind {
            phone: phone.id,
            user: &user,
            name: &outfit.name,
            device_template: &outfit.template_id,
            managed,
            language: language.as_deref(),
            algorithms: outfit.algorithms.as_deref(),
            cooling,
            detail,
        };
        if let Some(hash) = bid.new_pin {
            directory::set_pin(&mut transaction, user.id, hash, now).await?;
            store::step(&mut transaction, phone.id, now, Step::PinChanged, "").await?;
            let change = Change {
                action: Action::Act,
                kind: "user",
                record: user.id.to_string(),
                name: user.user_id.clone(),
                before: None,
                after: Some("change PIN".into()),
            };
            directory::write_audit(&mut transaction, bid.actor, &change, now).await?;
        }
        store::clear_counter(&mut transaction, Scope::Phone, &device_of(&phone)).await?;
        store::bind(&mut transaction, &bind, now).await?;
        if let Some(former) = phone.lines.first() {
            store::retire_number(&mut transaction, phone.id, Some(&former.number), Some(&line.number)).await?;
        }
        directory::insert_line(&mut transaction, phone.id, 1, line).await?;
        let strangers = self.drop_strangers(&mut transaction, &phone, bid.actor, now).await?;
        let after = directory::load_phone(&mut transaction, phone.id).await?;
        directory::note_phone(&mut transaction, bid.actor, Some(&phone), after.as_ref(), now).await?;
        if bid.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(EnrolmentError::TooLate);
        }
        // A caller hears the verdict out before the phone is notified.
        self.may_notify(phone.id, Duration::ZERO);
        transaction.commit().await?;
        let next = if phone.is_managed { Next::Fetch } else { Next::Nothing };
        Ok(Ok(Committed { bound: Bound { extension, next }, enrolment, replaced, strangers }))
    }

    /// Whoever else asked for a configuration with this phone's hardware address was not the phone.
    async fn drop_strangers(
        &self,
        transaction: &mut sqlx::SqliteConnection,
        phone: &Phone,
        actor: &Actor,
        now: UnixMillis,
    ) -> Result<Vec<Stranger>, EnrolmentError> {
        let Some(mac) = phone.mac else { return Ok(Vec::new()) };
        let mut dropped = Vec::new();
        for stranger in store::other_candidates(transaction, phone.id, mac).await? {
            dropped.push((stranger, store::end(transaction, stranger, now, EnrolmentEnding::Replaced).await?));
            self.registrar.auto_registration().release(transaction, stranger, Some(actor), now).await?;
        }
        Ok(dropped)
    }
}
