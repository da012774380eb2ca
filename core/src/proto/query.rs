//! The query behind a namespace's name, by which clients of Socket.IO 2 authenticate:
//! `/admin?token=x`.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{json, jsonp};

/// Fields past this many are left out: what a peer asks for with is kept until it is answered.
const MAX_FIELDS: usize = 1_000;

/// Splits a namespace's name from its query; a fragment behind either is dropped.
pub(crate) fn split(name: &str) -> (&str, Option<&str>) {
    let (name, _) = name.split_once('#').unwrap_or((name, ""));
    match name.split_once('?') {
        Some((name, query)) => (name, Some(query)),
        None => (name, None),
    }
}

/// A query as a JSON object in the order of its fields; of a repeated field the last value counts.
pub(crate) fn to_json(query: &str) -> String {
    let mut fields: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    let mut known: HashMap<Cow<'_, str>, usize> = HashMap::new();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    for pair in pairs.take(MAX_FIELDS) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), decode(value));
        match known.get(&name) {
            Some(&at) => fields[at].1 = value,
            None => {
                known.insert(name.clone(), fields.len());
                fields.push((name, value));
            }
        }
    }
    let mut object = String::from("{");
    for (at, (name, value)) in fields.iter().enumerate() {
        if at > 0 {
            object.push(',');
        }
        json::push_string(name, &mut object);
        object.push(':');
        json::push_string(value, &mut object);
    }
    object.push('}');
    object
}

fn decode(text: &str) -> Cow<'_, str> {
    match jsonp::percent_decode(text.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_split_from_its_query_and_its_fragment() {
        assert_eq!(split("/a"), ("/a", None));
        assert_eq!(split("/a?"), ("/a", Some("")));
        assert_eq!(split("/a?b=c?d#e"), ("/a", Some("b=c?d")));
        assert_eq!(split("/a#?b"), ("/a", None));
    }

    #[test]
    fn a_query_becomes_an_object_as_javascript_reads_it() {
        let cases = [
            ("", "{}"),
            ("token=abc", r#"{"token":"abc"}"#),
            ("a=1&b&=2&&a=3", r#"{"a":"3","b":"","":"2"}"#),
            ("a+b=%22%5C%22+c%zz=d", r#"{"a b":"\"\\\" c%zz=d"}"#),
            (
                "n=%EC%86%8C%EB%A6%AC&bad=%ff",
                "{\"n\":\"소리\",\"bad\":\"\u{fffd}\"}",
            ),
        ];
        for (query, object) in cases {
            assert_eq!(to_json(query), object, "{query}");
        }
    }

    #[test]
    fn fields_past_the_limit_are_left_out() {
        let query: String = (0..2_000).map(|n| format!("{n}=&")).collect();
        let object: serde_json::Value = serde_json::from_str(&to_json(&query)).unwrap();
        assert_eq!(object.as_object().map(|fields| fields.len()), Some(1_000));
    }
}
