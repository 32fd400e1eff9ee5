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
            /// Name of the optimizer.
            pub name: String,
            /// Learning rate: a number or a schedule.
            pub learning_rate: $crate::optimizers::LearningRate,
            /// Weight decay: this share of the weight, times the learning rate, is subtracted
            /// before each update.
            pub weight_decay: Option<f64>,
            /// Clips the gradient of each weight to this norm.
            pub clipnorm: Option<f64>,
            /// Clips all gradients together to this norm.
            pub global_clipnorm: Option<f64>,
            /// Clips each element of a gradient to this absolute value.
            pub clipvalue: Option<f64>,
            /// True to keep a moving average of the weights, which replaces them at the end of
            /// training.
            pub use_ema: bool,
            /// Decay rate of the moving average.
            pub ema_momentum: f64,
            /// Number of steps after which the average replaces the weights during training.
            pub ema_overwrite_frequency: Option<u32>,
            /// Fixed loss scale: the loss is multiplied by it, the gradients are divided by it.
            pub loss_scale_factor: Option<f64>,
            /// Number of steps over which gradients are averaged before an update.
            pub gradient_accumulation_steps: Option<u32>,
            $($(#[$field_meta])* pub $field: $T,)*
            /// Regular expressions: weights whose name contains a match do not decay. Not part of
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
            /// Returns the optimizer with a learning rate and Keras's defaults.
            pub fn new(learning_rate: impl Into<$crate::optimizers::LearningRate>) -> Self {
                Self { learning_rate: learning_rate.into(), ..Self::default() }
            }

            /// Sets the name.
            pub fn name(mut self, name: impl Into<String>) -> Self {
                self.name = name.into();
                self
            }

            /// Sets the weight decay.
            pub fn weight_decay(mut self, x: f64) -> Self {
                self.weight_decay = Some(x);
                self
            }

            /// Sets the largest norm of each weight's gradient.
            pub fn clipnorm(mut self, x: f64) -> Self {
                self.clipnorm = Some(x);
                self
            }

            /// Sets the largest norm of all gradients together.
            pub fn global_clipnorm(mut self, x: f64) -> Self {
                self.global_clipnorm = Some(x);
                self
            }

            /// Sets the largest absolute value in a gradient.
            pub fn clipvalue(mut self, x: f64) -> Self {
                self.clipvalue = Some(x);
                self
            }

            /// Keeps a moving average of the weights with this decay rate, which replaces them at
            /// the end of training.
            pub fn ema(mut self, momentum: f64) -> Self {
                self.use_ema = true;
                self.ema_momentum = momentum;
                self
            }

            /// Replaces the weights by the average every `n` steps.
            pub fn ema_overwrite_frequency(mut self, n: u32) -> Self {
                self.ema_overwrite_frequency = Some(n);
                self
            }

            /// Sets the fixed loss scale.
            pub fn loss_scale_factor(mut self, x: f64) -> Self {
                self.loss_scale_factor = Some(x);
                self
            }

            /// Averages gradients over `n` steps before an update.
            pub fn gradient_accumulation_steps(mut self, n: u32) -> Self {
                self.gradient_accumulation_steps = Some(n);
                self
            }

            /// Excludes weights from decay: those whose name contains a match of one of the regular
            /// expressions.
            pub fn exclude_from_weight_decay(
                mut self,
                expressions: impl IntoIterator<Item = impl Into<String>>,
            ) -> Self {
                self.exclude_from_weight_decay = expressions.into_iter().map(Into::into).collect();
                self
            }

            $(
                #[doc = concat!("Sets `", stringify!($field), "`; see the field of this name.")]
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
