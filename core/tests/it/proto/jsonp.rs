//! Polling through script tags and forms by golden bytes, which are those of engine.io 6, and at
//! random.

use proptest::prelude::*;
use sori::proto::jsonp;

fn script(body: &str, index: &str) -> String {
    let mut out = Vec::new();
    jsonp::encode(body.as_bytes(), index, &mut out);
    String::from_utf8(out).expect("a script is text")
}

fn posted(form: &[u8]) -> Option<String> {
    jsonp::decode_post(form).map(|body| body.into_owned())
}

#[test]
fn a_body_becomes_a_call_of_the_clients_function() {
    assert_eq!(script("6:4hello", "0"), r#"___eio[0]("6:4hello");"#);
    assert_eq!(
        script(
            "5:4\"\\\n\u{2028}\u{2029}\u{1}\u{1f}\u{8}\u{c}\r\té😀",
            "71"
        ),
        r#"___eio[71]("5:4\"\\\n\u2028\u2029\u0001\u001f\b\f\r\té😀");"#
    );
    assert_eq!(script("", ""), r#"___eio[]("");"#);
}

#[test]
fn nothing_but_digits_gets_into_the_index() {
    assert_eq!(script("1", "7](\"\");alert(1);x[1"), "___eio[711](\"1\");");
}

#[test]
fn other_characters_with_the_same_first_byte_stay() {
    let text = "\u{2000}\u{2027}\u{202a}\u{20ac}";
    assert_eq!(script(text, "0"), format!("___eio[0](\"{text}\");"));
}

#[test]
fn a_form_gives_the_body_of_its_field_d() {
    let cases: [(&[u8], Option<&str>); 9] = [
        (b"d=6%3A4hello", Some("6:4hello")),
        (b"d=4:4a+b&x=1", Some("4:4a b")),
        (b"x=1&d=%C3%A9", Some("é")),
        (b"d=%zz%4", Some("%zz%4")),
        (b"d=%ff%e2%82%ac", Some("\u{fffd}€")),
        (b"d=", Some("")),
        (b"x=1", None),
        (b"d=1&d=2", None),
        (b"", None),
    ];
    for (form, body) in cases {
        assert_eq!(posted(form).as_deref(), body, "{}", form.escape_ascii());
    }
}

#[test]
fn a_form_gives_back_line_ends() {
    let cases = [
        (r"d=a\nb", "a\nb"),
        (r"d=a\\nb", r"a\nb"),
        (r"d=\\\n\nn", "\\\\n\nn"),
        (r"d=\x\\", r"\x\\"),
        ("d=%5Cn", "\n"),
        ("d=%5C%5Cn", r"\n"),
    ];
    for (form, body) in cases {
        assert_eq!(posted(form.as_bytes()).as_deref(), Some(body), "{form}");
    }
}

/// What engine.io-client does with a body before it puts it into its form.
fn as_client(body: &str) -> Vec<u8> {
    let escaped = body.replace("\\n", "\\\\n").replace('\n', "\\n");
    let mut form = b"d=".to_vec();
    for byte in escaped.bytes() {
        form.extend(format!("%{byte:02X}").bytes());
    }
    form
}

proptest! {
    #[test]
    fn a_script_is_the_body_as_json(body in any::<String>(), index in 0..100_u32) {
        let script = script(&body, &index.to_string());
        let json = script
            .strip_prefix(&format!("___eio[{index}]("))
            .and_then(|rest| rest.strip_suffix(");"))
            .expect("a call");
        prop_assert_eq!(serde_json::from_str::<String>(json).expect("JSON"), body);
        let is_line_end = |c: char| matches!(c, '\u{2028}' | '\u{2029}');
        prop_assert_eq!(json.find(is_line_end), None);
    }

    /// A line end right after a backslash is left out: the client's escaping makes it the same as a
    /// `\n` of two characters.
    #[test]
    fn a_form_gives_back_what_the_client_put_in(body in "([a-n \n\r€😀]|\\\\+[a-n]){0,40}") {
        prop_assert_eq!(posted(&as_client(&body)), Some(body));
    }

    #[test]
    fn any_form_is_decoded(form in "d=([%0-9a-fn+&=]|\\\\|\\PC){0,60}") {
        posted(form.as_bytes());
    }
}
