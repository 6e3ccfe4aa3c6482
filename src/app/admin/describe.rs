//! What there is and what can be done with it, told from the server's document.

use serde_json::json;

use super::Desk;
use super::bulk::print_rows;
use super::catalogue::{Catalogue, Collection};
use super::fields::{Field, Holds};
use crate::app::client::Method;
use crate::app::output;

/// Every collection.
pub fn everything(desk: &Desk, catalogue: &Catalogue) {
    if desk.is_json {
        let told = catalogue.collections().iter().map(|collection| {
            json!({ "name": collection.name, "verbs": collection.verbs(), "actions": collection.actions() })
        });
        output::line(&serde_json::Value::from_iter(told).to_string());
        return;
    }
    let rows: Vec<Vec<String>> = catalogue
        .collections()
        .iter()
        .map(|collection| vec![collection.name.clone(), collection.verbs().join(" "), collection.actions().join(" ")])
        .collect();
    let heads = ["command-head-collection", "command-head-verbs", "command-head-actions"].map(|id| desk.say(id, &[]));
    print_rows(&heads.each_ref().map(String::as_str), &rows);
    output::line("");
    output::line(&desk.say("command-hint", &[]));
}

/// One collection: its fields, what it can be filtered by, its actions.
pub fn collection(desk: &Desk, catalogue: &Catalogue, collection: &Collection) {
    let given = [Method::Post, Method::Patch].into_iter().find_map(|method| {
        let operation = collection.operation(method, method == Method::Patch && collection.is_list, None)?;
        catalogue.fields_given(collection, operation)
    });
    let shown = collection.operation(Method::Get, collection.is_list, None);
    let fields = given.or_else(|| shown.map(|shown| catalogue.fields_shown(shown))).unwrap_or_default();
    let list = collection.operation(Method::Get, false, None).filter(|_| collection.is_list);
    let parameters = list.map(|list| list.parameters.as_slice()).unwrap_or_default();
    let filters: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let filters: Vec<&str> =
        filters.into_iter().filter(|name| !["limit", "sort", "cursor", "q"].contains(name)).collect();
    let mut rows = Vec::new();
    for field in &fields {
        describe_field("", field, &mut rows);
    }
    let actions: Vec<Vec<String>> = collection
        .operations
        .iter()
        .filter_map(|operation| {
            let action = operation.action.clone()?;
            let called = if operation.is_of_record { format!("NAME {action}") } else { action };
            let own = catalogue.fields_given(collection, operation).unwrap_or_default();
            let mut takes: Vec<String> = own.into_iter().map(|field| format!("{}=", field.name)).collect();
            takes.extend(operation.parameters.iter().map(|parameter| format!("{}==", parameter.name)));
            Some(vec![called, takes.join(" "), operation.summary.clone()])
        })
        .collect();
    if desk.is_json {
        let fields: Vec<_> = rows
            .iter()
            .map(|row| {
                row.iter()
                    .zip(["name", "kind", "about"])
                    .map(|(text, head)| (head, text))
                    .collect::<std::collections::BTreeMap<_, _>>()
            })
            .collect();
        let told = json!({ "name": collection.name, "verbs": collection.verbs(), "actions": collection.actions(), "fields": fields, "filters": filters });
        output::line(&told.to_string());
        return;
    }
    output::line(&format!("{}: {}\n", collection.name, collection.verbs().join(", ")));
    let heads = ["command-head-field", "command-head-kind", "command-head-about"].map(|id| desk.say(id, &[]));
    print_rows(&heads.each_ref().map(String::as_str), &rows);
    if !filters.is_empty() {
        output::line(&format!("\n{} {}", desk.say("command-filters", &[]), filters.join(", ")));
    }
    if !actions.is_empty() {
        output::line("");
        let heads = ["command-head-actions", "command-head-takes", "command-head-about"].map(|id| desk.say(id, &[]));
        print_rows(&heads.each_ref().map(String::as_str), &actions);
    }
}

fn describe_field(place: &str, field: &Field, rows: &mut Vec<Vec<String>>) {
    let name = format!("{place}{}", field.name);
    let star = if field.is_required { "*" } else { "" };
    let kind = if field.choices.is_empty() { field.holds.name().to_owned() } else { field.choices.join("|") };
    let kind = if field.is_secret { format!("{kind} (@file, @-)") } else { kind };
    rows.push(vec![format!("{name}{star}"), kind, field.about.clone()]);
    if let Holds::Fields(fields) = &field.holds {
        for field in fields {
            describe_field(&format!("{name}."), field, rows);
        }
    }
}
