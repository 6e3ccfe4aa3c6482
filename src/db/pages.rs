//! Tables read from one end to the other, as at a start: a page of rows a statement, as JSON. A row at a time takes five times as
//! long.

use std::pin::pin;

use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use sqlx::any::AnyArguments;
use sqlx::query::QueryAs;
use sqlx::{Any, AssertSqlSafe, Decode, Encode, Type};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::statement::SQLITE;
use super::{DbConnection, DbPool};

/// Rows of a page.
const ROWS: u32 = 1024;
/// Pages that wait to be put.
const PAGES: usize = 8;

/// Rows that are read in pages.
#[derive(Clone, Copy, Debug)]
pub struct Pages {
    /// The table that has about as many.
    pub table: &'static str,
    /// The statement that finds them.
    pub select: &'static str,
    /// Their columns, in the order they are given.
    pub columns: &'static str,
    /// The column that names a row. They are read in its order.
    pub key: &'static str,
}

/// The key of the last row and the rows, each as a JSON array, one after the other; nothing where there are no rows.
type Page<K> = (Option<K>, Option<String>);

/// What can be a key. The least of all comes before every row.
pub trait Key:
    for<'q> Encode<'q, Any> + for<'r> Decode<'r, Any> + Type<Any> + Default + Send + Unpin + 'static
{
}
impl Key for i64 {}
impl Key for String {}

impl Pages {
    /// Parses all rows, page after page (see [`rows`]), and puts each into what is made for about so many (see [`assemble`]).
    ///
    /// # Errors
    /// If the database fails or a page can't be parsed.
    pub async fn read<K, R, T, E>(
        &self,
        db: &DbPool,
        parse: impl Fn(&str) -> Result<Vec<R>, E> + Clone + Send + 'static,
        all: impl FnOnce(usize) -> T,
        put: impl Fn(&mut T, R) + Send + 'static,
    ) -> Result<T, E>
    where
        K: Key,
        R: Send + 'static,
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
    {
        let mut db = db.acquire().await?;
        let count = AssertSqlSafe(format!("SELECT count(*) FROM {}", self.table));
        let rows: i64 = sqlx::query_scalar(count).fetch_one(&mut *db).await?;
        let all = all(usize::try_from(rows).unwrap_or(0));
        let pages = stream::try_unfold((db, K::default()), |(mut db, last)| async {
            match self.page(&db, ">", last).fetch_one(&mut *db).await? {
                (Some(last), Some(page)) => Ok(Some((page, (db, last)))),
                _ => Ok(None),
            }
        });
        assemble(pages, move |page: String| parse(&page), all, put).await
    }

    /// The rows of one key, as JSON arrays one after the other, if there are any.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn of<K: Key>(&self, db: &DbPool, key: K) -> Result<Option<String>, sqlx::Error> {
        let mut db = db.acquire().await?;
        let (found, rows) = self.page(&db, "=", key).fetch_one(&mut *db).await?;
        Ok(found.and(rows))
    }

    fn page<K: Key>(&self, db: &DbConnection, is: &str, key: K) -> QueryAs<'static, Any, Page<K>, AnyArguments> {
        let Self { table: _, select, columns, key: named } = self;
        let rows = match db.backend_name() {
            SQLITE => format!("string_agg(json_array({columns}), '')"),
            _ => format!("string_agg(CAST(json_build_array({columns}) AS text), '')"),
        };
        let page = format!("SELECT * FROM ({select}) AS every WHERE {named} {is} $1 ORDER BY {named} LIMIT {ROWS}");
        sqlx::query_as(AssertSqlSafe(format!("SELECT max({named}), {rows} FROM ({page}) AS page"))).bind(key)
    }
}

/// Parses pages and puts what they hold into `all`, in their order. Reading, parsing and putting go on at once.
///
/// # Errors
/// If a page can't be read or parsed.
pub async fn assemble<P, R, T, E>(
    pages: impl Stream<Item = Result<P, sqlx::Error>>,
    parse: impl Fn(P) -> Result<Vec<R>, E> + Clone + Send + 'static,
    mut all: T,
    put: impl Fn(&mut T, R) + Send + 'static,
) -> Result<T, E>
where
    P: Send + 'static,
    R: Send + 'static,
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    let (parsing, mut parsed) = mpsc::channel::<JoinHandle<Result<Vec<R>, E>>>(PAGES);
    let runtime = Handle::current();
    let putting = spawn_blocking(move || {
        while let Some(page) = parsed.blocking_recv() {
            let rows = runtime.block_on(page).map_err(|_| sqlx::Error::WorkerCrashed)??;
            rows.into_iter().for_each(|row| put(&mut all, row));
        }
        Ok(all)
    });
    let mut pages = pin!(pages);
    while let Some(page) = pages.next().await {
        let (page, parse) = (page?, parse.clone());
        // Who takes them may have given up, and says below why.
        if parsing.send(spawn_blocking(move || parse(page))).await.is_err() {
            break;
        }
    }
    drop(parsing);
    putting.await.map_err(|_| sqlx::Error::WorkerCrashed)?
}

/// The rows of a page: structures whose fields are the columns.
pub fn rows<'p, R: Deserialize<'p>>(page: &'p str) -> impl Iterator<Item = Result<R, serde_json::Error>> {
    serde_json::Deserializer::from_str(page).into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Db;

    const ALL: Pages = Pages {
        table: "installation",
        select: "SELECT name, value FROM installation",
        columns: "value, name",
        key: "name",
    };

    type Row = (String, String);

    async fn all(db: &Db) -> Result<Vec<Row>, sqlx::Error> {
        let parse = |page: &str| {
            rows(page).collect::<Result<_, _>>().map_err(|fault: serde_json::Error| sqlx::Error::Decode(fault.into()))
        };
        ALL.read::<String, Row, _, _>(db.reader(), parse, Vec::with_capacity, Vec::push).await
    }

    async fn execute(db: &Db, statement: &'static str) {
        let mut writing = db.write().await.unwrap();
        sqlx::query(statement).execute(&mut *writing).await.unwrap();
        writing.commit().await.unwrap();
    }

    #[tokio::test]
    async fn every_row_is_given_once_in_the_order_of_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db")).await.unwrap();
        assert!(all(&db).await.unwrap().is_empty());
        execute(
            &db,
            "WITH RECURSIVE more (n) AS (SELECT 10000 UNION ALL SELECT n + 1 FROM more WHERE n < 12999) \
             INSERT INTO installation (name, value) SELECT n, '\"' || n FROM more",
        )
        .await;
        let expected: Vec<_> = (10_000..13_000).map(|n| (format!("\"{n}"), n.to_string())).collect();
        assert_eq!(all(&db).await.unwrap(), expected);
        assert_eq!(ALL.of(db.reader(), "10007".to_owned()).await.unwrap().unwrap(), r#"["\"10007","10007"]"#);
        assert_eq!(ALL.of(db.reader(), "x".to_owned()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_page_that_can_not_be_parsed_ends_the_reading() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db")).await.unwrap();
        execute(&db, "INSERT INTO installation (name, value) VALUES ('a', 'b')").await;
        let parse = |_: &str| Err::<Vec<()>, _>(sqlx::Error::RowNotFound);
        let refused = ALL.read::<String, _, _, _>(db.reader(), parse, |_| (), |(), ()| ()).await;
        assert!(matches!(refused, Err(sqlx::Error::RowNotFound)));
    }
}
