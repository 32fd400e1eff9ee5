//! JSON as Python writes it: `NaN` and `Infinity` as bare words, ASCII, `", "` and `": "`.
//!
//! Those three words are not JSON, so a [`Value`] cannot hold them; here each becomes the object
//! `{"$float": "NaN"}`, read with [`float`], made with [`value_of`], and written back as the word.

use serde_json::{Map, Value};

use super::FileError;

const FLOAT_KEY: &str = "$float";
const WORDS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Reads a JSON text. Nesting beyond 128 levels is refused.
///
/// ```
/// use cornu::saving::json;
/// let value = json::read(br#"{"max_value": Infinity}"#).unwrap();
/// assert_eq!(json::float(&value["max_value"]), Some(f64::INFINITY));
/// assert_eq!(json::write(&value), r#"{"max_value": Infinity}"#);
/// ```
pub fn read(bytes: &[u8]) -> Result<Value, FileError> {
    let text = std::str::from_utf8(bytes).map_err(|error| broken(error.to_string()))?;
    let parsed = if WORDS.iter().any(|word| text.contains(word)) {
        serde_json::from_str(&with_words_as_objects(text))
    } else {
        serde_json::from_str(text)
    };
    parsed.map_err(|error| broken(error.to_string()))
}

fn broken(received: String) -> FileError {
    FileError::refused(
        "this part must be JSON in UTF-8, at most 128 levels deep",
        received,
        "Save the model again with Keras or cornu.",
    )
}

/// Returns the number in `value`, the words `NaN`, `Infinity` and `-Infinity` included.
pub fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Object(map) if map.len() == 1 => match map.get(FLOAT_KEY)?.as_str()? {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the value that [`write()`] prints as Python prints the float `x`.
pub fn value_of(x: f64) -> Value {
    if let Some(number) = serde_json::Number::from_f64(x) {
        return Value::Number(number);
    }
    let word = if x.is_nan() {
        "NaN"
    } else if x > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    };
    let mut map = Map::new();
    map.insert(FLOAT_KEY.to_owned(), Value::String(word.to_owned()));
    Value::Object(map)
}

fn with_words_as_objects(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len() + 64);
    let mut at = 0;
    let mut copied = 0;
    let mut in_string = false;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if in_string => at += 1,
            b'"' => in_string = !in_string,
            b'N' | b'I' | b'-' if !in_string => {
                if let Some(word) =
                    WORDS.iter().find(|word| bytes[at..].starts_with(word.as_bytes()))
                {
                    out.push_str(&text[copied..at]);
                    out.push_str("{\"$float\":\"");
                    out.push_str(word);
                    out.push_str("\"}");
                    at += word.len();
                    copied = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    out.push_str(&text[copied..]);
    out
}

/// Writes JSON the way Python's `json.dumps` does with its defaults.
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::String(text) => write_text(text, out),
        Value::Number(number) => match number.as_f64() {
            Some(x) if number.is_f64() => write_float(x, out),
            _ => out.push_str(&number.to_string()),
        },
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            if let Some(x) = float(value) {
                return write_float(x, out);
            }
            out.push('{');
            for (index, (key, item)) in map.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_text(key, out);
                out.push_str(": ");
                write_value(item, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
}

/// Python's `repr` of a float: the shortest digits, an exponent from 1e16 up and below 1e-4.
fn write_float(x: f64, out: &mut String) {
    if !x.is_finite() {
        out.push_str(if x.is_nan() {
            WORDS[0]
        } else if x > 0.0 {
            WORDS[1]
        } else {
            WORDS[2]
        });
        return;
    }
    let scientific = format!("{x:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        out.push_str(&scientific);
        return;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{x}");
        out.push_str(&plain);
        if !plain.contains('.') {
            out.push_str(".0");
        }
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        out.push_str(&format!("{digits}e{sign}{:02}", exponent.abs()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_python_prints_them() {
        let cases = [
            (1e-7, "1e-07"),
            (0.0001, "0.0001"),
            (0.00001234, "1.234e-05"),
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (9999999999999998.0, "9999999999999998.0"),
            (1.5e300, "1.5e+300"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (x, text) in cases {
            assert_eq!(write(&value_of(x)), text);
        }
    }

    #[test]
    fn words_inside_texts_stay_texts() {
        let text = r#"{"a": "NaN \" NaN", "b": [NaN, -Infinity, -1.5], "NaN": 1}"#;
        assert_eq!(write(&read(text.as_bytes()).unwrap()), text);
    }

    #[test]
    fn other_alphabets_are_escaped() {
        let value = Value::String("über 🎷\u{7f}".to_owned());
        assert_eq!(write(&value), "\"\\u00fcber \\ud83c\\udfb7\\u007f\"");
        assert_eq!(read(write(&value).as_bytes()).unwrap(), value);
    }

    #[test]
    fn ten_thousand_levels_are_an_error() {
        let mut text = "[".repeat(10_000);
        text.push_str(&"]".repeat(10_000));
        assert!(read(text.as_bytes()).is_err());
        let words = format!("[{text}, NaN]");
        assert!(read(words.as_bytes()).is_err());
    }

    #[test]
    fn what_is_not_json_is_an_error() {
        for text in ["", "{", "{\"a\": nan}", "[1,]", "NaNNaN", "\u{0}"] {
            assert!(read(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(read(&[0xff, 0xfe]).is_err());
    }
}
