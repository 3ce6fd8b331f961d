# Opponent: as jax_expert.py, with the data re-uploaded in every layer. Usage: jax_expert_reuploaded.py N LAYERS CONTEXTS [64|32]  (needs: jax, numpy)
import sys, time, numpy as np, jax, jax.numpy as jnp
x64=sys.argv[4]!="32" if len(sys.argv)>4 else True
jax.config.update("jax_enable_x64",x64)
n,L,B=map(int,sys.argv[1:4]); P=2*n*L
cd=jnp.complex128 if x64 else jnp.complex64
def ry(t): c,s=jnp.cos(t/2),jnp.sin(t/2); return jnp.array([[c,-s],[s,c]]).astype(cd)
def rz(t): return jnp.array([[jnp.exp(-.5j*t),0],[0,jnp.exp(.5j*t)]]).astype(cd)
def ap(u,s,q): return jnp.moveaxis(jnp.tensordot(u,s,axes=[[1],[q]]),0,q)
perm=None
idx=np.arange(2**n); bits=(idx[:,None]>>np.arange(n-1,-1,-1))&1
y=(np.cumsum(bits,1)%2*(1<<np.arange(n-1,-1,-1))).sum(1); inv=np.empty_like(idx); inv[y]=idx
def state(t,x):
    s=jnp.zeros((2,)*n,cd).at[(0,)*n].set(1)
    t=t.reshape(L,2,n)
    for l in range(L):
        for q in range(n): s=ap(rz(t[l,1,q])@ry(t[l,0,q])@ry(x[q]),s,q)
        s=s.reshape(-1)[inv].reshape((2,)*n)
    return s.reshape(-1)
def qfi1(t,x):
    psi=state(t,x)
    J=jax.jacfwd(state)(t,x) # (2^n,P)
    o=psi.conj()@J
    return 4*jnp.real(J.conj().T@J-jnp.outer(o.conj(),o))
f=jax.jit(lambda t,X: jax.vmap(qfi1,(None,0))(t,X).mean(0))
r=np.random.default_rng(0); t=jnp.array(r.uniform(-3,3,P)); X=jnp.array(r.uniform(-3,3,(B,n)))
t0=time.perf_counter(); o=f(t,X).block_until_ready(); first=time.perf_counter()-t0
ts=[]
for _ in range(9):
    t0=time.perf_counter(); o=f(t,X).block_until_ready(); ts.append(time.perf_counter()-t0)
import json; print(json.dumps({"first": first, "median": float(np.median(ts)), "trace": float(np.trace(np.asarray(o)))}))
