//! What callbacks do on logs whose outcome was worked out, and in small runs.
