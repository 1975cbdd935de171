//! src/state/status.rs: the decision, over all of its facts.

use anyhow::Result;
use tare::state::{Facts, GateProbe, Init, Phase, Record, Status, decide};

/// Facts as a test wants them.
#[derive(Clone, Copy)]
struct Given {
    locked: bool,
    alive: bool,
    gate: GateProbe,
    frozen: bool,
}

const LIVING: Given = Given { locked: false, alive: true, gate: GateProbe::Absent, frozen: false };

impl Facts for Given {
    fn locked(&self) -> Result<bool> {
        Ok(self.locked)
    }
    fn alive(&self, _init: &Init) -> Result<bool> {
        Ok(self.alive)
    }
    fn gate(&self) -> Result<GateProbe> {
        Ok(self.gate)
    }
    fn frozen(&self, _record: &Record) -> Result<bool> {
        Ok(self.frozen)
    }
}

fn record(phase: Phase) -> Record {
    let mut record = Record::new("web1");
    record.phase = phase;
    record.init = Some(Init { pid: 1, start_time: 1, boot_id: "b".to_string() });
    record
}

fn status(phase: Phase, given: Given) -> Status {
    decide(&record(phase), &given).unwrap()
}

#[test]
fn creating_lasts_as_long_as_the_lock() {
    assert_eq!(status(Phase::Creating, Given { locked: true, ..LIVING }), Status::Creating);
    assert_eq!(status(Phase::Creating, Given { locked: false, ..LIVING }), Status::Stopped);
}

#[test]
fn created_is_who_stands_at_the_gate() {
    for gate in [GateProbe::Closed, GateProbe::Listening] {
        assert_eq!(status(Phase::Created, Given { gate, ..LIVING }), Status::Created, "{gate:?}");
    }
}

#[test]
fn without_a_gate_it_runs() {
    for phase in [Phase::Created, Phase::Running] {
        assert_eq!(status(phase, LIVING), Status::Running, "{phase:?}");
    }
}

#[test]
fn a_gate_that_start_left_behind_does_not_hide_a_running_program() {
    assert_eq!(status(Phase::Created, Given { gate: GateProbe::Deserted, ..LIVING }), Status::Running);
}

#[test]
fn the_dead_have_stopped_in_every_phase() {
    for phase in [Phase::Creating, Phase::Created, Phase::Running, Phase::Deleting] {
        for gate in [GateProbe::Absent, GateProbe::Closed] {
            let given = Given { alive: false, gate, frozen: true, ..LIVING };
            assert_eq!(status(phase, given), Status::Stopped, "{phase:?}");
        }
    }
}

#[test]
fn who_was_never_born_has_stopped() {
    let mut record = record(Phase::Running);
    record.init = None;
    assert_eq!(decide(&record, &LIVING).unwrap(), Status::Stopped);
}

#[test]
fn a_frozen_container_is_paused() {
    for phase in [Phase::Created, Phase::Running] {
        let given = Given { frozen: true, gate: GateProbe::Listening, ..LIVING };
        assert_eq!(status(phase, given), Status::Paused, "{phase:?}");
    }
}

#[test]
fn what_is_being_deleted_has_stopped() {
    assert_eq!(status(Phase::Deleting, LIVING), Status::Stopped);
}

#[test]
fn statuses_have_the_names_of_the_specification() {
    let all = [Status::Creating, Status::Created, Status::Running, Status::Paused, Status::Stopped];
    assert_eq!(all.map(|status| status.to_string()), ["creating", "created", "running", "paused", "stopped"]);
}
