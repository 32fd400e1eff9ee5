//! Values of losses and metrics as text.

use cornu::Logs;
use cornu::extend::value_json;

/// The values as a JSON object, or a line each.
pub fn text(logs: &Logs, json: bool) -> String {
    if json {
        let object: serde_json::Map<_, _> =
            logs.iter().map(|(k, v)| (k.clone(), value_json(v))).collect();
        return cornu::saving::json::write(&serde_json::Value::Object(object)) + "\n";
    }
    logs.iter().map(|(k, v)| format!("{k}: {}\n", value_json(v))).collect()
}
