//! rtnetlink(7): looking up, moving, addressing and raising network interfaces, one request at a time.
//!
//! Called by `launch::net` (interfaces that move) and by the child (its own loopback). The messages are encoded and
//! parsed by neli; the socket is ours. Says nothing about which interface should go where.

use super::{Result, SysError};
use neli::consts::nl::{NlmF, Nlmsg};
use neli::consts::rtnl::{Ifa, IfaF, Iff, Ifla, RtAddrFamily, RtScope, Rtm};
use neli::nl::{NlPayload, Nlmsghdr, NlmsghdrBuilder};
use neli::rtnl::{Ifaddrmsg, IfaddrmsgBuilder, Ifinfomsg, IfinfomsgBuilder, Rtattr, RtattrBuilder};
use neli::types::{Buffer, RtBuffer};
use neli::{FromBytes, FromBytesWithInput, Size, ToBytes};
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use std::io::Cursor;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// The longest interface name (IFNAMSIZ without its NUL).
pub const NAME_BYTES_MAX: usize = 15;

/// The kernel's answers to a dump are at most this long (32 KiB since Linux 4.4).
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// Flags of an address that user space may set (net/ipv4/devinet.c, net/ipv6/addrconf.c): NODAD, HOMEADDRESS,
/// MANAGETEMPADDR, NOPREFIXROUTE, MCAUTOJOIN. The others describe, and the kernel sets them itself.
const SETTABLE_ADDRESS_FLAGS: u32 = 0x02 | 0x10 | 0x100 | 0x200 | 0x400;

/// IFA_RT_PRIORITY: the metric of the prefix route (Linux 4.18).
const IFA_RT_PRIORITY: u16 = 9;

/// An interface, as far as we look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Its number in its network namespace.
    pub index: u32,
    /// Whether it is administratively up (IFF_UP).
    pub up: bool,
}

/// One address of an interface, as the kernel told it, so that it can be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// AF_INET or AF_INET6.
    family: u8,
    /// Bits of the network part.
    pub prefix_length: u8,
    /// The attributes that describe it: address, peer, broadcast, metric, flags.
    attributes: Vec<(u16, Vec<u8>)>,
}

impl Address {
    /// The address and its prefix, for messages: `192.0.2.1/24`.
    pub fn text(&self) -> String {
        let of = |kind: Ifa| {
            let kind = u16::from(kind);
            self.attributes.iter().find(|(k, _)| *k == kind).map(|(_, value)| value.as_slice())
        };
        let bytes = of(Ifa::Local).or(of(Ifa::Address)).unwrap_or_default();
        let address = match <[u8; 4]>::try_from(bytes) {
            Ok(v4) => std::net::IpAddr::from(v4).to_string(),
            Err(_) => {
                <[u8; 16]>::try_from(bytes).map_or("?".into(), |v6| std::net::IpAddr::from(v6).to_string())
            }
        };
        format!("{address}/{}", self.prefix_length)
    }
}

/// A route netlink socket. It speaks to the network namespace it was opened in, wherever the process goes later,
/// and keeps that namespace alive.
#[derive(Debug)]
pub struct Route {
    fd: OwnedFd,
    sequence: u32,
}

impl Route {
    /// A socket in the caller's network namespace.
    pub fn open() -> Result<Route> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            Some(SockProtocol::NetlinkRoute),
        )
        .map_err(|e| SysError::nix("socket", "AF_NETLINK NETLINK_ROUTE", e))?;
        Ok(Route { fd, sequence: 0 })
    }

    /// A socket in another network namespace: enters it, opens, comes back (setns(2)). The process must be
    /// single-threaded. Needs CAP_SYS_ADMIN in the user namespace that owns `netns`.
    pub fn open_in(netns: BorrowedFd<'_>) -> Result<Route> {
        let home = own_network_namespace()?;
        setns(netns, CloneFlags::CLONE_NEWNET)
            .map_err(|e| SysError::nix("setns", "the container's network", e))?;
        let route = Route::open();
        setns(&home, CloneFlags::CLONE_NEWNET).map_err(|e| SysError::nix("setns", "/proc/self/ns/net", e))?;
        route
    }

    /// The interface with that name; None if there is none.
    pub fn link(&mut self, name: &str) -> Result<Option<Link>> {
        let mut found = None;
        let request = link_message(0, Iff::empty(), vec![attribute(Ifla::Ifname, nul_terminated(name))?])?;
        let outcome = self.exchange(Rtm::Getlink, NlmF::ACK, request, name, |link: &Ifinfomsg| {
            let index = u32::try_from(*link.ifi_index()).unwrap_or_default();
            found = Some(Link { index, up: link.ifi_flags().contains(Iff::UP) });
        });
        match outcome {
            Err(e) if e.is(libc::ENODEV) => Ok(None),
            other => other.map(|()| found),
        }
    }

    /// The interface's permanent addresses of global scope, those that somebody set on purpose
    /// (IFA_F_PERMANENT and RT_SCOPE_UNIVERSE).
    pub fn permanent_addresses(&mut self, index: u32, name: &str) -> Result<Vec<Address>> {
        const ATTEMPTS: u32 = 8;
        for _ in 0..ATTEMPTS {
            let mut addresses = Vec::new();
            let request = address_message(libc::AF_UNSPEC as u8, 0, 0, Vec::new())?;
            let outcome = self.exchange(Rtm::Getaddr, NlmF::DUMP, request, name, |message: &Ifaddrmsg| {
                addresses.extend((*message.ifa_index() == index).then(|| permanent(message)).flatten());
            });
            match outcome {
                // The kernel says so when somebody changed an address while it was listing them.
                Err(e) if e.is(libc::EINTR) => {}
                other => return other.map(|()| addresses),
            }
        }
        Err(SysError::new("rtnetlink RTM_GETADDR", name, libc::EAGAIN))
    }

    /// Moves the interface into another network namespace and gives it a name there, in one step. Its addresses
    /// and routes are lost and it is down afterwards; its index may change.
    pub fn move_link(&mut self, index: u32, name: &str, netns: BorrowedFd<'_>, new_name: &str) -> Result<()> {
        let netns = netns.as_raw_fd().to_ne_bytes().to_vec();
        let attributes =
            vec![attribute(Ifla::NetNsFd, netns)?, attribute(Ifla::Ifname, nul_terminated(new_name))?];
        let request = link_message(index, Iff::empty(), attributes)?;
        self.exchange(Rtm::Newlink, NlmF::ACK, request, name, |_: &Ifinfomsg| {})
    }

    /// Renames an interface that is down; one `%d` in the name is replaced by the first free number.
    pub fn rename_link(&mut self, index: u32, name: &str, new_name: &str) -> Result<()> {
        let request =
            link_message(index, Iff::empty(), vec![attribute(Ifla::Ifname, nul_terminated(new_name))?])?;
        self.exchange(Rtm::Newlink, NlmF::ACK, request, name, |_: &Ifinfomsg| {})
    }

    /// Sets IFF_UP.
    pub fn raise_link(&mut self, index: u32, name: &str) -> Result<()> {
        let request = link_message(index, Iff::UP, Vec::new())?;
        self.exchange(Rtm::Newlink, NlmF::ACK, request, name, |_: &Ifinfomsg| {})
    }

    /// Gives the interface an address.
    pub fn add_address(&mut self, index: u32, address: &Address) -> Result<()> {
        let attributes =
            address.attributes.iter().map(|(kind, value)| attribute(Ifa::from(*kind), value.clone()));
        let attributes = attributes.collect::<Result<Vec<_>>>()?;
        let request = address_message(address.family, address.prefix_length, index, attributes)?;
        let flags = NlmF::ACK | NlmF::CREATE | NlmF::EXCL;
        self.exchange(Rtm::Newaddr, flags, request, &address.text(), |_: &Ifaddrmsg| {})
    }

    /// Sends one request and reads until the kernel has acknowledged it, refused it, or listed everything.
    fn exchange<M>(
        &mut self,
        kind: Rtm,
        flags: NlmF,
        request: M,
        object: &str,
        mut each: impl FnMut(&M),
    ) -> Result<()>
    where
        M: Size + ToBytes + FromBytesWithInput<Input = usize>,
    {
        let call = call_name(kind);
        self.sequence += 1;
        let message = encode(kind, flags | NlmF::REQUEST, self.sequence, request)?;
        send(self.fd.as_raw_fd(), &message, MsgFlags::empty()).map_err(|e| SysError::nix(call, object, e))?;
        let mut reply = vec![0u8; REPLY_BYTES_MAX];
        loop {
            let length = match recv(self.fd.as_raw_fd(), &mut reply, MsgFlags::MSG_TRUNC) {
                Err(nix::errno::Errno::EINTR) => continue,
                other => other.map_err(|e| SysError::nix(call, object, e))?,
            };
            let data = reply.get(..length).ok_or_else(|| SysError::new(call, object, libc::EMSGSIZE))?;
            match read_replies(data, self.sequence, &mut each) {
                Ok(More::Expected) => {}
                Ok(More::Done) => return Ok(()),
                Err(errno) => return Err(SysError::new(call, object, errno)),
            }
        }
    }
}

/// Whether the kernel has more to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    Expected,
    Done,
}

/// Reads the messages of one datagram that answer request `sequence`; the error is an errno.
fn read_replies<M>(data: &[u8], sequence: u32, each: &mut impl FnMut(&M)) -> std::result::Result<More, i32>
where
    M: Size + FromBytesWithInput<Input = usize>,
{
    let mut cursor = Cursor::new(data);
    while cursor.position() < data.len() as u64 {
        let message = Nlmsghdr::<u16, M>::from_bytes(&mut cursor).map_err(|_| libc::EBADMSG)?;
        if *message.nl_seq() != sequence {
            continue;
        }
        if message.nl_flags().contains(NlmF::DUMP_INTR) {
            return Err(libc::EINTR);
        }
        if *message.nl_type() == u16::from(Nlmsg::Done) {
            return Ok(More::Done);
        }
        match message.nl_payload() {
            NlPayload::Payload(payload) => each(payload),
            NlPayload::Err(refused) => return Err(-*refused.error()),
            NlPayload::Ack(_) | NlPayload::DumpExtAck(_) => return Ok(More::Done),
            NlPayload::Empty => {}
        }
    }
    Ok(More::Expected)
}

fn call_name(kind: Rtm) -> &'static str {
    match kind {
        Rtm::Getlink => "rtnetlink RTM_GETLINK",
        Rtm::Newlink => "rtnetlink RTM_NEWLINK",
        Rtm::Getaddr => "rtnetlink RTM_GETADDR",
        Rtm::Newaddr => "rtnetlink RTM_NEWADDR",
        _ => "rtnetlink",
    }
}

/// A whole request, header and all.
fn encode<M: Size + ToBytes>(kind: Rtm, flags: NlmF, sequence: u32, payload: M) -> Result<Vec<u8>> {
    let message = NlmsghdrBuilder::default()
        .nl_type(u16::from(kind))
        .nl_flags(flags)
        .nl_seq(sequence)
        .nl_payload(NlPayload::Payload(payload))
        .build()
        .map_err(|_| malformed())?;
    let mut bytes = Cursor::new(Vec::new());
    message.to_bytes(&mut bytes).map_err(|_| malformed())?;
    Ok(bytes.into_inner())
}

/// What an incomplete message would be: a fault of this file, never of the caller.
fn malformed() -> SysError {
    SysError::new("rtnetlink", "own request", libc::EBADMSG)
}

fn link_message(index: u32, flags: Iff, attributes: Vec<Rtattr<Ifla, Buffer>>) -> Result<Ifinfomsg> {
    IfinfomsgBuilder::default()
        .ifi_family(RtAddrFamily::Unspecified)
        .ifi_index(i32::try_from(index).map_err(|_| malformed())?)
        .ifi_flags(flags)
        .ifi_change(flags)
        .rtattrs(RtBuffer::from_iter(attributes))
        .build()
        .map_err(|_| malformed())
}

fn address_message(
    family: u8,
    prefix_length: u8,
    index: u32,
    attributes: Vec<Rtattr<Ifa, Buffer>>,
) -> Result<Ifaddrmsg> {
    IfaddrmsgBuilder::default()
        .ifa_family(RtAddrFamily::from(family))
        .ifa_prefixlen(prefix_length)
        .ifa_scope(RtScope::Universe)
        .ifa_index(index)
        .rtattrs(RtBuffer::from_iter(attributes))
        .build()
        .map_err(|_| malformed())
}

fn attribute<T: neli::consts::rtnl::RtaType>(kind: T, value: Vec<u8>) -> Result<Rtattr<T, Buffer>> {
    RtattrBuilder::default().rta_type(kind).rta_payload(Buffer::from(value)).build().map_err(|_| malformed())
}

fn nul_terminated(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// The address in a message, if it is permanent and of global scope. The label is left out: it repeats the
/// interface's old name, and the kernel gives the new one.
fn permanent(message: &Ifaddrmsg) -> Option<Address> {
    let mut flags = u32::from(message.ifa_flags().bits());
    let mut attributes = Vec::new();
    for attribute in message.rtattrs().iter() {
        let (kind, value) = (u16::from(*attribute.rta_type()), attribute.rta_payload().as_ref());
        if kind == u16::from(Ifa::Flags) {
            // The header has room for eight flags only; this attribute has them all (Linux 3.14).
            flags = u32::from_ne_bytes(value.try_into().ok()?);
        } else if [u16::from(Ifa::Address), u16::from(Ifa::Local), u16::from(Ifa::Broadcast), IFA_RT_PRIORITY]
            .contains(&kind)
        {
            attributes.push((kind, value.to_vec()));
        }
    }
    let permanent = flags & u32::from(IfaF::PERMANENT.bits()) != 0;
    if !permanent || *message.ifa_scope() != RtScope::Universe {
        return None;
    }
    attributes.push((u16::from(Ifa::Flags), (flags & SETTABLE_ADDRESS_FLAGS).to_ne_bytes().to_vec()));
    Some(Address {
        family: u8::from(*message.ifa_family()),
        prefix_length: *message.ifa_prefixlen(),
        attributes,
    })
}

/// The caller's network namespace, as a descriptor.
pub fn own_network_namespace() -> Result<OwnedFd> {
    use nix::fcntl::{OFlag, open};
    open("/proc/self/ns/net", OFlag::O_RDONLY | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty())
        .map_err(|e| SysError::nix("open", "/proc/self/ns/net", e))
}

/// Raises `lo` in the caller's network namespace (netdevice(7), SIOCSIFFLAGS): in a new namespace it is down.
/// One ioctl on a datagram socket, as that is cheaper in the child than a netlink exchange.
pub fn loopback_up() -> Result<()> {
    let fail = |e| SysError::nix("socket", "AF_INET SOCK_DGRAM", e);
    let socket =
        socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).map_err(fail)?;
    // SAFETY: an all-zero ifreq is a valid one: plain bytes and integers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: `request` is an initialised ifreq that outlives the call, which reads its name and flags only.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &request) } {
        -1 => Err(SysError::last("ioctl SIOCSIFFLAGS", "lo")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_names_the_namespace_and_the_new_name() {
        let attributes = vec![
            attribute(Ifla::NetNsFd, 7u32.to_ne_bytes().to_vec()).unwrap(),
            attribute(Ifla::Ifname, nul_terminated("net0")).unwrap(),
        ];
        let request = link_message(3, Iff::empty(), attributes).unwrap();
        let bytes = encode(Rtm::Newlink, NlmF::REQUEST | NlmF::ACK, 1, request).unwrap();
        let expected: Vec<u8> = [
            &52u32.to_ne_bytes()[..], // struct nlmsghdr: length, type, flags, sequence, port
            &16u16.to_ne_bytes(),
            &5u16.to_ne_bytes(),
            &1u32.to_ne_bytes(),
            &0u32.to_ne_bytes(),
            &[0; 4], // struct ifinfomsg: family, padding, type, index, flags, change
            &3u32.to_ne_bytes(),
            &[0; 8],
            &[8, 0, 28, 0], // IFLA_NET_NS_FD
            &7u32.to_ne_bytes(),
            &[9, 0, 3, 0], // IFLA_IFNAME
            b"net0\0\0\0\0",
        ]
        .concat();
        assert_eq!(bytes, expected);
    }

    fn told(flags: u8, scope: RtScope, attributes: Vec<Rtattr<Ifa, Buffer>>) -> Ifaddrmsg {
        IfaddrmsgBuilder::default()
            .ifa_family(RtAddrFamily::Inet)
            .ifa_prefixlen(24)
            .ifa_flags(IfaF::from_bits_retain(flags))
            .ifa_scope(scope)
            .ifa_index(2)
            .rtattrs(RtBuffer::from_iter(attributes))
            .build()
            .unwrap()
    }

    fn local() -> Rtattr<Ifa, Buffer> {
        attribute(Ifa::Local, vec![192, 0, 2, 1]).unwrap()
    }

    #[test]
    fn a_permanent_global_address_is_kept_and_its_label_is_not() {
        let label = attribute(Ifa::Label, nul_terminated("eth0")).unwrap();
        let message = told(libc::IFA_F_PERMANENT as u8, RtScope::Universe, vec![local(), label]);
        let address = permanent(&message).unwrap();
        assert_eq!(address.text(), "192.0.2.1/24");
        let kinds: Vec<u16> = address.attributes.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [u16::from(Ifa::Local), u16::from(Ifa::Flags)]);
    }

    #[test]
    fn a_dynamic_or_link_local_address_is_left_behind() {
        assert_eq!(permanent(&told(0, RtScope::Universe, vec![local()])), None);
        assert_eq!(permanent(&told(libc::IFA_F_PERMANENT as u8, RtScope::Link, vec![local()])), None);
    }

    #[test]
    fn the_long_flags_attribute_wins_over_the_short_one() {
        let flags = attribute(Ifa::Flags, (libc::IFA_F_PERMANENT | 0x200).to_ne_bytes().to_vec()).unwrap();
        let address = permanent(&told(0, RtScope::Universe, vec![local(), flags])).unwrap();
        assert_eq!(address.attributes.last().unwrap().1, 0x200u32.to_ne_bytes());
    }

    #[test]
    fn a_refusal_is_an_errno_and_another_ones_answer_is_skipped() {
        let refusal = |sequence: u32| -> Vec<u8> {
            let request =
                encode(Rtm::Newlink, NlmF::REQUEST, sequence, link_message(1, Iff::UP, Vec::new()).unwrap());
            let request = request.unwrap();
            let length = (16 + 4 + request.len()) as u32;
            [
                &length.to_ne_bytes()[..],
                &2u16.to_ne_bytes(),
                &0u16.to_ne_bytes(),
                &sequence.to_ne_bytes(),
                &0u32.to_ne_bytes(),
                &(-libc::EPERM).to_ne_bytes(),
                &request,
            ]
            .concat()
        };
        let mut each = |_: &Ifinfomsg| panic!("no payload was sent");
        assert_eq!(read_replies(&refusal(5), 5, &mut each), Err(libc::EPERM));
        assert_eq!(read_replies(&refusal(4), 5, &mut each), Ok(More::Expected));
    }
}
