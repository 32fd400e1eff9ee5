//! Names of the classes that a model's outputs tell apart, kept beside the model in its files.

use super::model::Model;
use crate::config::short;
use crate::{Error, Result};
use serde_json::{Map, Value};

/// Key in `metadata.json` of a `.keras` file, and the attribute of an `.h5` file.
pub(crate) const CLASS_NAMES: &str = "class_names";

impl Model {
    /// Returns the names of the classes of an output, in the order of their ids, where the model
    /// has some.
    pub fn class_names(&self, output: &str) -> Option<Vec<String>> {
        self.kept_class_names().get(output).cloned()
    }

    /// Gives the classes of an output names, in the order of their ids. A `.keras` file keeps them
    /// in its `metadata.json`; Keras passes over them.
    ///
    /// ```
    /// use cornu::{Dense, Input, Model};
    /// let x = Input::new([3]);
    /// let model = Model::new(&x, &Dense::new(2).name("word").call(&x)?)?;
    /// model.set_class_names("word", ["run", "walk"])?;
    /// let path = std::env::temp_dir().join("cornu-class-names.keras");
    /// model.save(&path)?;
    /// let names = Model::open(&path)?.class_names("word");
    /// assert_eq!(names, Some(vec!["run".to_string(), "walk".to_string()]));
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), cornu::Error>(())
    /// ```
    ///
    /// # Errors
    /// The model has no output of that name; a class named twice.
    pub fn set_class_names<S: Into<String>>(
        &self,
        output: &str,
        names: impl IntoIterator<Item = S>,
    ) -> Result<()> {
        let outputs = self.output_names();
        if !outputs.iter().any(|o| o == output) {
            let rule = format!("the model's outputs are {}", outputs.join(", "));
            return Err(Error::argument("set_class_names", rule, format!("`{output}`")));
        }
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        if let Some(i) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
            let received = format!("`{}` twice", names[i]);
            return Err(Error::argument("set_class_names", "each class is named once", received));
        }
        self.kept_class_names().insert(output.into(), names);
        Ok(())
    }

    /// The names as a file keeps them; none where no output has names.
    pub(crate) fn class_names_json(&self) -> Option<Value> {
        let names = self.kept_class_names();
        let json = |(output, names): (&String, &Vec<String>)| {
            (output.clone(), names.iter().map(String::as_str).collect::<Value>())
        };
        (!names.is_empty()).then(|| Value::Object(names.iter().map(json).collect()))
    }

    /// Takes the names that a file keeps.
    pub(crate) fn read_class_names(&self, v: &Value) -> Result<()> {
        let wrong = || {
            let rule = "must hold a list of names for each output";
            Error::Config(format!("{CLASS_NAMES}: {rule}. Received: {}", short(v)))
        };
        let outputs: &Map<String, Value> = v.as_object().ok_or_else(wrong)?;
        let read = |names: &Value| -> Option<Vec<String>> {
            names.as_array()?.iter().map(|n| n.as_str().map(str::to_string)).collect()
        };
        for (output, names) in outputs {
            self.kept_class_names().insert(output.clone(), read(names).ok_or_else(wrong)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Compile, Dense, Input, Model, Opened};

    fn model() -> Model {
        let x = Input::new([2]);
        Model::new(&x, &Dense::new(2).name("d").call(&x).unwrap()).unwrap()
    }

    #[test]
    fn names_go_through_files_of_both_stages_and_other_handles() {
        let model = model();
        model.set_class_names("d", ["a", "b"]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.keras");
        let compiled = model.clone().name("other").compile(Compile::new("sgd", "mse")).unwrap();
        compiled.save(&path).unwrap();
        let opened = Opened::read(&path).unwrap();
        assert_eq!(opened.class_names("d").unwrap(), ["a", "b"]);
        assert!(opened.class_names("e").is_none());
        crate::files::convert(&path, &dir.path().join("n.keras"), None).unwrap();
        let again = Model::open(dir.path().join("n.keras")).unwrap();
        assert_eq!(again.class_names("d").unwrap(), ["a", "b"]);
    }

    #[test]
    fn wrong_names_are_refused() {
        let model = model();
        let error = model.set_class_names("e", ["a"]).unwrap_err().to_string();
        assert!(error.contains("outputs are d"), "{error}");
        let error = model.set_class_names("d", ["a", "a"]).unwrap_err().to_string();
        assert!(error.contains("`a` twice"), "{error}");
        let mut archive = model.to_archive().unwrap();
        archive.metadata["class_names"] = serde_json::json!({"d": "a"});
        let error = Model::from_archive(archive).err().unwrap().to_string();
        assert!(error.contains("class_names"), "{error}");
    }
}
