//! The only `unsafe` of this crate: system calls that no ground crate wraps. Safe outside.

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;

/// Bytes of a slot: the longest request, a scrape of 74 hashes or an announce with options, and
/// one byte to know that a datagram was longer.
pub const SLOT_BYTES: usize = 2048;
/// Datagrams taken from one socket a tick; 64 slots of 2 KiB keep the receive ring within L2.
pub const DATAGRAMS_PER_TICK: usize = 64;

/// Room for one control message with the address a datagram was sent to, aligned as a `cmsghdr`.
type Control = [u64; 6];

/// Asks for the line of the processor's cache in which a value begins, without waiting for it.
#[inline]
pub fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint, which reads nothing and faults nowhere; every x86-64 has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ptr::from_ref(value).cast()) };
    }
    // Elsewhere the first read brings it.
    #[cfg(not(target_arch = "x86_64"))]
    std::hint::black_box(value);
}

/// Slots for the datagrams of one tick, and for sending answers to where they came from.
pub struct Datagrams {
    bytes: Box<[u8]>,
    names: Box<[libc::sockaddr_in6]>,
    controls: Box<[Control]>,
    iovecs: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    /// Control bytes received with each datagram; 0 where none were asked for.
    control_bytes: Box<[usize]>,
    lengths: Box<[usize]>,
    with_control: bool,
    sending: Sending,
}

/// The headers of one `sendmmsg`.
struct Sending {
    iovecs: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
}

// SAFETY: the raw pointers in the headers are set anew before each system call and are not used
// after it; between calls they are plain numbers.
unsafe impl Send for Datagrams {}

fn zeroed_boxes<T: Clone>(count: usize) -> Box<[T]> {
    // SAFETY: only used below for C structures of integers and pointers, for which zero is valid.
    let zero: T = unsafe { mem::zeroed() };
    vec![zero; count].into_boxed_slice()
}

impl Datagrams {
    /// Slots for one socket. `answer_from_asked`: the socket has been given to
    /// [`tell_destination`], and answers leave from the address that was asked.
    pub fn new(answer_from_asked: bool) -> Datagrams {
        Datagrams {
            bytes: vec![0; DATAGRAMS_PER_TICK * SLOT_BYTES].into_boxed_slice(),
            names: zeroed_boxes(DATAGRAMS_PER_TICK),
            controls: zeroed_boxes(DATAGRAMS_PER_TICK),
            iovecs: zeroed_boxes(DATAGRAMS_PER_TICK),
            headers: zeroed_boxes(DATAGRAMS_PER_TICK),
            control_bytes: vec![0; DATAGRAMS_PER_TICK].into_boxed_slice(),
            lengths: vec![0; DATAGRAMS_PER_TICK].into_boxed_slice(),
            with_control: answer_from_asked,
            sending: Sending {
                iovecs: zeroed_boxes(DATAGRAMS_PER_TICK),
                headers: zeroed_boxes(DATAGRAMS_PER_TICK),
            },
        }
    }

    /// Takes what has arrived, without waiting; returns how many slots are filled. Fewer than
    /// [`DATAGRAMS_PER_TICK`]: the socket is drained.
    pub fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        for slot in 0..DATAGRAMS_PER_TICK {
            let bytes = &mut self.bytes[slot * SLOT_BYTES..(slot + 1) * SLOT_BYTES];
            self.iovecs[slot] = libc::iovec {
                iov_base: bytes.as_mut_ptr().cast(),
                iov_len: SLOT_BYTES,
            };
            let header = &mut self.headers[slot].msg_hdr;
            header.msg_name = ptr::from_mut(&mut self.names[slot]).cast();
            header.msg_namelen = mem::size_of::<libc::sockaddr_in6>() as libc::socklen_t;
            header.msg_iov = &mut self.iovecs[slot];
            header.msg_iovlen = 1;
            if self.with_control {
                header.msg_control = self.controls[slot].as_mut_ptr().cast();
                header.msg_controllen = mem::size_of::<Control>();
            }
        }
        // SAFETY: each header points to one name, one iovec with its slot of bytes and one control
        // buffer, all fields of `self` that outlive the call; the count is that of the headers.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                DATAGRAMS_PER_TICK as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        for slot in 0..received {
            let header = &self.headers[slot];
            self.lengths[slot] = header.msg_len as usize;
            let control_bytes = header.msg_hdr.msg_controllen;
            self.control_bytes[slot] = if self.with_control { control_bytes } else { 0 };
        }
        Ok(received)
    }

    /// The datagram in a slot; `None` where it was too long for any request.
    pub fn datagram(&self, slot: usize) -> Option<&[u8]> {
        let length = self.lengths[slot];
        (length < SLOT_BYTES).then(|| &self.bytes[slot * SLOT_BYTES..][..length])
    }

    /// Who sent the datagram in a slot.
    pub fn sender(&self, slot: usize) -> Option<SocketAddr> {
        let name = &self.names[slot];
        match i32::from(name.sin6_family) {
            libc::AF_INET6 => {
                let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
                Some((ip, u16::from_be(name.sin6_port)).into())
            }
            libc::AF_INET => {
                // SAFETY: the kernel wrote a `sockaddr_in` here, as the family says; it is smaller
                // than the `sockaddr_in6` it stands in and needs no stricter alignment.
                let name = unsafe { &*ptr::from_ref(name).cast::<libc::sockaddr_in>() };
                let ip = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
                Some((ip, u16::from_be(name.sin_port)).into())
            }
            _ => None,
        }
    }

    /// Sends answers, each to the sender of a slot; returns how many went out before the socket
    /// would not take more. An answer that cannot be sent at all (no route back) is skipped.
    pub fn send<'a>(
        &mut self,
        socket: &impl AsRawFd,
        answers: impl Iterator<Item = (usize, &'a [u8])>,
    ) -> usize {
        let mut count = 0;
        for (slot, bytes) in answers.take(DATAGRAMS_PER_TICK) {
            self.sending.iovecs[count] = libc::iovec {
                iov_base: bytes.as_ptr().cast_mut().cast(),
                iov_len: bytes.len(),
            };
            let (name_bytes, control) = self.return_address(slot);
            let header = &mut self.sending.headers[count].msg_hdr;
            header.msg_name = ptr::from_mut(&mut self.names[slot]).cast();
            header.msg_namelen = name_bytes;
            header.msg_iov = &mut self.sending.iovecs[count];
            header.msg_iovlen = 1;
            header.msg_control = match control {
                0 => ptr::null_mut(),
                _ => self.controls[slot].as_mut_ptr().cast(),
            };
            header.msg_controllen = control;
            count += 1;
        }
        self.sending.all(socket.as_raw_fd(), count)
    }

    /// Bytes of the name and of the control message that take an answer back.
    fn return_address(&mut self, slot: usize) -> (libc::socklen_t, usize) {
        let family = i32::from(self.names[slot].sin6_family);
        let name_bytes = match family {
            libc::AF_INET => mem::size_of::<libc::sockaddr_in>(),
            _ => mem::size_of::<libc::sockaddr_in6>(),
        };
        let mut control = self.control_bytes[slot];
        if control > 0 && !free_interface(&mut self.controls[slot], control) {
            control = 0;
        }
        (name_bytes as libc::socklen_t, control)
    }
}

/// Lets the answer leave through whichever interface leads back: the control message says through
/// which the question came. Link-local addresses mean nothing without theirs. False where there is
/// no such message.
fn free_interface(control: &mut Control, length: usize) -> bool {
    // SAFETY: a zeroed message header whose control fields are set below to a buffer that outlives
    // it; the CMSG macros read nothing else and stay within the length the kernel gave.
    unsafe {
        let mut header: libc::msghdr = mem::zeroed();
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = length.min(mem::size_of::<Control>()) as _;
        let message = libc::CMSG_FIRSTHDR(&header);
        if message.is_null() {
            return false;
        }
        match ((*message).cmsg_level, (*message).cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                let info = libc::CMSG_DATA(message).cast::<libc::in_pktinfo>();
                (*info).ipi_ifindex = 0;
                true
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let info = libc::CMSG_DATA(message).cast::<libc::in6_pktinfo>();
                let address = Ipv6Addr::from((*info).ipi6_addr.s6_addr);
                if !address.is_unicast_link_local() {
                    (*info).ipi6_ifindex = 0;
                }
                true
            }
            _ => false,
        }
    }
}

impl Sending {
    fn all(&mut self, socket: RawFd, count: usize) -> usize {
        let (mut at, mut sent) = (0, 0);
        while at < count {
            let rest = &mut self.headers[at..count];
            // SAFETY: the headers in `rest` were filled by `send` just now: names and controls are
            // fields of its `self`, the answers are borrowed for its duration.
            let result =
                unsafe { libc::sendmmsg(socket, rest.as_mut_ptr(), rest.len() as libc::c_uint, 0) };
            if let Ok(taken @ 1..) = usize::try_from(result) {
                at += taken;
                sent += taken;
                continue;
            }
            match io::Error::last_os_error().kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => break,
                _ => at += 1,
            }
        }
        sent
    }
}

/// Asks the kernel to tell with each datagram to which of this host's addresses it was sent, so
/// that the answer can come from there (`IP_PKTINFO`, `IPV6_RECVPKTINFO`).
pub fn tell_destination(socket: &impl AsRawFd, address: &IpAddr) -> io::Result<()> {
    let (level, option) = match address {
        IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    };
    let on: libc::c_int = 1;
    // SAFETY: the option's value is an int, which lives through the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            ptr::from_ref(&on).cast(),
            mem::size_of_val(&on) as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Raises the number of descriptors this process may have to what the system allows it; returns
/// that number.
pub fn raise_descriptor_limit() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both calls get a valid `rlimit` that lives through them.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) != 0 {
            return 1024;
        }
        let raised = libc::rlimit {
            rlim_cur: limit.rlim_max,
            ..limit
        };
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raised) == 0 {
            limit = raised;
        }
    }
    limit.rlim_cur
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    fn sockets(bind: &str, server: &str) -> (UdpSocket, UdpSocket) {
        let to = UdpSocket::bind(bind).expect("a socket");
        let from =
            UdpSocket::bind((server.parse::<IpAddr>().expect("an address"), 0)).expect("one");
        let port = to.local_addr().expect("an address").port();
        from.connect((server.parse::<IpAddr>().expect("an address"), port))
            .expect("connected");
        (from, to)
    }

    #[test]
    fn answers_go_back_to_the_sender_from_the_address_asked() {
        for (bind, asked) in [
            ("0.0.0.0:0", "127.0.0.3"),
            ("[::]:0", "::1"),
            ("127.0.0.1:0", "127.0.0.1"),
        ] {
            let (client, server) = sockets(bind, asked);
            let wildcard = server
                .local_addr()
                .expect("an address")
                .ip()
                .is_unspecified();
            if wildcard {
                tell_destination(&server, &asked.parse().expect("an address")).expect("told");
            }
            let mut datagrams = Datagrams::new(wildcard);
            client.send(b"question").expect("sent");
            client.send(&[0; SLOT_BYTES + 1]).expect("sent");
            assert_eq!(datagrams.receive(&server).expect("received"), 2);
            assert_eq!(datagrams.datagram(0), Some(b"question".as_slice()));
            assert_eq!(datagrams.datagram(1), None, "too long");
            assert_eq!(datagrams.sender(0), client.local_addr().ok());
            let answers = [(0, b"answer".as_slice()), (0, b"again".as_slice())];
            assert_eq!(datagrams.send(&server, answers.into_iter()), 2);
            // The client is connected: it hears only the address it asked.
            let mut heard = [0; 16];
            assert_eq!(client.recv(&mut heard).expect("an answer"), 6);
            assert_eq!(client.recv(&mut heard).expect("an answer"), 5);
            let empty = datagrams.receive(&server);
            assert!(server.set_nonblocking(true).is_ok());
            assert_eq!(
                empty.expect_err("drained").kind(),
                io::ErrorKind::WouldBlock
            );
        }
    }

    #[test]
    fn an_answer_without_a_way_back_does_not_hold_up_the_others() {
        let (client, server) = sockets("127.0.0.1:0", "127.0.0.1");
        let mut datagrams = Datagrams::new(false);
        client.send(b"a").expect("sent");
        client.send(b"b").expect("sent");
        assert_eq!(datagrams.receive(&server).expect("received"), 2);
        // Port 0 cannot be sent to.
        datagrams.names[0].sin6_port = 0;
        let answers = [(0, b"lost".as_slice()), (1, b"found".as_slice())];
        assert_eq!(datagrams.send(&server, answers.into_iter()), 1);
        let mut heard = [0; 16];
        assert_eq!(client.recv(&mut heard).expect("an answer"), 5);
    }

    #[test]
    fn the_descriptor_limit_is_at_least_what_it_was() {
        let first = raise_descriptor_limit();
        assert!(first >= 64);
        assert_eq!(raise_descriptor_limit(), first);
    }
}
