//! src/state/id.rs

use tare::state::{Refused, check_id};

#[test]
fn letters_digits_and_four_signs_are_an_id() {
    for id in ["a", "0", "web_1", "a+b", "a.b-c", "_a", "+a", &"x".repeat(255)] {
        assert_eq!(check_id(id), Ok(()), "{id}");
    }
}

#[test]
fn anything_that_is_no_plain_name_is_refused() {
    let long = "x".repeat(256);
    for id in [
        "", ".", "..", ".hidden", "-a", "a/b", "../a", "a b", "a\nb", "a\0b", "é", "a:b", "a@b", "a\\b",
        &long,
    ] {
        assert!(matches!(check_id(id), Err(Refused::BadId { .. })), "{id:?}");
    }
}

#[test]
fn the_complaint_names_the_character() {
    let complaint = check_id("a/b").unwrap_err().to_string();
    assert_eq!(complaint, "invalid container ID format: \"a/b\" has the character '/'");
}
