//! Whatever comes in whatever order: no panic, no more than the limits, and an end.

use proptest::prelude::*;

use super::*;
use TransportKind::{Polling, WebSocket};

#[derive(Clone, Debug)]
enum Input {
    Text(String),
    Binary(Vec<u8>),
    Poll(String),
    Opened,
    Written(bool),
    Ends(bool),
    Pass(u16),
    Emit(u8),
    Ask(u8),
    Join(u8),
    Leave(u8),
}

fn packet() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec![
            OPEN, "1", "2", "3probe", "6", "40{\"sid\":\"a\"}", "40{\"sid\":\"a\",\"pid\":\"p\"}",
            "40/a,{\"sid\":\"b\"}", "40", "41", "41/a,", "44{\"message\":\"no\"}", "42[\"x\",\"y\"]",
            "430[1]", "451-[\"x\"]", "461-0[1]", "42/a,[\"x\"]", "4x", "0{}", "",
        ]).prop_map(str::to_owned),
        1 => "[0-7][0-9/,{}\\[\\]\"a-c-]{0,12}",
        1 => "\\PC{0,12}",
    ]
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        6 => packet().prop_map(Input::Text),
        1 => prop::collection::vec(any::<u8>(), 0..8).prop_map(Input::Binary),
        4 => prop::collection::vec(packet(), 0..4).prop_map(|it| Input::Poll(it.join("\x1e"))),
        2 => Just(Input::Opened),
        4 => any::<bool>().prop_map(Input::Written),
        1 => any::<bool>().prop_map(Input::Ends),
        1 => any::<u16>().prop_map(Input::Pass),
        2 => (0..2_u8).prop_map(Input::Emit),
        1 => (0..2_u8).prop_map(Input::Ask),
        1 => (0..2_u8).prop_map(Input::Join),
        1 => (0..2_u8).prop_map(Input::Leave),
    ]
}

const LIMIT: usize = 200;

fn act(world: &mut World, keys: &[SocketKey], input: Input) {
    let key = |which: u8| keys[usize::from(which)];
    let kind = |is_polling| if is_polling { Polling } else { WebSocket };
    match input {
        Input::Text(text) => world.text(&text),
        Input::Binary(bytes) => world.binary(&bytes),
        Input::Poll(body) => world.polled(&body),
        Input::Opened => world.open_websocket(),
        Input::Written(is_polling) => {
            world
                .connection
                .handle_written(world.epoch, kind(is_polling));
        }
        Input::Ends(is_polling) => world.ends(kind(is_polling)),
        Input::Pass(ms) => world.pass(Duration::from_millis(ms.into())),
        Input::Emit(which) | Input::Ask(which) => {
            let payload = Payload {
                json: b"[\"event\"]",
                attachments: Vec::new(),
            };
            let manner = Manner {
                ack: matches!(input, Input::Ask(_)).then_some(Some(Duration::from_secs(1))),
                ..Manner::default()
            };
            // Full is an answer too.
            let _ = world
                .connection
                .emit(key(which), &payload, manner, world.now);
        }
        Input::Join(which) => world.connection.connect(key(which), world.now),
        Input::Leave(which) => world.connection.disconnect(key(which), world.now),
    }
}

proptest! {
    #[test]
    fn no_order_of_inputs_breaks_a_connection(
        inputs in prop::collection::vec(input(), 0..60),
        is_polling in any::<bool>(),
    ) {
        let transports: &[TransportKind] = if is_polling { &[Polling, WebSocket] } else { &[WebSocket] };
        let mut world = World::with(transports, |config| {
            config.max_queued_bytes = LIMIT;
            config.max_payload = LIMIT;
        });
        let keys = [world.join("/"), world.join("/a")];
        let mut open = [false, false];
        for input in inputs {
            act(&mut world, &keys, input);
            let _ = world.steps();
            while let Some(event) = world.connection.poll_event() {
                // A socket's connects and disconnects take turns, and messages lie between them.
                match event {
                    Event::Connect { socket, .. } => {
                        prop_assert!(!std::mem::replace(&mut open[socket.0 as usize], true));
                    }
                    Event::Disconnect { socket, .. } => {
                        prop_assert!(std::mem::replace(&mut open[socket.0 as usize], false));
                    }
                    Event::Message { socket, .. } => prop_assert!(open[socket.0 as usize]),
                    _ => {}
                }
            }
            // What the client says of itself (CONNECT, pongs) comes on top of what it emits.
            prop_assert!(world.connection.waiting_bytes() <= LIMIT + 61 * 40);
        }
        world.connection.close(world.now);
        let _ = world.steps();
        world.pass(Duration::from_secs(5));
        let _ = world.steps();
        let events = world.events();
        prop_assert_eq!(events.last().map(String::as_str), Some("closed"));
    }
}
