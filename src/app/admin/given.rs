//! From what was typed to the query and the body of a request: unknown fields found, values typed, secrets read.

use std::io::Read;

use serde_json::{Map, Value};

use super::catalogue::{Catalogue, Collection, Operation, nearest};
use super::fields::{self, Field};
use super::items::{Item, ItemError, Source};
use super::meant;
use crate::app::client::CommandFault;

/// The most that is read of a file or standard input for a field or a body, in octets.
const LARGEST: u64 = 2 * 1024 * 1024;

/// What was given.
#[derive(Debug, Default)]
pub struct Given {
    /// Parameters.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Map<String, Value>,
}

/// Reads what was typed for an operation.
pub fn read(
    catalogue: &Catalogue,
    collection: &Collection,
    operation: &Operation,
    items: &[String],
) -> Result<Given, CommandFault> {
    let taken = catalogue.fields_given(collection, operation);
    // Fields of settings are not all in what is shown of them, so those know how to type a value and not what is wrong.
    let shown = collection.operation(super::Method::Get, operation.is_of_record, None);
    let known = taken.clone().or_else(|| shown.map(|shown| catalogue.fields_shown(shown))).unwrap_or_default();
    let mut given = Given::default();
    for text in items {
        let item = parse(text)?;
        if let Item::Text(name, _) | Item::Json(name, _) | Item::From(name, _) = &item {
            check(name, taken.as_deref(), operation)?;
        }
        let mut put = |name: &str, value| fields::put(&mut given.body, name, Some(&known), value);
        match item {
            Item::Text(name, text) => {
                let value = fields::at(&known, &name).map_or_else(|| text.clone().into(), |one| one.holds.typed(&text));
                put(&name, value);
            }
            Item::Json(name, value) => put(&name, value),
            Item::From(name, source) => put(&name, contents(&source)?.trim_end_matches(['\r', '\n']).into()),
            Item::Query(name, value) => given.query.push(parameter(operation, &name, value)?),
            Item::Body(source) => match serde_json::from_str(&contents(&source)?) {
                Ok(Value::Object(body)) => given.body.extend(body),
                Ok(_) => return Err(CommandFault::usage("command-body", &[("why", "")])),
                Err(error) => return Err(CommandFault::usage("command-body", &[("why", &error.to_string())])),
            },
        }
    }
    Ok(given)
}

/// Reads what filters a list: parameters, with one `=` or two.
pub fn filters(operation: &Operation, items: &[String]) -> Result<Vec<(String, String)>, CommandFault> {
    let filter = |text: &String| match parse(text)? {
        Item::Text(name, value) | Item::Query(name, value) => parameter(operation, &name, value),
        _ => Err(CommandFault::usage("command-filter", &[("item", text)])),
    };
    items.iter().map(filter).collect()
}

fn parse(text: &str) -> Result<Item, CommandFault> {
    Item::parse(text).map_err(|error| match error {
        ItemError::NoAssignment => CommandFault::usage("command-item", &[("item", text)]),
        // What was typed may be a secret.
        ItemError::NotJson(why) => {
            let name = text.split(":=").next().unwrap_or_default();
            CommandFault::usage("command-json", &[("name", name), ("why", &why)])
        }
    })
}

/// Refuses a field the document doesn't know.
fn check(place: &str, taken: Option<&[Field]>, operation: &Operation) -> Result<(), CommandFault> {
    let Some(taken) = taken else { return Ok(()) };
    let name = place.split('.').next().unwrap_or_default();
    if taken.iter().any(|field| field.name == name) {
        return Ok(());
    }
    if operation.parameter(place).is_some() {
        return Err(CommandFault::usage("command-parameter-sign", &[("name", place)]));
    }
    Err(meant("command-no-field", name, nearest(name, taken.iter().map(|field| field.name.as_str()))))
}

fn parameter(operation: &Operation, name: &str, value: String) -> Result<(String, String), CommandFault> {
    let Some(parameter) = operation.parameter(name) else {
        let known = operation.parameters.iter().map(|parameter| parameter.name.as_str());
        return Err(meant("command-no-parameter", name, nearest(name, known)));
    };
    if !parameter.choices.is_empty() && !parameter.choices.contains(&value) {
        let choices = parameter.choices.join(", ");
        return Err(CommandFault::usage("command-choice", &[("name", name), ("value", &value), ("choices", &choices)]));
    }
    Ok((name.to_owned(), value))
}

fn contents(source: &Source) -> Result<String, CommandFault> {
    let mut text = String::new();
    let read = match source {
        Source::Input => std::io::stdin().lock().take(LARGEST).read_to_string(&mut text),
        Source::File(file) => std::fs::File::open(file).and_then(|file| file.take(LARGEST).read_to_string(&mut text)),
    };
    read.map(|_| text).map_err(|error| {
        let file = match source {
            Source::Input => "-".to_owned(),
            Source::File(file) => file.display().to_string(),
        };
        CommandFault::usage("command-file", &[("file", &file), ("why", &error.to_string())])
    })
}
