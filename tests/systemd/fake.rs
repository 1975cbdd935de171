//! A systemd that says what a test wants: at a socket, in a thread. Speaks the protocol by zbus's encoder, so that ours is held
//! against another's.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use tare::systemd::Environment;
use zbus::wire::serialized::{Context, Data};
use zbus::wire::{LE, to_bytes};
use zbus::{ObjectPath, Variant};

/// How a call is answered.
pub enum Answer {
    /// Not at all.
    Silence,
    /// By hanging up.
    HangUp,
    /// With an error of this name and text.
    Error(&'static str, &'static str),
    /// With nothing.
    Done,
    /// With a job that ends so.
    Job(&'static str),
    /// With a property's value.
    Text(&'static str),
    /// With a list of processes: their groups, pids and names.
    Processes(&'static [u32]),
    /// With an object's path.
    Object(&'static str),
    /// With a property's value, bytes.
    Bytes(&'static [u8]),
}

/// The socket of the user's systemd, in a folder for XDG_RUNTIME_DIR.
pub struct Fake {
    folder: PathBuf,
    thread: JoinHandle<Vec<(String, Vec<u8>)>>,
}

impl Fake {
    /// Listens at `path` below `folder`, and answers calls by their members' names; `greeting` is what it says to a client.
    pub fn listen(
        folder: &Path,
        path: &str,
        greeting: &'static str,
        answer: fn(&str, usize) -> Answer,
    ) -> Fake {
        let socket = folder.join(path);
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(socket).unwrap();
        let serve = move || serve(listener.accept().unwrap().0, greeting, answer);
        Fake { folder: folder.to_path_buf(), thread: std::thread::spawn(serve) }
    }

    /// What leads a client to it.
    pub fn environment(&self) -> Environment {
        Environment { runtime_dir: Some(self.folder.clone()), ..Environment::default() }
    }

    /// The members that were called, when the client has gone.
    pub fn calls(self) -> Vec<String> {
        self.calls_with_bodies().into_iter().map(|(member, _)| member).collect()
    }

    /// The same, each with its arguments as bytes.
    pub fn calls_with_bodies(self) -> Vec<(String, Vec<u8>)> {
        self.thread.join().unwrap()
    }
}

fn serve(
    mut client: UnixStream,
    greeting: &str,
    answer: fn(&str, usize) -> Answer,
) -> Vec<(String, Vec<u8>)> {
    let mut said = Vec::new();
    while !said.ends_with(b"BEGIN\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        said.push(byte[0]);
    }
    client.write_all(greeting.as_bytes()).unwrap();
    let mut calls: Vec<(String, Vec<u8>)> = Vec::new();
    while let Some((serial, member, arguments)) = next_call(&mut client) {
        let earlier = calls.iter().filter(|(call, _)| *call == member).count();
        calls.push((member.clone(), arguments));
        let job = ObjectPath::try_from("/job/7").unwrap();
        match answer(&member, earlier) {
            Answer::Silence => {}
            Answer::HangUp => break,
            Answer::Error(name, text) => send(&mut client, 3, serial, Some((4, name)), "s", &(text,)),
            Answer::Done => send(&mut client, 2, serial, None, "", &()),
            Answer::Text(text) => send(&mut client, 2, serial, None, "v", &(Variant::from(text),)),
            Answer::Bytes(bytes) => send(&mut client, 2, serial, None, "v", &(Variant::from(bytes),)),
            Answer::Object(path) => {
                send(&mut client, 2, serial, None, "o", &(ObjectPath::try_from(path).unwrap(),));
            }
            Answer::Processes(pids) => {
                let list: Vec<_> = pids.iter().map(|pid| ("/u.scope", *pid, "sleep")).collect();
                send(&mut client, 2, serial, None, "a(sus)", &(list,));
            }
            Answer::Job(result) => {
                send(&mut client, 2, serial, None, "o", &(job.clone(),));
                let other = ObjectPath::try_from("/job/6").unwrap();
                for (job, result) in [(other, "failed"), (job, result)] {
                    send(&mut client, 4, 0, Some((3, "JobRemoved")), "uoss", &(1u32, job, "u.scope", result));
                }
            }
        }
    }
    calls
}

/// Serial, member and arguments of the next call; None: the client has gone.
fn next_call(client: &mut UnixStream) -> Option<(u32, String, Vec<u8>)> {
    let mut head = vec![0; 16];
    client.read_exact(&mut head).ok()?;
    let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap()) as usize;
    let (body, fields) = (word(4), word(12));
    let mut rest = vec![0; fields.next_multiple_of(8) + body];
    client.read_exact(&mut rest).ok()?;
    let arguments = rest[fields.next_multiple_of(8)..].to_vec();
    head.extend_from_slice(&rest);
    let data = Data::new(head, Context::new(LE, 0));
    type Head<'a> = (u8, u8, u8, u8, u32, u32, Vec<(u8, Variant<'a>)>);
    let ((_, _, _, _, _, serial, fields), _): (Head<'_>, usize) = data.deserialize().unwrap();
    let member = fields.iter().find(|(code, _)| *code == 3).unwrap();
    Some((serial, member.1.downcast_ref::<&str>().unwrap().to_owned(), arguments))
}

fn send<T: serde::Serialize + zbus::Type>(
    client: &mut UnixStream,
    kind: u8,
    answers: u32,
    named: Option<(u8, &str)>,
    _signature: &str,
    arguments: &T,
) {
    let body = to_bytes(Context::new(LE, 0), arguments).unwrap();
    let mut fields: Vec<(u8, Variant<'_>)> = Vec::new();
    fields.extend((answers != 0).then(|| (5, answers.into())));
    fields.extend(named.map(|(code, name)| (code, name.into())));
    let head =
        to_bytes(Context::new(LE, 0), &(b'l', kind, 0u8, 1u8, body.len() as u32, 1u32, fields)).unwrap();
    let mut message = head.to_vec();
    message.resize(message.len().next_multiple_of(8), 0);
    message.extend_from_slice(&body);
    // A client that has gone is a test that has ended.
    let _ = client.write_all(&message);
}
