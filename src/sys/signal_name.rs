//! Names of signals (signal(7)) to their numbers on this architecture, and back.
//!
//! Called by `cmd::kill`, `cmd::wait`, and for messages.

/// SIGKILL: ends a process whatever it does.
pub const KILL: i32 = libc::SIGKILL;
/// SIGTERM: asks it to end.
pub const TERM: i32 = libc::SIGTERM;
/// The first real-time signal of the kernel's numbering that programs may use, as callers of runtimes count it (the C
/// libraries take 32 to 33 or 34 for themselves).
const FIRST_REAL_TIME: i32 = 34;
/// The highest signal number.
pub const LAST: i32 = 64;

const NAMES: &[(&str, i32)] = &[
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("ILL", libc::SIGILL),
    ("TRAP", libc::SIGTRAP),
    ("ABRT", libc::SIGABRT),
    ("IOT", libc::SIGIOT),
    ("BUS", libc::SIGBUS),
    ("FPE", libc::SIGFPE),
    ("KILL", libc::SIGKILL),
    ("USR1", libc::SIGUSR1),
    ("SEGV", libc::SIGSEGV),
    ("USR2", libc::SIGUSR2),
    ("PIPE", libc::SIGPIPE),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    ("CHLD", libc::SIGCHLD),
    ("CLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("STOP", libc::SIGSTOP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
    ("IO", libc::SIGIO),
    ("POLL", libc::SIGPOLL),
    ("PWR", libc::SIGPWR),
    ("SYS", libc::SIGSYS),
];

/// The number of a signal's name, in any case, with or without `SIG`; `RTMIN`, `RTMIN+3` and `RTMAX-2` too.
pub fn number(name: &str) -> Option<i32> {
    let name = name.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    if let Some((_, number)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some(*number);
    }
    let (base, offset) = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) => (FIRST_REAL_TIME, offset(rest, '+')?),
        (_, Some(rest)) => (LAST, -offset(rest, '-')?),
        _ => return None,
    };
    Some(base + offset).filter(|number| (FIRST_REAL_TIME..=LAST).contains(number))
}

/// The name of a signal's number, without `SIG`; `RTMIN+1` for the real-time ones. None: it has none.
pub fn name(number: i32) -> Option<String> {
    if let Some((name, _)) = NAMES.iter().find(|(_, known)| *known == number) {
        return Some((*name).to_string());
    }
    let above =
        number.checked_sub(FIRST_REAL_TIME).filter(|above| (0..=LAST - FIRST_REAL_TIME).contains(above))?;
    Some(if above == 0 { "RTMIN".to_string() } else { format!("RTMIN+{above}") })
}

fn offset(text: &str, sign: char) -> Option<i32> {
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.strip_prefix(sign)?;
    if digits.is_empty() || digits.len() > 2 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}
