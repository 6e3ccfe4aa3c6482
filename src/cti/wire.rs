//! A call's way to the wire: answers, requests of ours and what comes of them. Decides nothing.

use tokio::sync::mpsc;

use super::call::Output;
use crate::sip::message::{Method, Request, Response};
use crate::sip::{Endpoint, Flow, Responder};

/// Final answers that may wait for their call.
const ANSWERS: usize = 4;

/// One call's way to the wire.
pub(super) struct Wire {
    endpoint: Endpoint,
    flow: Flow,
    /// Answers the INVITE that was taken last.
    invite: Option<Responder>,
    /// Answers the request just given.
    request: Option<Responder>,
    answers: mpsc::Sender<(Method, Response)>,
}

impl Wire {
    /// A way over `flow`, for a call whose INVITE is answered by `invite` unless it is ours. Final answers to requests of ours come
    /// out of the receiver.
    pub(super) fn new(
        endpoint: Endpoint,
        flow: Flow,
        invite: Option<Responder>,
    ) -> (Self, mpsc::Receiver<(Method, Response)>) {
        let (answers, given) = mpsc::channel(ANSWERS);
        (Self { endpoint, flow, invite, request: None, answers }, given)
    }

    /// The next [`Output::Answer`] goes here.
    pub(super) fn answer_by(&mut self, responder: Responder) {
        self.request = Some(responder);
    }

    /// Waits until the INVITE is cancelled.
    pub(super) async fn cancelled(&mut self) {
        match &mut self.invite {
            Some(invite) => invite.cancelled().await,
            None => std::future::pending().await,
        }
    }

    /// Carries out what is for the wire, and gives back what is not.
    pub(super) async fn carry_out(&mut self, output: Output) -> Option<Output> {
        match output {
            Output::Respond(response) => {
                if let Some(invite) = &mut self.invite {
                    invite.respond(response).await;
                }
            }
            Output::Answer(response) => self.answer(response).await,
            Output::Send(request) => self.send(request).await,
            Output::Acknowledge(ack) => {
                // Should it be lost, the 2xx comes again.
                let _ = self.endpoint.acknowledge_along(ack, self.flow).await;
            }
            other => return Some(other),
        }
        None
    }

    async fn answer(&mut self, response: Response) {
        let Some(mut responder) = self.request.take() else { return };
        let is_invite = response.headers.cseq().is_ok_and(|cseq| cseq.method == Method::Invite);
        let is_taken = is_invite && response.status < 300;
        responder.respond(response).await;
        // A 2xx of a re-INVITE is repeated through the re-INVITE's own transaction.
        if is_taken {
            self.invite = Some(responder);
        }
    }

    /// Requests of ours are followed in the background: the call goes on meanwhile, and a BYE may outlive it.
    async fn send(&self, request: Request) {
        let method = request.method.clone();
        let answers = self.answers.clone();
        let mut exchange = match self.endpoint.request_along(request, self.flow).await {
            Ok(exchange) => exchange,
            Err(error) => return tracing::error!(%error, %method, "a request could not be sent"),
        };
        tokio::spawn(async move {
            while let Ok(response) = exchange.next().await {
                let (is_final, is_success) = (response.status >= 200, response.status < 300);
                if is_final && answers.send((method.clone(), response)).await.is_err() {
                    return;
                }
                // The 2xx of an INVITE may come again, and wants its ACK each time.
                if is_final && !(is_success && method == Method::Invite) {
                    return;
                }
            }
        });
    }
}
