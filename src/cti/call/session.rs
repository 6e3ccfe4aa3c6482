//! The session of a call: what this end has described, and what both agree on (RFC 3264). Must not know messages.

use crate::media::negotiation::{self, CodecOrder, LocalMedia, Negotiated, SdpError};

/// Offers and answers, one after the other.
#[derive(Debug)]
pub(super) struct Session {
    local: LocalMedia,
    agreed: Option<Negotiated>,
    /// An offer of ours is out.
    awaits_answer: bool,
    /// What is agreed has not been told yet.
    is_news: bool,
}

impl Session {
    /// Nothing is described yet.
    pub(super) fn new(local: LocalMedia) -> Self {
        Self { local, agreed: None, awaits_answer: false, is_news: false }
    }

    /// What `local` describes last was sent as an offer.
    pub(super) fn offered(local: LocalMedia) -> Self {
        Self { awaits_answer: true, ..Self::new(local) }
    }

    /// What to say to a description: the answer to an offer; to none, an offer of ours. A refused offer changes nothing.
    pub(super) fn reply(&mut self, body: &[u8]) -> Result<String, SdpError> {
        let reply = match body {
            [] => self.offer()?,
            offer => {
                let answer = negotiation::answer(offer, &self.as_it_is())?;
                self.agree(answer.negotiated);
                answer.body
            }
        };
        self.awaits_answer = body.is_empty();
        self.local.previous = Some(reply.clone());
        Ok(reply)
    }

    /// Offers again what was described last, to refresh it.
    pub(super) fn repeat(&mut self) -> String {
        self.awaits_answer = true;
        self.described()
    }

    /// Takes the answer to the offer that is out. One that can't be used changes nothing but that none is awaited.
    pub(super) fn accept(&mut self, answer: &[u8]) -> Result<(), SdpError> {
        self.awaits_answer = false;
        let agreed = negotiation::accept_answer(self.described().as_bytes(), answer)?;
        self.agree(agreed);
        Ok(())
    }

    /// The offer that is out was refused or went unanswered: what was agreed before stays (RFC 3261 section 14.1).
    pub(super) fn withdraw(&mut self) {
        self.awaits_answer = false;
    }

    /// The description sent last.
    pub(super) fn described(&self) -> String {
        self.local.previous.clone().unwrap_or_default()
    }

    /// True while an offer of ours is out.
    pub(super) fn awaits_answer(&self) -> bool {
        self.awaits_answer
    }

    /// True if the other side takes no media.
    pub(super) fn is_on_hold(&self) -> bool {
        self.agreed.as_ref().is_some_and(Negotiated::on_hold)
    }

    /// What is agreed, if it has not been told before.
    pub(super) fn news(&mut self) -> Option<Negotiated> {
        std::mem::take(&mut self.is_news).then(|| self.agreed.clone()).flatten()
    }

    fn offer(&self) -> Result<String, SdpError> {
        match &self.agreed {
            Some(in_use) => negotiation::renew_offer(&self.local, in_use),
            None => negotiation::make_offer(&self.local),
        }
    }

    fn agree(&mut self, agreed: Negotiated) {
        self.is_news |= self.agreed.as_ref() != Some(&agreed);
        self.agreed = Some(agreed);
    }

    /// Our side in the middle of a conversation: it stays with the codec in use as long as the other side has it.
    fn as_it_is(&self) -> LocalMedia {
        let mut local = self.local.clone();
        if let Some(in_use) = &self.agreed {
            local.codecs.sort_by_key(|codec| *codec != in_use.codec);
            local.order = CodecOrder::Ours;
        }
        local
    }
}
