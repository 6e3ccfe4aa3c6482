//! Which enrolment each phone is in, for the log: one id on every line from the first fetch to completion, whichever room
//! writes it. The enrolments' own room keeps it up to date. It must not know what an enrolment is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Span;
use tracing::field::{Empty, display};

use crate::vocab::{CallId, EnrolmentId, PhoneId};

/// The open enrolments by their phones.
#[derive(Clone, Debug, Default)]
pub struct UnderWay(Arc<Mutex<HashMap<PhoneId, EnrolmentId>>>);

impl UnderWay {
    /// The enrolment a phone is in.
    pub fn of(&self, phone: PhoneId) -> Option<EnrolmentId> {
        self.lock().get(&phone).copied()
    }

    /// A phone is in this enrolment from now on.
    pub fn begin(&self, phone: PhoneId, enrolment: EnrolmentId) {
        if self.lock().insert(phone, enrolment) != Some(enrolment) {
            Span::current().record("enrolment", display(enrolment));
        }
    }

    /// These are all there are.
    pub fn replace(&self, open: HashMap<PhoneId, EnrolmentId>) {
        *self.lock() = open;
    }

    /// A phone is in none any more.
    pub fn end(&self, phone: PhoneId) {
        self.lock().remove(&phone);
    }

    /// Names phone and enrolment on every line logged in it. Not below the level of errors, so that a log of errors only has
    /// them too.
    pub fn span(&self, phone: PhoneId) -> Span {
        let span = Self::unnamed();
        self.name_in(&span, phone);
        span
    }

    /// The same for a call of this phone.
    pub fn span_of_call(&self, phone: PhoneId, call: CallId) -> Span {
        let span = tracing::error_span!("call", %call, phone = Empty, enrolment = Empty);
        self.name_in(&span, phone);
        span
    }

    /// A span for work whose phone is not known yet; [`Self::name`] names it.
    pub fn unnamed() -> Span {
        tracing::error_span!("phone", phone = Empty, enrolment = Empty)
    }

    /// Says in the current span, which does not know it yet, which phone it is about.
    pub fn name(&self, phone: PhoneId) {
        self.name_in(&Span::current(), phone);
    }

    fn name_in(&self, span: &Span, phone: PhoneId) {
        span.record("phone", display(phone));
        if let Some(enrolment) = self.of(phone) {
            span.record("enrolment", display(enrolment));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PhoneId, EnrolmentId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
