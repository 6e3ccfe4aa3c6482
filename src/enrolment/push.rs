//! Telling a phone to fetch its configuration: NOTIFY to that phone's own contact, and to nothing else.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use tracing::Instrument;

use super::ended::Ended;
use super::requests::{self, Notified, Password, Target};
use super::service::Enrolments;
use super::{EnrolmentEnding, EnrolmentError, Step, log_step, store};
use crate::directory::Phone;
use crate::provisioning::{Change, Resync, Vendor, resync};
use crate::registrar::Binding;
use crate::sip::SipError;
use crate::vocab::{EnrolmentId, PhoneId, UnixMillis};

/// Phones looked after side by side.
const AT_ONCE: usize = 16;

/// Names the piece of news that the node a phone is connected to is to tell it what another could not.
pub const CONNECTED_ELSEWHERE: &str = "connected-elsewhere";

/// Who is told something, and the enrolment that was open then.
#[derive(Clone, Copy)]
struct Told {
    phone: PhoneId,
    enrolment: Option<EnrolmentId>,
    /// Another node could not, and has noted that.
    for_another: bool,
}

impl Enrolments {
    /// Has a bound phone fetch its configuration; for one that takes none, looks whether it answers.
    pub async fn push(&self, phone: PhoneId) -> Result<(), EnrolmentError> {
        self.push_as(phone, false).await
    }

    /// The same for a node that could not reach the phone; does nothing if that is not connected to this one.
    pub async fn push_for_another(&self, phone: PhoneId) -> Result<(), EnrolmentError> {
        let Ok(_place) = self.telling.acquire().await else { return Ok(()) };
        self.push_as(phone, true).instrument(self.directory.under_way().span(phone)).await
    }

    async fn push_as(&self, phone: PhoneId, for_another: bool) -> Result<(), EnrolmentError> {
        let Some(record) = self.directory.phone(phone).await? else { return Ok(()) };
        // What the phone does because of it may end the enrolment before its answer is seen here.
        let mut reader = self.directory.db().reader().acquire().await?;
        let enrolment = store::open_enrolment(&mut reader, phone).await?;
        drop(reader);
        let told = Told { phone, enrolment, for_another };
        let mut bindings = self.registrar.location().of_phone(phone, Instant::now());
        if for_another {
            bindings = self.connected(bindings).await;
        } else if bindings.is_empty() {
            return self.note(told, UnixMillis::now(), Step::NotNotified, "the phone is not registered").await;
        }
        for (index, (aor, binding)) in bindings.iter().enumerate() {
            let target = Target { aor, binding };
            let is_last = index + 1 == bindings.len();
            let is_tried = if record.is_managed {
                self.notify(told, &record, target, is_last).await?
            } else {
                self.look_for(told, target, is_last).await?
            };
            if is_tried {
                break;
            }
        }
        Ok(())
    }

    /// Those of its bindings that are connections to this node.
    async fn connected(&self, bindings: Vec<(String, Binding)>) -> Vec<(String, Binding)> {
        let mut connected = Vec::new();
        for (aor, binding) in bindings {
            if binding.flow.transport.is_reliable() && self.endpoint.is_connected(binding.flow).await {
                connected.push((aor, binding));
            }
        }
        connected
    }

    /// Notifies the phone. False if the way is closed and there is another one: a phone may keep several flows, so that it is
    /// reached while one of them is down (RFC 5626 section 3.1).
    async fn notify(
        &self,
        told: Told,
        record: &Phone,
        target: Target<'_>,
        is_last: bool,
    ) -> Result<bool, EnrolmentError> {
        let resync = self.resync_of(record, target).await?;
        let account = self.directory.accounts().of(told.phone);
        let first = if has_its_account(record, target) { Password::NewFirst } else { Password::OldFirst };
        // It counts as told when it was sent; whatever the phone does because of that comes later.
        let Notified { at, answer } =
            requests::notify(&self.endpoint, target, &resync, account.as_deref(), first).await?;
        match answer {
            Ok(200..300) => self.note(told, at, Step::Notified, resync.event).await?,
            Ok(status) => self.note(told, at, Step::NotNotified, &format!("the phone answered {status}")).await?,
            Err(SipError::Transport(_)) if !is_last => return Ok(false),
            Err(error) => self.could_not_tell(told, at, target, &error).await?,
        }
        Ok(true)
    }

    /// A phone on a connection is told by the node that has it, if that is another one.
    async fn could_not_tell(
        &self,
        told: Told,
        at: UnixMillis,
        target: Target<'_>,
        error: &SipError,
    ) -> Result<(), EnrolmentError> {
        if told.for_another {
            return Ok(());
        }
        self.note(told, at, Step::NotNotified, &error.to_string()).await?;
        if target.binding.flow.transport.is_reliable() && !matches!(error, SipError::Timeout(_)) {
            self.directory.db().tell_nodes(CONNECTED_ELSEWHERE, &told.phone.to_string()).await?;
        }
        Ok(())
    }

    /// The NOTIFY for this phone: with a reboot if its make needs one for what is new, or if its template asks for one.
    async fn resync_of(&self, phone: &Phone, target: Target<'_>) -> Result<Resync, EnrolmentError> {
        let vendor: Vendor = phone.vendor.parse()?;
        let change = if has_its_account(phone, target) { Change::Settings } else { Change::Account };
        let template = self.template_of(Some(phone)).await?;
        let is_asked = template.is_some_and(|it| it.settings.get("reboot_on_check_sync").is_some_and(|it| it == true));
        Ok(resync(&vendor, phone.model.as_deref(), is_asked || change.needs_reboot(&vendor)))
    }

    /// A phone that takes no configuration is complete when it answers where its user's number rings. False as of
    /// [`Self::notify`].
    async fn look_for(&self, told: Told, target: Target<'_>, is_last: bool) -> Result<bool, EnrolmentError> {
        let answer = requests::options(&self.endpoint, target).await?;
        let now = UnixMillis::now();
        match answer {
            // Any answer shows that it is there.
            Ok(_) => {
                self.note(told, now, Step::Answered, "").await?;
                self.complete(told.phone, now).await?;
            }
            Err(SipError::Transport(_)) if !is_last => return Ok(false),
            Err(error) => self.could_not_tell(told, now, target, &error).await?,
        }
        Ok(true)
    }

    async fn note(&self, told: Told, at: UnixMillis, step: Step, detail: &str) -> Result<(), EnrolmentError> {
        let Some(enrolment) = told.enrolment else {
            tracing::info!(
                step = step.as_str(),
                detail,
                "a phone of no open enrolment was told to fetch its configuration"
            );
            return Ok(());
        };
        let mut transaction = self.directory.db().write().await?;
        store::step_of(&mut transaction, enrolment, at, step, detail).await?;
        transaction.commit().await?;
        log_step(step, detail);
        Ok(())
    }

    /// Looks after enrolments that were bound and are still open, whatever interrupted them: a phone that is back is complete,
    /// one that is not is notified again, and one that takes too long is given up.
    pub(super) async fn chase(&self, now: UnixMillis) -> Result<(), EnrolmentError> {
        let open = store::bound_and_open(self.directory.db().reader()).await?;
        let overdue = self.overdue(&open, Instant::now());
        let mut work = tokio::task::JoinSet::new();
        for phone in open {
            if overdue.contains(&phone) {
                self.give_up(phone, now).instrument(self.directory.under_way().span(phone)).await?;
                continue;
            }
            if work.len() >= AT_ONCE {
                work.join_next().await;
            }
            let this = self.clone();
            let span = self.directory.under_way().span(phone);
            let look = async move {
                if let Err(error) = this.look_after(phone).await {
                    tracing::error!(%error, "an enrolment could not be looked after");
                }
            };
            work.spawn(look.instrument(span));
        }
        while work.join_next().await.is_some() {}
        Ok(())
    }

    /// The phones that were waited for long enough. The time begins anew with the process: while it was down, none could
    /// come back.
    fn overdue(&self, open: &[PhoneId], now: Instant) -> HashSet<PhoneId> {
        let patience = Duration::from_secs(self.settings.completion.seconds);
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        let still_open: HashSet<PhoneId> = open.iter().copied().collect();
        awaited.retain(|phone, _| still_open.contains(phone));
        let is_overdue = |since: Instant| now.saturating_duration_since(since) >= patience;
        open.iter().copied().filter(|phone| is_overdue(*awaited.entry(*phone).or_insert(now))).collect()
    }

    async fn look_after(&self, phone: PhoneId) -> Result<(), EnrolmentError> {
        let Some(record) = self.directory.phone(phone).await? else { return Ok(()) };
        let bindings = self.registrar.location().of_phone(phone, Instant::now());
        let now = UnixMillis::now();
        let on_its_line = bindings.iter().find(|(aor, _)| record.lines.iter().any(|line| line.number.as_str() == aor));
        if let (Some((aor, _)), true) = (on_its_line, record.is_managed) {
            return self.seen_on_its_line(&record, aor, now).await;
        }
        let wait = Duration::from_secs(self.settings.completion.notify_again_seconds);
        if !self.may_notify(phone, wait) {
            return Ok(());
        }
        // It has had the time of a whole notification to come back with what it fetched: the answer may have been lost.
        let mut transaction = self.directory.db().write().await?;
        if record.is_managed {
            store::rearm(&mut transaction, phone).await?;
        }
        transaction.commit().await?;
        self.push(phone).await
    }

    async fn give_up(&self, phone: PhoneId, now: UnixMillis) -> Result<(), EnrolmentError> {
        let mut transaction = self.directory.db().write().await?;
        let steps = store::open_steps(&mut transaction, phone).await?;
        let ending = EnrolmentEnding::of_unfinished(&steps);
        let ended = store::end(&mut transaction, phone, now, ending).await?;
        transaction.commit().await?;
        self.directory.under_way().end(phone);
        ended.inspect(Ended::note);
        tracing::warn!(ending = ending.as_str(), "an enrolment was not completed");
        Ok(())
    }
}

/// True if the phone registered as its user's line, as its configuration has it: it has its account.
fn has_its_account(phone: &Phone, target: Target<'_>) -> bool {
    let is_its_line = phone.lines.iter().any(|line| line.number.as_str() == target.aor);
    is_its_line && target.binding.flow.transport == phone.transport
}
