//! `list`, `show`, `add`, `change`, `delete`, `do`: the same for every collection.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::arguments::ListArguments;
use super::catalogue::{Catalogue, Collection, Operation, nearest};
use super::{Desk, bulk, given, impossible, meant, table};
use crate::app::client::Members;
use crate::app::client::{CommandFault, Method, Request, path};
use crate::app::output;

/// Records on a page: as many as the server gives.
const PAGE: usize = 1000;

/// `list`
pub fn list(desk: &Desk, collection: &Collection, arguments: &ListArguments) -> Result<(), CommandFault> {
    let operation = collection.operation(Method::Get, false, None).filter(|_| collection.is_list);
    let operation = operation.ok_or_else(|| impossible(collection, "list"))?;
    let mut query = given::filters(operation, &arguments.filters)?;
    if let Some(text) = &arguments.search {
        query.push(("q".to_owned(), text.clone()));
    }
    if let Some(sort) = &arguments.sort {
        query.push(("sort".to_owned(), sorted(operation, sort)?));
    }
    let wanted = if arguments.all { usize::MAX } else { arguments.limit };
    let (items, total, next) = pages(desk, collection, operation, &query, wanted)?;
    if desk.is_json {
        output::line(&json!({ "items": items, "total": total, "next": next }).to_string());
        return Ok(());
    }
    let filterable: Vec<&str> = operation.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let order: Vec<&str> =
        filterable.into_iter().filter(|name| !["limit", "sort", "cursor", "q"].contains(name)).collect();
    let shown = items.len().to_string();
    match table::list(&items, &arguments.columns, &order) {
        Some(table) => output::line(&table),
        None => desk.remark("command-nothing", &[]),
    }
    if total.as_u64().is_some_and(|total| total > items.len() as u64) {
        desk.remark("command-more", &[("shown", &shown), ("total", &total.to_string())]);
    }
    Ok(())
}

/// As many records as are wanted, page after page; how many there are, and where the next page begins.
fn pages(
    desk: &Desk,
    collection: &Collection,
    operation: &Operation,
    query: &[(String, String)],
    wanted: usize,
) -> Result<(Vec<Value>, Value, Value), CommandFault> {
    let mut items: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = query.to_vec();
        if operation.parameter("limit").is_some() {
            query.push(("limit".to_owned(), wanted.saturating_sub(items.len()).clamp(1, PAGE).to_string()));
        }
        query.extend(cursor.take().map(|cursor| ("cursor".to_owned(), cursor)));
        let request = Request::new(Method::Get, path([collection.name.as_str()])).with_query(query);
        let page = desk.client.ask(&request)?.json().unwrap_or_default();
        let found = page.at("items").as_array().cloned().unwrap_or_default();
        let is_empty = found.is_empty();
        items.extend(found);
        items.truncate(wanted);
        match page.at("next").as_str() {
            Some(next) if items.len() < wanted && !is_empty => cursor = Some(next.to_owned()),
            _ => return Ok((items, page.at("total").clone(), page.at("next").clone())),
        }
    }
}

fn sorted(operation: &Operation, sort: &str) -> Result<String, CommandFault> {
    let choices = operation.parameter("sort").map(|parameter| parameter.choices.as_slice()).unwrap_or_default();
    if choices.is_empty() || choices.iter().any(|choice| choice == sort) {
        return Ok(sort.to_owned());
    }
    Err(meant("command-no-sort", sort, nearest(sort, choices.iter().map(String::as_str))))
}

/// `show`
pub fn show(desk: &Desk, collection: &Collection, name: Option<&str>) -> Result<(), CommandFault> {
    let place = place(collection, name, "show", Method::Get)?;
    desk.show(&desk.client.ask(&Request::new(Method::Get, place))?);
    Ok(())
}

/// `add`
pub fn add(desk: &Desk, catalogue: &Catalogue, collection: &Collection, items: &[String]) -> Result<(), CommandFault> {
    let operation = collection.operation(Method::Post, false, None).ok_or_else(|| impossible(collection, "add"))?;
    let given = given::read(catalogue, collection, operation, items)?;
    let request = Request::new(Method::Post, path([collection.name.as_str()])).with_query(given.query);
    let answer = desk.client.ask(&request.with_json(&given.body.into()))?;
    desk.remark("command-added", &[]);
    desk.show(&answer);
    Ok(())
}

/// `change`: of the version that was read just before, so that nobody else's change is undone unseen.
pub fn change(
    desk: &Desk,
    catalogue: &Catalogue,
    collection: &Collection,
    items: &[String],
) -> Result<(), CommandFault> {
    let (name, items) = match (collection.is_list, items.split_first()) {
        (true, Some((name, items))) => (Some(name.as_str()), items),
        _ => (None, items),
    };
    let place = place(collection, name, "change", Method::Patch)?;
    let operation = collection.operation(Method::Patch, collection.is_list, None);
    let operation = operation.ok_or_else(|| impossible(collection, "change"))?;
    let given = given::read(catalogue, collection, operation, items)?;
    if given.body.is_empty() {
        return Err(CommandFault::usage("command-no-change", &[]));
    }
    let mut request = Request::new(Method::Patch, place.as_str()).with_query(given.query).with_json(&given.body.into());
    request.if_match = desk.client.ask(&Request::new(Method::Get, place))?.tag;
    let answer = desk.client.ask(&request)?;
    let says_itself = answer.json().is_some_and(|answer| answer.at("message").is_string());
    if !says_itself {
        desk.remark("command-changed", &[]);
    }
    desk.show(&answer);
    Ok(())
}

/// `delete`
pub fn delete(desk: &Desk, collection: &Collection, name: &str) -> Result<(), CommandFault> {
    let place = place(collection, Some(name), "delete", Method::Delete)?;
    let mut request = Request::new(Method::Delete, place.as_str());
    if collection.operation(Method::Get, true, None).is_some() {
        request.if_match = desk.client.ask(&Request::new(Method::Get, place))?.tag;
    }
    desk.show(&desk.client.ask(&request)?);
    desk.remark("command-deleted", &[("name", name)]);
    Ok(())
}

/// `do`
pub fn act(
    desk: &Desk,
    catalogue: &Catalogue,
    collection: &Collection,
    items: &[String],
) -> Result<ExitCode, CommandFault> {
    let of_record = items.get(1).and_then(|action| collection.action(true, action));
    let of_all = items.first().and_then(|action| collection.action(false, action));
    let (operation, parts, items) = match (of_record, of_all, items) {
        (Some(operation), _, [name, action, items @ ..]) => (operation, vec![name.as_str(), action], items),
        (None, Some(operation), [action, items @ ..]) => (operation, vec![action.as_str()], items),
        _ => {
            let named = items.iter().take(2).rfind(|item| !item.contains('=')).map_or("", String::as_str);
            let actions = collection.actions();
            return Err(match actions.is_empty() {
                true => impossible(collection, "do"),
                false => meant(
                    "command-no-action",
                    named,
                    nearest(named, actions.iter().copied()).or(Some(&actions.join(", "))),
                ),
            });
        }
    };
    let given = given::read(catalogue, collection, operation, items)?;
    let place = path([collection.name.as_str()].into_iter().chain(parts.into_iter().flat_map(|part| {
        // An action may be several parts of a path; a name is one, whatever is in it.
        let is_action = operation.action.as_deref() == Some(part);
        if is_action { part.split('/').collect() } else { vec![part] }
    })));
    let mut request = Request::new(operation.method, place).with_query(given.query);
    if !operation.takes.is_empty() {
        request = request.with_json(&given.body.into());
    }
    let answer = desk.client.ask(&request)?;
    bulk::finish(desk, answer)
}

/// The path of a record, or of settings; refuses what can't be done there.
fn place(
    collection: &Collection,
    name: Option<&str>,
    verb: &'static str,
    method: Method,
) -> Result<String, CommandFault> {
    collection.operation(method, collection.is_list, None).ok_or_else(|| impossible(collection, verb))?;
    match (collection.is_list, name) {
        (true, Some(name)) if !name.is_empty() => Ok(path([collection.name.as_str(), name])),
        (true, _) => Err(CommandFault::usage("command-which", &[("collection", &collection.name), ("verb", verb)])),
        (false, None) => Ok(path([collection.name.as_str()])),
        (false, Some(name)) => {
            Err(CommandFault::usage("command-no-name", &[("collection", &collection.name), ("name", name)]))
        }
    }
}
