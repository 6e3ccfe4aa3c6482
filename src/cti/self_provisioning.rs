//! The self-provisioning application: the dialogue's questions put to the enrolments.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::enrolment::{Claim, ClaimVerdict, Enrolments, NewPinReason, Next, Proof, Refusal};
use crate::ivr::{self, NextStep, Question, Verdict};
use crate::vocab::{Language, PhoneId, UnixMillis};

/// Answers a question of the dialogue, within `patience`. A claim that takes longer changes nothing.
pub(super) async fn answer(
    enrolments: Enrolments,
    phone: Option<PhoneId>,
    proof: Arc<Proof>,
    language: Language,
    question: Question,
    patience: Duration,
) -> Verdict {
    let deadline = Instant::now() + patience;
    let outcome = match (question, phone) {
        (Question::Begin, phone) => enrolments.called(phone, UnixMillis::now()).await.map(|verdict| match verdict {
            Ok(()) => Verdict::Proceed,
            Err(refusal) => Verdict::Refused(spoken(refusal)),
        }),
        (Question::Claim { .. }, None) => Ok(Verdict::Refused(ivr::Refusal::PhoneUnknown)),
        (Question::Claim { id, credential, new_pin }, Some(phone)) => {
            let claim = Claim { phone, id, credential, new_pin, proof, language, deadline };
            enrolments.claim(&claim, UnixMillis::now()).await.map(|verdict| match verdict {
                ClaimVerdict::Bound { extension, next } => Verdict::Bound {
                    extension,
                    next: match next {
                        Next::Fetch => NextStep::Restart,
                        Next::Nothing => NextStep::Ready,
                    },
                },
                ClaimVerdict::NewPin(reason) => Verdict::NewPin(match reason {
                    NewPinReason::Due => ivr::NewPinReason::Due,
                    NewPinReason::TooShort => ivr::NewPinReason::TooShort,
                    NewPinReason::TooEasy => ivr::NewPinReason::TooEasy,
                    NewPinReason::NotNew => ivr::NewPinReason::NotNew,
                }),
                ClaimVerdict::WrongCredentials => Verdict::WrongCredentials,
                ClaimVerdict::Refused(refusal) => Verdict::Refused(spoken(refusal)),
            })
        }
    };
    outcome.unwrap_or_else(|error| {
        tracing::error!(%error, "a claim could not be decided");
        Verdict::Refused(ivr::Refusal::NotNow)
    })
}

fn spoken(refusal: Refusal) -> ivr::Refusal {
    match refusal {
        Refusal::NotEnabled => ivr::Refusal::NotEnabled,
        Refusal::NoPrimaryExtension => ivr::Refusal::NoPrimaryExtension,
        Refusal::NoDeviceTemplate => ivr::Refusal::NoDeviceTemplate,
        Refusal::DeviceLimit => ivr::Refusal::DeviceLimit,
        // It is as good as somebody else's.
        Refusal::AlreadyProvisioned | Refusal::Reserved => ivr::Refusal::AlreadyProvisioned,
        Refusal::PhoneUnknown => ivr::Refusal::PhoneUnknown,
        Refusal::LockedOut => ivr::Refusal::LockedOut,
    }
}
