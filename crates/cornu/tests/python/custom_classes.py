"""Layers of authors' own: those after well-known examples, and some that an extension defines."""

import keras
from keras import layers, ops

register = keras.saving.register_keras_serializable


@register("Custom", "TokenAndPositionEmbedding")
class TokenAndPositionEmbedding(layers.Layer):
    def __init__(self, maxlen, vocab_size, embed_dim, **kwargs):
        super().__init__(**kwargs)
        self.maxlen, self.vocab_size, self.embed_dim = maxlen, vocab_size, embed_dim
        self.token_emb = layers.Embedding(vocab_size, embed_dim)
        self.pos_emb = layers.Embedding(maxlen, embed_dim)

    def call(self, x):
        return self.token_emb(x) + self.pos_emb(ops.arange(0, ops.shape(x)[-1], 1))

    def get_config(self):
        own = {"maxlen": self.maxlen, "vocab_size": self.vocab_size, "embed_dim": self.embed_dim}
        return {**super().get_config(), **own}


class _Block(layers.Layer):
    def __init__(self, embed_dim, num_heads, ff_dim, rate=0.1, **kwargs):
        super().__init__(**kwargs)
        self.settings = dict(embed_dim=embed_dim, num_heads=num_heads, ff_dim=ff_dim, rate=rate)
        self.att = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
        self.ffn = keras.Sequential(
            [layers.Dense(ff_dim, activation="relu"), layers.Dense(embed_dim)]
        )
        self.layernorm1 = layers.LayerNormalization(epsilon=1e-6)
        self.layernorm2 = layers.LayerNormalization(epsilon=1e-6)
        self.dropout1 = layers.Dropout(rate)
        self.dropout2 = layers.Dropout(rate)

    def call(self, inputs):
        a = self.dropout1(self.attend(inputs))
        a = self.layernorm1(inputs + a)
        return self.layernorm2(a + self.dropout2(self.ffn(a)))

    def get_config(self):
        return {**super().get_config(), **self.settings}


@register("Custom", "TransformerBlock")
class TransformerBlock(_Block):
    def attend(self, x):
        return self.att(x, x)


class CausalTransformerBlock(_Block):
    def attend(self, x):
        t = ops.shape(x)[1]
        mask = ops.arange(t)[:, None] >= ops.arange(t)
        return self.att(x, x, attention_mask=ops.tile(mask[None], (ops.shape(x)[0], 1, 1)))


CausalTransformerBlock.__name__ = CausalTransformerBlock.__qualname__ = "TransformerBlock"


class _Embedding(layers.Layer):
    def __init__(self, sequence_length, n_tokens, dim):
        self.token_embeddings = layers.Embedding(n_tokens, dim)
        self.position_embeddings = layers.Embedding(sequence_length, dim)

    def call(self, inputs):
        positions = ops.cumsum(ops.ones_like(inputs), axis=-1) - 1
        return self.token_embeddings(inputs) + self.position_embeddings(positions)


@register("translation", "PositionalEmbedding")
class PositionalEmbedding(_Embedding):
    def __init__(self, sequence_length, vocab_size, embed_dim, **kwargs):
        layers.Layer.__init__(self, **kwargs)
        _Embedding.__init__(self, sequence_length, vocab_size, embed_dim)
        self.settings = dict(
            sequence_length=sequence_length, vocab_size=vocab_size, embed_dim=embed_dim
        )

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0)

    def get_config(self):
        return {**super().get_config(), **self.settings}


@register("book", "PositionalEmbedding")
class BookPositionalEmbedding(_Embedding):
    def __init__(self, sequence_length, input_dim, output_dim, **kwargs):
        layers.Layer.__init__(self, **kwargs)
        _Embedding.__init__(self, sequence_length, input_dim, output_dim)
        self.settings = dict(
            sequence_length=sequence_length, input_dim=input_dim, output_dim=output_dim
        )

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0)

    def get_config(self):
        return {**super().get_config(), **self.settings}


BookPositionalEmbedding.__name__ = "PositionalEmbedding"


@register("third", "PositionalEmbedding")
class ThirdPositionalEmbedding(_Embedding):
    def __init__(self, sequence_length, input_dim, output_dim):
        layers.Layer.__init__(self)
        _Embedding.__init__(self, sequence_length, input_dim, output_dim)


ThirdPositionalEmbedding.__name__ = "PositionalEmbedding"


@register("translation", "TransformerEncoder")
class TransformerEncoder(layers.Layer):
    def __init__(self, embed_dim, dense_dim, num_heads, **kwargs):
        super().__init__(**kwargs)
        self.settings = dict(embed_dim=embed_dim, dense_dim=dense_dim, num_heads=num_heads)
        self.attention = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
        self.dense_proj = keras.Sequential(
            [layers.Dense(dense_dim, activation="relu"), layers.Dense(embed_dim)]
        )
        self.layernorm_1 = layers.LayerNormalization()
        self.layernorm_2 = layers.LayerNormalization()
        self.supports_masking = True

    def call(self, inputs, mask=None):
        mask = None if mask is None else ops.cast(mask[:, None, :], "int32")
        a = self.attention(query=inputs, value=inputs, key=inputs, attention_mask=mask)
        a = self.layernorm_1(inputs + a)
        return self.layernorm_2(a + self.dense_proj(a))

    def get_config(self):
        return {**super().get_config(), **self.settings}


@register("book", "TransformerEncoder")
class BookEncoder(TransformerEncoder):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.supports_masking = False


BookEncoder.__name__ = "TransformerEncoder"


@register("translation", "TransformerDecoder")
class TransformerDecoder(layers.Layer):
    def __init__(self, embed_dim, latent_dim, num_heads, **kwargs):
        super().__init__(**kwargs)
        self.settings = dict(embed_dim=embed_dim, latent_dim=latent_dim, num_heads=num_heads)
        self.attention_1 = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
        self.attention_2 = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
        self.dense_proj = keras.Sequential(
            [layers.Dense(latent_dim, activation="relu"), layers.Dense(embed_dim)]
        )
        self.layernorm_1 = layers.LayerNormalization()
        self.layernorm_2 = layers.LayerNormalization()
        self.layernorm_3 = layers.LayerNormalization()
        self.supports_masking = True

    def call(self, inputs, mask=None):
        inputs, encoded = inputs
        b, t = ops.shape(inputs)[0], ops.shape(inputs)[1]
        causal = ops.cast(ops.arange(t)[:, None] >= ops.arange(t), "int32")
        causal = ops.tile(causal[None], (b, 1, 1))
        target_mask, source_mask = (None, None) if mask is None else mask
        a = self.attention_1(
            query=inputs, value=inputs, key=inputs, attention_mask=causal, query_mask=target_mask
        )
        a = self.layernorm_1(inputs + a)
        c = self.attention_2(
            query=a, value=encoded, key=encoded, query_mask=target_mask, key_mask=source_mask
        )
        c = self.layernorm_2(a + c)
        return self.layernorm_3(c + self.dense_proj(c))

    def get_config(self):
        return {**super().get_config(), **self.settings}


class _Third(layers.Layer):
    """What the layers of the third edition share; their settings are those of `__init__`."""

    def feed(self, x, intermediate_dim, hidden_dim):
        self.feed_forward_1 = layers.Dense(intermediate_dim, activation="relu")
        self.feed_forward_2 = layers.Dense(hidden_dim)
        self.feed_forward_layernorm = layers.LayerNormalization()


@register("third", "TransformerEncoder")
class ThirdEncoder(_Third):
    def __init__(self, hidden_dim, intermediate_dim, num_heads):
        super().__init__()
        self.self_attention = layers.MultiHeadAttention(num_heads, hidden_dim // num_heads)
        self.self_attention_layernorm = layers.LayerNormalization()
        self.feed(None, intermediate_dim, hidden_dim)

    def call(self, source, source_mask):
        x = self.self_attention(
            query=source, key=source, value=source, attention_mask=source_mask[:, None, :]
        )
        x = self.self_attention_layernorm(x + source)
        return self.feed_forward_layernorm(self.feed_forward_2(self.feed_forward_1(x)) + x)


ThirdEncoder.__name__ = "TransformerEncoder"


@register("third", "TransformerDecoder")
class ThirdDecoder(_Third):
    def __init__(self, hidden_dim, intermediate_dim, num_heads):
        super().__init__()
        self.self_attention = layers.MultiHeadAttention(num_heads, hidden_dim // num_heads)
        self.self_attention_layernorm = layers.LayerNormalization()
        self.cross_attention = layers.MultiHeadAttention(num_heads, hidden_dim // num_heads)
        self.cross_attention_layernorm = layers.LayerNormalization()
        self.feed(None, intermediate_dim, hidden_dim)

    def call(self, target, source, source_mask):
        x = self.self_attention(query=target, key=target, value=target, use_causal_mask=True)
        x = self.self_attention_layernorm(x + target)
        mask = source_mask[:, None, :]
        y = self.cross_attention(query=x, key=source, value=source, attention_mask=mask)
        y = self.cross_attention_layernorm(y + x)
        return self.feed_forward_layernorm(self.feed_forward_2(self.feed_forward_1(y)) + y)


ThirdDecoder.__name__ = "TransformerDecoder"


@register("generation", "TransformerDecoder")
class ThirdGenerator(_Third):
    def __init__(self, hidden_dim, intermediate_dim, num_heads):
        super().__init__()
        key_dim = hidden_dim // num_heads
        self.self_attention = layers.MultiHeadAttention(num_heads, key_dim, dropout=0.1)
        self.self_attention_layernorm = layers.LayerNormalization()
        self.feed(None, intermediate_dim, hidden_dim)
        self.dropout = layers.Dropout(0.1)

    def call(self, inputs):
        x = self.self_attention(query=inputs, key=inputs, value=inputs, use_causal_mask=True)
        x = self.self_attention_layernorm(self.dropout(x) + inputs)
        y = self.dropout(self.feed_forward_2(self.feed_forward_1(x)))
        return self.feed_forward_layernorm(y + x)


ThirdGenerator.__name__ = "TransformerDecoder"


@register("own")
class LearnedPositions(layers.Layer):
    def __init__(self, max_length, **kwargs):
        super().__init__(**kwargs)
        self.max_length = max_length

    def build(self, shape):
        self.count = self.add_weight(shape=(), trainable=False, initializer="ones")
        self.table = self.add_weight(shape=(self.max_length, shape[-1]))

    def call(self, x):
        return x + self.table[: ops.shape(x)[1]] * self.count

    def get_config(self):
        return {**super().get_config(), "max_length": self.max_length}


@register("own")
class Stack(layers.Layer):
    """Blocks in a list, a nested setting, and a setting without effect."""

    def __init__(self, units, n_blocks, cell, label="", **kwargs):
        super().__init__(**kwargs)
        self.settings = dict(units=units, n_blocks=n_blocks, cell=cell, label=label)
        self.blocks = [layers.Dense(units, activation="tanh") for _ in range(n_blocks)]
        self.rnn = layers.Bidirectional(layers.LSTM(cell["units"] * 2, return_sequences=True))
        self.project = layers.Dense(units)

    def call(self, x):
        y = x
        for block in self.blocks:
            y = block(y)
        return self.project(self.rnn(y)) + 0.5 * x

    def get_config(self):
        return {**super().get_config(), **self.settings}


@register("own")
class Scale(layers.Layer):
    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape):
        constant = keras.initializers.Constant(self.start)
        self.scale = self.add_weight(shape=(shape[-1],), initializer=constant)

    def call(self, x):
        return x * self.scale

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "start": self.start}


@register("own")
class AttentionPooling(layers.Layer):
    """A score for each timestep, and the sum weighted by them."""

    def build(self, shape):
        self.W = self.add_weight(shape=(shape[-1], 1))
        self.b = self.add_weight(shape=(shape[1], 1), initializer="zeros")

    def call(self, x):
        scores = ops.softmax(ops.tanh(ops.matmul(x, self.W) + self.b), axis=1)
        return ops.sum(x * scores, axis=1)


@register("own")
class MaskedMean(layers.Layer):
    def call(self, x, mask=None):
        mask = ops.cast(mask, "float32")[:, :, None]
        return ops.sum(x * mask, axis=1) / ops.sum(mask, axis=1)


@register("own")
class Recurrent(layers.Layer):
    """An LSTM whose states start another, called twice."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.encoder = layers.LSTM(units, return_state=True)
        self.decoder = layers.GRU(units)

    def call(self, x):
        y, h, _ = self.encoder(x)
        first = self.decoder(x, initial_state=h)
        return self.decoder(x, initial_state=first) + y

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register("Custom")
class ResidualBlock(layers.Layer):
    """The block of keras-tcn 3.5.6, with its attributes."""

    def __init__(self, settings, filters, dilation, **kwargs):
        super().__init__(**kwargs)
        self.settings, self.filters, self.dilation = settings, filters, dilation
        self.batch_norm_layers, self.layer_norm_layers = [], []

    def build(self, shape):
        s, self.order = self.settings, []

        def conv(name, size, dilation, padding):
            return layers.Conv1D(
                self.filters, size, dilation_rate=dilation, padding=padding, name=name
            )

        for k in range(2):
            steps = [conv(f"conv1D_{k}", s["kernel_size"], self.dilation, s["padding"])]
            if s["use_batch_norm"]:
                steps.append(layers.BatchNormalization())
                self.batch_norm_layers.append(steps[-1])
            elif s["use_layer_norm"]:
                steps.append(layers.LayerNormalization())
                self.layer_norm_layers.append(steps[-1])
            steps.append(layers.Activation(s["activation"], name=f"Act_Conv1D_{k}"))
            steps.append(layers.SpatialDropout1D(s["dropout_rate"], name=f"SDropout_{k}"))
            self.order += steps
        if shape[-1] != self.filters:
            self.matching_conv1D = conv("matching_conv1D", 1, 1, "same")
        self.order.append(layers.Activation(s["activation"], name="Act_Conv_Blocks"))
        self.Act_Res_Block = layers.Activation(s["activation"], name="Act_Res_Block")
        for layer in self.order:
            if "normalization" not in layer.name:
                setattr(self, layer.name, layer)

    def call(self, x):
        y = x
        for layer in self.order:
            y = layer(y)
        matched = self.matching_conv1D(x) if hasattr(self, "matching_conv1D") else x
        return self.Act_Res_Block(matched + y), y


@register("Custom")
class TCN(layers.Layer):
    """The layer of keras-tcn 3.5.6, with its attributes and config."""

    DEFAULTS = dict(
        nb_filters=64,
        kernel_size=3,
        nb_stacks=1,
        dilations=[1, 2, 4, 8, 16, 32],
        padding="causal",
        use_skip_connections=True,
        dropout_rate=0.0,
        return_sequences=False,
        activation="relu",
        use_batch_norm=False,
        use_layer_norm=False,
        kernel_initializer="he_normal",
        go_backwards=False,
        return_state=False,
    )

    def __init__(self, **kwargs):
        own = {key: kwargs.pop(key, value) for key, value in self.DEFAULTS.items()}
        super().__init__(**kwargs)
        self.settings = own
        n = own["nb_stacks"] * len(own["dilations"])
        for k in range(n):
            i = k % len(own["dilations"])
            filters = own["nb_filters"]
            filters = filters[i] if isinstance(filters, list) else filters
            block = ResidualBlock(own, filters, own["dilations"][i], name=f"residual_block_{k}")
            setattr(self, f"residual_block_{k}", block)

    def call(self, x):
        s, skips = self.settings, []
        if s["go_backwards"]:
            x = ops.flip(x, 1)
        for k in range(s["nb_stacks"] * len(s["dilations"])):
            x, skip = getattr(self, f"residual_block_{k}")(x)
            skips.append(skip)
        if s["use_skip_connections"]:
            x = sum(skips)
        if s["return_sequences"]:
            return x
        return x[:, -1 if s["padding"] == "causal" else ops.shape(x)[1] // 2, :]

    def get_config(self):
        return {**super().get_config(), **self.settings}
