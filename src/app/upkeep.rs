//! What runs beside the requests: news handed on, and what has to be looked after again and again. Decides nothing itself.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::enrolment::Enrolments;
use crate::registrar::{Registrar, RegistrarEvent, RegistrarNews};
use crate::vocab::UnixMillis;

/// The registrar's news to the enrolments. Each piece in its own task: notifying a phone takes as long as the phone.
pub(super) async fn follow(mut news: mpsc::Receiver<RegistrarNews>, enrolments: Enrolments) {
    while let Some(news) = news.recv().await {
        let is_admission = matches!(news.event, RegistrarEvent::Admitted { .. });
        let enrolments = enrolments.clone();
        let noted = async move {
            if let Err(error) = enrolments.note_registrar(news).await {
                tracing::error!(%error, "an enrolment could not be followed");
            }
        };
        // What follows an admission rests on it.
        if is_admission {
            noted.await;
        } else {
            tokio::spawn(noted);
        }
    }
}

/// The registrar's bindings, every second, and its leases.
pub(super) async fn tidy(registrar: Registrar) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut rounds = 0_u64;
    loop {
        second.tick().await;
        registrar.tidy().await;
        if rounds.is_multiple_of(30)
            && let Err(error) = registrar.collect_leases().await
        {
            tracing::error!(%error, "leases could not be looked after");
        }
        rounds += 1;
    }
}

/// Phones the directory has changed for: brought up to date, and told a few at a time.
pub(super) async fn pass_on(enrolments: Enrolments) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        let followed = enrolments.follow_directory().await;
        if let Err(error) = followed.and(enrolments.push_due().await) {
            tracing::error!(%error, "phones could not be brought up to date");
        }
    }
}

/// Enrolments that are not complete yet. Apart from the registrar's: a phone that doesn't answer takes its time.
pub(super) async fn chase(enrolments: Enrolments) {
    let mut every = tokio::time::interval(Duration::from_secs(2));
    loop {
        every.tick().await;
        if let Err(error) = enrolments.tidy(UnixMillis::now()).await {
            tracing::error!(%error, "enrolments could not be looked after");
        }
    }
}
