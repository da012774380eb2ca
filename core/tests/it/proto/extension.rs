//! `Sec-WebSocket-Extensions`: its grammar, and what a server agrees to, as npm `ws` does.

use proptest::prelude::*;
use sori::proto::websocket::deflate::{
    DeflateClass, DeflateOptions, DeflateParams, WindowLimit, negotiate,
};
use sori::proto::websocket::extension::{ExtensionError, parse};

/// The header written back; quotes that are not needed are gone.
fn written_back(header: &str) -> Result<String, ExtensionError> {
    let extensions = parse(header)?;
    let all: Vec<String> = extensions.iter().map(|e| e.to_string()).collect();
    Ok(all.join(", "))
}

/// The answer's header, "" when the extension is left out.
fn answer(header: &str, options: &DeflateOptions) -> Result<String, ExtensionError> {
    Ok(negotiate(header, options)?.map_or(String::new(), |params| params.to_string()))
}

fn default_answer(header: &str) -> Result<String, ExtensionError> {
    answer(header, &DeflateOptions::default())
}

#[test]
fn reads_extensions_with_parameters_and_quotes() {
    let cases = [
        ("foo", "foo"),
        ("foo, bar", "foo, bar"),
        ("foo ;\ta ; b=1,bar;c", "foo; a; b=1, bar; c"),
        (r#"foo; a="b""#, "foo; a=b"),
        (r#"foo; a="\b\c" , bar"#, "foo; a=bc, bar"),
        (r#"foo; a="b\c";a=2"#, "foo; a=bc; a=2"),
        ("!#$%&'*+-.^_`|~aZ09", "!#$%&'*+-.^_`|~aZ09"),
    ];
    for (header, expected) in cases {
        assert_eq!(written_back(header).as_deref(), Ok(expected), "{header}");
    }
}

#[test]
fn refuses_what_is_no_list_of_extensions() {
    for header in [
        "",
        " foo",
        "foo ",
        "foo\t",
        ",",
        "foo,",
        ",foo",
        "foo,,bar",
        "foo;",
        "foo;;a",
        "foo;a=",
        "foo; a = 1",
        "foo; a =1",
        "foo; a= 1",
        "foo=1",
        "foo bar",
        "foo; a b",
        r#"foo; a="""#,
        r#"foo; a="b"#,
        r#"foo; a="b c""#,
        r#"foo; a="b"c"#,
        r#"foo; a=b"c""#,
        r#"foo; a="\"#,
        r#"foo; a="\""#,
        r#"foo; a="b,c""#,
        "f\u{f6}o",
        "foo; a=\u{1f600}",
        "foo\n",
        "\"foo\"",
    ] {
        assert_eq!(
            parse(header),
            Err(ExtensionError::IllegalHeader),
            "{header:?}"
        );
    }
}

#[test]
fn answers_what_browsers_offer() {
    assert_eq!(
        default_answer("permessage-deflate; client_max_window_bits").as_deref(),
        Ok("permessage-deflate")
    );
    assert_eq!(default_answer("x-webkit-deflate-frame").as_deref(), Ok(""));
    assert_eq!(
        default_answer("permessage-deflate").as_deref(),
        Ok("permessage-deflate")
    );
    let negotiated = negotiate("permessage-deflate", &DeflateOptions::default());
    let params = DeflateParams::default();
    assert_eq!(negotiated, Ok(Some(params)));
    let class = DeflateClass {
        window_bits: 15,
        no_context: false,
    };
    assert_eq!([params.server_class(), params.client_class()], [class; 2]);
}

#[test]
fn repeats_what_the_client_asks_for() {
    let header = concat!(
        "permessage-deflate; client_max_window_bits=\"9\"; server_max_window_bits=10; ",
        "client_no_context_takeover; server_no_context_takeover"
    );
    let params = negotiate(header, &DeflateOptions::default());
    let expected = DeflateParams {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: Some(10),
        client_max_window_bits: Some(9),
    };
    assert_eq!(params, Ok(Some(expected)));
    assert_eq!(
        expected.to_string(),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
         server_max_window_bits=10; client_max_window_bits=9"
    );
    assert_eq!(expected.server_class().window_bits, 10);
    assert_eq!(expected.client_class().window_bits, 9);
}

#[test]
fn adds_what_our_options_demand() {
    let options = DeflateOptions {
        server_no_context_takeover: Some(true),
        client_no_context_takeover: true,
        server_max_window_bits: WindowLimit::Bits(10),
        client_max_window_bits: WindowLimit::Bits(11),
        ..DeflateOptions::default()
    };
    let expected = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                    server_max_window_bits=10; client_max_window_bits=11";
    for offer in [
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=15; server_max_window_bits=15",
        "permessage-deflate; client_max_window_bits=11; server_max_window_bits=10",
        "permessage-deflate; server_max_window_bits=9, permessage-deflate; client_max_window_bits",
    ] {
        assert_eq!(answer(offer, &options).as_deref(), Ok(expected), "{offer}");
    }
}

#[test]
fn declines_what_our_options_rule_out() {
    let base = DeflateOptions::default();
    let refusals = [
        (
            "permessage-deflate; server_no_context_takeover",
            DeflateOptions {
                server_no_context_takeover: Some(false),
                ..base.clone()
            },
        ),
        (
            "permessage-deflate; server_max_window_bits=10",
            DeflateOptions {
                server_max_window_bits: WindowLimit::Unlimited,
                ..base.clone()
            },
        ),
        (
            "permessage-deflate; server_max_window_bits=10",
            DeflateOptions {
                server_max_window_bits: WindowLimit::Bits(11),
                ..base.clone()
            },
        ),
        (
            "permessage-deflate",
            DeflateOptions {
                client_max_window_bits: WindowLimit::Bits(11),
                ..base.clone()
            },
        ),
        (
            "permessage-deflate; client_max_window_bits=10",
            DeflateOptions {
                client_max_window_bits: WindowLimit::Bits(11),
                ..base.clone()
            },
        ),
    ];
    for (offer, options) in refusals {
        assert_eq!(
            answer(offer, &options),
            Err(ExtensionError::NoneAcceptable),
            "{offer}"
        );
        // The same offer with a second one that asks for nothing, which the first four allow.
        let second = answer(
            &format!("{offer}, permessage-deflate; client_max_window_bits"),
            &options,
        );
        assert!(second.is_ok(), "{offer}");
    }
    let options = DeflateOptions {
        client_max_window_bits: WindowLimit::Unlimited,
        ..base
    };
    assert_eq!(
        answer("permessage-deflate; client_max_window_bits=10", &options).as_deref(),
        Ok("permessage-deflate")
    );
}

#[test]
fn refuses_illegal_parameters_in_any_offer() {
    use ExtensionError::{InvalidParameter, RepeatedParameter, UnknownParameter};
    let cases = [
        ("foo", UnknownParameter),
        ("server_no_context_takeover=1", InvalidParameter),
        ("client_no_context_takeover=true", InvalidParameter),
        ("server_max_window_bits", InvalidParameter),
        ("server_max_window_bits=7", InvalidParameter),
        ("server_max_window_bits=16", InvalidParameter),
        ("client_max_window_bits=08", InvalidParameter),
        ("client_max_window_bits=x", InvalidParameter),
        (
            "client_max_window_bits=10; client_max_window_bits",
            RepeatedParameter,
        ),
        (
            "server_no_context_takeover; server_no_context_takeover",
            RepeatedParameter,
        ),
    ];
    for (params, error) in cases {
        let header = format!("permessage-deflate, permessage-deflate; {params}");
        assert_eq!(default_answer(&header), Err(error), "{header}");
        let other = format!("other; {params}");
        assert_eq!(default_answer(&other).as_deref(), Ok(""), "{other}");
    }
}

proptest! {
    #[test]
    fn any_header_is_read_or_refused(header in "([a-c;,=\" \t\\\\]|permessage-deflate|client_max_window_bits|\\PC){0,30}") {
        if let Ok(written) = written_back(&header) {
            prop_assert_eq!(written_back(&written), Ok(written.clone()));
        }
        let _ = default_answer(&header);
    }
}
