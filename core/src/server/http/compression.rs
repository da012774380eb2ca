//! Compression of polling answers, negotiated as npm `accepts` does it.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::{HeaderMap, header};

use crate::config::Config;
use crate::embed::Answer;

/// A content coding (RFC 9110 §8.4.1) that is spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
}

/// In the order in which they are taken if the client has no preference.
const CODINGS: [Coding; 3] = [Coding::Gzip, Coding::Deflate, Coding::Brotli];

impl Coding {
    const fn as_str(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "br",
        }
    }
}

/// Compresses an answer that is long enough, if its client wants that. Other tasks of the shard get
/// their turns meanwhile.
pub(super) async fn compress(config: &Config, request: &HeaderMap, answer: &mut Answer) {
    let threshold = config.http_compression.map(|setting| setting.threshold);
    if threshold.is_none_or(|threshold| answer.body.len() < threshold) {
        return;
    }
    let accepted = request.get(header::ACCEPT_ENCODING);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    let Some(coding) = accepted.and_then(choose) else {
        return;
    };
    // Writing to memory does not fail; if it did, the answer would go as it is.
    if let Ok(body) = encode(coding, &answer.body).await {
        answer.body = body;
        for header in &mut answer.headers {
            if header.0.eq_ignore_ascii_case("content-length") {
                *header = ("Content-Encoding", coding.as_str().into());
            }
        }
    }
}

/// The coding that an `Accept-Encoding` prefers: by weight, then by its order. A name outweighs `*`.
fn choose(accepted: &str) -> Option<Coding> {
    let ranges: Vec<(&str, f32)> = accepted.split(',').map(read_range).collect();
    let mut best: Option<(Coding, f32, bool, usize)> = None;
    for coding in CODINGS {
        let named = ranges
            .iter()
            .position(|(name, _)| name.eq_ignore_ascii_case(coding.as_str()));
        let found = named.or_else(|| ranges.iter().position(|(name, _)| *name == "*"));
        let Some(at) = found else { continue };
        let (weight, is_named) = (ranges[at].1, named.is_some());
        let is_better = best.is_none_or(|(_, best_weight, best_is_named, best_at)| {
            weight > best_weight
                || (weight == best_weight && (is_named, best_at) > (best_is_named, at))
        });
        if weight > 0.0 && is_better {
            best = Some((coding, weight, is_named, at));
        }
    }
    best.map(|(coding, ..)| coding)
}

/// `gzip;q=0.5` (RFC 9110 §12.4.2). A weight that cannot be read is none.
fn read_range(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    let weight = weight.map_or(Ok(1.0), str::parse::<f32>);
    (name, weight.unwrap_or(0.0).clamp(0.0, 1.0))
}

/// So much is compressed before other tasks have their turn.
const CHUNK: usize = 64 * 1024;

const BROTLI_BUFFER: usize = 4_096;
/// As fast as gzip at its fastest, or nearly so.
const BROTLI_QUALITY: u32 = 3;
/// 256 KiB.
const BROTLI_WINDOW_BITS: u32 = 18;

async fn encode(coding: Coding, body: &[u8]) -> io::Result<Bytes> {
    // A shard has more to do than to look for the shortest form.
    let level = flate2::Compression::fast();
    let encoded = match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            write_all(&mut encoder, body).await?;
            encoder.finish()?
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            write_all(&mut encoder, body).await?;
            encoder.finish()?
        }
        Coding::Brotli => {
            let mut encoder = brotli::CompressorWriter::new(
                Vec::new(),
                BROTLI_BUFFER,
                BROTLI_QUALITY,
                BROTLI_WINDOW_BITS,
            );
            write_all(&mut encoder, body).await?;
            encoder.into_inner()
        }
    };
    Ok(encoded.into())
}

async fn write_all(encoder: &mut impl Write, body: &[u8]) -> io::Result<()> {
    for chunk in body.chunks(CHUNK) {
        encoder.write_all(chunk)?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_what_the_client_prefers() {
        let cases = [
            ("gzip, deflate, br", Some(Coding::Gzip)),
            ("br, gzip", Some(Coding::Brotli)),
            ("deflate", Some(Coding::Deflate)),
            ("GZIP;q=0.5, br;q=0.8", Some(Coding::Brotli)),
            ("gzip;q=0, deflate;q=0.1", Some(Coding::Deflate)),
            ("*", Some(Coding::Gzip)),
            ("gzip;q=0, *", Some(Coding::Deflate)),
            ("*, br", Some(Coding::Brotli)),
            ("br;q=0.9, *;q=0.9", Some(Coding::Brotli)),
            ("identity", None),
            ("gzip;q=x", None),
            ("gzip;q=0", None),
            ("", None),
            (",;,;q=1", None),
        ];
        for (accepted, coding) in cases {
            assert_eq!(choose(accepted), coding, "{accepted}");
        }
    }
}
