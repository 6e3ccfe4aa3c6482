//! Telling a phone to fetch its configuration: NOTIFY to that phone's own contact, and to nothing else.

use std::time::{Duration, Instant};

use super::service::Enrolments;
use super::{EnrolmentEnding, EnrolmentError, Step, store};
use crate::provisioning::{Reboot, Vendor, resync};
use crate::registrar::Binding;
use crate::sip::SipError;
use crate::sip::message::{Host, Method, NameAddr, Request, RequestUri, SipUri};
use crate::vocab::{EnrolmentId, PhoneId, UnixMillis};

/// How long a phone may take to answer before the next thing is tried.
const PATIENCE: Duration = Duration::from_secs(10);
/// Phones looked after side by side.
const AT_ONCE: usize = 16;

/// Who is told something, and the enrolment that was open then.
#[derive(Clone, Copy)]
struct Told {
    phone: PhoneId,
    enrolment: Option<EnrolmentId>,
}

impl Enrolments {
    /// Has a bound phone fetch its configuration; for one that takes none, looks whether it answers.
    pub async fn push(&self, phone: PhoneId) -> Result<(), EnrolmentError> {
        let Some(record) = self.directory.phone(phone).await? else { return Ok(()) };
        // What the phone does because of it may end the enrolment before its answer is seen here.
        let mut reader = self.directory.db().reader().acquire().await?;
        let enrolment = store::open_enrolment(&mut reader, phone).await?;
        drop(reader);
        let told = Told { phone, enrolment };
        let bindings = self.registrar.location().of_phone(phone, Instant::now());
        let Some((aor, binding)) = bindings.into_iter().next() else {
            return self.note(told, UnixMillis::now(), Step::NotNotified, "the phone is not registered").await;
        };
        if !record.is_managed {
            return self.look_for(told, &aor, &binding).await;
        }
        let vendor: Vendor = record.vendor.parse()?;
        let resync = resync(&vendor, record.model.as_deref(), false);
        let event = match resync.reboot {
            Reboot::Yes => "check-sync;reboot=true",
            _ => resync.event,
        };
        let mut notify = self.request(Method::Notify, &aor, &binding)?;
        notify.headers.set("Event", event);
        notify.headers.set("Subscription-State", "terminated;reason=noresource");
        // It is told when it is sent; whatever it does because of that comes later.
        let sent_at = UnixMillis::now();
        match self.answer(notify, &binding).await {
            Ok(200..300) => self.note(told, sent_at, Step::Notified, event).await,
            Ok(status) => {
                let detail = format!("the phone answered {status}");
                self.note(told, sent_at, Step::NotNotified, &detail).await
            }
            Err(error) => self.note(told, sent_at, Step::NotNotified, &error.to_string()).await,
        }
    }

    /// A phone that takes no configuration is complete when it answers where its user's number rings.
    async fn look_for(&self, told: Told, aor: &str, binding: &Binding) -> Result<(), EnrolmentError> {
        let options = self.request(Method::Options, aor, binding)?;
        let answer = self.answer(options, binding).await;
        let now = UnixMillis::now();
        match answer {
            // Any answer shows that it is there.
            Ok(_) => {
                self.note(told, now, Step::Answered, "").await?;
                self.complete(told.phone, now).await
            }
            Err(error) => self.note(told, now, Step::NotNotified, &error.to_string()).await,
        }
    }

    fn request(&self, method: Method, aor: &str, binding: &Binding) -> Result<Request, EnrolmentError> {
        let unusable = |fault: crate::sip::message::Fault| EnrolmentError::Template(fault.to_string());
        let target: RequestUri = binding.contact.parse().map_err(unusable)?;
        let host = Host::from(binding.flow.local.ip());
        let server = SipUri::new(None, host.clone(), Some(binding.flow.local.port()));
        let mut from = NameAddr::new(server.clone());
        from.params.set("tag", Some(format!("{:016x}", rand::random::<u64>())));
        let to = NameAddr::new(SipUri::new(Some(aor), host, None));
        let mut request = Request::new(method.clone(), target);
        request.headers.set("From", &from.to_string());
        request.headers.set("To", &to.to_string());
        request.headers.set("Call-ID", &format!("{:032x}", rand::random::<u128>()));
        request.headers.set("CSeq", &format!("1 {method}"));
        request.headers.set("Max-Forwards", "70");
        request.headers.set("Contact", &NameAddr::new(server).to_string());
        request.headers.set("User-Agent", concat!("Tsunagu/", env!("CARGO_PKG_VERSION")));
        Ok(request)
    }

    async fn answer(&self, request: Request, binding: &Binding) -> Result<u16, SipError> {
        let mut exchange = self.endpoint.send(request, binding.flow).await?;
        match tokio::time::timeout(PATIENCE, exchange.answer()).await {
            Ok(answer) => Ok(answer?.status),
            Err(_) => Err(SipError::Timeout(binding.flow.peer)),
        }
    }

    async fn note(&self, told: Told, at: UnixMillis, step: Step, detail: &str) -> Result<(), EnrolmentError> {
        tracing::info!(phone = %told.phone, step = step.as_str(), detail, "enrolment");
        let Some(enrolment) = told.enrolment else { return Ok(()) };
        let mut transaction = self.directory.db().write().await?;
        store::step_of(&mut transaction, enrolment, at, step, detail).await?;
        Ok(transaction.commit().await?)
    }

    /// Looks after enrolments that were bound and are still open, whatever interrupted them: a phone that is back is complete,
    /// one that is not is notified again, and one that takes too long is given up.
    pub(super) async fn chase(&self, now: UnixMillis) -> Result<(), EnrolmentError> {
        let then = now.before(Duration::from_secs(self.settings.completion.seconds));
        let open = store::bound_and_open(self.directory.db().reader()).await?;
        let mut work = tokio::task::JoinSet::new();
        for (phone, bound_at) in open {
            if bound_at < then {
                self.give_up(phone, now).await?;
                continue;
            }
            if work.len() >= AT_ONCE {
                work.join_next().await;
            }
            let this = self.clone();
            work.spawn(async move {
                if let Err(error) = this.look_after(phone).await {
                    tracing::error!(%error, %phone, "an enrolment could not be looked after");
                }
            });
        }
        while work.join_next().await.is_some() {}
        Ok(())
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
        if !self.may_notify(phone, now, wait) {
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
        store::end(&mut transaction, phone, now, ending).await?;
        let detail = format!("phone {phone}: {}", ending.as_str());
        crate::directory::record_event(&mut transaction, now, "warning", "enrolment-failed", &detail).await?;
        transaction.commit().await?;
        metrics::counter!("enrolments_ended_total", "ending" => ending.as_str()).increment(1);
        tracing::warn!(%phone, ending = ending.as_str(), "an enrolment was not completed");
        Ok(())
    }
}
