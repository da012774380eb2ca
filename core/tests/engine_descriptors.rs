//! An engine in a process that has no descriptor left. One test, because the limit is the process's.
#![cfg(target_os = "linux")]

mod support;
use support::engine::*;

use std::fs::File;
use std::time::Duration;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeValLike;

/// Milliseconds of CPU time that the process has used.
fn used() -> i64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("its own");
    (usage.user_time() + usage.system_time()).num_milliseconds()
}

#[test]
fn without_a_descriptor_who_is_there_is_served_and_others_wait_without_a_spin() {
    const NAP: Duration = Duration::from_millis(400);
    let rig = Rig::new();
    let mut there: Vec<Client> = EVERY_WAY.map(|way| rig.join(way)).into();
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, 256, most).expect("less is always allowed");
    let mut fillers = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        fillers.push(file);
    }
    // For the client's own end.
    drop(fillers.pop());
    let mut waiting = Wire::connect(rig.address);
    waiting.request("GET", "/nowhere", "");

    let before = used();
    std::thread::park_timeout(NAP);
    let spent = used() - before;
    assert!(spent < 40, "{spent} ms of {NAP:?} were spent");
    there.iter_mut().for_each(Client::expect_nothing);

    drop(fillers);
    assert_eq!(waiting.read_answer().status, 404);
    there.push(rig.join(Way::Upgraded));
    there.iter_mut().for_each(Client::expect_nothing);
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("no more than is allowed");
}
