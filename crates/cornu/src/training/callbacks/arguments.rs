//! Callbacks as settings: Keras's arguments with their defaults, and what a run leaves in the
//! callback.

/// Makes the struct of a callback: `Type(State) { argument: Type [type of the setter's argument] =
/// default, … }`.
macro_rules! arguments {
    ($(#[$meta:meta])* $Type:ident($State:ty) {
        $($(#[$doc:meta])* $field:ident: $T:ty [$Arg:ty] = $default:expr),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        // The private field is the run's state, not room for more arguments.
        #[allow(clippy::manual_non_exhaustive)]
        pub struct $Type {
            $($(#[$doc])* pub $field: $T,)*
            #[serde(skip)]
            state: $State,
        }

        impl Default for $Type {
            fn default() -> Self {
                Self { $($field: $default,)* state: <$State>::default() }
            }
        }

        #[allow(clippy::useless_conversion)]
        impl $Type {
            $($(#[$doc])* #[must_use] pub fn $field(mut self, $field: $Arg) -> Self {
                self.$field = $field.into();
                self
            })*
        }
    };
}
