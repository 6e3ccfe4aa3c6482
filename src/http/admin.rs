//! The administrators' door: whether the server is well, its figures, and the API.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics::{counter, gauge};
use serde_json::json;

use super::api;
use super::door::AdminDoor;
use crate::media::EngineStats;
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
    gauge!("registered_contacts").set(door.registrar.location().len() as f64);
    gauge!("calls_now").set(door.switchboard.calls() as f64);
    let service = door.service.service();
    gauge!("call_places").set(service.route.most_calls as f64);
    gauge!("service_active").set(f64::from(u8::from(service.is_active)));
    gauge!("service_generation").set(service.generation as f64);
    gauge!("event_subscribers").set(door.subscribers.count() as f64);
    gauge!("server_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let open = door.enrolments.count_open().await;
    let is_ready = door.is_ready.load(Ordering::Relaxed) && open.is_ok();
    gauge!("server_ready").set(f64::from(u8::from(is_ready)));
    if let Ok((waiting, bound)) = open {
        gauge!("enrolments_open", "state" => "waiting").set(waiting as f64);
        gauge!("enrolments_open", "state" => "bound").set(bound as f64);
    }
    let media = door.switchboard.media().stats();
    gauge!("rtp_streams").set(media.streams as f64);
    counter!("rtp_packets_sent_total").absolute(media.traffic.sent);
    counter!("rtp_packets_received_total").absolute(media.traffic.received);
    counter!("rtp_packets_refused_total").absolute(media.traffic.dropped);
    counter!("rtp_send_errors_total").absolute(media.traffic.send_errors);
    let text = door.metrics.render() + &lateness(&media);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// The lateness of packets: the pacers count it by bucket themselves, since they may not wait for anybody.
fn lateness(media: &EngineStats) -> String {
    let name = "rtp_send_lateness_seconds";
    let mut text = format!("# HELP {name} How late RTP packets were sent.\n# TYPE {name} histogram\n");
    let mut packets = 0;
    let bounds = LATENESS_BOUNDS.iter().map(|millis| Duration::from_millis(*millis).as_secs_f64().to_string());
    for (bound, more) in bounds.chain(["+Inf".to_owned()]).zip(media.lateness) {
        packets += more;
        text.push_str(&format!("{name}_bucket{{le=\"{bound}\"}} {packets}\n"));
    }
    text.push_str(&format!("{name}_sum {}\n{name}_count {packets}\n", media.late.as_secs_f64()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_written_as_a_histogram_whose_buckets_add_up() {
        let mut media = EngineStats { late: Duration::from_millis(1500), ..EngineStats::default() };
        media.lateness[0] = 7;
        media.lateness[2] = 2;
        *media.lateness.last_mut().unwrap() = 1;
        let text = lateness(&media);
        for line in ["{le=\"0.001\"} 7", "{le=\"0.002\"} 7", "{le=\"0.003\"} 9", "{le=\"0.5\"} 9", "{le=\"+Inf\"} 10"] {
            assert!(text.contains(&format!("rtp_send_lateness_seconds_bucket{line}\n")), "{line} in {text}");
        }
        assert!(text.ends_with("rtp_send_lateness_seconds_sum 1.5\nrtp_send_lateness_seconds_count 10\n"), "{text}");
    }
}
