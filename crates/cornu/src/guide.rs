//! The guide: how to do things, page by page. Each page stands by itself, and its code is tested.
//!
//! | page | what it answers |
//! |---|---|
//! | [`from_keras`] | Keras line, Rust line, RUN.toml line: in ten minutes |
//! | [`batch`] | what the batch is, what `None` means, what the batch size does |
//! | [`unequal_lengths`] | sequences of unequal length, padding and masks |
//! | [`states_and_streaming`] | `return_state`, `initial_state`, encoder and decoder, `Streams` |
//! | [`files`] | which files are read and written, exchange with Keras |
//! | [`extensions`] | files with classes of their author's own |
//! | [`fine_tuning`] | inner layers, new heads, frozen layers |
//! | [`own_classes`] | layers, losses, metrics and callbacks of your own |
//! | [`run_toml`] | training from a file with the command `cornu` |
//! | [`speed`] | debug builds, threads, services, memory |
//! | [`limits`] | what is refused, and why |

macro_rules! pages {
    ($($page:ident),* $(,)?) => {
        $(
            #[doc = include_str!(concat!("../guide/", stringify!($page), ".md"))]
            pub mod $page {}
        )*
    };
}

pages! {
    from_keras, batch, unequal_lengths, states_and_streaming, files, extensions, fine_tuning,
    own_classes, run_toml, speed, limits,
}
