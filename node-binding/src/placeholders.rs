//! Placeholders of attachments in responses that share one list of them.

/// Counts a response's placeholders on from `first`, since all responses share one list.
pub(crate) fn renumber(data: &str, first: usize) -> std::borrow::Cow<'_, str> {
    if first == 0 || !data.contains("_placeholder") {
        return data.into();
    }
    let Ok(mut value) = serde_json::from_str::<serde_json::Value>(data) else {
        return data.into();
    };
    shift(&mut value, first as u64);
    value.to_string().into()
}

fn shift(value: &mut serde_json::Value, first: u64) {
    match value {
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| shift(item, first)),
        serde_json::Value::Object(fields) => {
            let is_placeholder = fields.get("_placeholder") == Some(&true.into());
            if let Some(num) = fields.get_mut("num")
                && is_placeholder
                && let Some(old) = num.as_u64()
            {
                *num = old.saturating_add(first).into();
                return;
            }
            fields.values_mut().for_each(|field| shift(field, first));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_count_on_over_all_responses() {
        let data = r#"[{"_placeholder":true,"num":1},{"num":1}]"#;
        assert_eq!(renumber(data, 0), data);
        assert_eq!(
            renumber(data, 2),
            r#"[{"_placeholder":true,"num":3},{"num":1}]"#
        );
    }
}
