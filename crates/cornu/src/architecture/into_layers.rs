//! Lists of layers, as a model of layers one after the other takes them.

use crate::lowering::LayerRef;

/// Layers in their order: a tuple of up to twelve, an array, a vector.
pub trait IntoLayers {
    /// Returns the layers.
    fn into_layers(self) -> Vec<LayerRef>;
}

impl<L: Into<LayerRef>> IntoLayers for Vec<L> {
    fn into_layers(self) -> Vec<LayerRef> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<L: Into<LayerRef>, const N: usize> IntoLayers for [L; N] {
    fn into_layers(self) -> Vec<LayerRef> {
        self.into_iter().map(Into::into).collect()
    }
}

macro_rules! tuples {
    ($($($L:ident $layer:ident),+;)*) => {$(
        impl<$($L: Into<LayerRef>),+> IntoLayers for ($($L,)+) {
            fn into_layers(self) -> Vec<LayerRef> {
                let ($($layer,)+) = self;
                vec![$($layer.into()),+]
            }
        }
    )*};
}

tuples! {
    A a;
    A a, B b;
    A a, B b, C c;
    A a, B b, C c, D d;
    A a, B b, C c, D d, E e;
    A a, B b, C c, D d, E e, F f;
    A a, B b, C c, D d, E e, F f, G g;
    A a, B b, C c, D d, E e, F f, G g, H h;
    A a, B b, C c, D d, E e, F f, G g, H h, I i;
    A a, B b, C c, D d, E e, F f, G g, H h, I i, J j;
    A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k;
    A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k, L l;
}
