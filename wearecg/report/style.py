"""How the page looks, on a screen in light and dark and in print; and what opens the whole signal."""

STYLE = """
:root{color-scheme:light dark;--ink:#1c2127;--dim:#5b6673;--paper:#fff;--card:#f6f7f9;--line:#d7dce2;--trace:#111;
--grid:#f6c9c4;--grid5:#ec9f97;--band:#c9dcf5;--rate:#1f5fbf;--held:#b3452c;--read:#7fb38a;--unread:#e2e5e9;--odd:#c2410c}
@media (prefers-color-scheme:dark){:root{--ink:#e4e7eb;--dim:#9aa5b1;--paper:#14171b;--card:#1c2026;--line:#333a43;
--trace:#f2f4f6;--grid:#3a2523;--grid5:#5a3531;--band:#27405f;--rate:#7fb0f5;--held:#e07a5f;--read:#4f8a5c;
--unread:#2a2f36;--odd:#f0915a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header,main{max-width:1000px;margin:0 auto;padding:0 20px}
header{display:flex;flex-wrap:wrap;gap:4px 16px;align-items:baseline;justify-content:space-between;padding-top:20px}
h1{font-size:22px;margin:0;overflow-wrap:anywhere}
h2{font-size:16px;margin:26px 0 8px;border-bottom:1px solid var(--line);padding-bottom:3px}
.not{margin:0;color:var(--held);font-weight:600}
p{margin:6px 0}ul{margin:6px 0;padding-left:20px}li{margin:3px 0;overflow-wrap:anywhere}
.headlines{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:8px;margin:12px 0}
.headlines div{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:8px 10px}
.headlines dt{font-size:12px;color:var(--dim)}.headlines dd{margin:2px 0 0;font-weight:600}
.headlines .found dd{color:var(--held)}.headlines .unknown dd{color:var(--dim);font-weight:400}
.wide{overflow-x:auto}
table{border-collapse:collapse;margin:8px 0;font-size:13px;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:3px 12px 3px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--dim);font-weight:600;white-space:nowrap}
svg{display:block;max-width:100%;height:auto}
.trend{width:100%}.trend text{font-size:11px;fill:var(--dim)}
.label{text-anchor:end}.rule{stroke:var(--line);stroke-width:.7;fill:none}
.band{fill:var(--band)}.rate{fill:none;stroke:var(--rate);stroke-width:1.4}
.read{fill:var(--read)}.unread{fill:var(--unread)}.held{fill:var(--held)}.odd{fill:var(--odd)}
figure{margin:14px 0}figcaption{font-size:12px;color:var(--dim)}
.strip{border:1px solid var(--line)}
.strip .grid{fill:url(#mm)}.mm{stroke:var(--grid);stroke-width:.1}.mm5{stroke:var(--grid5);stroke-width:.25}
.trace{fill:none;stroke:var(--trace);stroke-width:.28;stroke-linejoin:round}
.strip text{font-size:3.4px;fill:var(--ink)}.strip .lead{font-weight:600}
.strip .beat{text-anchor:middle;fill:var(--dim)}.strip .odd{fill:var(--held);font-weight:700}
.cited{fill:var(--rate);opacity:.08}
details summary{cursor:pointer;font-weight:600;margin:14px 0 8px}
.lines{overflow-x:auto}.lines svg{width:100%;min-width:760px;margin-bottom:2px}
.lines text{font-size:9px;fill:var(--dim)}.lines path{stroke:var(--trace);fill:none;stroke-width:.8}
@media print{@page{size:A4 portrait;margin:14mm 15mm}
:root{color-scheme:light;--ink:#000;--dim:#444;--paper:#fff;--card:#fff;--line:#bbb;--trace:#000;--grid:#f6c9c4;
--grid5:#ec9f97;--band:#c9dcf5;--rate:#1f5fbf;--held:#b3452c;--read:#7fb38a;--unread:#e2e5e9;--odd:#c2410c}
body{font-size:10pt;-webkit-print-color-adjust:exact;print-color-adjust:exact}header,main{max-width:none;padding:0}
h2{break-after:avoid}figure,tr,.headlines div,.trend{break-inside:avoid}details:not([open]){display:none}
table{font-size:8.5pt}th,td{padding-right:8px}}
"""
"""The grid of a strip is a pattern (`PATTERN`) of millimetres."""

PATTERN = (
    '<defs><pattern id="mm" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<path class="mm" d="M1 0V5M2 0V5M3 0V5M4 0V5M0 1H5M0 2H5M0 3H5M0 4H5"/><path class="mm5" d="M0 0H5M0 0V5"/>'
    "</pattern></defs>"
)
GRID = f'<svg width="0" height="0" aria-hidden="true" style="position:absolute">{PATTERN}</svg>'
ALONE = (
    ".grid{fill:url(#mm)}.mm{stroke:#f6c9c4;stroke-width:.1}.mm5{stroke:#ec9f97;stroke-width:.25}"
    ".trace{fill:none;stroke:#111;stroke-width:.28}text{font-size:3.4px;fill:#222}.lead{font-weight:600}"
    ".beat{text-anchor:middle;fill:#5b6673}.odd{fill:#b3452c;font-weight:700}.cited{fill:#1f5fbf;opacity:.08}"
)
"""The look of a strip in a file of its own."""

SCRIPT = """
document.querySelectorAll('details.disclosure').forEach(d=>{const show=()=>{
if(!d.open||d.done)return;d.done=true;
const A='ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',n=+d.dataset.columns,
leads=d.dataset.leads.split(' '),box=d.querySelector('.lines'),W=1000,H=34,
rows=d.querySelector('script').textContent.trim().split('\\n').filter(r=>r),
at=m=>Math.floor(m/60)+':'+String(m%60).padStart(2,'0');
const draw=i=>{const[m,...texts]=rows[i].split('|'),h=H*texts.length+2;
let s='<svg viewBox="0 0 '+(W+60)+' '+h+'"><text x="0" y="14">'+at(+m)+'</text>';
texts.forEach((t,k)=>{let p='';const y=v=>(k*H+H-1-A.indexOf(v)/63*(H-2)).toFixed(1);
for(let c=0;c<n;c++){const a=t[2*c],b=t[2*c+1];if(a==='.'||b===undefined)continue;
p+='M'+(60+(c+.5)/n*W).toFixed(1)+' '+y(a)+'V'+(y(b)-.6).toFixed(1)}
s+='<text x="38" y="'+(k*H+14)+'">'+leads[k]+'</text><path d="'+p+'"/>'});
return s+'</svg>'};
const fill=v=>{if(!v.firstChild)v.innerHTML=draw(+v.dataset.i);see.unobserve(v)},
see=new IntersectionObserver(es=>es.forEach(e=>e.isIntersecting&&fill(e.target)),{rootMargin:'600px'});
addEventListener('beforeprint',()=>d.open&&[...box.children].forEach(fill));
rows.forEach((r,i)=>{const v=document.createElement('div');v.dataset.i=i;
v.style.minHeight=(H*leads.length*.9)+'px';box.append(v);i<9?fill(v):see.observe(v)})};
d.addEventListener('toggle',show);show()});
"""
