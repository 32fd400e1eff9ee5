//! Builder methods of settings.

/// Writes a builder method for each setting: `setters!(Type { how field: T, … })`, or
/// `setters!(Type.part { … })` for the fields of a part. `how` is `plain` (takes a `T`), `into`
/// (whatever becomes a `T`); of fields that are an `Option<T>` `some` (takes a `T` or an option)
/// and `some_into` (whatever becomes a `T`).
macro_rules! setters {
    ($Type:ident { $($how:ident $field:ident: $T:ty),* $(,)? }) => {
        impl $Type { $($crate::config::setters!(@ $how [$field] $field: $T);)* }
    };
    ($Type:ident.$part:ident { $($how:ident $field:ident: $T:ty),* $(,)? }) => {
        impl $Type { $($crate::config::setters!(@ $how [$part.$field] $field: $T);)* }
    };
    (@ plain [$($at:tt)+] $field:ident: $T:ty) => {
        #[doc = concat!("Sets `", stringify!($field), "`; see the field of this name.")]
        pub fn $field(mut self, $field: $T) -> Self {
            self.$($at)+ = $field;
            self
        }
    };
    (@ into [$($at:tt)+] $field:ident: $T:ty) => {
        #[doc = concat!("Sets `", stringify!($field), "`; see the field of this name.")]
        pub fn $field(mut self, $field: impl Into<$T>) -> Self {
            self.$($at)+ = $field.into();
            self
        }
    };
    (@ some [$($at:tt)+] $field:ident: $T:ty) => {
        #[doc = concat!("Sets `", stringify!($field), "`; see the field of this name.")]
        pub fn $field(mut self, $field: impl Into<Option<$T>>) -> Self {
            self.$($at)+ = $field.into();
            self
        }
    };
    (@ some_into [$($at:tt)+] $field:ident: $T:ty) => {
        #[doc = concat!("Sets `", stringify!($field), "`; see the field of this name.")]
        pub fn $field(mut self, $field: impl Into<$T>) -> Self {
            self.$($at)+ = Some($field.into());
            self
        }
    };
}
pub(crate) use setters;
