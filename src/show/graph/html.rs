//! The drawing as a self-contained page: the picture, zoom, and details of each box.

use super::drawing::{Drawing, Unit};
use super::svg::{escape, svg};

const HEAD: &str = "\
<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<style>
body{font:14px/1.45 'DejaVu Sans',Verdana,'Segoe UI',Helvetica,Arial,sans-serif;color:#1b2733;background:#e9eef4;margin:0}
header{position:sticky;top:0;background:#fff;border-bottom:1px solid #c5d0dc;padding:8px 16px;display:flex;gap:12px;align-items:center;z-index:1}
header b{font-size:16px} header span{color:#5a6878;flex:1}
button{font:inherit;padding:2px 10px;border:1px solid #9fb0c3;border-radius:5px;background:#f3f6fa;cursor:pointer}
main{display:flex;align-items:flex-start}
#picture{flex:1;overflow:auto;padding:16px;height:calc(100vh - 76px)}
#picture svg{display:block;margin:auto} #picture svg g{cursor:pointer}
#picture g.chosen rect{stroke:#d1650c;stroke-width:3}
aside{width:330px;padding:16px;background:#fff;border-left:1px solid #c5d0dc;height:calc(100vh - 76px);overflow:auto;overflow-wrap:anywhere}
aside h2{font-size:15px;margin:0 0 6px} aside table{border-collapse:collapse;width:100%}
aside td{padding:3px 0;vertical-align:top;border-top:1px solid #e3e9f0} aside td:first-child{color:#5a6878;padding-right:10px;white-space:nowrap}
aside .unit{display:none} aside .unit.chosen{display:block} aside .unit.chosen~.hint{display:none}
aside code{font-size:12px}
@media (max-width:48rem){main{display:block} #picture{height:55vh} aside{width:auto;height:auto;border-left:0;border-top:1px solid #c5d0dc} header span{display:none} header b{flex:1}}
</style>
";

/// Zoom scales the picture's width in pixels. A click or Enter on a box shows the entry with the same index.
const SCRIPT: &str = "\
<script>
const svg = document.querySelector('#picture svg'), width = svg.width.baseVal.value;
const boxes = [...svg.querySelectorAll('g')], units = [...document.querySelectorAll('aside .unit')];
let scale = 1;
function zoom(to) {
  scale = Math.min(4, Math.max(0.2, to));
  svg.style.width = width * scale + 'px';
  svg.style.height = 'auto';
}
document.querySelector('#in').onclick = () => zoom(scale * 1.25);
document.querySelector('#out').onclick = () => zoom(scale / 1.25);
const fit = () => zoom((document.querySelector('#picture').clientWidth - 32) / width);
document.querySelector('#fit').onclick = fit;
if (matchMedia('(min-width: 48rem)').matches) fit();
boxes.forEach((box, i) => {
  box.setAttribute('tabindex', 0);
  box.setAttribute('role', 'button');
  box.onclick = () => {
    [...boxes, ...units].forEach(e => e.classList.remove('chosen'));
    box.classList.add('chosen');
    units[i].classList.add('chosen');
  };
  box.onkeydown = event => event.key === 'Enter' && box.onclick();
});
</script>
";

/// The page.
pub(super) fn html(drawing: &Drawing) -> String {
    let title = escape(&drawing.title);
    let subtitle = escape(&drawing.subtitle);
    let units: String = drawing.units.iter().map(entry).collect();
    format!(
        "{HEAD}<title>{title}</title>\n</head>\n<body>\n\
         <header><b>{title}</b><span>{subtitle}</span>\
         <button id=\"out\">−</button><button id=\"in\">+</button><button id=\"fit\">fit</button></header>\n\
         <main><div id=\"picture\">\n{}</div>\n<aside>\n{units}\
         <p class=\"hint\">Click a box to see what is in it.</p>\n</aside></main>\n{SCRIPT}</body>\n</html>\n",
        svg(drawing)
    )
}

fn entry(unit: &Unit) -> String {
    let rows = [
        ("name", unit.name.clone()),
        ("work", unit.work.clone()),
        ("output", unit.shape_text()),
        ("cost", unit.cost()),
    ];
    let rows: String = rows
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("<tr><td>{name}</td><td>{}</td></tr>", escape(value)))
        .collect();
    let details: String = unit
        .details
        .iter()
        .map(|line| format!("<p><code>{}</code></p>", escape(line)))
        .collect();
    format!(
        "<div class=\"unit\"><h2>{}</h2><table>{rows}</table>{details}</div>\n",
        escape(&unit.title)
    )
}
