import { transposableMask, greedyMask, rowWiseMask,patternMask4 } from '/work/main/src/kernels';
import { maskTwins } from '../src/kernels/masks/twins';
for (const M of [4,8,16,32]) { const n=512; const s=new Float32Array(n*n); for(let i=0;i<s.length;i++){ s[i]=Math.abs(Math.sqrt(-2*Math.log(Math.random()+1e-300))*Math.cos(6.283*Math.random())) }
 const m=new Uint8Array(n*n), m2=new Uint8Array(n*n);
 for (const [nm,f,g] of [['t',transposableMask,maskTwins.atMost],['g',greedyMask,maskTwins.greedy],['r',rowWiseMask,maskTwins.rowWise],['p',patternMask4,maskTwins.patterns]] as const){ if(nm==='p'&&M!==4) continue; let best=1e9,bt=1e9; for(let r=0;r<(process.argv[2]?+process.argv[2]:8);r++){let t=performance.now(); f(s,n,n,M/2,M,m); best=Math.min(best,performance.now()-t); t=performance.now(); g(s,n,n,M/2,M,m2); bt=Math.min(bt,performance.now()-t);} console.log(M,nm,(best*1000/(n/M)**2).toFixed(3),'us/tile; twin',(bt*1000/(n/M)**2).toFixed(3), Buffer.compare(m,m2)); } }
