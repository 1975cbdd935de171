//! GVariant text -> values of a known type.

use tare::plan::gvariant::{Type, Value, parse, parse_seconds_as_us};

const STRINGS: Type = Type::Array(&Type::Str);
const LIMITS: Type = Type::Array(&Type::Tuple(&[Type::Str, Type::U64]));
const ONE: Type = Type::Tuple(&[Type::Bool]);

fn strings(items: &[&str]) -> Value {
    Value::Array(&Type::Str, items.iter().map(|item| Value::Str((*item).to_owned())).collect())
}

#[track_caller]
fn refused(text: &str, wanted: &'static Type, words: &str) {
    let error = parse(text, wanted).expect_err(text);
    assert!(error.contains(words), "{text}: {error}\ndoes not contain {words:?}");
}

#[test]
fn numbers_have_the_wanted_type_or_none() {
    for text in ["5", "uint64 5", " uint64\t5 ", "@t 5", "0x5", "uint64 005", "+5"] {
        assert_eq!(parse(text, &Type::U64), Ok(Value::U64(5)), "{text}");
    }
    assert_eq!(parse("18446744073709551615", &Type::U64), Ok(Value::U64(u64::MAX)));
    assert_eq!(parse("-1", &Type::I32), Ok(Value::I32(-1)));
    assert_eq!(parse("byte 255", &Type::Byte), Ok(Value::Byte(255)));
    assert_eq!(parse("uint32 7", &Type::U32), Ok(Value::U32(7)));
}

#[test]
fn a_number_of_another_type_or_out_of_range_is_refused() {
    refused("int32 5", &Type::U64, "is of type int32 where uint64 is wanted");
    refused("@i 5", &Type::U64, "is of type \"i\" where \"t\" is wanted");
    refused("-1", &Type::U64, "out of range");
    refused("18446744073709551616", &Type::U64, "out of range");
    refused("256", &Type::Byte, "out of range");
    refused("2147483648", &Type::I32, "out of range");
    for text in ["1.5", "uint64", "five", "uint64 five", "0x", "--5", "5s"] {
        refused(text, &Type::U64, "where a whole number is wanted");
    }
    refused("'5'", &Type::U64, "where a number is wanted");
    refused("", &Type::U64, "ends where a number is wanted");
}

#[test]
fn booleans_are_two_words() {
    assert_eq!(parse("true", &Type::Bool), Ok(Value::Bool(true)));
    assert_eq!(parse("@b false", &Type::Bool), Ok(Value::Bool(false)));
    for text in ["1", "True", "yes", "'true'", ""] {
        refused(text, &Type::Bool, "where true or false is wanted");
    }
}

#[test]
fn strings_have_either_quote_and_escapes() {
    for (text, wanted) in [
        ("'a b'", "a b"),
        ("\"it's\"", "it's"),
        (r"'it\'s'", "it's"),
        (r"'\u00e4\U0001F600\\'", "ä😀\\"),
        ("'one\\\ntwo'", "onetwo"),
        ("''", ""),
        ("'ä]),'", "ä]),"),
    ] {
        assert_eq!(parse(text, &Type::Str), Ok(Value::Str(wanted.to_owned())), "{text}");
    }
}

#[test]
fn bad_strings_are_refused() {
    refused("bare", &Type::Str, "where a quote is wanted");
    refused("'open", &Type::Str, "without its end");
    refused("'open\\", &Type::Str, "without its end");
    refused("'a'b", &Type::Str, "where the end is wanted");
    refused(r"'\u12'", &Type::Str, "bad escape");
    refused(r"'\uD800'", &Type::Str, "bad escape");
    for text in [r"'a\nb'", "'a\nb'", r"'\u0000'", "'\u{1b}'"] {
        refused(text, &Type::Str, "control character");
    }
}

#[test]
fn arrays_and_tuples_hold_items_of_their_types() {
    assert_eq!(parse("['a', \"b\"]", &STRINGS), Ok(strings(&["a", "b"])));
    assert_eq!(parse("@as []", &STRINGS), Ok(strings(&[])));
    assert_eq!(parse("[]", &STRINGS), Ok(strings(&[])));
    let limit = Value::Tuple(vec![Value::Str("/dev/sda".to_owned()), Value::U64(9)]);
    let limits = Value::Array(&Type::Tuple(&[Type::Str, Type::U64]), vec![limit]);
    for text in ["[('/dev/sda', uint64 9)]", "@a(st) [('/dev/sda',9)]", " [ ( '/dev/sda' , 9 ) ] "] {
        assert_eq!(parse(text, &LIMITS), Ok(limits.clone()), "{text}");
    }
    for text in ["(true,)", "(true)"] {
        assert_eq!(parse(text, &ONE), Ok(Value::Tuple(vec![Value::Bool(true)])), "{text}");
    }
}

#[test]
fn bad_arrays_and_tuples_are_refused() {
    refused("'a'", &STRINGS, "where '[' is wanted");
    refused("['a' 'b']", &STRINGS, "where ',' or ']' is wanted");
    refused("['a',]", &STRINGS, "where a quote is wanted");
    refused("['a'", &STRINGS, "ends where");
    refused("[,]", &STRINGS, "where a quote is wanted");
    refused("[1]", &STRINGS, "where a quote is wanted");
    refused("@ai []", &STRINGS, "is of type \"ai\"");
    refused("[('/dev/sda',)]", &LIMITS, "has 1 of 2 items");
    refused("[('/dev/sda', 1, 2)]", &LIMITS, "more than 2 items");
    refused("[]]", &STRINGS, "where the end is wanted");
    refused(&"[".repeat(100_000), &STRINGS, "where a quote is wanted");
}

#[test]
fn seconds_of_any_number_become_microseconds() {
    for (text, us) in [
        ("5", 5_000_000),
        ("uint64 5", 5_000_000),
        ("int32 5", 5_000_000),
        ("@q 5", 5_000_000),
        ("1.5", 1_500_000),
        ("double 0.25", 250_000),
        ("1e2", 100_000_000),
        ("+1.5E-1", 150_000),
        (".5", 500_000),
        ("0.1234567", 123_456),
        ("1e-300", 0),
        ("1e-2147483648", 0),
        ("18446744073709.551615", u64::MAX),
        ("0", 0),
    ] {
        assert_eq!(parse_seconds_as_us(text), Ok(us), "{text}");
    }
    for text in [
        "-1",
        "-0.5",
        "inf",
        "nan",
        "1e300",
        "1e99999999999",
        "1.-5",
        "18446744073709.551616",
        "18446744073709551615",
        "",
        "'5'",
        "5 s",
        "@s 5",
        "five",
    ] {
        parse_seconds_as_us(text).expect_err(text);
    }
}

#[test]
fn types_have_signatures_and_examples_that_can_be_read() {
    for (wanted, signature) in [(&LIMITS, "a(st)"), (&STRINGS, "as"), (&Type::Byte, "y"), (&Type::I32, "i")] {
        assert_eq!(wanted.signature(), signature);
        parse(&wanted.example(), wanted).unwrap();
    }
}
