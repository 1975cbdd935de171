//! Limits + layout -> which files of which group: each controller by the version of its hierarchy. Pure.
//!
//! Called by `prepare` and `update` before anything is changed, so that what this host cannot do leaves nothing behind.

use super::detect::Layout;
use super::fs::{Refusal, Write, code};
use super::{devices_bpf, devices_v1, v1, v2};
use crate::plan::limits::{Limits, Max, POINTER};

/// A controller with limits in config.json. Devices are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Controller {
    Memory,
    Cpu,
    Cpuset,
    Pids,
    Io,
    Hugetlb,
    NetCls,
    NetPrio,
    Rdma,
}

/// All of them, in the order in which they are written.
pub const CONTROLLERS: [Controller; 9] = [
    Controller::Cpuset,
    Controller::Cpu,
    Controller::Memory,
    Controller::Pids,
    Controller::Io,
    Controller::Hugetlb,
    Controller::NetCls,
    Controller::NetPrio,
    Controller::Rdma,
];

impl Controller {
    /// Its name in v1 (/proc/cgroups).
    pub fn v1_name(self) -> &'static str {
        match self {
            Controller::Memory => "memory",
            Controller::Cpu => "cpu",
            Controller::Cpuset => "cpuset",
            Controller::Pids => "pids",
            Controller::Io => "blkio",
            Controller::Hugetlb => "hugetlb",
            Controller::NetCls => "net_cls",
            Controller::NetPrio => "net_prio",
            Controller::Rdma => "rdma",
        }
    }

    /// Its name in v2 (cgroup.controllers).
    pub fn v2_name(self) -> &'static str {
        match self {
            Controller::Io => "io",
            other => other.v1_name(),
        }
    }
}

/// What is to be written where.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// By v1 controller name; each name once.
    pub v1: Vec<(&'static str, Vec<Write>)>,
    /// In the v2 group.
    pub v2: Vec<Write>,
    /// Controllers that the v2 group needs enabled, with the field that asks for each.
    pub v2_controllers: Vec<(String, String)>,
    /// The device program for the v2 group, where v1 does not have the devices; None: nothing to deny.
    pub device_program: Option<Vec<u64>>,
}

/// What holds in a group whose limits are changed, where a file of v2 needs to be told what the change does not name:
/// cpu.max has quota and period, and memory.swap.max is what `swap` leaves above `limit`. Nothing for a new group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InForce {
    /// memory.max.
    pub memory_max_bytes: Option<Max>,
    /// `memory.swap` as it was asked for last.
    pub memory_and_swap_bytes: Option<Max>,
    /// The first word of cpu.max.
    pub quota_us: Option<Max>,
}

/// Turns limits into orders for a new group on this host.
///
/// # Errors
/// A controller that is missing, with where it was looked for; a limit that the version at hand cannot express.
pub fn orders(layout: &Layout, limits: &Limits) -> Result<Orders, Refusal> {
    let mut orders = limit_orders(layout, limits, &InForce::default())?;
    if layout.v1_of("devices").is_some() {
        orders.v1.push(("devices", devices_v1::writes(&limits.devices)?));
    } else if layout.v2.is_some() {
        orders.device_program = devices_bpf::program(&limits.devices);
    } else if let Some(index) = limits.devices.iter().find_map(|rule| rule.index) {
        return Err(missing(layout, "devices", &format!("{POINTER}/devices/{index}")));
    }
    Ok(orders)
}

/// The same without the devices, for a group in which `in_force` holds.
///
/// # Errors
/// As [`orders`].
pub fn limit_orders(layout: &Layout, limits: &Limits, in_force: &InForce) -> Result<Orders, Refusal> {
    let mut orders = Orders::default();
    for controller in CONTROLLERS {
        if layout.v1_of(controller.v1_name()).is_some() {
            let writes = v1::writes(controller, limits)?;
            if !writes.is_empty() {
                orders.v1.push((controller.v1_name(), writes));
            }
            continue;
        }
        // A v2 host is told what v2 cannot express; one with v1 hierarchies lacks the controller.
        let writes = match layout.v1.is_empty() || layout.v2_has(controller.v2_name()) {
            true => v2::writes(controller, limits, in_force)?,
            false => v1::writes(controller, limits)?,
        };
        let Some(first) = writes.first() else { continue };
        if !layout.v2_has(controller.v2_name()) {
            return Err(missing(layout, controller.v2_name(), &first.pointer));
        }
        orders.v2_controllers.push((controller.v2_name().to_owned(), first.pointer.clone()));
        orders.v2.extend(writes);
    }
    unified(layout, limits, &mut orders)?;
    Ok(orders)
}

fn unified(layout: &Layout, limits: &Limits, orders: &mut Orders) -> Result<(), Refusal> {
    for (file, value) in &limits.unified {
        let writes = v2::unified(file, value);
        let pointer = writes.first().map(|write| write.pointer.clone()).unwrap_or_default();
        let controller = file.split('.').next().unwrap_or_default();
        if layout.v2.is_none() {
            let problem = "\"unified\" is for cgroup v2, and this host has v1 only";
            return Err(Refusal::limit(code::NO_CONTROLLER, pointer, problem).advise("use the fields of v1"));
        }
        // The files of the core and of pressure stall information belong to no controller.
        let of_the_core = controller == "cgroup" || file.ends_with(".pressure");
        if !of_the_core {
            if !layout.v2_has(controller) {
                return Err(missing(layout, controller, &pointer));
            }
            orders.v2_controllers.push((controller.to_owned(), pointer));
        }
        orders.v2.extend(writes);
    }
    Ok(())
}

fn missing(layout: &Layout, controller: &str, pointer: &str) -> Refusal {
    let problem =
        format!("the requested cgroup controller `{controller}` is not available: {}", layout.searched());
    let advice = "remove the field, or enable the controller on the host (/proc/cgroups, kernel option cgroup_disable)";
    Refusal::limit(code::NO_CONTROLLER, pointer, problem).advise(advice)
}
