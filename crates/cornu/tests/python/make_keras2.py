"""Models of Keras 2 with their predictions, for the test `keras2`.

    TF_USE_LEGACY_KERAS=1 python make_keras2.py ../fixtures/keras2        (tf_keras 2.21, tensorflow-cpu 2.21)

Each model is saved as `.h5` and as `.keras`, with inputs NAME_x0.npy … and outputs NAME_y0.npy … beside.
"""
import sys; import os
os.chdir(sys.argv[1])
import os; os.environ["TF_USE_LEGACY_KERAS"]="1"; os.environ["TF_CPP_MIN_LOG_LEVEL"]="3"
import numpy as np, tf_keras as k
from tf_keras import layers as L
r=np.random.default_rng(0)
def save(name,m,*xs):
    m.set_weights([w+0.05*r.standard_normal(w.shape).astype("float32") if w.dtype.kind=="f" else w for w in m.get_weights()])
    y=m.predict(list(xs) if len(xs)>1 else xs[0],verbose=0)
    ys=y if isinstance(y,list) else [y]
    for i,x in enumerate(xs): np.save(f"{name}_x{i}.npy",x)
    for i,v in enumerate(ys): np.save(f"{name}_y{i}.npy",v)
    m.save(name+".h5"); m.save(name+".keras")
    print(name,len(xs),len(ys),flush=True)
f=lambda *s: r.standard_normal(s).astype("float32")
m=k.Sequential([L.Input((7,3)),L.LSTM(5,return_sequences=True),L.GRU(4),L.Dense(2,activation="softmax")]); m.compile("adam","mse"); save("seq",m,f(6,7,3))
m=k.Sequential([L.Bidirectional(L.LSTM(4,return_sequences=True),input_shape=(7,3)),L.TimeDistributed(L.Dense(3,activation="relu")),L.BatchNormalization(),L.Flatten(),L.Dense(1)]); save("bidi",m,f(6,7,3))
i=L.Input((None,)); x=L.Embedding(20,6,mask_zero=True)(i); x=L.LSTM(5)(x); j=L.Input((4,)); z=L.Concatenate()([x,L.Dense(3,activation="tanh")(j)]); z=L.Dropout(.5)(z); o1=L.Dense(2)(z); o2=L.Dense(1,activation="sigmoid")(z)
m=k.Model([i,j],[o1,o2]); save("func",m,r.integers(0,20,(6,8)),f(6,4))
i=L.Input((9,3)); x=L.Conv1D(4,3,padding="causal",activation="relu")(i); x=L.MaxPooling1D(2)(x); x=L.SimpleRNN(4,return_sequences=True,go_backwards=True)(x); x=L.GlobalAveragePooling1D()(x); x=L.LayerNormalization()(x)
m=k.Model(i,L.Dense(2)(x)); save("conv",m,f(6,9,3))
i=L.Input((6,3)); s,h,c=L.LSTM(4,return_sequences=True,return_state=True)(i); d=L.Input((5,2)); y=L.LSTM(4,return_sequences=True)(d,initial_state=[h,c]); y=L.Attention()([y,s])
m=k.Model([i,d],L.Dense(2)(y)); save("encdec",m,f(6,6,3),f(6,5,2))
i=L.Input((6,3)); x=L.Masking(0.)(i); x=L.GRU(4,reset_after=False,return_sequences=True)(x); x=L.LSTM(3)(x); xx=f(6,6,3); xx[2,4:]=0; xx[4,2:]=0
m=k.Model(i,L.Dense(2)(x)); save("mask",m,xx)
i=L.Input((6,3)); x=L.RNN(L.LSTMCell(4),return_sequences=True)(i); x=L.RNN([L.GRUCell(3),L.LSTMCell(2)])(x); m=k.Model(i,x); save("cells",m,f(6,6,3))
inner=k.Sequential([L.Input((3,)),L.Dense(4,activation="relu"),L.Dense(2)],name="inner"); i=L.Input((3,)); m=k.Model(i,L.Add()([inner(i),L.Dense(2)(i)])); save("nested",m,f(6,3))
i=L.Input((6,8)); x=L.MultiHeadAttention(2,3)(i,i); x=L.Add()([x,i]); m=k.Model(i,L.LayerNormalization()(x)); save("mha",m,f(4,6,8))
