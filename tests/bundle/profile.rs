//! `src/bundle/profile.rs`: a profile that is known by its text.

use crate::fixture::config;
use serde_json::{Value, json};
use tare::bundle::Bundle;

const PROFILE: &str =
    r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"}]}"#;

fn profile() -> Value {
    serde_json::from_str(PROFILE).unwrap()
}

fn with_profile() -> String {
    config(json!({"linux": {"seccomp": profile()}}))
}

/// The profile of `text` as it is known afterwards.
fn known(text: &str) -> Option<String> {
    Bundle::from_json(text).unwrap().profile().map(str::to_owned)
}

fn knows(text: &str, known: &str) -> bool {
    Bundle::from_json_knowing(text.to_owned(), Some(known)).unwrap().has_known_profile
}

#[test]
fn a_profile_is_known_again_and_passed_over() {
    let text = with_profile();
    let known = known(&text).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&known).unwrap(), profile());
    let bundle = Bundle::from_json_knowing(text.clone(), Some(&known)).unwrap();
    assert!(bundle.has_known_profile && bundle.config.linux.unwrap().seccomp.is_none());
    // What is kept of the configuration is what was read.
    assert_eq!(bundle.text, text);
}

#[test]
fn another_profile_is_read() {
    let text = with_profile();
    let known = known(&text).unwrap();
    for other in [known.replace("read", "reae"), known.replace("ERRNO", "LOG"), known.replace('}', " }")] {
        let bundle = Bundle::from_json_knowing(text.replace(&known, &other), Some(&known));
        let bundle = bundle.unwrap_or_else(|invalid| panic!("{other}: {invalid}"));
        assert!(!bundle.has_known_profile && bundle.config.linux.unwrap().seccomp.is_some(), "{other}");
    }
}

#[test]
fn a_configuration_without_a_profile_has_no_known_one() {
    let known = known(&with_profile()).unwrap();
    assert!(!knows(&config(json!({})), &known));
    assert_eq!(Bundle::from_json(config(json!({}))).unwrap().profile(), None);
}

#[test]
fn the_same_text_in_another_place_is_no_profile() {
    let known = known(&with_profile()).unwrap();
    let elsewhere = format!(r#"{{"com.example":{{"seccomp":{known}}},{}"#, &config(json!({}))[1..]);
    assert!(!knows(&elsewhere, &known));
    // Nor does it hide the profile that stands behind it.
    let both = format!(r#"{{"com.example":{{"seccomp":{known}}},{}"#, &with_profile()[1..]);
    let bundle = Bundle::from_json_knowing(both.clone(), Some(&known)).unwrap();
    assert!(!bundle.has_known_profile && bundle.config.linux.unwrap().seccomp.is_some());
    assert_eq!(Bundle::from_json(both).unwrap().profile(), None);
}

#[test]
fn nobody_passes_for_a_known_profile_by_its_stand_in() {
    let known = known(&with_profile()).unwrap();
    for stand_in in ["\u{7f}eccomp", "\\u007feccomp", "\\u007Feccomp"] {
        let text = config(json!({"linux": {}})).replacen(
            "\"linux\":{",
            &format!("\"linux\":{{\"{stand_in}\":{{}},"),
            1,
        );
        assert!(text.contains(stand_in) && !knows(&text, &known), "{stand_in:?}");
        let both = format!(r#"{{"com.example":{{"seccomp":{known}}},{}"#, &text[1..]);
        assert!(!knows(&both, &known), "{stand_in:?}, and the profile elsewhere");
    }
}

#[test]
fn a_profile_that_stands_there_twice_is_an_error_as_ever() {
    let text = with_profile();
    let known = known(&text).unwrap();
    let twice = text.replacen("\"linux\":{", &format!("\"linux\":{{\"seccomp\":{known},"), 1);
    let error = Bundle::from_json_knowing(twice, Some(&known)).unwrap_err();
    assert!(error.to_string().contains("is there twice"), "{error}");
}

#[test]
fn an_error_elsewhere_is_told_as_without_a_known_profile() {
    let text = with_profile().replace("\"1.3.0\"", "3");
    let known = known(&with_profile()).unwrap();
    let told = Bundle::from_json_knowing(text.clone(), Some(&known)).unwrap_err();
    assert_eq!(told.to_string(), Bundle::from_json(text).unwrap_err().to_string());
}
