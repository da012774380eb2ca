//! Cross-origin headers, in the order and by the rules of npm `cors`.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::config::{Cors, Origin};

/// The headers of an answer.
pub(super) fn headers(cors: &Cors, request: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    add_origin(cors, request, &mut headers);
    if cors.credentials {
        put(
            &mut headers,
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            "true",
        );
    }
    add_exposed(cors, &mut headers);
    headers
}

/// The headers of the answer to a preflight.
pub(super) fn preflight_headers(cors: &Cors, request: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    add_origin(cors, request, &mut headers);
    if cors.credentials {
        put(
            &mut headers,
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            "true",
        );
    }
    put(
        &mut headers,
        header::ACCESS_CONTROL_ALLOW_METHODS,
        &cors.methods,
    );
    add_allowed(cors, request, &mut headers);
    if let Some(max_age) = cors.max_age {
        let seconds = max_age.as_secs().to_string();
        put(&mut headers, header::ACCESS_CONTROL_MAX_AGE, &seconds);
    }
    add_exposed(cors, &mut headers);
    headers
}

fn add_origin(cors: &Cors, request: &HeaderMap, headers: &mut HeaderMap) {
    let asking = request.get(header::ORIGIN);
    let allowed = match &cors.origin {
        Origin::Any => {
            put(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
            return;
        }
        Origin::Fixed(origin) => HeaderValue::from_str(origin).ok(),
        Origin::Reflected => asking.cloned(),
        Origin::Listed(origins) => asking
            .filter(|asking| origins.iter().any(|origin| *asking == origin.as_str()))
            .cloned(),
    };
    if let Some(allowed) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
    put(headers, header::VARY, "Origin");
}

fn add_allowed(cors: &Cors, request: &HeaderMap, headers: &mut HeaderMap) {
    if let Some(allowed) = &cors.allowed_headers {
        put(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        return;
    }
    // The answer is another for each list of headers that is asked for.
    let varies = if headers.contains_key(header::VARY) {
        "Origin, Access-Control-Request-Headers"
    } else {
        "Access-Control-Request-Headers"
    };
    put(headers, header::VARY, varies);
    let asked = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    if let Some(asked) = asked.filter(|asked| !asked.is_empty()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
}

fn add_exposed(cors: &Cors, headers: &mut HeaderMap) {
    if let Some(exposed) = &cors.exposed_headers {
        put(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

/// An empty text is no header, as in npm.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value)
        && !value.is_empty()
    {
        headers.insert(name, value);
    }
}
