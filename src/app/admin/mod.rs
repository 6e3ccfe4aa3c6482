//! `tsunagu admin …` and `tsunagu service …`: what the API does, over the API.
//!
//! It must not know what collections there are: it reads them from the server's own document ([`catalogue`]).

pub mod arguments;
mod bulk;
mod catalogue;
mod describe;
mod fields;
mod given;
mod items;
mod service;
mod table;
mod verbs;

use std::process::ExitCode;

pub use service::run as run_service;

use self::arguments::{AdminArguments, Verb};
use self::catalogue::{Catalogue, Collection, nearest};
use super::client::{Answer, Client, CommandFault, Connection, Method, Request};
use super::output;
use crate::locale::Words;

/// A command in the middle of its work.
struct Desk {
    client: Client,
    words: Words,
    is_json: bool,
}

impl Desk {
    /// Runs `work` at a desk of this connection's; gives the exit status.
    fn run(connection: &Connection, work: impl FnOnce(&Self) -> Result<ExitCode, CommandFault>) -> ExitCode {
        let words = match connection.words() {
            Ok(words) => words,
            Err(error) => return output::fail(&error),
        };
        let outcome = connection.client(&words).and_then(|client| {
            let desk = Self { client, words: words.clone(), is_json: connection.json };
            work(&desk)
        });
        outcome.unwrap_or_else(|fault| fault.tell(&words, connection.json))
    }

    fn say(&self, id: &'static str, arguments: &[(&'static str, &str)]) -> String {
        super::client::Said::new(id, arguments).in_words(&self.words)
    }

    /// A remark that is no result: to standard error, and to people only.
    fn remark(&self, id: &'static str, arguments: &[(&'static str, &str)]) {
        if !self.is_json {
            output::remark(&self.say(id, arguments));
        }
    }

    /// An answer: as it came for programs, as a table for people.
    fn show(&self, answer: &Answer) {
        let Some(mut value) = answer.json() else { return };
        if self.is_json {
            output::line(&value.to_string());
            return;
        }
        // What the server says in words comes first.
        if let Some(said) = value.as_object_mut().and_then(|fields| fields.remove("message")) {
            output::line(said.as_str().unwrap_or_default());
        }
        output::line(&table::record(&value));
    }
}

/// `tsunagu admin`
pub fn run(arguments: AdminArguments) -> ExitCode {
    Desk::run(&arguments.connection, |desk| {
        let document = desk.client.ask(&Request::new(Method::Get, "/api/v1/openapi.json"))?;
        let catalogue = document.json().and_then(Catalogue::read);
        let catalogue =
            catalogue.ok_or_else(|| CommandFault::usage("command-no-document", &[("server", desk.client.server())]))?;
        let Some(name) = &arguments.collection else {
            describe::everything(desk, &catalogue);
            return Ok(ExitCode::SUCCESS);
        };
        let collection = catalogue.collection(name).ok_or_else(|| unknown_collection(&catalogue, name))?;
        match arguments.verb {
            None => describe::collection(desk, &catalogue, collection),
            Some(Verb::List(list)) => verbs::list(desk, collection, &list)?,
            Some(Verb::Show { name }) => verbs::show(desk, collection, name.as_deref())?,
            Some(Verb::Add { items }) => verbs::add(desk, &catalogue, collection, &items)?,
            Some(Verb::Change { items }) => verbs::change(desk, &catalogue, collection, &items)?,
            Some(Verb::Delete { name }) => verbs::delete(desk, collection, &name)?,
            Some(Verb::Do { items }) => return verbs::act(desk, &catalogue, collection, &items),
            Some(Verb::Import(import)) => return bulk::import(desk, &catalogue, collection, &import),
            Some(Verb::Export { output, filters }) => {
                bulk::export(desk, collection, output.as_deref(), &filters)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn unknown_collection(catalogue: &Catalogue, name: &str) -> CommandFault {
    let known = catalogue.collections().iter().map(|collection| collection.name.as_str());
    meant("command-no-collection", name, nearest(name, known))
}

/// A name nobody knows, and the one that may have been meant.
fn meant(id: &'static str, name: &str, nearest: Option<&str>) -> CommandFault {
    CommandFault::usage(id, &[("name", name), ("nearest", nearest.unwrap_or("none"))])
}

/// The operation is not there: says what can be done instead.
fn impossible(collection: &Collection, verb: &str) -> CommandFault {
    let verbs = collection.verbs().join(", ");
    CommandFault::usage("command-no-verb", &[("collection", &collection.name), ("verb", verb), ("verbs", &verbs)])
}
