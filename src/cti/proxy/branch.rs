//! One branch of a request that passes: sent, listened to, cancelled.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::context::{BranchId, Failure};
use super::passing::sleep_until;
use super::targets::{Target, Way};
use crate::sip::message::{Request, Response};
use crate::sip::{Endpoint, Exchange, Flow, SipError};

/// How long the peer site may say nothing at all: a server answers an INVITE at once, if only with 100.
const SILENCE: Duration = Duration::from_secs(4);
/// Makes the request that goes to a target over a flow.
pub(super) type Onward = Arc<dyn Fn(&Target, Flow) -> Request + Send + Sync>;

/// What is heard of a branch.
#[derive(Debug)]
pub(super) enum Heard {
    Answer(BranchId, Response),
    Failed(BranchId, Failure),
    /// Nothing more will come.
    Ended(BranchId),
}

/// Sends a request as a branch and has what is heard of it told; what comes back cancels it.
pub(super) fn send(
    endpoint: Endpoint,
    target: Target,
    onward: Onward,
    id: BranchId,
    news: mpsc::Sender<Heard>,
) -> oneshot::Sender<Option<&'static str>> {
    let (cancel, mut cancelled) = oneshot::channel();
    tokio::spawn(async move {
        let is_search = target.way == Way::Search;
        // Until then something must be heard, if it need be.
        let mut heard_by = is_search.then(|| tokio::time::Instant::now() + SILENCE);
        let mut is_given_up = false;
        let ended = match begin(&endpoint, target, onward).await {
            Ok(mut exchange) => loop {
                tokio::select! {
                    answer = exchange.next() => match answer {
                        Ok(response) if is_given_up && response.status < 200 => exchange.cancel().await,
                        Ok(response) => {
                            heard_by = None;
                            let is_last = response.status >= 300;
                            let response = if is_search { of_peer(response) } else { response };
                            if news.send(Heard::Answer(id, response)).await.is_err() || is_last {
                                break None;
                            }
                        }
                        Err(SipError::Stopped) => break None,
                        Err(error) => break Some(error),
                    },
                    () = sleep_until(heard_by), if heard_by.is_some() => {
                        heard_by = None;
                        is_given_up = true;
                        let _ = news.send(Heard::Failed(id, Failure::TimedOut)).await;
                    }
                    Ok(why) = &mut cancelled, if !cancelled.is_terminated() => match why {
                        Some(why) => exchange.cancel_because(why).await,
                        None => exchange.cancel().await,
                    },
                }
            },
            Err(error) => Some(error),
        };
        if let Some(error) = ended {
            tracing::info!(%error, "a request could not be passed on");
            let failure = if let SipError::Timeout(_) = error { Failure::TimedOut } else { Failure::NotSent };
            let _ = news.send(Heard::Failed(id, failure)).await;
        }
        let _ = news.send(Heard::Ended(id)).await;
    });
    cancel
}

async fn begin(endpoint: &Endpoint, target: Target, onward: Onward) -> Result<Exchange, SipError> {
    if target.way == Way::Search {
        metrics::counter!("calls_to_peer_total").increment(1);
    }
    match target.way {
        Way::Flow(flow) => endpoint.send(onward(&target, flow), flow).await,
        Way::Along(flow) => endpoint.request_along(onward(&target, flow), flow).await,
        Way::Search => {
            let Some(uri) = target.uri.sip().cloned() else {
                return Err(SipError::Unresolvable(target.uri.to_string()));
            };
            endpoint.request_to(&uri, move |flow| onward(&target, flow)).await
        }
    }
}

/// An answer of the peer site. That it doesn't know this site is nothing the caller can do anything about.
fn of_peer(mut response: Response) -> Response {
    if matches!(response.status, 401 | 403 | 407) {
        tracing::warn!(
            status = response.status,
            "the peer site does not take calls from here: is this site in its peer_networks?"
        );
        response.status = 480;
        response.reason = "The other site does not take calls from here".to_owned();
        response.headers.remove("WWW-Authenticate");
        response.headers.remove("Proxy-Authenticate");
    }
    response
}
