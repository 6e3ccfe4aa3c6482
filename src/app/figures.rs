//! The figures at `/metrics`: each with its name, what it counts, its buckets, and the values it has before anything
//! happened. Must not know how they come about: the rooms write them by name.
//!
//! Labels take few values, all known beforehand: endings, languages installed, questions, statuses.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::config::Config;
use crate::enrolment::{EnrolmentEnding, Refusal};

/// A figure.
struct Figure {
    name: &'static str,
    shape: Shape,
    help: &'static str,
    /// Labels it is shown with from the start: a rate over what was never there can't be told from nothing.
    from_start: &'static [(&'static str, &'static [&'static str])],
}

enum Shape {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

/// Seconds somebody takes with a keypad.
const KEYS: &[f64] = &[0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 8.0, 12.0, 20.0];
/// Seconds a sentence takes.
const SENTENCES: &[f64] = &[0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0];
/// Seconds from a phone's first fetch to its completion: minutes when somebody stands by it, days when nobody does.
const ENROLMENTS: &[f64] =
    &[15.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1800.0, 3600.0, 14_400.0, 86_400.0, 604_800.0];
/// Seconds a phone takes to come back.
const RETURNS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0];
/// Seconds a call lasts.
const CALLS: &[f64] = &[5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0];
/// Seconds a call takes to be answered.
const SETUPS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// What can go wrong with a line.
const LINE_REASONS: &[&str] =
    &["wrong-password", "unknown-user", "wrong-network", "expired", "stale-nonce", "shut-out", "nat-mapping-changed"];

const NOTHING: &[(&str, &[&str])] = &[];

const fn count(name: &'static str, help: &'static str) -> Figure {
    Figure { name, shape: Shape::Counter, help, from_start: NOTHING }
}

const fn count_by(
    name: &'static str,
    from_start: &'static [(&'static str, &'static [&'static str])],
    help: &'static str,
) -> Figure {
    Figure { name, shape: Shape::Counter, help, from_start }
}

const fn level(name: &'static str, help: &'static str) -> Figure {
    Figure { name, shape: Shape::Gauge, help, from_start: NOTHING }
}

const fn spread(name: &'static str, bounds: &'static [f64], help: &'static str) -> Figure {
    Figure { name, shape: Shape::Histogram(bounds), help, from_start: NOTHING }
}

const FIGURES: &[Figure] = &[
    // Enrolments.
    count_by("enrolments_ended_total", &[], "Enrolments that ended, by ending and by the language that was spoken."),
    level(
        "enrolments_open",
        "Enrolments under way: state \"waiting\" for somebody to claim the phone, or \"bound\" and waiting for the phone to be back as its user's.",
    ),
    count("enrolments_bound_total", "Phones bound to their users."),
    count("enrolments_undone_total", "Enrolments that were undone."),
    level("phones_to_be_told", "Phones whose configuration has changed and that wait to be told."),
    spread(
        "enrolment_duration_seconds",
        ENROLMENTS,
        "From a phone's first fetch or registration until it was seen to be its user's, by the language that was spoken.",
    ),
    spread("enrolment_return_seconds", RETURNS, "From the bind until the phone was seen to be its user's."),
    count("enrolment_wrong_credentials_total", "Claims with a wrong ID, PIN or code."),
    count_by("enrolment_refusals_total", &[("reason", Refusal::NAMES)], "Claims that were refused, by reason."),
    count_by(
        "enrolment_lockouts_total",
        &[("scope", &["user", "phone", "all"])],
        "Lockouts after wrong credentials, by who was locked out.",
    ),
    // The conversation.
    count_by(
        "ivr_conversations_total",
        &[],
        "Conversations that ended, by ending and by the language that was spoken.",
    ),
    count("ivr_digits_total", "Keys pressed in conversations."),
    count_by(
        "ivr_questions_total",
        &[],
        "Questions asked, by question and language: the \"first\" time in a call, after \"silence\", or \"again\" after a mistake.",
    ),
    spread(
        "ivr_first_digit_seconds",
        KEYS,
        "From the moment a question began to be asked to the first key, by question and language.",
    ),
    spread("ivr_between_digits_seconds", KEYS, "From one key of an answer to the next, by question and language."),
    spread(
        "ivr_prompt_heard_seconds",
        SENTENCES,
        "How long a question was heard, by question and language: to its end (\"whole\"), or \"interrupted\" by a key.",
    ),
    // Calls.
    count("calls_total", "Calls that were let in."),
    count_by(
        "calls_ended_total",
        &[("ending", &["hung-up", "bound", "no-answer", "too-many-tries"])],
        "Calls that ended, by ending.",
    ),
    count("calls_between_lines_total", "Calls from one line to another."),
    count("calls_to_peer_total", "Those of them that went to the peer site."),
    count_by("calls_refused_total", &[("reason", &["limit"])], "Calls that were refused, by reason."),
    level("calls_now", "Calls that are up."),
    level("call_places", "The most calls that may be up at once."),
    spread("call_setup_seconds", SETUPS, "From an INVITE that was let in to its answer."),
    spread("call_duration_seconds", CALLS, "How long calls lasted."),
    // The service.
    level("service_active", "1 while the self-provisioning service takes calls."),
    level("service_generation", "The generation of the self-provisioning service; grows with every restart."),
    count("service_restarts_total", "Restarts of the self-provisioning service."),
    count("service_restart_failures_total", "Restarts of the service that failed; it went on as it was."),
    // The voice.
    level("rtp_streams", "Streams of voice that are open."),
    count("rtp_packets_sent_total", "RTP packets sent."),
    count(
        "rtp_packets_received_total",
        "RTP packets received; audio that a socket filter keeps in the kernel is not among them.",
    ),
    count("rtp_packets_refused_total", "Datagrams refused: no RTP, or not from where the signalling says."),
    count("rtp_send_errors_total", "RTP packets the system would not send."),
    // The registrar.
    level("registered_contacts", "Contacts that are registered."),
    count_by("registrations_total", &[("status", &["200", "401", "403"])], "REGISTER requests answered, by status."),
    count("registrar_commit_failures_total", "Groups of registrations that could not be stored."),
    level("registrar_unwritten_bindings", "Registrations answered from memory that wait for the database."),
    level("lines", "Lines by state: registered, not-registered, or of a type whose status is not-supported."),
    level("lines_flapping", "Lines that are registered and lost again and again."),
    count_by("line_errors_total", &[("reason", LINE_REASONS)], "Errors of lines, by reason."),
    count_by(
        "line_state_changes_total",
        &[("state", &["registered", "not-registered"])],
        "Changes of lines' state, by what it became.",
    ),
    count(
        "line_observations_lost_total",
        "What was seen of lines and names while there was no place for it in the queue, or no room to remember it.",
    ),
    level("temporary_numbers_free", "Temporary numbers that are free."),
    level("temporary_numbers_total", "Temporary numbers there are."),
    level("temporary_numbers_alarm", "1 while few temporary numbers are free."),
    count("auto_registration_slowed_total", "New phones told to come later: too many from one address."),
    count("auto_registration_address_full_total", "New phones refused: their address has all the numbers it may have."),
    // SIP.
    count_by("sip_requests_total", &[("method", &["REGISTER", "INVITE"])], "SIP requests received, by method."),
    count("sip_malformed_total", "SIP messages that could not be read."),
    count("sip_overload_total", "SIP requests refused because too many were under way."),
    level("sip_subscriptions", "Subscriptions of phones to their registrations and messages."),
    count("sip_subscriptions_refused_total", "Subscriptions refused because there were too many."),
    count("proxied_requests_refused_total", "SIP requests not passed on because too many were on their way."),
    level("sip_connections", "SIP connections that are open: TCP, TLS and WebSocket."),
    count("sip_tls_failures_total", "TLS handshakes that failed, certificates refused among them."),
    count("sip_connections_refused_total", "SIP connections refused, or not opened, because too many were open."),
    count("sip_connects_failed_total", "SIP connections to a peer that could not be opened."),
    count("sip_failovers_total", "Requests of ours that went to the next target because one failed (RFC 3263)."),
    count("sip_wrong_password_total", "Wrong SIP names or passwords."),
    count_by(
        "sip_shut_total",
        &[("scope", &["name-and-address", "name", "address"])],
        "Names and addresses shut out after wrong SIP passwords.",
    ),
    count_by(
        "sip_flood_refused_total",
        &[("scope", &["peer", "address"])],
        "SIP messages dropped unread, or read later, because one peer or all strangers of one address sent too many.",
    ),
    level("shut_outs", "Whom the server keeps out at this moment, by reason."),
    count_by(
        "shut_outs_total",
        &[("reason", &["wrong-passwords", "wrong-logins", "flood", "too-many-connections"])],
        "Whom the server has begun to keep out, by reason; enrolment_lockouts_total has those with wrong PINs.",
    ),
    level(
        "limits",
        "What bounds the server, by setting: of the configuration file, and those that are kept over the API.",
    ),
    count("sip_unjudged_total", "Answers to challenges refused unjudged because of earlier wrong ones."),
    // The doors.
    count("mail_sent_total", "Letters sent."),
    count("mail_lost_total", "Letters that could not be sent."),
    count("portal_wrong_logins_total", "Logins at the portal with a wrong name or password."),
    count("portal_unjudged_total", "Logins at the portal refused unjudged because of earlier wrong ones."),
    count_by(
        "api_requests_refused_total",
        &[("of", &["token", "address"])],
        "Requests of the API refused because one token, or an address without a good one, sent too many.",
    ),
    count("handset_misses_total", "Files asked for at the phones' door that there are not."),
    count("handset_connections_refused_total", "Connections to the phones' door refused because too many were open."),
    count(
        "admin_connections_refused_total",
        "Connections to the administrators' door refused because too many were open.",
    ),
    level("event_subscribers", "Programs that follow the events."),
    count("event_subscribers_refused_total", "Programs that may not follow the events, because too many do."),
    count("event_subscribers_cut_off_total", "Subscribers cut off because they did not read."),
    count("events_lost_total", "Events that could not be written down."),
    // The server.
    level("server_ready", "1 while the server takes phones and the database answers."),
    level("server_info", "Always 1; its label says which version runs."),
];

/// The recorder: one a process, however many servers run in it.
pub(super) fn recorder() -> PrometheusHandle {
    static RECORDER: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let recorder = with_buckets().build_recorder();
            let handle = recorder.handle();
            // Somebody else's recorder stays; then our figures are in theirs.
            let _ = metrics::set_global_recorder(recorder);
            FIGURES.iter().for_each(Figure::show);
            for ending in EnrolmentEnding::ALL {
                counter!("enrolments_ended_total", "ending" => ending.as_str(), "language" => "none").increment(0);
            }
            handle
        })
        .clone()
}

/// Shows what bounds the server.
pub(super) fn show_limits(config: &Config) {
    let Config { limits, flood, registrar, self_provisioning, .. } = config;
    let (guesses, lockout) = (&registrar.wrong_passwords, &self_provisioning.lockout);
    let size = |value: usize| value as f64;
    for (setting, value) in [
        ("limits.transactions", size(limits.transactions)),
        ("limits.connections", size(limits.connections)),
        ("limits.connections_per_address", size(limits.connections_per_address)),
        ("limits.connection_opening_seconds", limits.connection_opening_seconds.get().into()),
        ("limits.connection_idle_seconds", limits.connection_idle_seconds.get().into()),
        ("limits.connection_lasting_seconds", limits.connection_lasting_seconds.get().into()),
        ("limits.websocket_silence_seconds", limits.websocket_silence_seconds.get().into()),
        ("limits.subscriptions", size(limits.subscriptions)),
        ("limits.proxied_requests", size(limits.proxied_requests)),
        ("limits.event_subscribers", size(limits.event_subscribers)),
        ("limits.handset_connections", size(limits.handset_connections)),
        ("limits.handset_connections_per_address", size(limits.handset_connections_per_address)),
        ("limits.handset_request_seconds", limits.handset_request_seconds as f64),
        ("limits.admin_connections", size(limits.admin_connections)),
        ("limits.admin_connections_per_address", size(limits.admin_connections_per_address)),
        ("limits.admin_request_seconds", limits.admin_request_seconds as f64),
        ("limits.api_requests_per_token", limits.api_requests_per_token.get().into()),
        ("limits.api_requests_of_strangers", limits.api_requests_of_strangers.get().into()),
        ("registrar.contacts", size(registrar.contacts)),
        ("flood.per_known_peer", flood.per_known_peer.get().into()),
        ("flood.per_stranger", flood.per_stranger.get().into()),
        ("flood.per_address", flood.per_address.get().into()),
        ("registrar.wrong_passwords.per_name_and_address", guesses.per_name_and_address.get().into()),
        ("registrar.wrong_passwords.per_name", guesses.per_name.get().into()),
        ("registrar.wrong_passwords.per_address", guesses.per_address.get().into()),
        ("registrar.wrong_passwords.per_address_per_minute", guesses.per_address_per_minute.get().into()),
        ("self_provisioning.lockout.attempts", lockout.attempts.into()),
        ("self_provisioning.lockout.attempts_over_all", lockout.attempts_over_all.into()),
    ] {
        gauge!("limits", "setting" => setting).set(value);
    }
}

fn with_buckets() -> PrometheusBuilder {
    FIGURES.iter().fold(PrometheusBuilder::new(), |builder, figure| match figure.shape {
        // Refused only where there are no bounds; then it is a summary.
        Shape::Histogram(bounds) => builder
            .set_buckets_for_metric(Matcher::Full(figure.name.to_owned()), bounds)
            .unwrap_or_else(|_| PrometheusBuilder::new()),
        Shape::Counter | Shape::Gauge => builder,
    })
}

impl Figure {
    /// Says what it is, and shows it as it is before anything happened.
    fn show(&self) {
        match self.shape {
            Shape::Counter => {
                describe_counter!(self.name, Unit::Count, self.help);
                match self.from_start {
                    [] if !LABELLED.contains(&self.name) => counter!(self.name).increment(0),
                    labels => {
                        for (label, values) in labels {
                            values.iter().for_each(|value| counter!(self.name, *label => *value).increment(0));
                        }
                    }
                }
            }
            Shape::Gauge => {
                describe_gauge!(self.name, self.help);
                if !LABELLED.contains(&self.name) {
                    gauge!(self.name).set(0.0);
                }
            }
            Shape::Histogram(_) => {
                describe_histogram!(self.name, Unit::Seconds, self.help);
                if !LABELLED.contains(&self.name) {
                    let _ = histogram!(self.name);
                }
            }
        }
    }
}

/// Figures whose labels are not known at the start.
const LABELLED: &[&str] = &[
    "enrolments_ended_total",
    "lines",
    "limits",
    "shut_outs",
    "enrolments_open",
    "enrolment_duration_seconds",
    "ivr_conversations_total",
    "ivr_questions_total",
    "ivr_first_digit_seconds",
    "ivr_between_digits_seconds",
    "ivr_prompt_heard_seconds",
    "server_info",
];
