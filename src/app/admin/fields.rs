//! Fields as JSON Schema describes them, and values typed for them. Pure.

use crate::app::client::Members;
use serde_json::{Map, Value};

/// References followed before a schema counts as going round in circles.
const DEEPEST: usize = 8;

/// A field of a record.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it means, in English.
    pub about: String,
    /// What it holds.
    pub holds: Holds,
    /// True if it must be given.
    pub is_required: bool,
    /// True if it is given and never shown.
    pub is_secret: bool,
    /// What it may be, if that is a choice.
    pub choices: Vec<String>,
}

/// What a field holds.
#[derive(Clone, Debug)]
pub enum Holds {
    /// Text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// Several values.
    List(Box<Holds>),
    /// Fields of its own.
    Fields(Vec<Field>),
    /// Fields of any name.
    AnyFields,
    /// The document doesn't say.
    Anything,
}

impl Holds {
    /// In short, as a person would call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Flag => "true/false",
            Self::List(_) => "list,of,values",
            Self::Fields(_) | Self::AnyFields => "fields",
            Self::Anything => "json",
        }
    }

    /// The value somebody typed: a number or true/false where only that is taken, values parted by commas for a list,
    /// otherwise text. What doesn't fit stays text, so that the server says what is wrong with it.
    pub fn typed(&self, text: &str) -> Value {
        let parsed = || serde_json::from_str::<Value>(text).ok();
        match self {
            Self::Number => parsed().filter(Value::is_number).unwrap_or_else(|| text.into()),
            Self::Flag => parsed().filter(Value::is_boolean).unwrap_or_else(|| text.into()),
            Self::List(inner) if text.is_empty() => {
                let _ = inner;
                Value::Array(Vec::new())
            }
            Self::List(inner) => text.split(',').map(|one| inner.typed(one.trim())).collect(),
            Self::Text | Self::Fields(_) | Self::AnyFields | Self::Anything => text.into(),
        }
    }
}

/// The fields of an object's schema; none if it is no object's.
pub fn of(document: &Value, schema: &Value) -> Vec<Field> {
    below(document, schema, 0)
}

/// What a schema's value may be, if that is a choice.
pub fn choices(document: &Value, schema: &Value) -> Vec<String> {
    let schema = resolved(document, schema);
    let listed = schema.at("enum").as_array().into_iter().flatten();
    let alternatives = alternatives(schema).iter().map(|one| one.at("const"));
    let own = listed.chain(alternatives).filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
    match (own.is_empty(), schema.at("items").is_object()) {
        (true, true) => choices(document, schema.at("items")),
        _ => own,
    }
}

fn below(document: &Value, schema: &Value, depth: usize) -> Vec<Field> {
    let schema = resolved(document, schema);
    let required = schema.at("required").as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(properties) = schema.at("properties").as_object() else { return Vec::new() };
    let field = |(name, schema): (&String, &Value)| Field {
        name: name.clone(),
        about: about(document, schema),
        holds: holds(document, schema, depth + 1),
        is_required: required.iter().any(|one| one == name),
        is_secret: schema.at("writeOnly") == true,
        choices: choices(document, schema),
    };
    properties.iter().map(field).collect()
}

fn about(document: &Value, schema: &Value) -> String {
    let own = schema.at("description").as_str().or_else(|| resolved(document, schema).at("description").as_str());
    own.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn holds(document: &Value, schema: &Value, depth: usize) -> Holds {
    if depth > DEEPEST {
        return Holds::Anything;
    }
    let schema = resolved(document, schema);
    if !choices(document, schema).is_empty() && !schema.at("items").is_object() {
        return Holds::Text;
    }
    let kinds: Vec<&str> = match &schema.at("type") {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect(),
        _ => Vec::new(),
    };
    match kinds.as_slice() {
        ["integer" | "number"] => Holds::Number,
        ["boolean"] => Holds::Flag,
        ["array"] => Holds::List(Box::new(holds(document, schema.at("items"), depth + 1))),
        ["object"] if schema.at("properties").is_object() => Holds::Fields(below(document, schema, depth)),
        ["object"] => Holds::AnyFields,
        ["string"] => Holds::Text,
        _ => Holds::Anything,
    }
}

/// The schema itself: references followed, and what only may be null besides.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..DEEPEST {
        let next = if let Some(reference) = schema.at("$ref").as_str() {
            document.pointer(reference.trim_start_matches('#'))
        } else {
            match alternatives(schema) {
                [one] => Some(one),
                [one, null] if null.at("type") == "null" => Some(one),
                _ => None,
            }
        };
        match next {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

fn alternatives(schema: &Value) -> &[Value] {
    let of = |name: &str| schema.at(name).as_array().map(Vec::as_slice);
    of("allOf").or_else(|| of("anyOf")).or_else(|| of("oneOf")).unwrap_or_default()
}

/// Puts a value at a dotted place into an object. Below fields of any name, the rest of the place is one name.
pub fn put(object: &mut Map<String, Value>, place: &str, fields: Option<&[Field]>, value: Value) {
    let inner = |field: &Field| match &field.holds {
        Holds::Fields(fields) => Some(Some(fields.clone())),
        Holds::AnyFields => Some(None),
        _ => None,
    };
    let Some((name, rest)) = place.split_once('.') else {
        object.insert(place.to_owned(), value);
        return;
    };
    let below = fields.and_then(|fields| fields.iter().find(|field| field.name == name)).and_then(inner);
    let entry = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if !entry.is_object() {
        *entry = Value::Object(Map::new());
    }
    let Value::Object(entry) = entry else { return };
    match below {
        Some(Some(fields)) => put(entry, rest, Some(&fields), value),
        Some(None) => {
            entry.insert(rest.to_owned(), value);
        }
        None => put(entry, rest, None, value),
    }
}

/// The field at a dotted place, of those known.
pub fn at<'a>(fields: &'a [Field], place: &str) -> Option<&'a Field> {
    let (name, rest) = place.split_once('.').map_or((place, None), |(name, rest)| (name, Some(rest)));
    let field = fields.iter().find(|field| field.name == name)?;
    match (rest, &field.holds) {
        (None, _) => Some(field),
        (Some(rest), Holds::Fields(fields)) => at(fields, rest),
        (Some(_), _) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known() -> Vec<Field> {
        let document = json!({ "schemas": { "Colour": { "oneOf": [{ "const": "red" }, { "const": "green" }] } } });
        let schema = json!({
            "required": ["watts"],
            "properties": {
                "watts": { "type": "integer" },
                "on": { "type": ["boolean", "null"] },
                "rooms": { "type": "array", "items": { "type": "string" } },
                "colour": { "anyOf": [{ "$ref": "#/schemas/Colour" }, { "type": "null" }] },
                "more": { "type": "object", "properties": { "extra": { "type": "object", "additionalProperties": { "type": "string" } } } },
                "code": { "type": "string", "writeOnly": true },
            },
        });
        of(&document, &schema)
    }

    #[test]
    fn values_are_typed_as_the_field_takes_them() {
        let fields = known();
        let typed = |place: &str, text: &str| at(&fields, place).unwrap().holds.typed(text);
        assert_eq!(typed("watts", "60"), json!(60));
        assert_eq!(typed("watts", "many"), json!("many"));
        assert_eq!(typed("on", "true"), json!(true));
        assert_eq!(typed("rooms", "hall, 12"), json!(["hall", "12"]));
        assert_eq!(typed("rooms", ""), json!([]));
        assert_eq!(typed("code", "0123"), json!("0123"));
        assert_eq!(typed("colour", "red"), json!("red"));
        assert_eq!(at(&fields, "colour").unwrap().choices, ["red", "green"]);
        assert!(at(&fields, "code").unwrap().is_secret && at(&fields, "watts").unwrap().is_required);
    }

    #[test]
    fn a_dotted_place_is_a_field_in_a_field_and_below_free_names_a_name() {
        let fields = known();
        let mut object = Map::new();
        put(&mut object, "watts", Some(&fields), json!(60));
        put(&mut object, "more.extra.account.1.label", Some(&fields), json!("desk"));
        put(&mut object, "unknown.place", None, json!(1));
        let expected =
            json!({ "watts": 60, "more": { "extra": { "account.1.label": "desk" } }, "unknown": { "place": 1 } });
        assert_eq!(Value::Object(object), expected);
    }
}
