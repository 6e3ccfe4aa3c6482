//! A call as its user holds it: wait for what is heard, press keys, hold, hang up.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::error::PhoneError;
use super::event::Ending;
use super::keypad::Key;
use super::line::Power;
use super::options::Codec;
use super::recogniser::HeardPrompt;
use super::voice::Recording;

/// How far a call has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallPhase {
    /// The INVITE is sent, nothing came yet but perhaps 100.
    Dialling,
    /// The other side rings.
    Ringing,
    /// The call is up.
    Answered(Codec),
    /// It is over.
    Ended(Ending),
}

/// How keys are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPresses {
    /// As telephone events (RFC 4733); as tones where the other side takes none.
    Events,
    /// As SIP INFO with `application/dtmf-relay`.
    Info,
    /// As tones in the audio.
    InBand,
}

/// What can be seen of a call.
#[derive(Clone, Debug)]
pub struct CallView {
    /// How far it has come.
    pub phase: CallPhase,
    /// Every prompt heard, in order.
    pub heard: Vec<HeardPrompt>,
}

/// What a call can be told.
pub enum CallCommand {
    /// Press keys; answered once they are sent.
    Press(Vec<Key>, KeyPresses, oneshot::Sender<Result<(), PhoneError>>),
    /// Hold (true) or resume; answered once agreed.
    Hold(bool, oneshot::Sender<Result<(), PhoneError>>),
    /// Hang up.
    HangUp,
}

/// A call this phone placed.
pub struct Call {
    view: watch::Receiver<CallView>,
    commands: mpsc::Sender<CallCommand>,
    recording: Recording,
    consumed: usize,
    /// The phone stays on while one of its calls is held on to.
    _power: Power,
}

impl Call {
    /// The handle of a call that runs elsewhere.
    pub(super) fn new(
        view: watch::Receiver<CallView>,
        commands: mpsc::Sender<CallCommand>,
        recording: Recording,
        power: Power,
    ) -> Self {
        Self { view, commands, recording, consumed: 0, _power: power }
    }

    /// How far the call has come.
    pub fn phase(&self) -> CallPhase {
        self.view.borrow().phase.clone()
    }

    /// Every prompt heard so far.
    pub fn heard(&self) -> Vec<HeardPrompt> {
        self.view.borrow().heard.clone()
    }

    /// What was received, at most the last two minutes of it: 8 kHz, mono.
    pub fn recording(&self) -> Vec<i16> {
        self.recording.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter().copied().collect()
    }

    /// Waits until the call is answered.
    pub async fn wait_answered(&mut self, within: Duration) -> Result<Codec, PhoneError> {
        let seen =
            self.wait("the answer", within, |view| !matches!(view.phase, CallPhase::Dialling | CallPhase::Ringing));
        match seen.await?.phase {
            CallPhase::Answered(codec) => Ok(codec),
            CallPhase::Ended(ending) => Err(PhoneError::CallOver(ending.reason)),
            CallPhase::Dialling | CallPhase::Ringing => Err(PhoneError::Off),
        }
    }

    /// Waits for one of these prompts, in any language, after those waited for before; those heard between are passed over.
    /// Two recordings that begin with the same sentence are told apart only after it.
    pub async fn wait_prompt(&mut self, ids: &[&str], within: Duration) -> Result<HeardPrompt, PhoneError> {
        let consumed = self.consumed;
        let wanted = |prompt: &HeardPrompt| ids.contains(&prompt.id.as_str());
        let ready =
            |view: &CallView| view.heard.iter().skip(consumed).any(wanted) || matches!(view.phase, CallPhase::Ended(_));
        let view = self.wait(&format!("hearing {}", ids.join(" or ")), within, ready).await?;
        match view.heard.iter().enumerate().skip(consumed).find(|(_, prompt)| wanted(prompt)) {
            Some((at, prompt)) => {
                self.consumed = at + 1;
                Ok(prompt.clone())
            }
            None => match view.phase {
                CallPhase::Ended(ending) => Err(PhoneError::CallOver(ending.reason)),
                _ => Err(PhoneError::Off),
            },
        }
    }

    /// Waits until the call is over, by whomever.
    pub async fn wait_ended(&mut self, within: Duration) -> Result<Ending, PhoneError> {
        let view = self.wait("the call's end", within, |view| matches!(view.phase, CallPhase::Ended(_))).await?;
        match view.phase {
            CallPhase::Ended(ending) => Ok(ending),
            _ => Err(PhoneError::Off),
        }
    }

    /// Presses keys (0-9, `*`, `#`, A-D) as telephone events; returns once they are sent.
    pub async fn press(&mut self, keys: &str) -> Result<(), PhoneError> {
        self.press_as(keys, KeyPresses::Events).await
    }

    /// Presses keys, sent as told; returns once they are sent.
    pub async fn press_as(&mut self, keys: &str, how: KeyPresses) -> Result<(), PhoneError> {
        let keys = keys.chars().map(Key::of).collect::<Result<Vec<Key>, PhoneError>>()?;
        self.command(|answer| CallCommand::Press(keys, how, answer)).await
    }

    /// Puts the other side on hold (re-INVITE, `sendonly`).
    pub async fn hold(&mut self) -> Result<(), PhoneError> {
        self.command(|answer| CallCommand::Hold(true, answer)).await
    }

    /// Takes the other side off hold.
    pub async fn resume(&mut self) -> Result<(), PhoneError> {
        self.command(|answer| CallCommand::Hold(false, answer)).await
    }

    /// Hangs up: CANCEL before the answer, BYE after it. [`Call::wait_ended`] sees the end.
    pub async fn hang_up(&mut self) {
        let _ = self.commands.send(CallCommand::HangUp).await;
    }

    async fn command(
        &mut self,
        command: impl FnOnce(oneshot::Sender<Result<(), PhoneError>>) -> CallCommand,
    ) -> Result<(), PhoneError> {
        let (answer, answered) = oneshot::channel();
        let over = || PhoneError::CallOver("it is not up".to_owned());
        self.commands.send(command(answer)).await.map_err(|_| over())?;
        answered.await.unwrap_or_else(|_| Err(over()))
    }

    async fn wait(
        &mut self,
        what: &str,
        within: Duration,
        ready: impl FnMut(&CallView) -> bool,
    ) -> Result<CallView, PhoneError> {
        match tokio::time::timeout(within, self.view.wait_for(ready)).await {
            Ok(Ok(view)) => Ok(view.clone()),
            Ok(Err(_)) => Err(PhoneError::Off),
            Err(_) => Err(PhoneError::Waited { what: what.to_owned(), within }),
        }
    }
}
