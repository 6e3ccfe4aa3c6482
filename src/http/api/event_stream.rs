//! A stream of events: what each subscriber holds, and when it ends.
//!
//! A subscriber holds a page of events and its place in the sequence. It asks for more when its connection takes more, so
//! that one who reads slowly makes nobody wait and takes no more memory than anybody.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::sse::{self, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::caller::Caller;
use crate::directory::{Directory, DirectoryError, Event, EventFilter};
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;
use crate::vocab::UnixMillis;

/// Subscribers at once.
pub const MOST_SUBSCRIBERS: usize = 100;
/// Events a subscriber holds.
const PAGE: usize = 256;
/// How long a subscriber may take to read a page.
const SLOWEST: Duration = Duration::from_secs(30);
/// The time between two signs of life, and between two looks whether the token is still worth anything.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a client is to wait before it reconnects.
const RECONNECT: Duration = Duration::from_secs(3);

/// What a subscriber asks for.
#[derive(Debug)]
pub struct Subscription {
    /// The place to go on behind; none means from now on.
    pub after: Option<i64>,
    /// Which events.
    pub filter: EventFilter,
}

/// One item of a stream.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum StreamItem {
    /// Something happened.
    Event(Box<Event>),
    /// Something is to be known of the stream.
    Notice(Notice),
}

/// Something to be known of a stream. Its `event` is its `type`.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
pub enum Notice {
    /// Events are missing here: they are no longer kept, or the id to resume after was never given (then the database is an
    /// older one than it came from) and the stream goes on from now.
    #[serde(rename = "feed.gap")]
    Gap {
        /// The first that is missing.
        from: String,
        /// The last one.
        to: String,
    },
    /// The stream ends because it was not read for 30 seconds.
    #[serde(rename = "feed.cut-off")]
    CutOff {
        /// The last event that was sent: resume after it.
        resume_after: String,
    },
    /// The server ends the stream.
    #[serde(rename = "feed.end")]
    End {
        /// The last event that was sent: resume after it.
        resume_after: String,
        /// Why.
        reason: EndReason,
    },
}

/// Why the server ends a stream.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// It stops; resume when it is back.
    Stopping,
    /// The token was deleted or has expired.
    Unauthorized,
    /// It can't read its events now.
    Failed,
}

/// Follows the events from the place asked for.
pub async fn follow(door: &AdminDoor, caller: &Caller, subscription: Subscription) -> Result<Response, Problem> {
    let place = door.subscribers.clone().try_acquire_owned().map_err(|_| Problem::too_many_subscribers())?;
    // Before the place is looked up: what is told between the two must wake it.
    let news = door.directory.feed().news();
    let newest = door.directory.newest_event().await?;
    let mut reader = Reader {
        directory: door.directory.clone(),
        filter: subscription.filter,
        after: subscription.after.unwrap_or(newest),
        page: VecDeque::new(),
        page_read_at: Instant::now(),
        token: caller.bearer.token.clone(),
        token_checked_at: Instant::now(),
        news,
        stop: door.stop.clone(),
        notices: VecDeque::new(),
        has_looked_last: false,
        is_over: false,
        _place: place,
    };
    if reader.after > newest {
        let never_given = (newest + 1, reader.after);
        reader.after = newest;
        reader.tell_gap(never_given);
    }
    let items = stream::unfold(reader, |mut reader| async move {
        let item = reader.next().await?;
        Some((Ok::<_, Infallible>(item), reader))
    });
    let headers = [("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")];
    Ok((headers, Sse::new(items)).into_response())
}

/// The places for subscribers.
pub fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MOST_SUBSCRIBERS))
}

struct Reader {
    directory: Directory,
    filter: EventFilter,
    /// The last event sent, or passed over by the filter.
    after: i64,
    page: VecDeque<(i64, Event)>,
    page_read_at: Instant,
    token: String,
    token_checked_at: Instant,
    news: watch::Receiver<i64>,
    stop: watch::Receiver<bool>,
    notices: VecDeque<sse::Event>,
    has_looked_last: bool,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// The next thing to send; none when the stream is over.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(notice) = self.notices.pop_front() {
                return Some(notice);
            }
            if self.is_over {
                return None;
            }
            if let Some(item) = self.from_page() {
                return Some(item);
            }
            let stops = *self.stop.borrow();
            // What was told until then is sent first.
            if stops && std::mem::replace(&mut self.has_looked_last, true) {
                return Some(self.end(EndReason::Stopping));
            }
            if self.token_checked_at.elapsed() >= KEEP_ALIVE {
                self.token_checked_at = Instant::now();
                if !self.directory.is_bearer(&self.token, UnixMillis::now()).await.unwrap_or(true) {
                    return Some(self.end(EndReason::Unauthorized));
                }
            }
            self.news.mark_unchanged();
            match self.read().await {
                Ok(true) => {}
                Ok(false) if stops => {}
                Ok(false) => {
                    if let Some(sign_of_life) = self.wait().await {
                        return Some(sign_of_life);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "a subscriber's events could not be read");
                    return Some(self.end(EndReason::Failed));
                }
            }
        }
    }

    /// The next event of the page that was read, unless it was read too long ago.
    fn from_page(&mut self) -> Option<sse::Event> {
        if !self.page.is_empty() && self.page_read_at.elapsed() > SLOWEST {
            self.is_over = true;
            metrics::counter!("event_subscribers_cut_off_total").increment(1);
            let resume_after = self.after.to_string();
            return Some(item(self.after, &StreamItem::Notice(Notice::CutOff { resume_after })));
        }
        let (place, event) = self.page.pop_front()?;
        self.after = place;
        Some(item(place, &StreamItem::Event(Box::new(event))))
    }

    /// Reads a page; false if there is nothing new.
    async fn read(&mut self) -> Result<bool, DirectoryError> {
        let page = self.directory.events_after(self.after, &self.filter, PAGE).await?;
        if let Some(gap) = page.gap {
            self.after = gap.1;
            self.tell_gap(gap);
        }
        let has_news = !page.events.is_empty() || page.gap.is_some();
        if page.events.is_empty() {
            self.after = self.after.max(page.read_to);
        }
        self.page = page.events.into();
        self.page_read_at = Instant::now();
        Ok(has_news)
    }

    /// Waits for something new; after a while, gives a sign of life.
    async fn wait(&mut self) -> Option<sse::Event> {
        tokio::select! {
            _ = self.news.changed() => None,
            _ = self.stop.wait_for(|stop| *stop) => None,
            // The id moves the client's place past what its filter left out.
            () = tokio::time::sleep(KEEP_ALIVE) => {
                Some(sse::Event::default().comment("keep-alive").id(self.after.to_string()))
            }
        }
    }

    /// Its id is where the stream goes on, so that who reconnects behind it is not told again.
    fn tell_gap(&mut self, (from, to): (i64, i64)) {
        let notice = Notice::Gap { from: from.to_string(), to: to.to_string() };
        self.notices.push_back(item(self.after, &StreamItem::Notice(notice)));
    }

    fn end(&mut self, reason: EndReason) -> sse::Event {
        self.is_over = true;
        item(self.after, &StreamItem::Notice(Notice::End { resume_after: self.after.to_string(), reason }))
    }
}

fn item(place: i64, item: &StreamItem) -> sse::Event {
    let data = serde_json::to_value(item).unwrap_or_default();
    let kind = data.get("type").and_then(Value::as_str).unwrap_or_default();
    sse::Event::default().id(place.to_string()).event(kind).retry(RECONNECT).data(data.to_string())
}
