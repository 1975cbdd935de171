//! What the last steps are called, those of the stage before and after the gate: what is wrong with a program, a working
//! directory or a hook.
//!
//! Called by `steps` and, through [`after_gate`], by `cmd::start`, which has no plan.

use super::steps::Failed;
use crate::sys::error::{describe, errno, reason};
use crate::wire::{Detail, Failure, Step};

/// A failed step after the gate, in words: `start` has no plan.
pub fn after_gate(program: &str, failure: &Failure) -> Failed {
    last_steps(program, failure).unwrap_or_else(|| {
        let (code, doing) = match failure.step {
            Step::Seccomp => ("seccomp", "load the seccomp filter".to_string()),
            Step::Limits => ("attribute", "set a limit of process.rlimits".to_string()),
            other => ("birth", format!("{other:?}")),
        };
        let mut failed = Failed::new(
            code,
            &format!("{:?}", failure.step),
            format!("{doing}: {}", describe(failure.errno)),
        );
        failed.errno = Some(failure.errno);
        failed
    })
}

pub(super) fn last_steps(program: &str, failure: &Failure) -> Option<Failed> {
    let about = &failure.object;
    let (code, why, advice): (_, String, &str) = match (failure.step, failure.detail) {
        (Step::Chdir, Detail::OutsideRoot) => {
            let message =
                "enter the working directory: it is outside of the container's root file system".to_string();
            return Some(Failed::new("working-directory", "Chdir", message).at("/process/cwd".to_string()));
        }
        (Step::CreateContainerHook | Step::StartContainerHook, detail) if detail != Detail::None => {
            return Some(hook_failed(failure));
        }
        (Step::Lookup, Detail::NoProcess) => {
            let message = "process is not set: there is nothing to start".to_string();
            let failed = Failed::new("program-not-found", "Lookup", message).at("/process".to_string());
            return Some(
                failed.advise("say what to run, with process.args and process.cwd, and create it again"),
            );
        }
        (Step::Lookup, Detail::NotInPath) => (
            "program-not-found",
            "executable file not found in $PATH".to_string(),
            "check the name and the PATH of its environment, or give an absolute path",
        ),
        (Step::Lookup, Detail::NotExecutable) => (
            "program-not-executable",
            "permission denied: the container's user may not execute it".to_string(),
            "chmod +x, or another process.user",
        ),
        (Step::Lookup, Detail::IsDirectory) => (
            "program-not-executable",
            "is a directory: permission denied".to_string(),
            "name a program in process.args",
        ),
        (Step::Exec, Detail::MissingElfInterpreter) => (
            "program-interpreter",
            format!(
                "no such file or directory: its ELF interpreter (dynamic loader) {about} is missing in the container"
            ),
            "add the loader and libraries of the program's distribution, or use a static program",
        ),
        (Step::Exec, Detail::MissingScriptInterpreter) => (
            "program-interpreter",
            format!(
                "no such file or directory: the interpreter {about:?} of its first line is missing in the container"
            ),
            if about.ends_with('\r') {
                "the script has Windows line ends: convert them"
            } else {
                "install the interpreter, or correct the first line"
            },
        ),
        (Step::Exec, Detail::WrongArchitecture) => (
            "program-format",
            format!("exec format error: it is built for {}", machine(about)),
            "use an image for this machine, or register an emulator with binfmt_misc",
        ),
        (Step::Exec, Detail::UnknownFormat) => (
            "program-format",
            "exec format error: neither an ELF program nor a script that begins with #!".to_string(),
            "name an interpreter: args [\"sh\", \"FILE\"]",
        ),
        (Step::Lookup | Step::Exec, Detail::NoexecMount) => (
            "program-noexec",
            "permission denied: it lies on a mount with noexec".to_string(),
            "mount it with exec",
        ),
        (Step::Lookup | Step::Exec, _) => {
            let code = match failure.errno {
                errno::ENOENT | errno::ENOTDIR => "program-not-found",
                errno::ENOEXEC => "program-format",
                _ => "program-not-executable",
            };
            (code, reason(failure.errno), "")
        }
        _ => return None,
    };
    let message = format!("exec: {program:?}: {why}");
    let mut failed = Failed::new(code, &format!("{:?}", failure.step), message)
        .at("/process/args/0".to_string())
        .advise(advice);
    failed.errno = Some(failure.errno);
    failed.object = program.to_string();
    Some(failed)
}

fn hook_failed(failure: &Failure) -> Failed {
    let moment = if failure.step == Step::StartContainerHook { "startContainer" } else { "createContainer" };
    let index = failure.index.unwrap_or(0);
    let how = match failure.detail {
        Detail::HookSignal => format!("ended by signal {}", failure.errno),
        Detail::HookTimeout => format!("ran past its timeout of {} s and was killed", failure.errno),
        _ => format!("exit status {}", failure.errno),
    };
    let said = failure.object.trim().replace('\n', " | ");
    let said = if said.is_empty() { String::new() } else { format!(", output: {said}") };
    Failed::new("container-hook", moment, format!("{moment} hook #{index}: {how}{said}"))
        .at(format!("/hooks/{moment}/{index}"))
}

/// The name of an ELF e_machine number (elf(5)).
fn machine(number: &str) -> String {
    let name = match number {
        "3" => "i386",
        "8" => "MIPS",
        "20" => "PowerPC",
        "21" => "PowerPC 64",
        "22" => "s390x",
        "40" => "ARM",
        "62" => "x86-64",
        "183" => "aarch64",
        "243" => "RISC-V",
        "258" => "LoongArch",
        other => return format!("another machine (ELF e_machine {other})"),
    };
    name.to_string()
}
