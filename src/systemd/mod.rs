//! systemd, asked over D-Bus: to start, change and end units (org.freedesktop.systemd1(5)).
//!
//! Called by `cgroup`, whose systemd manager has containers' control groups made this way. Knows no container and no limit:
//! only units, their properties, and processes that are to be in them. zbus encodes the values; the connection is ours,
//! because this process must have one thread, and zbus's own need more.
//!
//! | file | its part |
//! |---|---|
//! | `address` | where systemd listens |
//! | `bus` | the connection: calls, answers, signals, one deadline |
//! | `message` | D-Bus messages to bytes and back |
//! | `failure` | what went wrong, and what to do |

mod address;
mod bus;
mod failure;
mod message;

pub use address::{Address, End, Environment};
pub use failure::{Failure, Kind, name};

use crate::plan::unit_properties::UnitProperty;
use bus::Connection;
use message::{Arguments, Body, Method, Variant};
use serde::{Deserialize, Serialize};

/// Which of the systemds of a host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// Process 1.
    #[default]
    System,
    /// The user's own (`systemd --user`).
    User,
}

const DESTINATION: Option<&str> = Some("org.freedesktop.systemd1");
const PATH: &str = "/org/freedesktop/systemd1";

/// What every unit's object has.
const UNIT: &str = "org.freedesktop.systemd1.Unit";

/// A method of the manager object.
fn manager(member: &str) -> Method<'_> {
    Method { destination: DESTINATION, path: PATH, interface: "org.freedesktop.systemd1.Manager", member }
}

/// The wait for a job's end on a bus: the manager tells it only to who has asked, and the bus only what was asked for.
const JOBS: &str = "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'";

/// How a job goes together with others for its unit: it takes their place.
const REPLACE: &str = "replace";

/// A name and its value, as `StartTransientUnit` takes them.
type Properties<'a> = Vec<(&'a str, Variant<'a>)>;

/// A systemd that listens.
#[derive(Debug)]
pub struct Systemd {
    connection: Connection,
    hears_jobs: bool,
}

impl Systemd {
    /// Connects, by what the environment says.
    ///
    /// # Errors
    /// [`Failure`]: nobody listens, with what was tried; who listens does not let us in.
    pub fn connect(which: Which) -> Result<Systemd, Failure> {
        Systemd::connect_in(which, &Environment::ours())
    }

    /// The same by what `environment` says.
    ///
    /// # Errors
    /// As [`Systemd::connect`].
    pub fn connect_in(which: Which, environment: &Environment) -> Result<Systemd, Failure> {
        let addresses = environment.addresses(which);
        let connection = Connection::open(which, &addresses, environment.runtime_dir.is_some())?;
        Ok(Systemd { connection, hears_jobs: false })
    }

    /// Its version: `262` of `262.1-1`.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn version(&mut self) -> Result<u32, Failure> {
        let text = self.property(PATH, "org.freedesktop.systemd1.Manager", "Version")?;
        let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].parse().map_err(|_| Failure::protocol(format!("its version is {text:?}")))
    }

    /// The control group of a slice that is there, from the root on.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn control_group_of_slice(&mut self, slice: &str) -> Result<String, Failure> {
        self.property(&object_path(slice), "org.freedesktop.systemd1.Slice", "ControlGroup")
    }

    /// Which run of a unit this is, of all that have had or will have its name: its InvocationID, in hexadecimal.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn run_of(&mut self, unit: &str) -> Result<String, Failure> {
        let body = self.get(&object_path(unit), UNIT, "InvocationID")?;
        Ok(hexadecimal(&body.variant_bytes()?))
    }

    /// The object of this run of a unit, which is never another's; None: it is gone, or there never was one.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn find_run(&mut self, run: &str) -> Result<Option<String>, Failure> {
        // None at all would mean the unit that we are in ourselves.
        let Some(id) = from_hexadecimal(run) else { return Ok(None) };
        let call = "GetUnitByInvocationID";
        let serial = self.connection.send(manager(call), &Arguments::none().with(&id[..])?)?;
        match self.connection.answer(serial, call) {
            Err(failure) if failure.is(name::NO_UNIT_FOR_RUN) => Ok(None),
            answer => answer?.text().map(Some),
        }
    }

    /// Stops the unit of such an object, waits until it has stopped, and forgets that it may have failed.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn stop_run(&mut self, object: &str, unit: &str) -> Result<(), Failure> {
        self.hear_jobs()?;
        let of_unit = |member| Method { destination: DESTINATION, path: object, interface: UNIT, member };
        let stop = "Stop";
        let serial = self.connection.send(of_unit(stop), &Arguments::none().text(REPLACE)?)?;
        absent_is_fine(self.finish_job(serial, stop, unit))?;
        let reset = "ResetFailed";
        let serial = self.connection.send(of_unit(reset), &Arguments::none())?;
        absent_is_fine(self.connection.answer(serial, reset).map(|_| ()))
    }

    /// Whether a unit has a process, be it in a group below its own. None: there is no such unit.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn has_processes(&mut self, unit: &str) -> Result<Option<bool>, Failure> {
        let call = "GetUnitProcesses";
        let serial = self.connection.send(manager(call), &Arguments::none().text(unit)?)?;
        match self.connection.answer(serial, call) {
            Err(failure) if ABSENT.iter().any(|name| failure.is(name)) => Ok(None),
            // A list begins with its length.
            answer => Ok(Some(answer?.number()? != 0)),
        }
    }

    fn property(&mut self, path: &str, interface: &str, name: &str) -> Result<String, Failure> {
        self.get(path, interface, name)?.variant_text()
    }

    fn get(&mut self, path: &str, interface: &str, name: &str) -> Result<Body, Failure> {
        let call = Method {
            destination: DESTINATION,
            path,
            interface: "org.freedesktop.DBus.Properties",
            member: "Get",
        };
        let serial = self.connection.send(call, &Arguments::none().text(interface)?.text(name)?)?;
        self.connection.answer(serial, name)
    }

    /// Starts a unit that exists until it is stopped or empty, and waits until it has started. A leftover of that name that
    /// has failed is forgotten first.
    ///
    /// # Errors
    /// [`Failure`]: a unit of this name runs; a property is refused; the job does not succeed in time.
    pub fn start_transient(&mut self, unit: &str, properties: &[UnitProperty]) -> Result<(), Failure> {
        match self.start(unit, properties) {
            Err(failure) if failure.is(name::UNIT_EXISTS) => {
                self.reset_failed(unit)?;
                self.start(unit, properties)
            }
            result => result,
        }
    }

    fn start(&mut self, unit: &str, properties: &[UnitProperty]) -> Result<(), Failure> {
        self.hear_jobs()?;
        let auxiliary: Vec<(&str, Properties<'_>)> = Vec::new();
        let arguments = Arguments::none().text(unit)?.text(REPLACE)?;
        let arguments = arguments.with(&variants(properties))?.with(&auxiliary)?;
        let call = "StartTransientUnit";
        let serial = self.connection.send(manager(call), &arguments)?;
        self.finish_job(serial, call, unit)
    }

    /// Stops a unit, whose processes are ended, and waits until it has stopped. No such unit is no error.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn stop(&mut self, unit: &str) -> Result<(), Failure> {
        self.hear_jobs()?;
        let call = "StopUnit";
        let serial = self.connection.send(manager(call), &Arguments::none().text(unit)?.text(REPLACE)?)?;
        absent_is_fine(self.finish_job(serial, call, unit))
    }

    /// Forgets that a unit has failed, which removes it. No such unit is no error.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn reset_failed(&mut self, unit: &str) -> Result<(), Failure> {
        let call = "ResetFailedUnit";
        let serial = self.connection.send(manager(call), &Arguments::none().text(unit)?)?;
        absent_is_fine(self.connection.answer(serial, call).map(|_| ()))
    }

    /// Changes properties of a unit that runs, until it ends. When this returns systemd has written the files of its control
    /// group: it does so after its answer, but before it answers anything else.
    ///
    /// # Errors
    /// [`Failure`]: there is no such unit; a property is refused.
    pub fn set_properties(&mut self, unit: &str, properties: &[UnitProperty]) -> Result<(), Failure> {
        let call = "SetUnitProperties";
        let is_until_its_end = true;
        let arguments = Arguments::none().text(unit)?.with(&is_until_its_end)?.with(&variants(properties))?;
        let serial = self.connection.send(manager(call), &arguments)?;
        self.connection.answer(serial, call)?;
        self.version().map(|_| ())
    }

    /// Has a process moved into a unit's control group, or into the group `below` it (`/` for itself). For a user who may
    /// not write to the group that the process is in.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn attach(&mut self, unit: &str, below: &str, pid: i32) -> Result<(), Failure> {
        let call = "AttachProcessesToUnit";
        let pids = [pid.unsigned_abs()];
        let arguments = Arguments::none().text(unit)?.text(below)?.with(&pids[..])?;
        let serial = self.connection.send(manager(call), &arguments)?;
        self.connection.answer(serial, call).map(|_| ())
    }

    /// From now on ends of jobs are told to us. systemd tells them without asking where no bus is between.
    fn hear_jobs(&mut self) -> Result<(), Failure> {
        if self.hears_jobs || !self.connection.is_bus() {
            return Ok(());
        }
        let matched = self.connection.ask_for_signals(JOBS)?;
        let subscribed = self.connection.send(manager("Subscribe"), &Arguments::none())?;
        self.connection.answer(matched, "AddMatch")?;
        self.connection.answer(subscribed, "Subscribe")?;
        self.hears_jobs = true;
        Ok(())
    }

    /// Waits for the job that the call of this serial has begun.
    fn finish_job(&mut self, serial: u32, call: &str, unit: &str) -> Result<(), Failure> {
        let job = self.connection.answer(serial, call)?.text()?;
        let wait = format!("{call} of {unit}");
        loop {
            let (member, mut body) = self.connection.signal(&wait)?;
            if member != "JobRemoved" {
                continue;
            }
            // Its number, its object, its unit.
            let (_, ended, _) = (body.number()?, body.text()?, body.text()?);
            if ended == job {
                return outcome(unit, &body.text()?);
            }
        }
    }
}

/// How a job has ended (org.freedesktop.systemd1(5), JobRemoved).
fn outcome(unit: &str, result: &str) -> Result<(), Failure> {
    if result == "done" {
        return Ok(());
    }
    Err(Failure::job(unit, result))
}

/// A unit's object.
fn object_path(unit: &str) -> String {
    format!("{PATH}/unit/{}", label(unit))
}

/// A name of letters and digits only: everything else stands as `_` and its code.
pub fn label(name: &str) -> String {
    let mut label = String::new();
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'0'..=b'9' if at == 0 => label.push_str(&format!("_{byte:02x}")),
            _ if byte.is_ascii_alphanumeric() => label.push(char::from(byte)),
            _ => label.push_str(&format!("_{byte:02x}")),
        }
    }
    label
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The 128 bits of an InvocationID; None: the text is none.
fn from_hexadecimal(text: &str) -> Option<[u8; 16]> {
    let number = u128::from_str_radix(text, 16).ok().filter(|number| text.len() == 32 && *number != 0);
    number.map(u128::to_be_bytes)
}

/// How systemd says that a unit, or its object, is not there.
const ABSENT: [&str; 4] =
    [name::NO_SUCH_UNIT, name::UNIT_NOT_LOADED, name::NO_UNIT_FOR_RUN, name::UNKNOWN_OBJECT];

fn absent_is_fine(result: Result<(), Failure>) -> Result<(), Failure> {
    match result {
        Err(failure) if ABSENT.iter().any(|name| failure.is(name)) => Ok(()),
        result => result,
    }
}

fn variants(properties: &[UnitProperty]) -> Properties<'_> {
    properties.iter().map(|property| (property.name.as_str(), Variant(&property.value))).collect()
}
