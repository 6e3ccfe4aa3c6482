//! What runs beside the requests: news handed on, and what has to be looked after again and again. Decides nothing itself.
//!
//! What nodes share, the one on duty looks after.

use std::time::{Duration, Instant};

use metrics_exporter_prometheus::PrometheusHandle;

use crate::directory::{Directory, Jobs};
use crate::enrolment::Enrolments;
use crate::registrar::{NewsQueue, Registrar, RegistrarEvent, RegistrarNews};
use crate::sip::{Tls, TlsFault};
use crate::vocab::UnixMillis;

/// The registrar's news to the enrolments. Each piece in its own task: notifying a phone takes as long as the phone. While the
/// database is away the news waits.
pub(super) async fn follow(queue: NewsQueue, enrolments: Enrolments) {
    const PAUSE: Duration = Duration::from_secs(1);
    // Where many phones register, they are looked up together.
    const GATHER: Duration = Duration::from_millis(100);
    const FEW: usize = 16;
    loop {
        let is_admission = |news: &RegistrarNews| matches!(news.event, RegistrarEvent::Admitted { .. });
        let (admissions, mut others): (Vec<_>, Vec<_>) = queue.next().await.into_iter().partition(is_admission);
        let had_company = others.len() > FEW;
        // What follows an admission rests on it.
        for admission in admissions {
            note(&enrolments, admission).await;
        }
        if let Err(error) = enrolments.keep_of_concern(&mut others).await {
            tracing::debug!(%error, "enrolments can't be followed yet");
            queue.put_back(others);
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        for news in others {
            let enrolments = enrolments.clone();
            tokio::spawn(async move { note(&enrolments, news).await });
        }
        if had_company {
            tokio::time::sleep(GATHER).await;
        }
    }
}

async fn note(enrolments: &Enrolments, news: RegistrarNews) {
    if let Err(error) = enrolments.note_registrar(news).await {
        tracing::error!(%error, "an enrolment could not be followed");
    }
}

/// The registrar's bindings, every second, and its leases.
pub(super) async fn tidy(registrar: Registrar) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut rounds = 0_u64;
    loop {
        second.tick().await;
        registrar.tidy().await;
        // At a start there is enough to do.
        if rounds % 30 == 1
            && registrar.is_on_duty()
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
        if !enrolments.is_on_duty() {
            continue;
        }
        let followed = enrolments.follow_directory().await;
        if let Err(error) = followed.and(enrolments.push_due().await) {
            tracing::error!(%error, "phones could not be brought up to date");
        }
    }
}

/// Events beyond as many as are kept, and samples of figures nobody has asked for.
pub(super) async fn forget(directory: Directory, events_kept: u32, figures: PrometheusHandle) {
    let mut every = tokio::time::interval(Duration::from_secs(5));
    loop {
        every.tick().await;
        figures.run_upkeep();
        if !directory.db().is_on_duty() {
            continue;
        }
        match directory.forget_events(events_kept).await {
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "old events could not be forgotten"),
        }
    }
}

/// Enrolments that are not complete yet. Apart from the registrar's: a phone that doesn't answer takes its time.
pub(super) async fn chase(enrolments: Enrolments) {
    let mut every = tokio::time::interval(Duration::from_secs(2));
    loop {
        every.tick().await;
        if !enrolments.is_on_duty() {
            continue;
        }
        if let Err(error) = enrolments.tidy(UnixMillis::now()).await {
            tracing::error!(%error, "enrolments could not be looked after");
        }
    }
}

/// PINs and passwords of imports, a few at a time, with as long a pause as they took: half a core at most.
pub(super) async fn hash_sealed(directory: Directory) {
    const AT_ONCE: u32 = 20;
    const IDLE: Duration = Duration::from_secs(5);
    loop {
        let began = Instant::now();
        if !directory.db().is_on_duty() {
            tokio::time::sleep(IDLE).await;
            continue;
        }
        let pause = match directory.hash_sealed(AT_ONCE).await {
            Ok(0) => IDLE,
            Ok(_) => began.elapsed(),
            Err(error) => {
                tracing::error!(%error, "PINs and passwords of an import could not be hashed");
                IDLE
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Jobs of nodes that are gone.
pub(super) async fn bury(jobs: Jobs) {
    let mut every = tokio::time::interval(Duration::from_secs(10));
    let mut missing = Vec::new();
    loop {
        every.tick().await;
        if !jobs.is_on_duty() {
            missing.clear();
            continue;
        }
        if let Err(error) = jobs.bury(&mut missing, UnixMillis::now()).await {
            tracing::error!(%error, "jobs could not be looked after");
        }
    }
}

/// Certificates whose files have changed.
pub(super) async fn follow_certificates(identity: Tls) {
    let mut every = tokio::time::interval(Duration::from_secs(5));
    loop {
        every.tick().await;
        let looking = identity.clone();
        if let Ok(Some(read)) = tokio::task::spawn_blocking(move || looking.follow()).await {
            tell_of_certificates(&read);
        }
    }
}

/// Says in the log whether new certificates are in force.
pub(super) fn tell_of_certificates(read: &Result<(), TlsFault>) {
    match read {
        Ok(()) => tracing::info!("the certificates were read anew; new connections see them"),
        Err(fault) => tracing::error!(%fault, "the new certificates can't be used; those before stay in force"),
    }
}
