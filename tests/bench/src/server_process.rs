//! A server under test as a child process: pinned, found by the port it prints, ended with the benchmark.
//!
//! servers/under-test.js writes down the agreement between the two.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use crate::catalog::Server;

pub struct ServerProcess {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    collects: bool,
    pub port: u16,
}

pub enum Start {
    Listening(ServerProcess),
    /// The reason why it cannot run here.
    Unavailable(String),
}

impl ServerProcess {
    /// Starts `server` in `folder`, pinned to `core` with all its threads.
    ///
    /// # Errors
    /// When it cannot be started at all, or says nothing for [`PATIENCE`].
    pub fn start(server: &Server, core: usize, folder: &Path) -> io::Result<Start> {
        let mut child = Command::new("taskset")
            .args(["-c", &core.to_string()])
            .args(server.command)
            .envs(server.environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| {
                io::Error::new(error.kind(), format!("taskset (of util-linux): {error}"))
            })?;
        let stdin = child.stdin.take().expect("stdin was asked for");
        let stdout = child.stdout.take().expect("stdout was asked for");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut process = Self {
            child,
            stdin,
            lines,
            collects: server.collects,
            port: 0,
        };
        match process.lines.recv_timeout(PATIENCE) {
            Ok(line) => match line.parse() {
                Ok(port) => {
                    process.port = port;
                    Ok(Start::Listening(process))
                }
                Err(_) => Ok(Start::Unavailable(
                    line.trim_start_matches("unavailable: ").to_owned(),
                )),
            },
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = process.child.wait()?;
                Ok(Start::Unavailable(format!(
                    "it ended before it listened: {status}"
                )))
            }
            Err(mpsc::RecvTimeoutError::Timeout) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("{} printed no port", server.name),
            )),
        }
    }

    /// The process id. taskset(1) becomes the server, so this is the server itself.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Has garbage collected, where there is such a thing.
    pub fn collect_garbage(&mut self) -> io::Result<()> {
        if self.collects {
            self.stdin.write_all(b"collect\n")?;
            self.lines
                .recv_timeout(PATIENCE)
                .map_err(io::Error::other)?;
        }
        Ok(())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Either fails only when the server has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
