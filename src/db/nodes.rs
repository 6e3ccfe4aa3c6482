//! The nodes of one PostgreSQL: what one changes, the others are told by the database itself (LISTEN and NOTIFY), and one
//! of them, whichever holds a lock, does what only one may do. What the news means is known above.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPool};
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::opening::native_options;
use super::{DatabaseUrl, DbError};

/// Where the triggers of the schema, and [`Nodes::tell`], say what changed: "node kind subject".
const CHANNEL: &str = "tsunagu";
/// What the names of nodes begin with, so that they can be told from other programs.
const PREFIX: &str = "tsunagu-";
/// News that may wait for whoever follows it.
const NEWS: usize = 4096;
/// Times between two looks: whether this node is on duty, and whether a connection that says nothing is still there.
const PAUSE: Duration = Duration::from_millis(500);
const SILENCE: Duration = Duration::from_secs(5);
/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What another node has changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// Something of this kind.
    Changed {
        /// The kind, as the schema's triggers name it.
        kind: String,
        /// Which one; empty where there is only one.
        subject: String,
    },
    /// It is not known what: news may have been lost.
    Anything,
}

/// This node among the others.
#[derive(Debug)]
pub(super) struct Nodes {
    node: String,
    native: PgPool,
    options: PgConnectOptions,
    news: broadcast::Sender<News>,
    /// What was told from the beginning, for whoever asks first.
    from_the_beginning: Mutex<Option<broadcast::Receiver<News>>>,
    on_duty: watch::Receiver<bool>,
    tasks: [AbortHandle; 2],
}

/// A new name for this process.
pub(super) fn name() -> String {
    format!("{PREFIX}{}", hex::encode(rand::random::<[u8; 6]>()))
}

impl Nodes {
    /// Hears the others from now on.
    pub(super) async fn join(
        url: &DatabaseUrl,
        node: String,
        native: PgPool,
        commits: watch::Sender<()>,
    ) -> Result<Self, DbError> {
        let options = native_options(url, &node)?;
        let (news, from_the_beginning) = broadcast::channel(NEWS);
        let listener = listen(&options).await?;
        let ear = Ear { node: node.clone(), options: options.clone(), news: news.clone(), commits };
        let listening = tokio::spawn(ear.run(listener)).abort_handle();
        let (is_on_duty, on_duty) = watch::channel(false);
        let serving = tokio::spawn(serve(options.clone(), is_on_duty)).abort_handle();
        let (from_the_beginning, tasks) = (Mutex::new(Some(from_the_beginning)), [listening, serving]);
        Ok(Self { node, native, options, news, from_the_beginning, on_duty, tasks })
    }

    pub(super) fn node(&self) -> &str {
        &self.node
    }

    pub(super) fn shared(&self) -> &PgPool {
        &self.native
    }

    /// What the others change, for the first who asks from when they were joined.
    pub(super) fn news(&self) -> broadcast::Receiver<News> {
        let first = self.from_the_beginning.lock().unwrap_or_else(PoisonError::into_inner).take();
        first.unwrap_or_else(|| self.news.subscribe())
    }

    pub(super) fn is_on_duty(&self) -> bool {
        *self.on_duty.borrow()
    }

    pub(super) async fn tell(&self, kind: &str, subject: &str) -> Result<(), DbError> {
        let said = format!("{} {kind} {subject}", self.node);
        sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(said).execute(&self.native).await?;
        Ok(())
    }

    pub(super) async fn living(&self) -> Result<Vec<String>, DbError> {
        let living = sqlx::query_scalar(
            "SELECT DISTINCT application_name FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name LIKE $1 || '%'",
        );
        Ok(living.bind(PREFIX).fetch_all(&self.native).await?)
    }

    pub(super) async fn alone(&self) -> Result<Alone, DbError> {
        let mut connection = self.options.connect().await?;
        sqlx::query("SELECT pg_advisory_lock(8391179647662388483)").execute(&mut connection).await?;
        Ok(Alone { _held_by: Some(connection) })
    }

    /// Leaves the others: somebody else goes on duty.
    pub(super) async fn leave(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.native.close().await;
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// While this is held, no other node holds one.
#[derive(Debug)]
pub struct Alone {
    /// The lock ends with the connection.
    _held_by: Option<PgConnection>,
}

impl Alone {
    pub(super) fn only() -> Self {
        Self { _held_by: None }
    }
}

async fn listen(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
    let mut listener = PgListener::connect_with(&pool.connect_with(options.clone()).await?).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// What hears the others.
struct Ear {
    node: String,
    options: PgConnectOptions,
    news: broadcast::Sender<News>,
    commits: watch::Sender<()>,
}

impl Ear {
    /// Listens for as long as there is a database; after one that was away, anything may have changed.
    async fn run(self, listener: PgListener) {
        let mut listener = Some(listener);
        loop {
            if let Some(connected) = listener.take() {
                self.hear(connected).await;
                tracing::warn!("the other nodes are not heard: the connection to the database is lost");
            }
            tokio::time::sleep(PAUSE).await;
            if let Ok(connected) = listen(&self.options).await {
                tracing::info!("the other nodes are heard again");
                self.pass_on(News::Anything);
                listener = Some(connected);
            }
        }
    }

    /// Until the connection is lost.
    async fn hear(&self, mut listener: PgListener) {
        loop {
            match timeout(SILENCE, listener.try_recv()).await {
                Ok(Ok(Some(said))) => self.understand(said.payload()),
                Ok(Ok(None) | Err(_)) => return,
                Err(_) => match timeout(PATIENCE, listener.execute("SELECT 1")).await {
                    Ok(Ok(_)) => {}
                    _ => return,
                },
            }
        }
    }

    fn understand(&self, said: &str) {
        let mut words = said.splitn(3, ' ');
        let (Some(node), Some(kind), Some(subject)) = (words.next(), words.next(), words.next()) else { return };
        if node != self.node {
            self.pass_on(News::Changed { kind: kind.to_owned(), subject: subject.to_owned() });
        }
    }

    fn pass_on(&self, news: News) {
        // Nobody need follow it.
        let _ = self.news.send(news);
        self.commits.send_replace(());
    }
}

/// Goes on duty when nobody else is, and stays for as long as the connection lives.
async fn serve(options: PgConnectOptions, is_on_duty: watch::Sender<bool>) {
    loop {
        if let Ok(Ok(mut connection)) = timeout(PATIENCE, options.connect()).await {
            if let Err(error) = hold(&mut connection, &is_on_duty).await {
                tracing::warn!(%error, "this node can't be on duty: the connection to the database is lost");
            }
            let _ = timeout(PATIENCE, connection.close()).await;
        }
        is_on_duty.send_replace(false);
        tokio::time::sleep(PAUSE).await;
    }
}

async fn hold(connection: &mut PgConnection, is_on_duty: &watch::Sender<bool>) -> Result<(), sqlx::Error> {
    let late = || sqlx::Error::PoolTimedOut;
    connection
        .execute("SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3")
        .await?;
    loop {
        let is_held = *is_on_duty.borrow();
        let asked = match is_held {
            true => "SELECT true",
            false => "SELECT pg_try_advisory_lock(8391179647662388482)",
        };
        let has_it: bool =
            timeout(PATIENCE, sqlx::query_scalar(asked).fetch_one(&mut *connection)).await.map_err(|_| late())??;
        if has_it && !is_held {
            tracing::info!("this node is on duty");
            is_on_duty.send_replace(true);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
