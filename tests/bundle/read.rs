//! The file and its JSON: every failure has a code, a place and words of its own.

use crate::fixture::config;
use serde_json::json;
use std::path::{Path, PathBuf};
use tare::bundle::{Bundle, Invalid, code, pass_over};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("tare-test-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn write(&self, text: impl AsRef<[u8]>) {
        std::fs::write(self.0.join("config.json"), text).unwrap();
    }

    fn load(&self) -> Result<Bundle, Invalid> {
        Bundle::load(&self.0, "config.json", None)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
fn fails(result: Result<Bundle, Invalid>, code: &str, words: &str) {
    let error = result.expect_err("this must fail");
    assert_eq!(error.code, code, "{error}");
    assert!(error.to_string().contains(words), "{error}\ndoes not contain {words:?}");
}

#[test]
fn a_good_file_is_read_from_the_bundle() {
    let folder = Folder::new("good");
    folder.write(config(json!({})));
    assert_eq!(folder.load().unwrap().config.process.unwrap().args, ["sh"]);
}

#[test]
fn another_name_and_an_absolute_name_are_taken() {
    let folder = Folder::new("name");
    folder.write(config(json!({})));
    std::fs::rename(folder.0.join("config.json"), folder.0.join("other.json")).unwrap();
    Bundle::load(&folder.0, "other.json", None).unwrap();
    Bundle::load(Path::new("/nonexistent"), folder.0.join("other.json").to_str().unwrap(), None).unwrap();
}

#[test]
fn a_missing_config_says_which_file_and_what_to_do() {
    let folder = Folder::new("missing");
    fails(folder.load(), code::MISSING, "no such file or directory");
    fails(folder.load(), code::MISSING, "tare spec");
    fails(
        Bundle::load(Path::new("/nonexistent"), "config.json", None),
        code::MISSING,
        "/nonexistent/config.json",
    );
}

#[test]
fn a_directory_a_fifo_and_a_device_are_no_config_and_do_not_hang() {
    let folder = Folder::new("kinds");
    fails(Bundle::load(&folder.0, ".", None), code::UNREADABLE, "is a directory");
    fails(Bundle::load(Path::new("/dev"), "zero", None), code::UNREADABLE, "is not a regular file");
    let fifo = folder.0.join("config.json");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    fails(folder.load(), code::UNREADABLE, "is not a regular file");
}

#[test]
fn a_failed_read_is_told_in_the_same_words_with_every_c_library() {
    let folder = Folder::new("loop");
    std::os::unix::fs::symlink("config.json", folder.0.join("config.json")).unwrap();
    fails(folder.load(), code::UNREADABLE, "config.json: too many symbolic links encountered");
}

#[test]
fn a_file_above_the_cap_is_not_read() {
    let folder = Folder::new("large");
    folder.write(" ");
    let file = std::fs::OpenOptions::new().write(true).open(folder.0.join("config.json")).unwrap();
    file.set_len((16 << 20) + 1).unwrap();
    fails(folder.load(), code::UNREADABLE, "larger than 16 MiB");
}

#[test]
fn text_that_is_not_utf8_is_refused_with_its_place() {
    let folder = Folder::new("utf8");
    folder.write(b"{\n  \"a\": \"\xff\"}");
    fails(folder.load(), code::SYNTAX, "is not UTF-8 (line 2, column 9)");
}

#[test]
fn invalid_json_names_line_and_column() {
    for (text, words) in [
        ("", "EOF while parsing a value (line 1, column 0)"),
        ("{\n\"ociVersion\": \"1.3.0\",\n}", "(line 3, column 1)"),
        ("{\"ociVersion\": \"1.3.0\" \"root\"}", "(line 1, column 24)"),
        ("[\"1.3.0\"]", "invalid type: sequence, expected an object (line 1, column 0)"),
        ("\u{feff}{}", "expected value (line 1, column 1)"),
    ] {
        let error = Bundle::from_json(text).unwrap_err();
        assert!(error.to_string().contains(words), "{text:?}: {error}");
    }
}

#[test]
fn what_follows_the_document_is_refused() {
    let text = config(json!({})) + "\n{}";
    fails(Bundle::from_json(&text), code::SYNTAX, "something follows the JSON document (line 2, column 1)");
}

#[test]
fn parts_can_be_passed_over_and_nothing_else_changes() {
    let read = |text: &str| {
        let mut text = text.to_owned();
        pass_over(&mut text, &["seccomp", "mounts", "hostname"]);
        Bundle::from_json(text).unwrap().config
    };
    let profile = json!({"defaultAction": "SCMP_ACT_ALLOW"});
    let words = json!({"seccomp": "a word", "b": "seccomp"});
    let with = json!({
        "mounts": [{"destination": "/mounts", "source": "mounts"}],
        "hostname": "h",
        "linux": {"maskedPaths": ["seccomp"], "seccomp": profile, "mountLabel": "l"},
        "annotations": words
    });
    for text in [config(with.clone()), serde_json::to_string_pretty(&parsed(&config(with))).unwrap()] {
        let whole = Bundle::from_json(text.clone()).unwrap().config;
        assert!(whole.linux.unwrap().seccomp.is_some());
        assert_eq!(whole.mounts.len(), 1);
        let config = read(&text);
        assert!(config.mounts.is_empty());
        assert_eq!(config.hostname.as_deref(), Some("h"), "only objects and lists are passed over");
        let linux = config.linux.unwrap();
        assert!(linux.seccomp.is_none());
        assert_eq!(
            (linux.masked_paths, linux.mount_label),
            (vec!["seccomp".to_owned()], Some("l".to_owned()))
        );
        assert_eq!(config.annotations.len(), 2);
        assert_eq!(config.annotations["seccomp"], "a word");
    }
    let without = config(json!({"linux": {"seccomp": null}, "annotations": words}));
    assert_eq!(read(&without).annotations, Bundle::from_json(without.clone()).unwrap().config.annotations);
}

fn parsed(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let ignored = config(json!({})).replacen('{', &format!("{{\"unknown\": {deep},"), 1);
    Bundle::from_json(&ignored).unwrap();
    for field in ["mounts", "process", "linux", "annotations"] {
        let text = format!("{{\"ociVersion\": \"1.3.0\", \"{field}\": {deep}}}");
        fails(Bundle::from_json(&text), code::TYPE, "invalid type");
    }
}

#[test]
fn a_wrong_type_has_its_pointer_and_its_place() {
    let text = "{\"ociVersion\": \"1.3.0\",\n \"process\": {\"cwd\": \"/\", \"args\": [\"a\", 7]}}";
    let error = Bundle::from_json(text).unwrap_err();
    assert_eq!((error.code, error.pointer.as_str()), (code::TYPE, "/process/args/1"));
    assert!(
        error.to_string().contains("invalid type: integer 7, expected a string (line 2, column"),
        "{error}"
    );
}

#[test]
fn a_mistake_is_found_whatever_stands_around_it() {
    for (text, pointer) in [
        (r#"7"#, ""),
        (r#"{"ociVersion": 12"#, "/ociVersion"),
        (r#"{"ociVersion": "1.3.0", "linux": [], "mounts": [,}"#, "/linux"),
        (r#"{"ociVersion": "1.3.0", "x": [[1, {"y": [2]}], "\"{"], "linux" : true }"#, "/linux"),
        (
            "{\"ociVersion\":\n\"ü\", \"mounts\":\r\n[{\"destination\":\"/ü\"},\n{\"destination\":-3e5}]}",
            "/mounts/1/destination",
        ),
        (r#"{"ociVersion": "1.3.0", "mounts": [{"destination": "/"}, {"source": []}]}"#, "/mounts/1/source"),
        (
            r#"{"ociVersion": "1.3.0", "mounts": [{"destination": "/"} , {"source": ""}]}"#,
            "/mounts/1/destination",
        ),
        (r#"{"ociVersion": "1.3.0", "mounts": [{"destination": "/"}, [] ]}"#, "/mounts/1"),
        (
            r#"{"ociVersion": "1.3.0", "linux": {"namespaces": [{"type": "pid"}, {"type": [1]}]}}"#,
            "/linux/namespaces/1/type",
        ),
        (r#"{"ociVersion": "1.3.0", "linux": {"namespaces": [{"type": 123}]}}"#, "/linux/namespaces/0/type"),
        (
            r#"{"ociVersion": "1.3.0", "linux": {"namespaces": [{"type": {"a": 1}}]}}"#,
            "/linux/namespaces/0/type/a",
        ),
    ] {
        let error = Bundle::from_json(text).expect_err(text);
        assert_eq!(error.pointer, pointer, "{text}: {error}");
    }
}

#[test]
fn every_kind_of_mistake_has_its_code_and_pointer() {
    let rlimit = json!({"process": {"rlimits": [{"type": "RLIMIT_CORE", "hard": 1}]}});
    for (patch, code, pointer) in [
        (json!({"process": {"cwd": null}}), code::REQUIRED, "/process/cwd"),
        (json!({"ociVersion": null}), code::REQUIRED, "/ociVersion"),
        (rlimit, code::REQUIRED, "/process/rlimits/0/soft"),
        (
            json!({"linux": {"uidMappings": [{"hostID": 1, "size": 1}]}}),
            code::REQUIRED,
            "/linux/uidMappings/0/containerID",
        ),
        (json!({"linux": {"namespaces": [{"type": "pidd"}]}}), code::VALUE, "/linux/namespaces/0/type"),
        (json!({"process": {"user": {"uid": -1}}}), code::VALUE, "/process/user/uid"),
        (json!({"process": {"user": {"uid": 4294967296u64}}}), code::VALUE, "/process/user/uid"),
        (json!({"process": {"user": {"uid": "0"}}}), code::TYPE, "/process/user/uid"),
        (json!({"process": {"terminal": "yes"}}), code::TYPE, "/process/terminal"),
        (json!({"linux": {"sysctl": {"a/b~c": 1}}}), code::TYPE, "/linux/sysctl/a~1b~0c"),
        (
            json!({"linux": {"resources": {"pids": {"limit": "1"}}}}),
            code::TYPE,
            "/linux/resources/pids/limit",
        ),
        (
            json!({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_FOO"}}}),
            code::VALUE,
            "/linux/seccomp/defaultAction",
        ),
        (json!({"mounts": {}}), code::TYPE, "/mounts"),
    ] {
        let error = Bundle::from_json(config(patch.clone())).expect_err(&patch.to_string());
        assert_eq!((error.code, error.pointer.as_str()), (code, pointer), "{error}");
    }
}

#[test]
fn an_unknown_enum_value_lists_the_known_ones() {
    let error = Bundle::from_json(config(json!({"linux": {"namespaces": [{"type": "pidd"}]}}))).unwrap_err();
    assert!(error.to_string().contains("unknown value \"pidd\"; expected one of mount, cgroup"), "{error}");
}

#[test]
fn a_key_that_stands_there_twice_is_refused() {
    for (text, pointer) in [
        (r#"{"ociVersion": "1.3.0", "ociVersion": "1.3.0"}"#, "/ociVersion"),
        (r#"{"ociVersion": "1.3.0", "linux": {"sysctl": {"a": "1", "a": "2"}}}"#, "/linux/sysctl/a"),
        (
            r#"{"ociVersion": "1.3.0", "linux": {"resources": {"unified": {"a": "1", "a": "2"}}}}"#,
            "/linux/resources/unified/a",
        ),
        (r#"{"ociVersion": "1.3.0", "annotations": {"a": "1", "a": "1"}}"#, "/annotations/a"),
        (
            r#"{"ociVersion": "1.3.0", "linux": {"sysctl": {"sysctl": "1", "sysctl" : "2"}}}"#,
            "/linux/sysctl/sysctl",
        ),
        (r#"{"ociVersion": "1.3.0", "annotations": {}, "annotations": {}}"#, "/annotations"),
        (
            r#"{"ociVersion": "1.3.0", "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "defaultAction": "SCMP_ACT_ALLOW"}}}"#,
            "/linux/seccomp/defaultAction",
        ),
    ] {
        let error = Bundle::from_json(text).unwrap_err();
        assert_eq!((error.code, error.pointer.as_str()), (code::TYPE, pointer), "{error}");
        assert!(error.problem.contains("is there twice"), "{error}");
    }
}

#[test]
fn the_error_reads_as_one_sentence_with_place_and_advice() {
    let error = Invalid::value("/process/cwd", "must be an absolute path, is \"tmp\"").advise("write /tmp");
    assert_eq!(
        error.to_string(),
        "config.json#/process/cwd: must be an absolute path, is \"tmp\"; write /tmp"
    );
    assert_eq!(Invalid::new(code::MISSING, "", "no such file").to_string(), "config.json: no such file");
}
#[test]
fn an_array_is_no_object_and_a_number_no_name() {
    for (patch, pointer) in [
        (json!({"linux": []}), "/linux"),
        (json!({"hooks": []}), "/hooks"),
        (json!({"root": ["rootfs"]}), "/root"),
        (json!({"process": {"user": []}}), "/process/user"),
        (json!({"process": {"capabilities": []}}), "/process/capabilities"),
        (json!({"process": {"rlimits": [["RLIMIT_CORE", 1, 1]]}}), "/process/rlimits/0"),
        (json!({"mounts": [["/a", "tmpfs"]]}), "/mounts/0"),
        (json!({"linux": {"resources": []}}), "/linux/resources"),
        (json!({"linux": {"intelRdt": []}}), "/linux/intelRdt"),
        (json!({"linux": {"seccomp": ["SCMP_ACT_ALLOW"]}}), "/linux/seccomp"),
        (json!({"linux": {"namespaces": [["pid"]]}}), "/linux/namespaces/0"),
        (json!({"linux": {"namespaces": [{"type": 7}]}}), "/linux/namespaces/0/type"),
        (json!({"linux": {"devices": [{"path": "/dev/x", "type": []}]}}), "/linux/devices/0/type"),
        (json!({"linux": {"netDevices": {"eth0": []}}}), "/linux/netDevices/eth0"),
        (json!({"linux": {"timeOffsets": {"boottime": [1]}}}), "/linux/timeOffsets/boottime"),
    ] {
        let error = Bundle::from_json(config(patch.clone())).expect_err(&patch.to_string());
        assert_eq!((error.code, error.pointer.as_str()), (code::TYPE, pointer), "{error}");
    }
}

#[test]
fn the_error_stays_one_line_of_bearable_length() {
    let key = format!("net.{}\n\u{1b}[31m", "x".repeat(1 << 20));
    let linux = json!({"linux": {"sysctl": {key: 1}}});
    let text = Bundle::from_json(config(linux)).unwrap_err().to_string();
    assert!(text.len() < 3000 && !text.contains(['\n', '\u{1b}']), "{} bytes", text.len());
    let error = Invalid::value("/a\nb", "is \r wrong");
    assert_eq!(error.to_string(), r"config.json#/a\nb: is \r wrong");
}

/// Cuts and bytes that do not belong there: the answer is a plan or one error, never a panic.
#[test]
fn a_mutilated_config_never_panics() {
    use crate::fixture::{host, options};
    let whole = tare::bundle::example::text(tare::bundle::example::For::Root);
    let attempt = |text: &str| {
        if let Ok(bundle) = Bundle::from_json(text) {
            let _ = tare::plan::Plan::for_create(&bundle, &options(), &host());
        }
    };
    for at in (0..whole.len()).step_by(5) {
        attempt(&whole[..at]);
        for other in ["\"", "0", "-1", "[", "}", "\\u0000", ",", "..", "=", "null"] {
            attempt(&format!("{}{other}{}", &whole[..at], &whole[at + 1..]));
        }
    }
}
