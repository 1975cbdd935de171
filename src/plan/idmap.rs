//! `linux.uidMappings`, `gidMappings` -> what goes into uid_map and gid_map (user_namespaces(7)).

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
