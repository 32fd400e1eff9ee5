//! Which Keras wrote a file.

use crate::saving::Legacy;
use serde_json::Value;

/// The Keras that wrote a file: its version and its backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The version as the file says it, as `2.2.4-tf`.
    version: Option<String>,
    /// The backend as the file says it, as `theano`.
    backend: Option<String>,
    major: u32,
}

impl Origin {
    /// Today's Keras, and cornu.
    pub(crate) fn keras_3() -> Self {
        Self { version: None, backend: None, major: 3 }
    }

    /// The origin of a file that notes a version and a backend. Without a version it is told by
    /// the words of the config: Keras 3 notes a module with each class, Keras 1 says `output_dim`.
    pub(crate) fn of(version: Option<&str>, backend: Option<&str>, config: Option<&Value>) -> Self {
        let noted = version.and_then(|v| v.split('.').next()?.trim().parse().ok());
        let told = || match config {
            Some(config) if config.get("module").is_some() => 3,
            Some(config) if says_keras_1(config) => 1,
            Some(_) => 2,
            // Keras 1 noted no version beside weights.
            None => 1,
        };
        Self {
            version: version.map(str::to_string),
            backend: backend.map(str::to_string),
            major: noted.unwrap_or_else(told),
        }
    }

    /// The origin of a legacy `.h5`.
    pub(crate) fn of_legacy(legacy: &Legacy) -> Self {
        let (version, backend) = (legacy.keras_version.as_deref(), legacy.backend.as_deref());
        Self::of(version, backend, legacy.model_config.as_ref())
    }

    /// The origin of an architecture alone: `Model.to_json` of Keras 2 notes the version in it.
    pub(crate) fn of_config(config: &Value) -> Self {
        let text = |key: &str| config.get(key).and_then(Value::as_str);
        match text("keras_version") {
            Some(version) => Self::of(Some(version), text("backend"), Some(config)),
            None if says_keras_1(config) => Self::of(None, None, Some(config)),
            None => Self::keras_3(),
        }
    }

    /// True if the file is of Keras 1.
    pub(crate) fn is_keras_1(&self) -> bool {
        self.major <= 1
    }

    /// True if the file is of Keras 1 or 2.
    pub(crate) fn is_before_keras_3(&self) -> bool {
        self.major < 3
    }

    /// True if Theano's convolutions, which mirror their kernels, trained the weights.
    pub(crate) fn mirrors_kernels(&self) -> bool {
        self.is_before_keras_3() && self.backend.as_deref() == Some("theano")
    }

    /// The version and the backend for messages, as `Keras 2.2.4 on tensorflow`.
    pub(crate) fn text(&self) -> String {
        let version = self.version.clone().unwrap_or_else(|| self.major.to_string());
        match &self.backend {
            Some(backend) => format!("Keras {version} on {backend}"),
            None => format!("Keras {version}"),
        }
    }
}

/// True if a layer of the config has settings under the names of Keras 1.
fn says_keras_1(config: &Value) -> bool {
    match config {
        Value::Object(members) => {
            let class = members.get("class_name").and_then(Value::as_str).unwrap_or("");
            let has = |key: &str| config.pointer("/config").is_some_and(|c| c.get(key).is_some());
            (has("output_dim") && class != "Embedding" && !has("units") && has("init"))
                || has("nb_filter")
                || (class == "Merge" && has("mode"))
                || (class == "Embedding" && has("init"))
                || members.values().any(says_keras_1)
        }
        Value::Array(items) => items.iter().any(says_keras_1),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_version_tells_or_else_the_words_of_the_config() {
        let of = |version, config: &Value| Origin::of(version, None, Some(config)).major;
        let dense = json!([{"class_name": "Dense", "config": {"output_dim": 2, "init": "zero"}}]);
        let keras_1 = json!({"class_name": "Sequential", "config": dense});
        let keras_2 = json!({"class_name": "Sequential", "config": {"layers": []}});
        let keras_3 = json!({"class_name": "Sequential", "module": "keras", "config": {}});
        assert_eq!([&keras_1, &keras_2, &keras_3].map(|c| of(None, c)), [1, 2, 3]);
        assert_eq!(of(Some("2.2.4-tf"), &keras_3), 2);
        assert_eq!(Origin::of_config(&keras_2).major, 3);
        assert_eq!(Origin::of(Some("2.1.6"), Some("theano"), None).text(), "Keras 2.1.6 on theano");
    }
}
