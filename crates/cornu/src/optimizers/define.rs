//! The macros that make an optimizer's struct: the settings that all share, and its own.

/// Makes an optimizer's struct: the shared settings, then its own, in the order of Keras's config,
/// with defaults and builder methods.
macro_rules! optimizer {
    (
        $(#[$meta:meta])*
        pub struct $Type:ident(
            $name:literal, learning_rate = $rate:expr, weight_decay = $decay:expr
        ) {
            $($(#[$field_meta:meta])* $field:ident: $T:ty = $default:expr,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        pub struct $Type {
            /// Name.
            pub name: String,
            /// Learning rate: a number or a schedule.
            pub learning_rate: $crate::optimizers::LearningRate,
            /// Part of the weight that is taken off before each update, times the learning rate.
            pub weight_decay: Option<f64>,
            /// Largest norm of each weight's gradient.
            pub clipnorm: Option<f64>,
            /// Largest norm of all gradients together.
            pub global_clipnorm: Option<f64>,
            /// Largest absolute value in a gradient.
            pub clipvalue: Option<f64>,
            /// Whether a moving average of the weights is kept, which replaces them at the end of
            /// training.
            pub use_ema: bool,
            /// Part of the average that stays at each step.
            pub ema_momentum: f64,
            /// After how many steps the average replaces the weights during training.
            pub ema_overwrite_frequency: Option<u32>,
            /// Factor of the loss, taken off the gradients again.
            pub loss_scale_factor: Option<f64>,
            /// How many steps gradients are averaged over before an update.
            pub gradient_accumulation_steps: Option<u32>,
            $($(#[$field_meta])* pub $field: $T,)*
            /// Regular expressions: a weight in whose name one is found does not decay. No part of
            /// the config, as in Keras.
            #[serde(skip)]
            pub exclude_from_weight_decay: Vec<String>,
        }

        impl Default for $Type {
            fn default() -> Self {
                Self {
                    name: $name.into(),
                    learning_rate: $crate::optimizers::LearningRate::Number($rate),
                    weight_decay: $decay,
                    clipnorm: None,
                    global_clipnorm: None,
                    clipvalue: None,
                    use_ema: false,
                    ema_momentum: 0.99,
                    ema_overwrite_frequency: None,
                    loss_scale_factor: None,
                    gradient_accumulation_steps: None,
                    $($field: $default,)*
                    exclude_from_weight_decay: Vec::new(),
                }
            }
        }

        impl $Type {
            /// Keras's defaults at a learning rate.
            pub fn new(learning_rate: impl Into<$crate::optimizers::LearningRate>) -> Self {
                Self { learning_rate: learning_rate.into(), ..Self::default() }
            }

            /// With a name.
            pub fn name(mut self, name: impl Into<String>) -> Self {
                self.name = name.into();
                self
            }

            /// With decaying weights.
            pub fn weight_decay(mut self, x: f64) -> Self {
                self.weight_decay = Some(x);
                self
            }

            /// With a largest norm of each weight's gradient.
            pub fn clipnorm(mut self, x: f64) -> Self {
                self.clipnorm = Some(x);
                self
            }

            /// With a largest norm of all gradients together.
            pub fn global_clipnorm(mut self, x: f64) -> Self {
                self.global_clipnorm = Some(x);
                self
            }

            /// With a largest absolute value in gradients.
            pub fn clipvalue(mut self, x: f64) -> Self {
                self.clipvalue = Some(x);
                self
            }

            /// With a moving average of the weights, of which `momentum` stays at each step.
            pub fn ema(mut self, momentum: f64) -> Self {
                self.use_ema = true;
                self.ema_momentum = momentum;
                self
            }

            /// With the average replacing the weights every `n` steps.
            pub fn ema_overwrite_frequency(mut self, n: u32) -> Self {
                self.ema_overwrite_frequency = Some(n);
                self
            }

            /// With a factor of the loss.
            pub fn loss_scale_factor(mut self, x: f64) -> Self {
                self.loss_scale_factor = Some(x);
                self
            }

            /// With gradients averaged over `n` steps before an update.
            pub fn gradient_accumulation_steps(mut self, n: u32) -> Self {
                self.gradient_accumulation_steps = Some(n);
                self
            }

            /// With weights that do not decay: those in whose name one of the regular expressions
            /// is found.
            pub fn exclude_from_weight_decay(
                mut self,
                expressions: impl IntoIterator<Item = impl Into<String>>,
            ) -> Self {
                self.exclude_from_weight_decay = expressions.into_iter().map(Into::into).collect();
                self
            }

            $(
                #[doc = concat!("With `", stringify!($field), "`.")]
                pub fn $field(mut self, $field: $T) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }

        const _: () = {
            use serde::de::{Error as _, IgnoredAny};

            /// What a config may hold: the settings, and what older versions wrote and Keras
            /// ignores.
            #[derive(serde::Deserialize)]
            #[serde(default, deny_unknown_fields)]
            struct Read {
                name: Option<String>,
                learning_rate: $crate::optimizers::LearningRate,
                weight_decay: Option<f64>,
                clipnorm: Option<f64>,
                global_clipnorm: Option<f64>,
                clipvalue: Option<f64>,
                use_ema: bool,
                ema_momentum: f64,
                ema_overwrite_frequency: Option<u32>,
                loss_scale_factor: Option<f64>,
                gradient_accumulation_steps: Option<u32>,
                $($(#[$field_meta])* $field: $T,)*
                #[serde(rename = "decay")]
                _decay: IgnoredAny,
                #[serde(rename = "jit_compile")]
                _jit_compile: IgnoredAny,
                #[serde(rename = "is_legacy_optimizer")]
                _is_legacy_optimizer: IgnoredAny,
            }

            impl Default for Read {
                fn default() -> Self {
                    let x = $Type::default();
                    Self {
                        name: Some(x.name),
                        learning_rate: x.learning_rate,
                        weight_decay: x.weight_decay,
                        clipnorm: x.clipnorm,
                        global_clipnorm: x.global_clipnorm,
                        clipvalue: x.clipvalue,
                        use_ema: x.use_ema,
                        ema_momentum: x.ema_momentum,
                        ema_overwrite_frequency: x.ema_overwrite_frequency,
                        loss_scale_factor: x.loss_scale_factor,
                        gradient_accumulation_steps: x.gradient_accumulation_steps,
                        $($field: x.$field,)*
                        _decay: IgnoredAny,
                        _jit_compile: IgnoredAny,
                        _is_legacy_optimizer: IgnoredAny,
                    }
                }
            }

            impl<'de> serde::Deserialize<'de> for $Type {
                fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                    let x = Read::deserialize(d)?;
                    let read = Self {
                        name: x.name.unwrap_or_else(|| $name.into()),
                        learning_rate: x.learning_rate,
                        weight_decay: x.weight_decay,
                        clipnorm: x.clipnorm,
                        global_clipnorm: x.global_clipnorm,
                        clipvalue: x.clipvalue,
                        use_ema: x.use_ema,
                        ema_momentum: x.ema_momentum,
                        ema_overwrite_frequency: x.ema_overwrite_frequency,
                        loss_scale_factor: x.loss_scale_factor,
                        gradient_accumulation_steps: x.gradient_accumulation_steps,
                        $($field: x.$field,)*
                        exclude_from_weight_decay: Vec::new(),
                    };
                    $crate::optimizers::rule::checked(&read).map_err(D::Error::custom)?;
                    Ok(read)
                }
            }
        };
    };
}

/// The rules of an optimizer made by `optimizer!` about the settings that all share.
macro_rules! shared_settings {
    () => {
        fn settings(&self) -> $crate::optimizers::Settings<'_> {
            $crate::optimizers::Settings {
                name: &self.name,
                learning_rate: &self.learning_rate,
                weight_decay: self.weight_decay,
                clipnorm: self.clipnorm,
                global_clipnorm: self.global_clipnorm,
                clipvalue: self.clipvalue,
                use_ema: self.use_ema,
                ema_momentum: self.ema_momentum,
                ema_overwrite_frequency: self.ema_overwrite_frequency,
                loss_scale_factor: self.loss_scale_factor,
                gradient_accumulation_steps: self.gradient_accumulation_steps,
                exclude_from_weight_decay: &self.exclude_from_weight_decay,
            }
        }

        fn with_learning_rate(&self, rate: f64) -> $crate::optimizers::Optimizer {
            Self { learning_rate: rate.into(), ..self.clone() }.into()
        }

        fn with_loss_scale_factor(
            &self,
            loss_scale_factor: Option<f64>,
        ) -> Option<$crate::optimizers::Optimizer> {
            Some(Self { loss_scale_factor, ..self.clone() }.into())
        }
    };
}
pub(super) use {optimizer, shared_settings};
