use super::*;
use crate::tracker::api::bodies::{
    ClientBody, OptionsBody, TokenBody, TorrentBody, UserBody, line,
};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::from_value;

/// A source of no value at all, which learns the names of the fields of a struct.
struct Fields<'f>(&'f mut Vec<&'static str>);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(Error::custom("no value"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.extend(fields);
        Err(Error::custom("no value"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields<T: for<'de> Deserialize<'de>>() -> Vec<&'static str> {
    let mut names = Vec::new();
    assert!(T::deserialize(Fields(&mut names)).is_err());
    names.sort_unstable();
    names
}

/// Names and schemas of the properties of a schema.
fn properties(schema: &Value) -> Vec<(&str, &Value)> {
    let properties = schema["properties"].as_object().expect("properties");
    let mut properties: Vec<_> = properties
        .iter()
        .map(|(name, schema)| (name.as_str(), schema))
        .collect();
    properties.sort_unstable_by_key(|(name, _)| *name);
    properties
}

fn names(schema: &Value) -> Vec<&str> {
    let properties = properties(schema).into_iter();
    properties.map(|(name, _)| name).collect()
}

/// Values that a schema allows, and values that it does not.
fn values(schema: &Value) -> (Vec<Value>, Vec<Value>) {
    let is = |name: &str| match &schema["type"] {
        Value::Array(types) => types.contains(&name.into()),
        one => one == name,
    };
    let (mut good, mut bad) = (Vec::new(), vec![json!([]), json!({}), json!(1.5)]);
    let null = if is("null") { &mut good } else { &mut bad };
    null.push(Value::Null);
    if is("integer") {
        good.extend([schema["minimum"].clone(), schema["maximum"].clone()]);
        let most = schema["maximum"].as_u64().expect("a most");
        bad.extend([json!(most + 1), json!(-1), json!("1"), json!(true)]);
    }
    if is("boolean") {
        good.extend([json!(true), json!(false)]);
        bad.extend([json!(0), json!("true")]);
    }
    if is("string") {
        bad.extend([json!(1), json!(true)]);
        match (schema["enum"].as_array(), schema["maxLength"].as_u64()) {
            (Some(all), _) => good.extend(all.clone()),
            (None, Some(most)) => {
                good.extend([json!(""), json!("a".repeat(most as usize))]);
                bad.extend([json!("a".repeat(most as usize + 1)), json!("a\tb")]);
            }
            (None, None) => bad.extend([json!(""), json!("é")]),
        }
    }
    (good, bad)
}

/// The schema of the thing on a line of a sync.
fn on_line(name: &str) -> Value {
    let schemas = schemas::all();
    let lines = schemas["Line"]["oneOf"].as_array().expect("lines");
    let mut things = lines.iter().filter_map(|line| line["properties"].get(name));
    things.next().expect("a thing").clone()
}

#[test]
fn bodies_are_what_the_document_says() {
    let schemas = schemas::all();
    let hash = "a".repeat(40);
    for (schema, fields, thing, least) in [
        (
            "TorrentBody",
            fields::<TorrentBody>(),
            "torrent",
            json!({ "info_hash": hash, "status": "deleted" }),
        ),
        ("UserBody", fields::<UserBody>(), "user", json!({ "id": 1 })),
        (
            "ClientBody",
            fields::<ClientBody>(),
            "client",
            json!({ "prefix": "-a" }),
        ),
        (
            "TokenBody",
            fields::<TokenBody>(),
            "token",
            json!({ "user_id": 1, "torrent_id": 1 }),
        ),
        ("OptionsBody", fields::<OptionsBody>(), "options", json!({})),
    ] {
        let schema = &schemas[schema];
        // The path says it of a torrent, the line of a sync must.
        let fields: Vec<&str> = fields
            .into_iter()
            .filter(|name| *name != "info_hash")
            .collect();
        assert_eq!(names(schema), fields, "{thing}");
        let line_schema = on_line(thing);
        for (name, property) in properties(schema) {
            assert_eq!(line_schema["properties"][name], *property, "{thing}.{name}");
            let (good, bad) = values(property);
            let read = |value: &Value| {
                let mut object = least.clone();
                object[name] = value.clone();
                line(json!({ thing: object }).to_string().as_bytes())
            };
            // A reason is of a deleted torrent only, which all of these are unless they say so.
            for value in good {
                let is_other = name == "status" && value != "deleted";
                let read = read(&value);
                assert!(read.is_ok() || is_other, "{thing}.{name} {value}: {read:?}");
            }
            for value in bad {
                assert!(read(&value).is_err(), "{thing}.{name} {value}");
            }
        }
        let list = json!({ thing: ["a".repeat(40), 1] }).to_string();
        assert!(line(list.as_bytes()).is_err(), "{thing} as a list");
        let mut unknown = least.clone();
        unknown["nonsense"] = json!(1);
        assert!(line(json!({ thing: unknown }).to_string().as_bytes()).is_err());
    }
}

#[test]
fn changes_are_all_but_names() {
    let schemas = schemas::all();
    for (change, body) in [("UserChange", "UserBody"), ("TorrentChange", "TorrentBody")] {
        let mut expected = names(&schemas[body]);
        expected.retain(|name| *name != "id");
        assert_eq!(names(&schemas[change]), expected, "{change}");
        assert!(!schemas[change].to_string().contains("default"), "{change}");
    }
}

#[test]
fn lines_need_what_the_document_says() {
    for (thing, least) in [
        ("torrent", json!({ "info_hash": "b".repeat(40) })),
        ("torrent_gone", json!({ "info_hash": "b".repeat(40) })),
        ("client", json!({ "prefix": "-a%00" })),
        ("client_gone", json!({ "prefix": "-" })),
        ("token", json!({ "user_id": 0, "torrent_id": 0 })),
        ("token_gone", json!({ "user_id": 0, "torrent_id": 0 })),
    ] {
        let schema = on_line(thing);
        let required = schema["required"].as_array().expect("names");
        let given = least.as_object().expect("an object");
        assert_eq!(required.len(), given.len(), "{thing}");
        let read = |object: &Value| line(json!({ thing: object }).to_string().as_bytes());
        assert!(read(&least).is_ok(), "{thing}");
        for name in required {
            let mut less = given.clone();
            assert!(less.remove(name.as_str().expect("a name")).is_some());
            assert!(read(&less.into()).is_err(), "{thing} without {name}");
        }
    }
    let both = json!({ "user_gone": { "id": 1, "passkey": "a" } });
    assert!(line(both.to_string().as_bytes()).is_err());
    for thing in ["user", "user_gone"] {
        let line = |object: Value| line(json!({ thing: object }).to_string().as_bytes());
        assert!(line(json!({})).is_err());
        assert!(line(json!({ "id": 1 })).is_ok() && line(json!({ "passkey": "a" })).is_ok());
    }
}

#[test]
fn prefixes_of_lines_are_visible_or_encoded() {
    let read = |prefix: &str| {
        let object = json!({ "client": { "prefix": prefix } });
        line(object.to_string().as_bytes())
    };
    for good in ["-qB4650-", "M7-2-2--", "|(GVCi*", "%00%ff%25", "~!$&"] {
        assert!(read(good).is_ok(), "{good}");
    }
    for bad in ["", "-q B", "-\u{e9}-", "-\t-", "100%", "%4", "%zz"] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_document_has_every_route_once() {
    let document = value();
    let paths = document["paths"].as_object().expect("paths");
    let mut operations = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().expect("methods") {
            let id: String = from_value(operation["operationId"].clone()).expect("an id");
            assert!(!operations.contains(&id), "{id}");
            operations.push(id);
            let responses = operation["responses"].as_object().expect("responses");
            assert!(responses.contains_key("401"), "{method} {path}");
        }
    }
    let gets = ROUTES.iter().filter(|route| route.method == Method::Get);
    assert_eq!(operations.len(), ROUTES.len() + gets.count());
}

#[test]
fn every_reference_leads_somewhere() {
    let document = value();
    let text = document.to_string();
    let mut references = text.split("#/components/schemas/").skip(1).peekable();
    assert!(references.peek().is_some());
    for reference in references {
        let name = reference.split('"').next().unwrap_or_default();
        let schema = &document["components"]["schemas"][name];
        assert!(schema.is_object(), "{name}");
    }
}
