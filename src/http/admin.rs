//! The administrators' door: whether the server is well, its figures, and the API.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::api;
use super::door::AdminDoor;
use crate::media::counters::LATENESS_BOUNDS;

/// Every path of the door.
pub fn router(door: AdminDoor) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(figures))
        .merge(api::router(door.clone()))
        .with_state(door)
}

/// Alive: this answer is the proof.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready for phones: neither starting nor draining, and the database answers.
async fn readyz(State(door): State<AdminDoor>) -> Response {
    let is_ready = door.is_ready.load(Ordering::Relaxed);
    let database = door.directory.db().is_alive().await;
    let status = if is_ready && database { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": is_ready && database, "accepting": is_ready, "database": database })))
        .into_response()
}

#[allow(clippy::cast_precision_loss)]
async fn figures(State(door): State<AdminDoor>) -> Response {
    metrics::gauge!("registered_contacts").set(door.registrar.location().len() as f64);
    metrics::gauge!("calls_now").set(door.switchboard.calls() as f64);
    let media = door.switchboard.media().stats();
    metrics::gauge!("rtp_streams").set(media.streams as f64);
    metrics::counter!("rtp_packets_sent_total").absolute(media.traffic.sent);
    metrics::counter!("rtp_packets_received_total").absolute(media.traffic.received);
    metrics::counter!("rtp_packets_refused_total").absolute(media.traffic.dropped);
    let bounds = LATENESS_BOUNDS.iter().map(ToString::to_string).chain(["inf".to_owned()]);
    for (bound, packets) in bounds.zip(media.lateness) {
        metrics::counter!("rtp_packets_late_total", "below_ms" => bound).absolute(packets);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], door.metrics.render()).into_response()
}
