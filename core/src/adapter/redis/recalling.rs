//! Records that are taken, and what streams have had since: many at a time, so that a stream is read once for all
//! who come back together. Entries are given up to where the reader is, between two of its readings.

use std::collections::HashMap;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{RedisResult, Value, cmd, pipe};
use bytes::Bytes;

use super::reading::{Places, entries};
use crate::adapter::{Listener, Offset, Recall};

/// So many entries are asked for at once.
const PAGE: usize = 256;

/// Does what was asked for at once.
///
/// # Errors
/// The connection is lost.
pub(super) async fn run(
    mut connection: MultiplexedConnection,
    places: &Places,
    recalls: Vec<Recall>,
    listener: &dyn Listener,
) -> RedisResult<()> {
    let mut open = Open {
        listener,
        tokens: recalls.iter().map(|recall| recall.token).collect(),
    };
    let records = take_records(&mut connection, &recalls).await?;
    // At once: from here on the records are nowhere else.
    let mut taken = Vec::new();
    for (recall, record) in recalls.into_iter().zip(records) {
        match record {
            Some((record, left)) => {
                listener.recalled(recall.token, record, left);
                taken.push(recall);
            }
            None => open.end(recall.token, false),
        }
    }
    let there = find_offsets(&mut connection, &taken).await?;
    let mut by_stream: HashMap<Box<str>, Vec<(Offset, u64)>> = HashMap::new();
    for (recall, is_there) in taken.into_iter().zip(there) {
        if is_there {
            let of_stream = by_stream.entry(recall.stream).or_default();
            of_stream.push((recall.offset, recall.token));
        } else {
            open.end(recall.token, false);
        }
    }
    for (stream, mut waiting) in by_stream {
        waiting.sort_unstable();
        let is_complete = replay(&mut connection, places, &stream, &waiting, listener).await?;
        for (_, token) in waiting {
            open.end(token, is_complete);
        }
    }
    Ok(())
}

/// The recalls that have not been answered. Those that are left when it is dropped have failed.
struct Open<'l> {
    listener: &'l dyn Listener,
    tokens: Vec<u64>,
}

impl Open<'_> {
    fn end(&mut self, token: u64, is_complete: bool) {
        self.tokens.retain(|open| *open != token);
        self.listener.replayed(token, is_complete);
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        for token in self.tokens.drain(..) {
            self.listener.replayed(token, false);
        }
    }
}

/// Takes each record that is there, with the time it had left.
async fn take_records(
    connection: &mut MultiplexedConnection,
    recalls: &[Recall],
) -> RedisResult<Vec<Option<(Bytes, Duration)>>> {
    let mut pipe = pipe();
    pipe.atomic();
    for Recall { key, .. } in recalls {
        pipe.cmd("PTTL").arg(&**key);
        pipe.cmd("GET").arg(&**key);
        pipe.cmd("DEL").arg(&**key).ignore();
    }
    let answers: Vec<Value> = pipe.query_async(connection).await?;
    let mut answers = answers.into_iter();
    let mut records = Vec::with_capacity(recalls.len());
    while let (Some(left), Some(record)) = (answers.next(), answers.next()) {
        records.push(match (left, record) {
            (Value::Int(left), Value::BulkString(record)) => {
                let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
                Some((record.into(), left))
            }
            _ => None,
        });
    }
    Ok(records)
}

/// Whether the entries at the offsets are still there.
async fn find_offsets(
    connection: &mut MultiplexedConnection,
    recalls: &[Recall],
) -> RedisResult<Vec<bool>> {
    if recalls.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipe = pipe();
    for Recall { stream, offset, .. } in recalls {
        let offset = offset.to_string();
        pipe.cmd("XRANGE").arg(&**stream).arg(&offset).arg(&offset);
    }
    let answers: Vec<Value> = pipe.query_async(connection).await?;
    let is_there = |answer| matches!(answer, Value::Array(found) if !found.is_empty());
    Ok(answers.into_iter().map(is_there).collect())
}

/// Gives the entries behind the offsets of those who wait, the first of whom has the first offset, up to where the
/// reader is when it returns. False if nobody knows where that is.
async fn replay(
    connection: &mut MultiplexedConnection,
    places: &Places,
    stream: &str,
    waiting: &[(Offset, u64)],
    listener: &dyn Listener,
) -> RedisResult<bool> {
    let tokens: Vec<u64> = waiting.iter().map(|(_, token)| *token).collect();
    let mut seen = waiting[0].0;
    loop {
        let Some(from) = seen.next() else {
            return Ok(false);
        };
        let mut range = cmd("XRANGE");
        range.arg(stream).arg(from.to_string()).arg("+");
        range.arg("COUNT").arg(PAGE);
        let page: Value = range.query_async(connection).await?;
        // From here to the next page the reader does not get on.
        let Some(read) = places.read_up_to(stream) else {
            return Ok(false);
        };
        let mut is_empty = true;
        for (offset, entry) in entries(stream, page) {
            let Some(at) = Offset::read(&offset) else {
                return Ok(false);
            };
            if at > read {
                return Ok(true);
            }
            let until = waiting.partition_point(|(offset, _)| *offset < at);
            listener.replay(&tokens[..until], &offset, &entry);
            (seen, is_empty) = (at, false);
        }
        // An empty page: what was between is not kept any more, by nobody.
        if seen >= read || is_empty {
            return Ok(true);
        }
    }
}
