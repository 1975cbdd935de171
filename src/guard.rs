//! Steps that can be broken on purpose: `broken!("cve_2019_5736")` stands at each step that keeps an attack out.
//!
//! Called at the guarded steps of `child`, `launch`, `stage`, `plan` and `sys`; `integration/break` builds a variant with
//! the feature `break-guards`, runs the case of each attack with TARE_BREAK=NAME, and expects it to fail. Without
//! the feature, which is what everybody else builds, the macro is the constant `false` and leaves no trace in the
//! binary. Nothing but a test may turn the feature on.

/// True if the step that guards against one of the named attacks is to be left out: always false in a normal build.
macro_rules! broken {
    ($($name:literal),+) => {
        cfg!(feature = "break-guards") && ($($crate::guard::is_broken($name))||+)
    };
}

/// Whether TARE_BREAK names this guard. Several names are separated by commas.
#[allow(dead_code, reason = "called by the macro only")]
pub fn is_broken(name: &str) -> bool {
    let asked = if cfg!(feature = "break-guards") { std::env::var("TARE_BREAK") } else { return false };
    asked.is_ok_and(|names| names.split(',').any(|asked| asked == name))
}
