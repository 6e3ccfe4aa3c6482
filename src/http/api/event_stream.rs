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

/// Events a subscriber holds.
const PAGE: usize = 256;
/// How long a client is to wait before it reconnects.
const RECONNECT: Duration = Duration::from_secs(3);

/// Places for those who follow the events.
#[derive(Clone, Debug)]
pub struct Subscribers {
    free: Arc<Semaphore>,
    most: usize,
}

impl Subscribers {
    /// So many places.
    pub fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(most)), most }
    }

    /// How many are taken.
    pub fn count(&self) -> usize {
        self.most.saturating_sub(self.free.available_permits())
    }

    fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.free.clone().try_acquire_owned().ok()
    }
}

/// How a stream goes.
#[derive(Clone, Copy)]
struct Pace {
    /// How long a subscriber may take to read a page.
    slowest: Duration,
    /// The time between two signs of life, and between two looks whether the token is still worth anything.
    keep_alive: Duration,
}

const USUAL: Pace = Pace { slowest: Duration::from_secs(30), keep_alive: Duration::from_secs(15) };

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
    let place = door.subscribers.take().ok_or_else(|| {
        metrics::counter!("event_subscribers_refused_total").increment(1);
        Problem::too_many_subscribers()
    })?;
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
        pace: USUAL,
        has_looked_last: false,
        is_over: false,
        _place: Some(place),
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
    pace: Pace,
    has_looked_last: bool,
    is_over: bool,
    _place: Option<OwnedSemaphorePermit>,
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
            if let Some(item) = self.next_of_page() {
                return Some(item);
            }
            // A server that is gone without a word has stopped too.
            let stops = *self.stop.borrow() || self.stop.has_changed().is_err();
            // What was told until then is sent first.
            if stops && std::mem::replace(&mut self.has_looked_last, true) {
                return Some(self.end(EndReason::Stopping));
            }
            if self.token_checked_at.elapsed() >= self.pace.keep_alive {
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
    fn next_of_page(&mut self) -> Option<sse::Event> {
        if !self.page.is_empty() && self.page_read_at.elapsed() > self.pace.slowest {
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
            () = tokio::time::sleep(self.pace.keep_alive) => {
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

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::json;

    use super::*;
    use crate::db::Db;
    use crate::directory::{Actor, Happening, Sealer, read_draft};

    async fn directory(folder: &std::path::Path) -> Directory {
        let sealer = Sealer::from_file(&folder.join("key"), [7; 32]).unwrap();
        Directory::open(Db::open(&folder.join("db")).await.unwrap(), sealer).await.unwrap()
    }

    /// With what stops it.
    fn reader(directory: &Directory, pace: Pace) -> (Reader, watch::Sender<bool>) {
        let (stop, stopped) = watch::channel(false);
        let reader = Reader {
            directory: directory.clone(),
            filter: EventFilter { types: vec!["server.*".to_owned()], subject: None },
            after: 0,
            page: VecDeque::new(),
            page_read_at: Instant::now(),
            token: "nobody's".to_owned(),
            token_checked_at: Instant::now(),
            news: directory.feed().news(),
            stop: stopped,
            notices: VecDeque::new(),
            pace,
            has_looked_last: false,
            is_over: false,
            _place: None,
        };
        (reader, stop)
    }

    async fn told(directory: &Directory, events: usize) {
        (0..events).for_each(|calls| directory.feed().tell(Happening::ServerStopping { calls }));
        directory.feed().settle().await;
    }

    /// What would be sent.
    async fn text(item: Option<sse::Event>) -> String {
        let body = Sse::new(stream::iter(item.map(Ok::<_, Infallible>))).into_response().into_body();
        String::from_utf8(to_bytes(body, 10_000).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn who_takes_too_long_is_told_where_to_resume_and_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let directory = directory(folder.path()).await;
        told(&directory, 5).await;
        let (mut reader, _stop) = reader(&directory, USUAL);
        for place in 1..=3 {
            let item = text(reader.next().await).await;
            assert!(item.contains(&format!("id: {place}\n")) && item.contains("event: server.stopping\n"), "{item}");
        }
        reader.pace.slowest = Duration::ZERO;
        let item = text(reader.next().await).await;
        assert!(item.contains("id: 3\n") && item.contains("event: feed.cut-off\n"), "{item}");
        assert!(item.contains(r#""resume_after":"3""#), "{item}");
        assert!(reader.next().await.is_none());
    }

    #[tokio::test]
    async fn a_stream_ends_when_its_token_is_worth_nothing_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let directory = directory(folder.path()).await;
        let draft = read_draft(json!({ "name": "desk", "role": "view" })).unwrap();
        let (_, kept) = directory.make_token(draft, &Actor::system("test"), UnixMillis::now()).await.unwrap();
        let pace = Pace { keep_alive: Duration::ZERO, ..USUAL };
        let (mut reader, _stop) = reader(&directory, pace);
        reader.token.clone_from(&kept.id);
        told(&directory, 1).await;
        assert!(text(reader.next().await).await.contains("event: server.stopping\n"));
        assert!(text(reader.next().await).await.contains(": keep-alive\n"));
        reader.token = "another".to_owned();
        let item = text(reader.next().await).await;
        assert!(item.contains("event: feed.end\n") && item.contains("unauthorized"), "{item}");
        assert!(reader.next().await.is_none());
    }
}
