//! Sections of the configuration that carry their documentation to the user.

use serde::Serialize;

/// A section that can write itself with its documentation as comments.
pub(super) trait Section: Serialize {
    /// The section's own documentation, a line each.
    const ABOUT: &'static [&'static str];
    /// Every key with its documentation, in order.
    const KEYS: &'static [(&'static str, &'static [&'static str])];

    /// The section as TOML under `[name]`, every key explained.
    fn commented(&self, name: &str) -> String {
        let values = toml::Value::try_from(self).ok();
        let mut text: String = Self::ABOUT.iter().map(|line| format!("#{line}\n")).collect();
        text += &format!("[{name}]\n");
        for (key, lines) in Self::KEYS {
            if let Some(value) = values.as_ref().and_then(|values| values.get(key)) {
                text.extend(lines.iter().map(|line| format!("#{line}\n")));
                text += &format!("{key} = {}\n", pretty(value));
            }
        }
        text
    }
}

/// A value in TOML; an array of tables gets a line per table.
fn pretty(value: &toml::Value) -> String {
    match value.as_array() {
        Some(items) if items.iter().any(toml::Value::is_table) => {
            let lines: String = items.iter().map(|item| format!("    {item},\n")).collect();
            format!("[\n{lines}]")
        }
        _ => value.to_string(),
    }
}

/// Declares a section: a struct whose fields have defaults, and whose documentation becomes the comments of the TOML.
macro_rules! section {
    ($(#[doc = $about:literal])+ $name:ident {
        $($(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr,)+
    }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $key: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl Section for $name {
            const ABOUT: &'static [&'static str] = &[$($about),+];
            const KEYS: &'static [(&'static str, &'static [&'static str])] = &[$((stringify!($key), &[$($doc),+])),+];
        }
    };
}
pub(super) use section;
