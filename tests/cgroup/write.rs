//! The writer.

use super::fake::Fake;
use tare::cgroup::Refusal;
use tare::cgroup::fs::{Tolerate, Write, write_all};
use tare::sys::dir::Dir;

fn write(fake: &Fake, writes: &[Write]) -> Result<(), Refusal> {
    write_all(&Dir::open(&fake.path("")).unwrap(), writes)
}

#[test]
fn a_missing_file_is_refused_with_file_value_and_pointer() {
    let fake = Fake::new();
    let missing = Write::new("memory.memsw.limit_in_bytes", 4096, "/linux/resources/memory/swap");
    let refusal = write(&fake, &[missing]).unwrap_err();
    let text = refusal.to_string();
    assert!(text.starts_with(&fake.path("memory.memsw.limit_in_bytes").display().to_string()), "{text}");
    assert!(text.contains("\"4096\"") && text.contains("config.json#/linux/resources/memory/swap"), "{text}");
    assert!(text.contains("swapaccount=1"), "{text}");
    assert_eq!(refusal.code, "cgroup-limit");
}

#[test]
fn a_file_that_may_be_missing_is_passed_over_and_one_of_two_is_taken() {
    let fake = Fake::new();
    fake.file("io.weight", "");
    let either =
        Write::new("io.bfq.weight", 10, "").tolerate(Tolerate::Or("io.weight".to_owned(), "1".to_owned()));
    write(&fake, &[Write::new("a", 1, "").tolerate(Tolerate::Missing), either.clone()]).unwrap();
    assert_eq!(fake.read("io.weight"), "1");
    fake.file("io.bfq.weight", "");
    write(&fake, &[either]).unwrap();
    assert_eq!(fake.read("io.bfq.weight"), "10");
}

#[test]
fn a_limit_below_what_is_in_use_is_refused_if_that_is_to_be_checked() {
    let fake = Fake::new();
    fake.file("memory.current", "5000\n").file("memory.max", "max\n");
    let mut limit = Write::new("memory.max", 4096, "/linux/resources/memory/limit");
    limit.not_below = Some(("memory.current", 4096));
    let text = write(&fake, &[limit.clone()]).unwrap_err().to_string();
    assert!(text.contains("more memory than that is in use"), "{text}");
    assert_eq!(fake.read("memory.max"), "max\n", "not written");
    limit.not_below = None;
    write(&fake, &[limit]).unwrap();
    assert!(fake.read("memory.max").starts_with("4096"));
}

#[test]
fn an_empty_value_reaches_the_file() {
    let fake = Fake::new();
    fake.file("cpuset.cpus", "");
    write(&fake, &[Write::new("cpuset.cpus", "", "")]).unwrap();
    assert_eq!(fake.read("cpuset.cpus"), "\n");
}

#[test]
fn a_partition_that_the_kernel_takes_and_does_not_make_is_refused_with_its_words() {
    let fake = Fake::new();
    let file = "cpuset.cpus.partition";
    fake.file(file, "member\n");
    // A file of this fake says what was written.
    write(&fake, &[Write::new(file, "isolated", "")]).unwrap();
    let said = "root invalid (Parent is not a partition root)";
    let pointer = "/linux/resources/unified/cpuset.cpus.partition";
    let text = write(&fake, &[Write::new(file, said, pointer)]).unwrap_err().to_string();
    assert!(text.contains(&format!("makes no such partition: it says \"{said}\"")), "{text}");
    assert!(text.contains(pointer), "{text}");
}
