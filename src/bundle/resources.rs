//! `linux.resources` -> oci-spec's LinuxResources, with the three corrections that its types need. Called by serde
//! while the configuration is parsed.
//!
//! * A `pids` without `limit` sets none (1.3); oci-spec would make it 0, which forbids every fork.
//! * `hugepageLimits[].limit` is an unsigned number; what a signed one cannot hold is no limit at all.
//! * `rdma`, `unified`: a key may stand there once only.

use super::Invalid;
use super::read::{json, list, map, object};
use oci_spec::runtime::{
    LinuxBlockIo, LinuxCpu, LinuxDeviceCgroup, LinuxHugepageLimit, LinuxMemory, LinuxNetwork, LinuxPids,
    LinuxRdma, LinuxResources,
};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Resources {
    devices: Option<Vec<LinuxDeviceCgroup>>,
    memory: Option<LinuxMemory>,
    cpu: Option<LinuxCpu>,
    #[serde(deserialize_with = "object")]
    pids: Option<Pids>,
    #[serde(rename = "blockIO")]
    block_io: Option<LinuxBlockIo>,
    #[serde(deserialize_with = "list")]
    hugepage_limits: Vec<HugepageLimit>,
    network: Option<LinuxNetwork>,
    #[serde(deserialize_with = "map")]
    rdma: BTreeMap<String, LinuxRdma>,
    #[serde(deserialize_with = "map")]
    unified: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Pids {
    limit: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HugepageLimit {
    page_size: String,
    limit: u64,
}

/// For serde's `deserialize_with`.
pub(super) fn resources<'de, D: Deserializer<'de>>(json: D) -> Result<Option<LinuxResources>, D::Error> {
    Ok(object::<_, Resources>(json)?.map(LinuxResources::from))
}

/// The object alone.
pub(super) fn from_json(text: &str) -> Result<LinuxResources, Invalid> {
    Ok(json::<Resources>(text)?.into())
}

impl From<Resources> for LinuxResources {
    fn from(read: Resources) -> LinuxResources {
        let mut resources = LinuxResources::default();
        let pids = read.pids.and_then(|pids| pids.limit).map(|limit| {
            let mut pids = LinuxPids::default();
            pids.set_limit(limit);
            pids
        });
        let hugepage_limits = read.hugepage_limits.into_iter().map(hugepage_limit).collect::<Vec<_>>();
        resources
            .set_devices(read.devices)
            .set_memory(read.memory)
            .set_cpu(read.cpu)
            .set_pids(pids)
            .set_block_io(read.block_io)
            .set_hugepage_limits(Some(hugepage_limits).filter(|limits| !limits.is_empty()))
            .set_network(read.network)
            .set_rdma(Some(read.rdma).filter(|m| !m.is_empty()).map(|m| m.into_iter().collect()))
            .set_unified(Some(read.unified).filter(|m| !m.is_empty()).map(|m| m.into_iter().collect()));
        resources
    }
}

fn hugepage_limit(read: HugepageLimit) -> LinuxHugepageLimit {
    let mut limit = LinuxHugepageLimit::default();
    limit.set_page_size(read.page_size);
    limit.set_limit(i64::try_from(read.limit).unwrap_or(i64::MAX));
    limit
}
