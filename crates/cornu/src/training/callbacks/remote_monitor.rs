//! Losses and metrics of each epoch sent to a server.

use super::{Callback, Run};
use crate::saving::json;
use crate::training::{Logs, value_json};
use crate::{Error, Result};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
#[cfg(feature = "http")]
use std::time::Duration;

arguments! {
    /// Callback that posts losses and metrics of each epoch to an HTTP server, as JSON or as a form
    /// field with JSON. If the server does not answer, a message is printed and training continues.
    ///
    /// Source: keras/src/callbacks/remote_monitor.py, Keras 3.15.1. Differs: no TLS; a server is
    /// waited for 10 seconds at most.
    ///
    /// ```
    /// use cornu::Fit;
    /// use cornu::callbacks::RemoteMonitor;
    /// let monitor = RemoteMonitor::new("http://localhost:9000").send_as_json(true);
    /// assert_eq!(monitor.path, "/publish/epoch/end/");
    /// let fit = Fit::new().epochs(10).callback(monitor);
    /// ```
    RemoteMonitor(State) {
        /// Address of the server.
        root: String [&str] = "http://localhost:9000".into(),
        /// Path on the server.
        path: String [&str] = "/publish/epoch/end/".into(),
        /// Name of the form field.
        field: String [&str] = "data".into(),
        /// Further HTTP headers.
        headers: Option<BTreeMap<String, String>> [BTreeMap<String, String>] = None,
        /// True to send JSON as the body, false to send a form.
        send_as_json: bool [bool] = false,
    }
}

#[derive(Default)]
struct State {
    #[cfg(feature = "http")]
    agent: Option<ureq::Agent>,
}

impl RemoteMonitor {
    /// Returns the callback with the address of the server.
    pub fn new(root: &str) -> Self {
        Self::default().root(root)
    }

    /// Posts a body; false if the server was not reached.
    #[cfg(feature = "http")]
    fn post(&mut self, body: &str, content_type: &str) -> bool {
        let agent = self.state.agent.get_or_insert_with(|| {
            let config = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .timeout_global(Some(Duration::from_secs(10)));
            config.build().into()
        });
        let mut request =
            agent.post(format!("{}{}", self.root, self.path)).header("content-type", content_type);
        for (name, value) in self.headers.iter().flatten() {
            request = request.header(name, value);
        }
        request.send(body).is_ok()
    }

    /// No server is reached without the feature.
    #[cfg(not(feature = "http"))]
    fn post(&mut self, _: &str, _: &str) -> bool {
        false
    }

    /// The body and its type.
    fn body(&self, epoch: usize, logs: &Logs) -> (String, &'static str) {
        let mut send = Map::from_iter([("epoch".to_string(), Value::from(epoch))]);
        send.extend(logs.iter().map(|(k, v)| (k.clone(), value_json(v))));
        let text = json::write(&Value::Object(send));
        if self.send_as_json {
            (text, "application/json")
        } else {
            (
                format!("{}={}", quote_plus(&self.field), quote_plus(&text)),
                "application/x-www-form-urlencoded",
            )
        }
    }
}

/// Text in a form: spaces as `+`, other than letters, digits and `_.-~` by their bytes.
fn quote_plus(text: &str) -> String {
    text.bytes().fold(String::new(), |out, b| match b {
        b' ' => out + "+",
        b if b.is_ascii_alphanumeric() || b"_.-~".contains(&b) => out + &char::from(b).to_string(),
        b => out + &format!("%{b:02X}"),
    })
}

impl Callback for RemoteMonitor {
    fn check(&self) -> Result<()> {
        if cfg!(not(feature = "http")) {
            return Err(super::without_feature("RemoteMonitor", "http"));
        }
        if self.root.starts_with("https:") {
            return Err(Error::Unsupported(format!(
                "RemoteMonitor over TLS; use http://. Received: {}",
                self.root
            )));
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        let (body, content_type) = self.body(epoch, logs);
        if !self.post(&body, content_type) {
            run.say(&format!("Could not reach RemoteMonitor root server at {}", self.root));
        }
        Ok(())
    }

    fn reads_batches(&self) -> bool {
        false
    }
}
