//! Options of `fit`, each declared once: a flag and a key of RUN.toml's `[fit]`.

use cornu::EpochLoss;
use cornu::Fit;
use cornu::data::{BatchMaker, ClassWeights};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Makes the struct of options and how those of one source go before those of another.
macro_rules! options {
    ($(#[$meta:meta])* pub struct $Type:ident { $($(#[$doc:meta])* $field:ident: $T:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, clap::Args, serde::Deserialize, schemars::JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $Type { $($(#[$doc])* pub $field: Option<$T>,)* }

        impl $Type {
            /// These options, and where one is not given that of `below`.
            pub fn over(self, below: Self) -> Self {
                Self { $($field: self.$field.or(below.$field)),* }
            }

            /// Whether an option is given.
            pub fn has(&self, key: &str) -> bool {
                match key { $(stringify!($field) => self.$field.is_some(),)* _ => false }
            }
        }
    };
}

options! {
    /// How the model is trained, in the words of Keras's `fit`.
    pub struct FitOptions {
        /// Samples of a batch; 32 unless given.
        #[arg(long, value_name = "N")]
        batch_size: usize,
        /// Passes over the data; 1 unless given.
        #[arg(long, value_name = "E")]
        epochs: usize,
        /// Epoch to begin with, counted from 0: to go on with an earlier run.
        #[arg(long, value_name = "E")]
        initial_epoch: usize,
        /// Whether each epoch takes the samples in another order; true unless given. As a flag:
        /// --no-shuffle.
        #[arg(skip)]
        shuffle: bool,
        /// How batches are made: as-they-come, shuffle, bucket, equal-length, token-budget(N) or
        /// batch-size-1.
        #[arg(long, value_name = "MAKER")]
        batches: String,
        /// Truncated backpropagation: gradients reach back over at most K timesteps; states pass
        /// along whole sequences.
        #[arg(long, value_name = "K")]
        tbptt: usize,
        /// How the losses of batches become an epoch's: `timesteps` (exact over the timesteps of
        /// sequences of unequal length) or `keras`; `timesteps` unless given.
        #[arg(long, value_name = "BY")]
        epoch_loss: String,
        /// Seed of the first weights, the order of samples and all else that is random; 0 unless
        /// given.
        #[arg(long, value_name = "S")]
        seed: u64,
        /// 0 silent, 1 a bar on a terminal and else a line an epoch, 2 a line an epoch; 1 unless
        /// given.
        #[arg(long, value_name = "V")]
        verbose: u8,
        /// Share of the training data, taken from its end, that is validation data.
        #[arg(long, value_name = "F")]
        validation_split: f64,
        /// Whether the test data are the validation data of each epoch.
        #[arg(skip)]
        validate_on_test: bool,
        /// Samples of a validation batch; as many as of a batch unless given.
        #[arg(long, value_name = "N")]
        validation_batch_size: usize,
        /// Epochs from one validation to the next; 1 unless given.
        #[arg(long, value_name = "N")]
        validation_freq: usize,
        /// Weights of the classes in the loss, by number or by name: `0:1.0,1:2.5`. In RUN.toml a
        /// table: `{ walk = 1.0, run = 2.5 }`.
        #[arg(long, value_name = "CLASS:WEIGHT,…")]
        class_weight: ClassWeight,
        /// Threads; all cores unless given. Results do not depend on it.
        #[arg(long, value_name = "N")]
        threads: usize,
    }
}

/// Weights of classes by number or name.
#[derive(Clone, Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct ClassWeight(BTreeMap<String, f32>);

impl FromStr for ClassWeight {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pair = |p: &str| -> Option<(String, f32)> {
            let (class, weight) = p.rsplit_once(':')?;
            Some((class.trim().to_string(), weight.trim().parse().ok()?))
        };
        text.split(',')
            .map(|p| {
                let rule = "expected CLASS:WEIGHT,… such as 0:1.0,1:2.0";
                pair(p).ok_or_else(|| format!("{rule}. Received: {p}"))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// An option whose value has no meaning.
pub struct WrongOption {
    /// Its key in RUN.toml.
    pub key: &'static str,
    /// What must hold.
    pub rule: String,
    /// What was given.
    pub received: String,
}

impl WrongOption {
    /// The message, the option called as its source calls it.
    pub fn message(&self, called: &str) -> String {
        format!("{called}: {}. Received: {}", self.rule, self.received)
    }

    /// The flag of the option.
    pub fn flag(&self) -> String {
        format!("--{}", self.key.replace('_', "-"))
    }
}

impl FitOptions {
    /// Fails at the first option without a meaning.
    pub fn check(&self) -> Result<(), WrongOption> {
        let wrong = |key, rule: &str, received: String| {
            Err(WrongOption { key, rule: rule.to_string(), received })
        };
        let at_least_1 = [
            ("batch_size", self.batch_size, "must be at least 1 sample"),
            (
                "epochs",
                self.epochs,
                "must be at least 1; `cornu fit … --dry-run` checks a run without training",
            ),
            ("tbptt", self.tbptt, "gradients must reach back over at least 1 timestep"),
            ("validation_batch_size", self.validation_batch_size, "must be at least 1 sample"),
            ("validation_freq", self.validation_freq, "must be at least 1 epoch"),
            ("threads", self.threads, "must be at least 1; leave it out for all cores"),
        ];
        if let Some((key, _, rule)) = at_least_1.into_iter().find(|(_, n, _)| *n == Some(0)) {
            return wrong(key, rule, "0".into());
        }
        if let Some(v) = self.verbose.filter(|v| *v > 2) {
            return wrong("verbose", "must be 0, 1 or 2", v.to_string());
        }
        if let Some(f) = self.validation_split.filter(|f| !(0.0..1.0).contains(f)) {
            return wrong("validation_split", "must be a share from 0 to below 1", f.to_string());
        }
        if let Some(name) = &self.batches
            && let Err(e) = BatchMaker::parse(name)
        {
            return wrong("batches", e.rule.trim_end_matches('.'), format!("`{name}`"));
        }
        if let Some(by) = &self.epoch_loss
            && EpochLoss::parse(by).is_err()
        {
            return wrong("epoch_loss", "must be timesteps or keras", format!("`{by}`"));
        }
        if let Some(w) = &self.class_weight
            && let Some((class, weight)) = w.0.iter().find(|(_, w)| !w.is_finite() || **w < 0.0)
        {
            let received = format!("{weight} for class `{class}`");
            return wrong("class_weight", "weights must be finite and not negative", received);
        }
        if self.shuffle.is_some() && self.batches.is_some() {
            let rule = "`shuffle` and `batches` both say how batches are made; give one";
            return wrong("batches", rule, "both".into());
        }
        Ok(())
    }

    /// Fails where options do not go together; `has_test` tells whether there are test data. For
    /// options whose values were checked.
    pub fn check_together(&self, has_test: bool) -> Result<(), WrongOption> {
        let wrong = |key, rule: &str, received: String| {
            Err(WrongOption { key, rule: rule.to_string(), received })
        };
        if self.initial_epoch.is_some_and(|first| first >= self.epochs.unwrap_or(1)) {
            let received = self.initial_epoch.unwrap_or(0).to_string();
            return wrong("initial_epoch", "must be below `epochs`, counted from 0", received);
        }
        let on_test = self.validate_on_test == Some(true);
        let split = self.validation_split.is_some_and(|f| f > 0.0);
        if on_test && !has_test {
            return wrong("validate_on_test", "needs test data: `test` of [data]", "none".into());
        }
        if on_test && split {
            let rule =
                "`validate_on_test` and `validation_split` both say what validates; give one";
            return wrong("validation_split", rule, "both".into());
        }
        let of_validation = [
            ("validation_batch_size", self.validation_batch_size),
            ("validation_freq", self.validation_freq),
        ];
        if let Some((key, Some(n))) = of_validation.into_iter().find(|(_, n)| n.is_some())
            && !on_test
            && !split
        {
            let rule = "nothing validates; give `validation_split` or `validate_on_test`";
            return wrong(key, rule, n.to_string());
        }
        Ok(())
    }

    /// Samples of a batch.
    pub fn batch_size(&self) -> usize {
        self.batch_size.unwrap_or(32)
    }

    /// How batches are made.
    pub fn batch_maker(&self) -> BatchMaker {
        let given = self.batches.as_deref().and_then(|name| BatchMaker::parse(name).ok());
        let default =
            if self.shuffle == Some(false) { BatchMaker::AsTheyCome } else { BatchMaker::Shuffle };
        given.unwrap_or(default)
    }

    /// How the losses of batches become an epoch's.
    pub fn epoch_loss(&self) -> EpochLoss {
        let given = self.epoch_loss.as_deref().and_then(|by| EpochLoss::parse(by).ok());
        given.unwrap_or_default()
    }

    /// The settings of `fit`, for options that were checked.
    pub fn settings(&self) -> Fit<'static> {
        let mut fit = Fit::new()
            .epochs(self.epochs.unwrap_or(1))
            .initial_epoch(self.initial_epoch.unwrap_or(0))
            .batches(self.batch_maker())
            .epoch_loss(self.epoch_loss())
            .seed(self.seed.unwrap_or(0))
            .verbose(self.verbose.unwrap_or(1))
            .validation_split(self.validation_split.unwrap_or(0.0))
            .validation_freq(self.validation_freq.unwrap_or(1));
        if let Some(n) = self.batch_size {
            fit = fit.batch_size(n);
        }
        if let Some(k) = self.tbptt {
            fit = fit.tbptt(k);
        }
        if let Some(n) = self.validation_batch_size {
            fit = fit.validation_batch_size(n);
        }
        fit
    }

    /// The weights of classes by their numbers; `names` holds the names of the classes, if they
    /// have some.
    ///
    /// # Errors
    /// A class that is neither a number nor a name, that the model does not have, or that comes
    /// twice. `n_classes` is how many the model tells apart, where that is known.
    pub fn class_weights(
        &self,
        names: Option<&[String]>,
        n_classes: Option<usize>,
    ) -> Result<Option<ClassWeights>, WrongOption> {
        let Some(ClassWeight(given)) = &self.class_weight else { return Ok(None) };
        let id = |class: &String| {
            let named = names.and_then(|n| n.iter().position(|name| name == class));
            named.map(|i| i as i64).or_else(|| class.parse().ok())
        };
        let mut seen = vec![];
        let weights = given.iter().map(|(class, weight)| {
            let known = names.unwrap_or_default();
            let hint = cornu::extend::did_you_mean(class, known.iter().map(String::as_str));
            let rule = match known {
                [] => "classes are numbers from 0 on, for the targets have no names".to_string(),
                known => format!("the classes are {}{hint}", known.join(", ")),
            };
            let received = format!("`{class}`");
            let wrong =
                |rule| WrongOption { key: "class_weight", rule, received: received.clone() };
            let id = id(class).ok_or_else(|| wrong(rule))?;
            if let Some(n) = n_classes.filter(|n| !(0..*n as i64).contains(&id)) {
                return Err(wrong(format!("the model tells {n} classes apart, from 0 on")));
            }
            if seen.contains(&id) {
                return Err(wrong("each class has one weight".to_string()));
            }
            seen.push(id);
            Ok((id, *weight))
        });
        weights.collect::<Result<_, _>>().map(Some)
    }
}
