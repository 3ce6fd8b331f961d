# Opponent: loss + gradient of a Born head in expert JAX. Usage: jax_head.py N LAYERS BATCH (needs: jax, numpy)
import sys,time,numpy as np,jax,jax.numpy as jnp
jax.config.update("jax_enable_x64",True)
def run(n,L,B):
    def ry(t): c,s=jnp.cos(t/2),jnp.sin(t/2); return jnp.array([[c,-s],[s,c]]).astype(jnp.complex128)
    def rz(t): return jnp.array([[jnp.exp(-.5j*t),0],[0,jnp.exp(.5j*t)]])
    def ap(u,s,q): return jnp.moveaxis(jnp.tensordot(u,s,axes=[[1],[q]]),0,q)
    idx=np.arange(2**n); bits=(idx[:,None]>>np.arange(n-1,-1,-1))&1
    y=(np.cumsum(bits,1)%2*(1<<np.arange(n-1,-1,-1))).sum(1); inv=np.empty_like(idx); inv[y]=idx
    def prob(t,x):
        s=jnp.zeros((2,)*n,jnp.complex128).at[(0,)*n].set(1)
        for q in range(n): s=ap(ry(x[q]),s,q)
        for l in range(L):
            for q in range(n): s=ap(rz(t[l,1,q])@ry(t[l,0,q]),s,q)
            s=s.reshape(-1)[inv].reshape((2,)*n)
        return jnp.abs(s.reshape(-1))**2
    def loss(t,X,Y):
        p=jax.vmap(prob,(None,0))(t,X); return -jnp.log(p[jnp.arange(B),Y]+1e-12).mean()
    g=jax.jit(jax.value_and_grad(loss)); r=np.random.default_rng(0)
    t=jnp.array(r.random((L,2,n))); X=jnp.array(r.random((B,n))); Y=jnp.array(r.integers(0,2**n,B))
    t0=time.perf_counter(); jax.block_until_ready(g(t,X,Y)); f=time.perf_counter()-t0; ts=[]
    for _ in range(15):
        t0=time.perf_counter(); jax.block_until_ready(g(t,X,Y)); ts.append(time.perf_counter()-t0)
    import json; print(json.dumps({"first": f, "median": float(np.median(ts))}))
run(*map(int, sys.argv[1:4]))
