//! How the words look in JSON, for the API's document (JSON Schema 2020-12).

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    CallId, DirectoryNumber, EnrolmentId, Language, MacAddress, Name, PhoneId, RecordId, Secret, SelfServiceId,
    TimeZone, UnixMillis, UserId,
};

macro_rules! text {
    ($type:ty, $name:literal, $($schema:tt)*) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", $($schema)* })
            }
        }
    };
}

const IDENTIFIER: &str = "^[0-9a-f]{32}$";

text!(RecordId, "RecordId", "pattern": IDENTIFIER);
text!(UserId, "UserId", "pattern": IDENTIFIER);
text!(PhoneId, "PhoneId", "pattern": IDENTIFIER);
text!(EnrolmentId, "EnrolmentId", "pattern": IDENTIFIER);
text!(CallId, "CallId", "pattern": IDENTIFIER);
text!(Name, "Name", "minLength": 1, "maxLength": 128, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$");
text!(DirectoryNumber, "DirectoryNumber", "pattern": r"^\+?[0-9*#]{1,24}$");
text!(SelfServiceId, "SelfServiceId", "pattern": "^[0-9]{1,20}$");
text!(MacAddress, "MacAddress", "pattern": "^[0-9a-f]{12}$");
text!(Language, "Language", "pattern": "^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$");
text!(TimeZone, "TimeZone", "examples": ["Asia/Tokyo", "UTC"]);
text!(UnixMillis, "Instant", "format": "date-time");
text!(Secret, "Secret", "writeOnly": true);
