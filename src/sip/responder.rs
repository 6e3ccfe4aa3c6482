//! The duty to answer a request, which somebody always has.

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::endpoint::Command;
use super::message::{Request, Response};
use super::transaction::TransactionId;

/// The duty to answer one request. Dropped without a final answer, the request is answered 500.
#[derive(Debug)]
pub struct Responder {
    id: TransactionId,
    commands: mpsc::Sender<Command>,
    cancelled: Option<oneshot::Receiver<()>>,
    fallback: Option<Response>,
}

impl Responder {
    /// The duty to answer `request`, and whom the answer is told; `cancelled` says when it is not wanted any more.
    pub(super) fn new(
        id: TransactionId,
        request: &Request,
        commands: mpsc::Sender<Command>,
        cancelled: Option<oneshot::Receiver<()>>,
    ) -> Self {
        Self { id, commands, cancelled, fallback: Some(request.respond(500)) }
    }

    /// Takes the duty away: the request is answered otherwise.
    pub(super) fn disarm(&mut self) {
        self.fallback = None;
    }

    /// Sends `response`; any number of provisional ones, then one final one.
    pub async fn respond(&mut self, response: Response) {
        if response.status >= 200 {
            self.disarm();
        }
        let _ = self.commands.send(Command::Respond(self.id, response)).await;
    }

    /// Leaves the request unanswered: whoever sent it has stopped waiting (RFC 4320 section 4.2).
    pub fn abandon(mut self) {
        self.disarm();
        self.tell(Command::Abandon(self.id));
    }

    /// Never waits. What finds no place now is told as soon as there is one: else the transaction would stay for ever.
    fn tell(&self, command: Command) {
        if let Err(mpsc::error::TrySendError::Full(command)) = self.commands.try_send(command)
            && let Ok(runtime) = Handle::try_current()
        {
            let commands = self.commands.clone();
            runtime.spawn(async move { commands.send(command).await });
        }
    }

    /// Waits until the request is cancelled; for ever if it can't be.
    pub async fn cancelled(&mut self) {
        if let Some(cancelled) = &mut self.cancelled {
            let is_cancelled = cancelled.await.is_ok();
            self.cancelled = None;
            if is_cancelled {
                return;
            }
        }
        std::future::pending::<()>().await;
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if let Some(response) = self.fallback.take() {
            self.tell(Command::Respond(self.id, response));
        }
    }
}
