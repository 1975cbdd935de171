//! Classic BPF as the kernel runs it for seccomp(2): the checks of bpf_check_classic and seccomp_check_filter, then
//! the machine. Knows nothing of the compiler under test.

use tare::plan::seccomp::Instruction;

/// struct seccomp_data as the words a filter can load, in the byte order of `arch`.
#[derive(Debug, Clone, Copy)]
pub struct Data {
    words: [u32; 16],
}

impl Data {
    /// A call as the kernel describes it. AUDIT_ARCH_* values carry their byte order in bit 30.
    pub fn new(arch: u32, nr: u32, args: [u64; 6]) -> Data {
        let mut words = [0; 16];
        words[0] = nr;
        words[1] = arch;
        for (index, arg) in args.into_iter().enumerate() {
            let (low, high) = (arg as u32, (arg >> 32) as u32);
            let halves = if arch & 0x4000_0000 == 0 { [high, low] } else { [low, high] };
            words[4 + 2 * index..6 + 2 * index].copy_from_slice(&halves);
        }
        Data { words }
    }
}

/// What the kernel refuses with EINVAL.
pub fn check(program: &[Instruction]) -> Result<(), String> {
    if program.is_empty() || program.len() > 4096 {
        return Err(format!("{} instructions", program.len()));
    }
    let last = program.len() - 1;
    for (at, Instruction { code, jt, jf, k }) in program.iter().enumerate() {
        let inside = |distance: u64| at as u64 + 1 + distance <= last as u64;
        let fine = match code {
            0x20 => k % 4 == 0 && *k < 64,
            0x80 | 0x81 | 0x00 | 0x01 | 0x06 | 0x16 | 0x07 | 0x87 => true,
            0x60..=0x63 | 0x02 | 0x03 => *k < 16,
            0x34 => *k != 0,
            0x64 | 0x74 => *k < 32,
            0x04 | 0x0c | 0x14 | 0x1c | 0x24 | 0x2c | 0x3c | 0x44 | 0x4c | 0x54 | 0x5c | 0x6c | 0x7c
            | 0x84 | 0xa4 | 0xac => true,
            0x05 => inside(u64::from(*k)),
            0x15 | 0x1d | 0x25 | 0x2d | 0x35 | 0x3d | 0x45 | 0x4d => {
                inside(u64::from(*jt)) && inside(u64::from(*jf))
            }
            _ => false,
        };
        if !fine {
            return Err(format!("instruction {at}: {code:#x} {jt} {jf} {k:#x}"));
        }
    }
    match program[last].code {
        0x06 | 0x16 => Ok(()),
        _ => Err("does not end with a return".to_owned()),
    }
}

/// The value that a checked program returns for a call, and the number of instructions it took.
pub fn run(program: &[Instruction], data: &Data) -> (u32, usize) {
    let (mut a, mut x, mut memory) = (0u32, 0u32, [0u32; 16]);
    let (mut at, mut steps) = (0, 0);
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        at += 1;
        steps += 1;
        let source = if code & 0x08 == 0 { k } else { x };
        match code {
            0x20 => a = data.words[k as usize / 4],
            0x80 => a = 64,
            0x81 => x = 64,
            0x00 => a = k,
            0x01 => x = k,
            0x60 => a = memory[k as usize],
            0x61 => x = memory[k as usize],
            0x02 => memory[k as usize] = a,
            0x03 => memory[k as usize] = x,
            0x04 | 0x0c => a = a.wrapping_add(source),
            0x14 | 0x1c => a = a.wrapping_sub(source),
            0x24 | 0x2c => a = a.wrapping_mul(source),
            0x34 | 0x3c if source == 0 => return (0, steps),
            0x34 | 0x3c => a /= source,
            0x44 | 0x4c => a |= source,
            0x54 | 0x5c => a &= source,
            0x64 | 0x6c => a = a.wrapping_shl(source),
            0x74 | 0x7c => a = a.wrapping_shr(source),
            0x84 => a = a.wrapping_neg(),
            0xa4 | 0xac => a ^= source,
            0x05 => at += k as usize,
            0x15 | 0x1d => at += usize::from(if a == source { jt } else { jf }),
            0x25 | 0x2d => at += usize::from(if a > source { jt } else { jf }),
            0x35 | 0x3d => at += usize::from(if a >= source { jt } else { jf }),
            0x45 | 0x4d => at += usize::from(if a & source != 0 { jt } else { jf }),
            0x06 => return (k, steps),
            0x16 => return (a, steps),
            0x07 => x = a,
            0x87 => a = x,
            _ => unreachable!("check refuses {code:#x}"),
        }
    }
}
