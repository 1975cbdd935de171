//! `hooks` -> programs by moment.

use crate::fixture::{plan, refused};
use serde_json::json;

#[test]
fn every_moment_arrives_in_the_listed_order_and_verbatim() {
    let hook =
        |name: &str| json!({"path": format!("/{name}"), "args": [name, ""], "env": ["A=1"], "timeout": 5});
    let moments = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];
    let mut hooks = json!({});
    for moment in moments {
        hooks[moment] = json!([hook(moment), {"path": "/second"}]);
    }
    let hooks = plan(json!({"hooks": hooks})).unwrap().hooks;
    let lists = [
        &hooks.prestart,
        &hooks.create_runtime,
        &hooks.create_container,
        &hooks.start_container,
        &hooks.poststart,
        &hooks.poststop,
    ];
    for (moment, list) in moments.iter().zip(lists) {
        assert_eq!(list[0].path, format!("/{moment}"));
        assert_eq!(list[0].args, [moment.to_string(), String::new()]);
        assert_eq!((list[0].env.as_deref(), list[0].timeout_s), (Some(&["A=1".to_owned()][..]), Some(5)));
        assert_eq!((list[1].path.as_str(), &list[1].env, list[1].timeout_s), ("/second", &None, None));
    }
}

#[test]
fn a_timeout_beyond_136_years_is_refused() {
    let hooks = json!({"hooks": {"poststop": [{"path": "/a", "timeout": 4294967296u64}]}});
    refused(plan(hooks), "/hooks/poststop/0/timeout", "must be at most 4294967295");
}
