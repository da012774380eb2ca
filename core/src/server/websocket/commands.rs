//! The application's commands about plain WebSockets, on the caller's thread: frames are encoded
//! here, once, and go to the shards that have the receivers.

use super::task::{Ask, Broadcast, Outgoing};
use crate::embed::websocket::{self, Command, Gauge};
use crate::hub::ConnId;
use crate::proto::websocket::{Frame, is_valid_close_code};
use crate::server::Batch;
use crate::server::task::Task;

impl Batch<'_> {
    pub(in crate::server) fn ask_websocket(&mut self, conn: ConnId, command: Command<'_>) {
        let ask = match command {
            Command::Send(message) => {
                let opcode = message.kind.opcode();
                let outgoing = Outgoing {
                    frame: Frame::message(opcode, message.fin, message.data),
                    compress: message.compress,
                    token: message.token,
                    counted: 0,
                };
                Ask::Send(counted(outgoing, message.gauge))
            }
            Command::Ping(control) => Ask::Send(control_frame(Frame::ping(control.data), control)),
            Command::Pong(control) => Ask::Send(control_frame(Frame::pong(control.data), control)),
            Command::Raw(control) => Ask::Raw(control_frame(Frame::raw(control.data), control)),
            Command::Close { code, reason } => {
                let code = code.filter(|code| is_valid_close_code(*code));
                Ask::Close(Frame::close(code, reason))
            }
            Command::End => Ask::End,
            Command::Terminate => Ask::Terminate,
            Command::Reset => Ask::Reset,
            Command::Pause => Ask::Pause,
            Command::Resume => Ask::Resume,
        };
        let slot = conn.slot;
        self.push(conn.shard, Task::WebSocket { slot, ask });
    }

    pub(in crate::server) fn broadcast_websocket(&mut self, broadcast: websocket::Broadcast<'_>) {
        let websocket::Broadcast {
            group,
            audience,
            except,
            kind,
            compress,
            data,
        } = broadcast;
        let Some(group) = self.namespace(group) else {
            return;
        };
        let targets = group.select(audience.rooms, audience.except);
        if targets.is_empty() {
            return;
        }
        let frame = Frame::message(kind.opcode(), true, data);
        for (shard, targets) in targets.into_shards() {
            let broadcast = Broadcast {
                targets,
                except: except
                    .filter(|conn| conn.shard == shard)
                    .map(|conn| conn.slot),
                frame: frame.clone(),
                compress,
            };
            self.push(shard, Task::WebSocketBroadcast(Box::new(broadcast)));
        }
    }
}

fn control_frame(frame: Frame, control: websocket::Control<'_>) -> Outgoing {
    let outgoing = Outgoing {
        frame,
        compress: false,
        token: control.token,
        counted: 0,
    };
    counted(outgoing, control.gauge)
}

/// The gauge shows what is sent from now on; the shard corrects it by what compression and masking
/// make of the frame.
fn counted(outgoing: Outgoing, gauge: Option<&Gauge>) -> Outgoing {
    let Some(gauge) = gauge else {
        return outgoing;
    };
    let counted = outgoing.frame.len();
    gauge.raise(counted);
    Outgoing {
        counted,
        ..outgoing
    }
}
