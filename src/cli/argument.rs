//! The table of options and operands: what each is called, what it takes, and what is said of it. `arguments!` makes a
//! struct and its part of the table of the same lines, so that neither lacks one.
//!
//! Read by [`plain`](super::plain) and by [`for_clap`](super::for_clap), the two readers of a command line, and by
//! nobody else. It knows neither of them, and nothing of clap.

use std::ffi::OsStr;

/// An option or an operand of a command, or several that commands share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Argument {
    /// The long option, without its dashes. An operand has a name too, which nobody types.
    pub name: &'static str,
    /// The short options for it, one letter each. The first is shown, the others are understood too.
    pub shorts: &'static str,
    /// What its value is called in the help; empty if it has none.
    pub value_name: &'static str,
    /// What it is, in one line.
    pub help: &'static str,
    /// The heading under which it is shown; empty for the usual one.
    pub heading: &'static str,
    /// Its value when it is not given.
    pub default: Option<&'static str>,
    /// How it is told from others.
    pub place: Place,
    /// What it takes.
    pub form: Form,
    /// Shown in no help.
    pub is_hidden: bool,
    /// Its default stands in the help.
    pub is_default_shown: bool,
    /// An option of the program that may stand behind the command as well.
    pub is_everywhere: bool,
}

/// How an argument is told from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// By its name.
    Option,
    /// By its name; and it may stand without its value, which must be joined to it with `=`.
    OptionAlone,
    /// By its place among the words that are no options.
    Operand,
    /// All words behind the operand before it, whatever they look like.
    Tail,
}

/// What an argument takes. It follows from the type of its field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// Nothing.
    Flag,
    /// One value.
    One {
        /// What it may be.
        takes: Takes,
        /// Without a default it must be given.
        is_needed: bool,
    },
    /// Any number of values, each by an option of its own; or all words of a tail.
    Many(Takes),
    /// It is no argument, it stands for these. A group holds no group.
    Group(&'static [Argument]),
}

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Takes {
    /// Text in UTF-8.
    Text,
    /// Any bytes, at least one.
    Path,
    /// Text that this accepts; its error says what would do.
    Checked(fn(&str) -> Result<(), String>),
}

/// The word of an option that stands without its value.
pub(super) const ALONE: &str = "true";

/// `--name`, without a value.
pub(super) const fn flag(name: &'static str) -> Argument {
    value(name, "")
}

/// `--name VALUE` or `--name=VALUE`.
pub(super) const fn value(name: &'static str, value_name: &'static str) -> Argument {
    Argument {
        name,
        shorts: "",
        value_name,
        help: "",
        heading: "",
        default: None,
        place: Place::Option,
        form: Form::Flag,
        is_hidden: false,
        is_default_shown: false,
        is_everywhere: false,
    }
}

/// `--name` or `--name=VALUE`.
pub(super) const fn optional_value(name: &'static str, value_name: &'static str) -> Argument {
    Argument { place: Place::OptionAlone, ..value(name, value_name) }
}

/// A word that is no option.
pub(super) const fn operand(name: &'static str, value_name: &'static str) -> Argument {
    Argument { place: Place::Operand, ..value(name, value_name) }
}

/// The words of another program, behind all operands.
pub(super) const fn tail(name: &'static str, value_name: &'static str) -> Argument {
    Argument { place: Place::Tail, ..value(name, value_name) }
}

/// What the struct of the field's type has.
pub(super) const fn group() -> Argument {
    flag("")
}

impl Argument {
    /// `-x`; several letters are several names for it.
    pub const fn short(self, shorts: &'static str) -> Argument {
        Argument { shorts, ..self }
    }

    /// Its value when it is not given, as the help says.
    pub const fn default(self, word: &'static str) -> Argument {
        Argument { default: Some(word), is_default_shown: true, ..self }
    }

    /// Its value when it is not given, not said in the help.
    pub const fn silent_default(self, word: &'static str) -> Argument {
        Argument { default: Some(word), ..self }
    }

    /// Shown under this heading.
    pub const fn under(self, heading: &'static str) -> Argument {
        Argument { heading, ..self }
    }

    /// Shown in no help.
    pub const fn hidden(self) -> Argument {
        Argument { is_hidden: true, ..self }
    }

    /// It may stand behind the command as well.
    pub const fn everywhere(self) -> Argument {
        Argument { is_everywhere: true, ..self }
    }

    /// For `arguments!`: with what the field says of it.
    pub const fn of_field(self, form: Form, help: &'static str) -> Argument {
        Argument { form, help, ..self }
    }

    /// Told by its name, not by its place.
    pub fn is_option(&self) -> bool {
        matches!(self.place, Place::Option | Place::OptionAlone)
    }

    /// Whether this is the option, in full: `--name`, or `-n` alone.
    pub fn is_typed(&self, typed: &str) -> bool {
        let is_named = match (typed.strip_prefix("--"), typed.strip_prefix('-')) {
            (Some(name), _) => self.name == name,
            (None, Some(letter)) => letter.len() == 1 && self.shorts.contains(letter),
            (None, None) => false,
        };
        is_named && self.is_option()
    }

    /// The word that stands for it when it is not given.
    pub fn default_word(&self) -> Option<&'static OsStr> {
        self.default.map(OsStr::new)
    }
}

/// All arguments of a table, those of its groups in their places.
pub(super) fn flat(table: &'static [Argument]) -> impl Iterator<Item = &'static Argument> {
    table.iter().flat_map(|argument| match argument.form {
        Form::Group(shared) => shared,
        _ => std::slice::from_ref(argument),
    })
}

/// Defines a struct of options and operands: each field has its line for the help, its type, and how it is typed.
macro_rules! arguments {
    ($(#[$about:meta])* pub struct $name:ident {
        $(#[doc = $help:literal] $field:ident: $type:ty = $argument:expr,)*
    }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Default)]
        pub struct $name {
            $(#[doc = $help] pub $field: $type,)*
        }

        impl $name {
            pub(in crate::cli) const TABLE: &'static [$crate::cli::argument::Argument] = {
                #[allow(unused_imports, reason = "a struct need not have one of each kind, or any")]
                use $crate::cli::{argument::{flag, group, operand, optional_value, tail, value}, found::Field};
                &[$($argument.of_field(<$type as Field>::FORM, $help),)*]
            };

            pub(in crate::cli) fn of_found(found: &mut $crate::cli::found::Found<'_>) -> $name {
                let [$($field),*] = $name::TABLE else { return found.refuse() };
                $name { $($field: $crate::cli::found::Field::of_found(found, $field),)* }
            }
        }

        impl $crate::cli::found::Field for $name {
            const FORM: $crate::cli::argument::Form = $crate::cli::argument::Form::Group($name::TABLE);

            fn of_found(
                found: &mut $crate::cli::found::Found<'_>,
                _: &$crate::cli::argument::Argument,
            ) -> $name {
                $name::of_found(found)
            }
        }
    };
}

pub(super) use arguments;
