//! `linux.uidMappings`, `gidMappings` -> what goes into uid_map and gid_map (user_namespaces(7)), and the mappings of
//! id-mapped mounts. Of an ordinary user whose configuration has none: what this host lends to him.

use super::process::User;
use crate::bundle::Invalid;
use crate::bundle::config::{self, IdMapping};
use crate::host::{Host, IdRange};

/// Lines that the kernel takes in a uid_map (UID_GID_MAP_MAX_EXTENTS, since 4.15).
const RANGES_MAX: usize = 340;

/// One range of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdMap {
    /// First id inside.
    pub container_id: u32,
    /// First id outside.
    pub host_id: u32,
    /// How many.
    pub size: u32,
}

/// The mappings of a user namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdMaps {
    /// For uid_map.
    pub uids: Vec<IdMap>,
    /// For gid_map.
    pub gids: Vec<IdMap>,
}

impl IdMaps {
    /// Takes over the two lists of an object at `pointer`, which hold what the kernel would take.
    pub(super) fn from_config(
        uids: &[IdMapping],
        gids: &[IdMapping],
        pointer: &str,
    ) -> Result<IdMaps, Invalid> {
        let maps = IdMaps { uids: ranges(uids), gids: ranges(gids) };
        check(&maps.uids, &format!("{pointer}/uidMappings"))?;
        check(&maps.gids, &format!("{pointer}/gidMappings"))?;
        Ok(maps)
    }
}

/// The mappings for a container of an ordinary user that has none in its configuration: its process is the caller, and the
/// ids around it are those that the host lends to him, in their order.
pub(super) fn lent(
    process: Option<&config::Process>,
    host: &Host,
    warnings: &mut Vec<String>,
) -> Result<IdMaps, Invalid> {
    let (uid, gid) = process.map_or((0, 0), |process| (process.user.uid, process.user.gid));
    let maps = IdMaps {
        uids: around(uid, host.euid, &host.lent.uids),
        gids: around(gid, host.egid, &host.lent.gids),
    };
    for (ranges, what, table) in [(&maps.uids, "user", "/etc/subuid"), (&maps.gids, "group", "/etc/subgid")] {
        if let [own] = ranges.as_slice() {
            warnings.push(format!(
                "the container has no {what} but {}, as {table} lends no ids to user {}: see usermod(8), --add-sub{}ids",
                own.container_id,
                host.euid,
                &what[..1]
            ));
        }
    }
    check(&maps.uids, "/linux/uidMappings")?;
    check(&maps.gids, "/linux/gidMappings")?;
    Ok(maps)
}

fn around(own: u32, outside: u32, lent: &[IdRange]) -> Vec<IdMap> {
    let mut maps = vec![IdMap { container_id: own, host_id: outside, size: 1 }];
    let mut next: u32 = 0;
    let mut taken = vec![IdRange { first: outside, count: 1 }];
    for range in lent {
        // The kernel takes no id of the host twice, and tables have lines that say the same.
        if taken
            .iter()
            .any(|other| range.first < other.first + other.count && other.first < range.first + range.count)
        {
            continue;
        }
        taken.push(*range);
        let (mut first, mut left) = (range.first, range.count);
        while left > 0 {
            if next == own {
                next = next.saturating_add(1);
            }
            let size = if next < own { left.min(own - next) } else { left };
            maps.push(IdMap { container_id: next, host_id: first, size });
            (next, first, left) = (next.saturating_add(size), first + size, left - size);
        }
    }
    maps
}

/// The same mappings in pieces, each of which ends where one of the caller's `own` ranges ends.
pub fn cut(maps: &[IdMap], own: &[IdMap]) -> Vec<IdMap> {
    let mut pieces = Vec::new();
    for map in maps {
        let mut rest = *map;
        while rest.size > 0 {
            let distance = |range: &IdMap| rest.host_id.checked_sub(range.container_id);
            let home =
                own.iter().find_map(|range| Some(range.size - distance(range).filter(|d| *d < range.size)?));
            let size = home.unwrap_or(rest.size).min(rest.size);
            pieces.push(IdMap { size, ..rest });
            rest = IdMap {
                container_id: rest.container_id.saturating_add(size),
                host_id: rest.host_id.saturating_add(size),
                size: rest.size - size,
            };
        }
    }
    pieces
}

/// The ranges in the text of a uid_map or gid_map (user_namespaces(7)).
pub fn parse(text: &str) -> Vec<IdMap> {
    let line = |line: &str| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(IdMap { container_id: next()?, host_id: next()?, size: next()? })
    };
    text.lines().filter_map(line).collect()
}

/// What `id` is outside of the user namespace with these ranges.
pub fn outside(ranges: &[IdMap], id: u32) -> Option<u32> {
    ranges.iter().find_map(|range| {
        let distance = id.checked_sub(range.container_id).filter(|distance| *distance < range.size)?;
        range.host_id.checked_add(distance)
    })
}

/// Whether id `id` of the container has a range.
pub(super) fn maps(ranges: &[IdMap], id: u32) -> bool {
    ranges.iter().any(|range| id >= range.container_id && id - range.container_id < range.size)
}

/// The ids that the process takes on must exist in its user namespace: setuid(2) would say EINVAL.
pub(super) fn check_user(user: &User, id_maps: &IdMaps) -> Result<(), Invalid> {
    let mapped = |ranges: &[IdMap], id: u32, pointer: &str, list: &str| {
        if maps(ranges, id) {
            return Ok(());
        }
        Err(Invalid::conflict(pointer, format!("{id} has no mapping in the container's user namespace"))
            .advise(format!("add a range to linux.{list}")))
    };
    mapped(&id_maps.uids, user.uid, "/process/user/uid", "uidMappings")?;
    mapped(&id_maps.gids, user.gid, "/process/user/gid", "gidMappings")?;
    for (index, gid) in user.additional_gids.iter().enumerate() {
        mapped(&id_maps.gids, *gid, &format!("/process/user/additionalGids/{index}"), "gidMappings")?;
    }
    Ok(())
}

fn ranges(mappings: &[IdMapping]) -> Vec<IdMap> {
    let range = |m: &IdMapping| IdMap { container_id: m.container_id, host_id: m.host_id, size: m.size };
    mappings.iter().map(range).collect()
}

/// What the kernel refuses with a bare EINVAL (kernel/user_namespace.c, map_write).
pub(super) fn check(ranges: &[IdMap], pointer: &str) -> Result<(), Invalid> {
    if ranges.len() > RANGES_MAX {
        let problem = format!("has {} ranges, the kernel takes at most {RANGES_MAX}", ranges.len());
        return Err(Invalid::value(pointer, problem).advise("join neighbouring ranges"));
    }
    for (index, range) in ranges.iter().enumerate() {
        let at = || format!("{pointer}/{index}");
        if range.size == 0 {
            return Err(Invalid::value(format!("{}/size", at()), "must be at least 1, is 0"));
        }
        // 2^32 - 1 is no id: it means "leave as it is" to setuid(2).
        let fits = |first: u32| first.checked_add(range.size).is_some();
        if !fits(range.container_id) || !fits(range.host_id) {
            return Err(Invalid::value(at(), "reaches beyond the last id, 4294967294"));
        }
        let overlaps = |a: u32, b: u32, b_size: u32| a < b + b_size && b < a + range.size;
        let other = ranges.iter().take(index).position(|earlier| {
            overlaps(range.container_id, earlier.container_id, earlier.size)
                || overlaps(range.host_id, earlier.host_id, earlier.size)
        });
        if let Some(other) = other {
            return Err(Invalid::conflict(at(), format!("overlaps with entry {other}")));
        }
    }
    Ok(())
}

/// crun's `idmap=uids=A-B-C#A-B-C;gids=A-B-C`: ids A and following of the file system are ids B and following on the
/// host, C of them. `@` before A: B is an id of the container, to be looked up in `container`.
pub(super) fn parse_option(text: &str, container: Option<&IdMaps>, pointer: &str) -> Result<IdMaps, Invalid> {
    let mut maps = IdMaps::default();
    for part in text.split(';').filter(|part| !part.is_empty()) {
        let (ranges, list, of) = match part.split_once('=') {
            Some(("uids", list)) => (&mut maps.uids, list, container.map(|maps| &maps.uids)),
            Some(("gids", list)) => (&mut maps.gids, list, container.map(|maps| &maps.gids)),
            _ => return Err(unreadable(part, pointer)),
        };
        for range in list.split('#').filter(|range| !range.is_empty()) {
            ranges.push(parse_range(range, of.map_or(&[], Vec::as_slice), pointer)?);
        }
    }
    check(&maps.uids, pointer)?;
    check(&maps.gids, pointer)?;
    Ok(maps)
}

fn parse_range(text: &str, container: &[IdMap], pointer: &str) -> Result<IdMap, Invalid> {
    let digits = text.strip_prefix('@').unwrap_or(text);
    let numbers: Vec<u32> =
        digits.split('-').map(str::parse).collect::<Result<_, _>>().map_err(|_| unreadable(text, pointer))?;
    let &[container_id, host_id, size] = numbers.as_slice() else { return Err(unreadable(text, pointer)) };
    let mut range = IdMap { container_id, host_id, size };
    if digits.len() < text.len() {
        let home = container.iter().find(|home| {
            (home.container_id..home.container_id.saturating_add(home.size)).contains(&container_id)
        });
        let shifted = home.and_then(|home| {
            let shifted = i64::from(host_id) + i64::from(home.host_id) - i64::from(home.container_id);
            u32::try_from(shifted).ok()
        });
        range.host_id = shifted.ok_or_else(|| {
            Invalid::value(pointer, format!("{text:?} lies outside the container's own mapping"))
        })?;
    }
    Ok(range)
}

fn unreadable(text: &str, pointer: &str) -> Invalid {
    Invalid::value(pointer, format!("cannot read {text:?} as a mapping"))
        .advise("write for example idmap=uids=0-100000-65536;gids=0-100000-65536")
}
